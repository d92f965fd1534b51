/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which selectors cannot match, found out before anything is taken: of numbers that are in registers first, then, of the process
 * that is left, of a few loads from kernel memory. The cheapest way in which most runs of a hook end.
 */
#ifndef REDAN_LIB_HOOK_SHORTCUTS_H
#define REDAN_LIB_HOOK_SHORTCUTS_H

#include "lib/hook_args.h"
#include "lib/hook_filter.h"
#include "lib/hook_prefix.h"

/* Numbers as their sources gave them. */
struct hook_early {
	u64 raw[REDAN_HOOK_SLOTS];
};

/* --- system calls --- */

/* `count` words, a power of two. The barrier keeps the mask where 6.1's verifier sees it: right before the address. */
static __always_inline bool words__has_bit(const volatile __u64 *words, u32 count, u32 number)
{
	u64 word = number / 64;

	barrier_var(word);
	return words[word & (count - 1)] >> (number % 64) & 1;
}

/* Where sys_enter has its number: the second word of the raw tracepoint's arguments, and of the classic one's record. */
#define GUARD_NUMBER 8

/* For sys_enter, of which every system call of every process pays: `number` is called, native or 32-bit. */
static __always_inline bool guard__refutes(u64 number)
{
	return number < REDAN_BITSET_NUMBERS && !words__has_bit(shortcuts.guard, REDAN_BITSET_NUMBERS / 64, number);
}

/* --- the binary's name --- */

#define LEAF_LEN_IS(i) (count > (i) && len == shortcuts.leaves[i].len)
#define LEAF_IS(i) (LEAF_LEN_IS(i) && !((word ^ shortcuts.leaves[i].word) << shortcuts.leaves[i].spare))

/* Whether the binary's name is none of those that some selector asks for. Its length alone tells most: each load is dear. */
static __always_inline bool leaves__refute(void)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct mm_struct *mm = task->mm;
	const struct dentry *dentry;
	u32 count = shortcuts.leaf_count, len;
	u64 word = 0;

	if (!mm) /* a kernel thread */
		return true;
	dentry = mm->exe_file->f_path.dentry;
	len = dentry->d_name.len;
	if (!LEAF_LEN_IS(0) && !LEAF_LEN_IS(1) && !LEAF_LEN_IS(2) && !LEAF_LEN_IS(3))
		return true;
	if (HAS_TYPED_READS)
		word = WORD_AT(dentry->d_name.name);
	else
		kernel__read(&word, sizeof(word), dentry->d_name.name);
	return !LEAF_IS(0) && !LEAF_IS(1) && !LEAF_IS(2) && !LEAF_IS(3);
}

/* --- numbers --- */

static __always_inline bool bitset__has(const volatile struct redan_bitset *bits, u64 value)
{
	u32 number = value & (REDAN_BITSET_NUMBERS - 1);

	if (value & ~((u64)SYSCALL_32BIT | (REDAN_BITSET_NUMBERS - 1)))
		return false;
	return words__has_bit(bits->words, 2 * REDAN_BITSET_NUMBERS / 64,
			      number + (value & SYSCALL_32BIT ? REDAN_BITSET_NUMBERS : 0));
}

static __noinline bool number__refutes(const struct hook_early *early, hook_shortcut *shortcut, hook_filter *f)
{
	u32 slot = f->slot;
	u64 value = number__of(&plan.args[slot], early->raw[slot]);

	if (shortcut->kind == REDAN_SHORTCUT_BITS)
		return bitset__has(&shortcuts.bitsets[shortcut->index], value) == filter__negated(f);
	return !number__matches(f, value);
}

/* --- what takes reads --- */

static __noinline u64 sock__number(u64 sock, u32 field, u16 family)
{
	u16 number = 0;
	u8 state = 0;

	switch (field) {
	case REDAN_FIELD_FAMILY:
		return family;
	case REDAN_FIELD_PROTOCOL:
		READ_TYPED(&number, struct sock, sock, sk_protocol);
		return number;
	case REDAN_FIELD_STATE:
		READ_TYPED(&state, struct sock, sock, __sk_common.skc_state);
		return state;
	case REDAN_FIELD_SPORT:
		READ_TYPED(&number, struct sock, sock, __sk_common.skc_num);
		break;
	case REDAN_FIELD_DPORT:
		READ_TYPED(&number, struct sock, sock, __sk_common.skc_dport);
		number = bpf_ntohs(number);
		break;
	}
	return family == AF_INET || family == AF_INET6 ? number : 0;
}

static __noinline bool sock__address_matches(u64 sock, hook_filter *f, u16 family)
{
	bool source = f->field == REDAN_FIELD_SADDR, found = false;

	if (family == AF_INET) {
		u32 address = 0;

		if (!(f->options & REDAN_FILTER_V4))
			return filter__negated(f);
		if (source)
			READ_TYPED(&address, struct sock, sock, __sk_common.skc_rcv_saddr);
		else
			READ_TYPED(&address, struct sock, sock, __sk_common.skc_daddr);
		found = set__has_address4(f->set, (const u8 *)&address);
	} else if (family == AF_INET6) {
		u8 address[16] = {};

		if (!(f->options & REDAN_FILTER_V6))
			return filter__negated(f);
		if (source)
			READ_FIELD(&address, struct sock, sock, __sk_common.skc_v6_rcv_saddr);
		else
			READ_FIELD(&address, struct sock, sock, __sk_common.skc_v6_daddr);
		found = set__has_address6(f->set, address);
	} else {
		return false;
	}
	return found != filter__negated(f);
}

static __noinline bool read__refutes(const struct hook_early *early, hook_shortcut *shortcut, hook_filter *f)
{
	u32 slot = f->slot;
	u64 raw = early->raw[slot];
	u16 family;

	/* What is no pointer of the kernel cannot be read; that is counted where the plan finds it out. */
	if (!settings.kernel_reads || (s64)raw >= 0)
		return false;
	if (shortcut->kind == REDAN_SHORTCUT_PREFIX) {
		u32 refuting = filter__negated(f) ? PREFIX_BEGINS : PREFIX_DIFFERS;

		return path__has_prefix(plan.args[slot].type, raw, shortcut->index, shortcut->count) == refuting;
	}
	if (READ_TYPED(&family, struct sock, raw, __sk_common.skc_family))
		return false;
	if (f->op == REDAN_OP_ADDRESS)
		return !sock__address_matches(raw, f, family);
	return !number__matches(f, sock__number(raw, f->field, family));
}

/* --- the selectors --- */

/* `list` is number or read: an entry of a selector's shortcuts. */
#define SHORTCUT(list, k, i)                                                                      \
	if (!shortcuts.list[k][i].kind)                                                           \
		return false;                                                                     \
	if (list##__refutes(early, &shortcuts.list[k][i],                                         \
			    (hook_filter *)&plan.selectors[k].args[shortcuts.list[k][i].filter])) \
		return true;

#define SELECTOR_SHORTCUTS(k)                                                                    \
	static __always_inline bool selector__numbers_refute_##k(const struct hook_early *early) \
	{                                                                                        \
		SHORTCUT(number, k, 0)                                                           \
		SHORTCUT(number, k, 1)                                                           \
		SHORTCUT(number, k, 2)                                                           \
		SHORTCUT(number, k, 3)                                                           \
		SHORTCUT(number, k, 4)                                                           \
		return false;                                                                    \
	}                                                                                        \
	static __always_inline bool selector__reads_refute_##k(const struct hook_early *early)   \
	{                                                                                        \
		SHORTCUT(read, k, 0)                                                             \
		SHORTCUT(read, k, 1)                                                             \
		SHORTCUT(read, k, 2)                                                             \
		SHORTCUT(read, k, 3)                                                             \
		SHORTCUT(read, k, 4)                                                             \
		return false;                                                                    \
	}
FOR_EACH_SELECTOR(SELECTOR_SHORTCUTS)

/* Selectors are used from the first on. */
#define KEEP_UNLESS(list, k)                       \
	if (!plan.selectors[k].used)               \
		return passed & ((1u << (k)) - 1); \
	if (selector__##list##_refute_##k(early))  \
		passed &= ~(1u << (k));
#define KEEP_UNLESS_NUMBERS(k) KEEP_UNLESS(numbers, k)
#define KEEP_UNLESS_READS(k) KEEP_UNLESS(reads, k)

/* Global functions: their results are just numbers to what follows, which the verifier would else go through for each. */
__weak __noinline int selectors__pass_numbers(const struct hook_early *early)
{
	u32 passed = ALL_SELECTORS;

	if (!early)
		return passed;
	FOR_EACH_SELECTOR(KEEP_UNLESS_NUMBERS)
	return passed;
}

/* Of those that have passed until now. One that has not is asked once more if another has: rare, and of no consequence. */
__weak __noinline int selectors__pass_reads(const struct hook_early *early, u32 passed)
{
	if (!early)
		return passed;
	FOR_EACH_SELECTOR(KEEP_UNLESS_READS)
	return passed;
}

#endif
