/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a selector that matched does: rate limit, sockets, and the record. */
#ifndef REDAN_LIB_HOOK_ACT_H
#define REDAN_LIB_HOOK_ACT_H

#include "lib/hook_args.h"
#include "lib/hook_filter.h"
#include "lib/ring.h"
#include "lib/task_state.h"

/* --- rate limit --- */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct hook_rate_key);
	__type(value, u64); /* when the last one was posted */
} hook_rates __weak SEC(".maps");

/* The first bytes of the argument tell it from others. */
static __noinline void rate__add_slot(struct hook_scratch *s, u32 index)
{
	u32 type = plan.args[index].type;
	u64 *to = s->rate.bytes[index];
	struct hook_text *text = &s->texts[index];

	__builtin_memset(to, 0, sizeof(s->rate.bytes[index]));
	if (s->slots[index].flags & REDAN_ARG_UNREADABLE)
		return;
	if (arg_type__is_value(type)) {
		to[0] = s->slots[index].fields[REDAN_FIELD_VALUE];
	} else if (arg_type__is_text(type) || arg_type__is_path(type)) {
		char *from = (char *)text__key(text) + TEXT_HEAD; /* behind a short text there are zeros */

		__builtin_memcpy(to, from, sizeof(s->rate.bytes[index]));
	} else {
		__builtin_memcpy(to, s->slots[index].bytes, sizeof(s->rate.bytes[index]));
	}
}

#define RATE_ADD(i)                   \
	if (plan.args[i].type)        \
		rate__add_slot(s, i); \
	else                          \
		__builtin_memset(s->rate.bytes[i], 0, sizeof(s->rate.bytes[i]));

static __noinline bool rate__exceeded(struct hook_scratch *s, hook_selector *selector, u32 index)
{
	u64 now = bpf_ktime_get_boot_ns(), id = bpf_get_current_pid_tgid();
	u64 *last;

	s->rate.hook = plan.id;
	s->rate.selector = index;
	s->rate.scope = selector->rate_scope == REDAN_RATE_THREAD    ? id
			: selector->rate_scope == REDAN_RATE_PROCESS ? id >> 32
								     : 0;
	FOR_EACH_SLOT(RATE_ADD)
	last = bpf_map_lookup_elem(&hook_rates, &s->rate);
	if (last) {
		u64 before = *last;

		if (now - before < selector->rate_ms * 1000000ull)
			return true;
		*last = now;
		return false;
	}
	bpf_map_update_elem(&hook_rates, &s->rate, &now, BPF_ANY);
	return false;
}

/* --- sockets --- */

/* Slots plus 1; 0: none. */
static __noinline void socket__follow(struct hook_scratch *s, const struct redan_image *image, u32 track, u32 untrack)
{
	u32 tid = bpf_get_current_pid_tgid();

	if (track - 1 < REDAN_HOOK_SLOTS && !(s->slots[track - 1].flags & REDAN_ARG_UNREADABLE))
		socket__track(&s->slots[track - 1], image, tid);
	if (untrack - 1 < REDAN_HOOK_SLOTS && !(s->slots[untrack - 1].flags & REDAN_ARG_UNREADABLE))
		socket__untrack(&s->slots[untrack - 1]);
}

/* `at_return`: the selector whose filters on the returned value match; NULL: none was asked. */
static __always_inline void sockets__follow(struct hook_scratch *s, hook_selector *selector, hook_selector *at_return,
					    const struct redan_image *image)
{
	bool track_return = plan.options & REDAN_HOOK_TRACK_RETURN;
	bool untrack_return = plan.options & REDAN_HOOK_UNTRACK_RETURN;

	if (selector->track_slot || selector->untrack_slot)
		socket__follow(s, image, selector->track_slot, selector->untrack_slot);
	if (at_return && (at_return->return_track_slot || at_return->return_untrack_slot))
		socket__follow(s, image, at_return->return_track_slot, at_return->return_untrack_slot);
	if (track_return || untrack_return)
		socket__follow(s, image, track_return ? REDAN_HOOK_SLOT_RETURN + 1 : 0,
			       untrack_return ? REDAN_HOOK_SLOT_RETURN + 1 : 0);
}

/* --- the record --- */

static __always_inline u32 arg_type__fixed_size(u32 type)
{
	switch (type) {
	case REDAN_ARG_SOCK:
	case REDAN_ARG_SOCKET:
	case REDAN_ARG_SKB:
	case REDAN_ARG_SOCKADDR:
		return sizeof(struct redan_arg_socket);
	case REDAN_ARG_CRED:
		return sizeof(struct redan_arg_cred);
	case REDAN_ARG_USER_NS:
		return sizeof(struct redan_arg_user_ns);
	case REDAN_ARG_BPF_ATTR:
	case REDAN_ARG_BPF_PROG:
	case REDAN_ARG_BPF_MAP:
		return sizeof(struct redan_arg_bpf);
	case REDAN_ARG_PERF_EVENT:
		return sizeof(struct redan_arg_perf);
	case REDAN_ARG_MODULE:
	case REDAN_ARG_LOAD_INFO:
		return sizeof(struct redan_arg_module);
	}
	return 0;
}

/* Bytes that follow the argument's header. */
static __always_inline u32 slot__payload(struct hook_scratch *s, u32 index)
{
	u32 type = plan.args[index].type;

	if (s->slots[index].flags & REDAN_ARG_UNREADABLE)
		return 0;
	if (arg_type__is_value(type))
		return sizeof(u64);
	if (arg_type__is_text(type))
		return s->texts[index].len;
	if (arg_type__is_path(type))
		return s->texts[index].len - s->texts[index].tail;
	return arg_type__fixed_size(type);
}

static __always_inline u32 arg__whole_size(u32 payload)
{
	return sizeof(struct redan_arg) + ((payload + 7) & ~7u);
}

static __always_inline void slot__write(struct hook_scratch *s, u32 index, struct bpf_dynptr *record, u32 offset,
					u32 payload)
{
	u32 type = plan.args[index].type;
	struct hook_slot *slot = &s->slots[index];
	struct hook_text *text = &s->texts[index];
	struct redan_arg head = {
		.type = type,
		.slot = index,
		.flags = slot->flags,
		.aux = slot->aux,
		.len = payload,
	};

	head.flags &= SLOT_CUT_PATH - 1;
	bpf_dynptr_write(record, offset, &head, sizeof(head), 0);
	if (!payload)
		return;
	offset += sizeof(head);
	if (arg_type__is_value(type)) {
		bpf_dynptr_write(record, offset, &slot->fields[REDAN_FIELD_VALUE], sizeof(u64), 0);
	} else if (arg_type__is_text(type)) {
		if (payload <= REDAN_TEXT_MAX) /* for the verifier */
			bpf_dynptr_write(record, offset, text->area + TEXT_HEAD, payload, 0);
	} else if (arg_type__is_path(type)) {
		hook_path__copy(record, offset, text, payload);
	} else {
		bpf_dynptr_write(record, offset, slot->bytes, arg_type__fixed_size(type), 0);
	}
}

static __always_inline bool arg__is_sent(u32 index)
{
	return plan.args[index].type && !(plan.args[index].options & REDAN_ARG_HIDDEN);
}

#define MEASURE_SLOT(i)                                           \
	if (arg__is_sent(i)) {                                    \
		args_len += arg__whole_size(slot__payload(s, i)); \
		count++;                                          \
	}
#define WRITE_SLOT(i)                                        \
	if (arg__is_sent(i)) {                               \
		u32 payload = slot__payload(s, i);           \
		slot__write(s, i, &record, offset, payload); \
		offset += arg__whole_size(payload);          \
	}

struct hook_verdict {
	u32 selector;
	u32 action, return_action;
	u32 pad;
};

/* Sends the record. Half of the ring is the processes': hooks can be many and must not push them out. The sequence number is
 * taken when there is room, so that it has no gaps by hooks: what they lose, they count. Global: see path.h.
 */
__weak __noinline int hook__send(struct hook_scratch *s, const struct hook_verdict *verdict,
				 const struct redan_image *image)
{
	u32 args_len = 0, count = 0, offset = sizeof(struct redan_hook);
	u64 id = bpf_get_current_pid_tgid();
	struct bpf_dynptr record;

	if (!s || !verdict || !image)
		return 0;
	FOR_EACH_SLOT(MEASURE_SLOT)
	if (bpf_ringbuf_query(&process_ring, BPF_RB_AVAIL_DATA) > hook_settings.ring_limit)
		return 0;
	if (bpf_ringbuf_reserve_dynptr(&process_ring, sizeof(struct redan_hook) + args_len, 0, &record)) {
		bpf_ringbuf_discard_dynptr(&record, 0);
		return 0;
	}
	struct redan_hook *h = bpf_dynptr_data(&record, 0, sizeof(*h));
	if (!h) {
		bpf_ringbuf_discard_dynptr(&record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	record__start(&h->hdr, REDAN_KIND_HOOK, bpf_ktime_get_boot_ns(), id >> 32, id);
	h->hdr.seq = ring__next_seq();
	h->hdr.image_time = image->time;
	h->id = plan.id;
	h->selector = verdict->selector;
	h->action = verdict->action;
	h->return_action = verdict->return_action;
	h->count = count;
	h->owner.time = 0;
	h->owner.tgid = 0;
	h->owner.flags = 0;
	h->owner_tid = 0;
	if (s->owner.tgid) {
		h->owner = s->owner;
		h->owner_tid = s->owner_tid;
	}
	h->args_len = args_len;
	FOR_EACH_SLOT(WRITE_SLOT)
	bpf_ringbuf_submit_dynptr(&record, ring__wakeup());
	return 1;
}

#endif
