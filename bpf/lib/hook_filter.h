/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One entry of a filter list against a value. */
#ifndef REDAN_LIB_HOOK_FILTER_H
#define REDAN_LIB_HOOK_FILTER_H

#include "lib/hook_sets.h"
#include "lib/kernel_objects.h"

static __always_inline bool filter__negated(hook_filter *f)
{
	return f->options & REDAN_FILTER_NEGATE;
}

static __always_inline bool number__compare(hook_filter *f, u32 op, u64 value, u32 i)
{
	u64 low = f->values[i][0];
	bool is_signed = f->options & REDAN_FILTER_SIGNED;

	switch (op) {
	case REDAN_OP_EQUAL:
		return value == low;
	case REDAN_OP_GREATER:
		return is_signed ? (s64)value > (s64)low : value > low;
	case REDAN_OP_LESS:
		return is_signed ? (s64)value < (s64)low : value < low;
	case REDAN_OP_MASK:
		return value & low;
	case REDAN_OP_RANGE:
		if (is_signed)
			return (s64)value >= (s64)low && (s64)value <= (s64)f->values[i][1];
		return value >= low && value <= f->values[i][1];
	}
	return false;
}

/* Whether the number is what `op` wants for one of the values. */
static __noinline bool number__is_one_of(hook_filter *f, u32 op, u64 value)
{
	u32 count = f->count;

	_Static_assert(REDAN_HOOK_INLINE_VALUES == 4, "as written out below");
	if (count > 0 && number__compare(f, op, value, 0))
		return true;
	if (count > 1 && number__compare(f, op, value, 1))
		return true;
	if (count > 2 && number__compare(f, op, value, 2))
		return true;
	return count > 3 && number__compare(f, op, value, 3);
}

static __noinline bool number__matches(hook_filter *f, u64 value)
{
	bool found;

	if (f->op == REDAN_OP_NUMBERS)
		found = set__has_number(f->set, value);
	else
		found = number__is_one_of(f, f->op, value);
	return found != filter__negated(f);
}

static __noinline bool text__matches(struct hook_scratch *s, struct hook_text *text, hook_filter *f)
{
	u32 op = f->op;
	bool found = false;

	if (op == REDAN_OP_TEXT)
		found = set__has_text(text, f->set, f->options & REDAN_FILTER_LONG);
	else if (op == REDAN_OP_PREFIX)
		found = set__has_prefix(text, f->set);
	else if (op == REDAN_OP_POSTFIX)
		found = set__has_postfix(s, text, f->set);
	return found != filter__negated(f);
}

/* Language, section 9: only of IPv4 and IPv6; without an address of the family in the set, no address is in it. */
static __noinline bool address__matches(struct hook_slot *slot, hook_filter *f)
{
	u64 family = slot->fields[REDAN_FIELD_FAMILY];
	bool source = f->field == REDAN_FIELD_SADDR;
	const u8 *address = source ? slot->socket.saddr : slot->socket.daddr;
	bool found = false;

	if (family == AF_INET) {
		if (f->options & REDAN_FILTER_V4)
			found = set__has_address4(f->set, address);
	} else if (family == AF_INET6) {
		if (f->options & REDAN_FILTER_V6)
			found = set__has_address6(f->set, address);
	} else {
		return false;
	}
	return found != filter__negated(f);
}

/* What could not be read, and a path of which only a part is there, matches nothing. */
static __noinline bool slot__matches(struct hook_scratch *s, hook_filter *f)
{
	u32 op = f->op, index = f->slot, index2 = f->slot2;
	struct hook_slot *slot = &s->slots[index];
	struct hook_text *text = &s->texts[index];

	if (slot->flags & REDAN_ARG_UNREADABLE)
		return false;
	if (op == REDAN_OP_TEXT || op == REDAN_OP_PREFIX || op == REDAN_OP_POSTFIX) {
		if ((slot->flags & SLOT_CUT_PATH) || (arg_type__is_path(plan.args[index].type) && !text->len))
			return false;
		return text__matches(s, text, f);
	}
	if (op == REDAN_OP_ADDRESS)
		return address__matches(slot, f);
	if (op == REDAN_OP_GAINED) {
		struct hook_slot *new = &s->slots[index2];

		if (new->flags & REDAN_ARG_UNREADABLE)
			return false;
		return !!(new->fields[0] & ~slot->fields[0]) != filter__negated(f);
	}
	return number__matches(f, slot->fields[f->field]);
}

#define ARG_FILTER(k, i)                                   \
	if (plan.selectors[k].args[i].op == REDAN_OP_NONE) \
		return true;                               \
	if (!slot__matches(s, &plan.selectors[k].args[i])) \
		return false;
#define RETURN_FILTER(k, i)                                    \
	if (plan.selectors[k].returned[i].op == REDAN_OP_NONE) \
		return true;                                   \
	if (!slot__matches(s, &plan.selectors[k].returned[i])) \
		return false;

#define SELECTOR_ARGS(k)                                                                 \
	static __always_inline bool selector__args_match_##k(struct hook_scratch *s)     \
	{                                                                                \
		FOR_EACH_OF_FIVE(ARG_FILTER, k)                                          \
		return true;                                                             \
	}                                                                                \
	static __always_inline bool selector__return_matches_##k(struct hook_scratch *s) \
	{                                                                                \
		FOR_EACH_OF_FIVE(RETURN_FILTER, k)                                       \
		return true;                                                             \
	}
FOR_EACH_SELECTOR(SELECTOR_ARGS)

#endif
