/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Memory that one run of a hook program works in. Not per CPU: on a preemptible kernel two tasks would share it. All hooks share
 * a pool, of which a run takes an entry, starting at its CPU's.
 */
#ifndef REDAN_LIB_HOOK_SCRATCH_H
#define REDAN_LIB_HOOK_SCRATCH_H

#include "lib/hook_plan.h"
#include "lib/text.h"

#define SCRATCH_TRIES 4
#define SCRATCH_STRIDE 5 /* odd, so that the tries of two CPUs seldom meet */

struct hook_slot {
	u64 raw;                       /* as found at the source */
	u64 fields[REDAN_SLOT_FIELDS]; /* enum redan_field; the first is the number */
	u32 flags;                     /* enum redan_arg_flag, slot_flag */
	u32 aux;
	union { /* what is sent of a struct */
		struct redan_arg_socket socket;
		struct redan_arg_cred cred;
		struct redan_arg_user_ns user_ns;
		struct redan_arg_bpf bpf;
		struct redan_arg_perf perf;
		struct redan_arg_module module;
		u64 bytes[20];
	};
};

struct hook_rate_key {
	u32 hook, selector;
	u64 scope;
	u64 bytes[REDAN_HOOK_SLOTS][5];
};

struct hook_scratch {
	u64 busy;
	struct redan_image owner; /* of a tracked socket */
	u32 owner_tid;
	u32 pad;
	u64 record; /* a classic tracepoint's */
	u64 binary_matches;
	struct hook_slot slots[REDAN_HOOK_SLOTS];
	struct redan_prefix_key reversed;
	struct hook_rate_key rate;
	struct hook_text texts[REDAN_HOOK_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64); /* user space sets it to hook_settings.scratch_entries */
	__type(key, u32);
	__type(value, struct hook_scratch);
} hook_scratches __weak SEC(".maps");

static __always_inline struct hook_scratch *scratch__try(u32 index)
{
	struct hook_scratch *s;

	index &= hook_settings.scratch_entries - 1;
	s = bpf_map_lookup_elem(&hook_scratches, &index);
	if (!s || __sync_lock_test_and_set(&s->busy, 1))
		return NULL;
	return s;
}

static __noinline struct hook_scratch *scratch__take(void)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct hook_scratch *s = NULL;

	for (u32 i = 0; i < SCRATCH_TRIES && !s; i++)
		s = scratch__try(cpu + i * SCRATCH_STRIDE);
	if (!s)
		HOOK_COUNT(no_scratch);
	return s;
}

static __always_inline void scratch__give(struct hook_scratch *s)
{
	__sync_lock_test_and_set(&s->busy, 0); /* a full barrier: what was written is written before */
}

#endif
