/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is around a run: it is counted, and then the next hook at the same place gets its turn. The kernel starts a stub, which
 * user space makes (src/kernel/hook_sites.h); the stub jumps to the first hook, each hook to its successor.
 */
#ifndef REDAN_LIB_HOOK_CHAIN_H
#define REDAN_LIB_HOOK_CHAIN_H

#include "lib/hook_plan.h"

__weak struct redan_hook_lane hook_lanes[REDAN_HOOK_LANES] SEC(".data.hook") __attribute__((aligned(64))) = {};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} hook_next __weak SEC(".maps");

/* Counts a run, and notes when it began if it is to be timed. That is kept in the lane, not in a variable: the verifier would go
 * through the whole hook twice, timed and not. A run that another one on the same CPU has preempted may lose its time to it.
 */
static __always_inline struct redan_hook_lane *run__begin(void)
{
	struct redan_hook_lane *lane = &hook_lanes[bpf_get_smp_processor_id() & (REDAN_HOOK_LANES - 1)];

	if (!(__sync_fetch_and_add(&lane->runs, 1) & (REDAN_HOOK_TIMED_RUNS - 1)))
		lane->began = bpf_ktime_get_ns();
	return lane;
}

static __always_inline void run__end(struct redan_hook_lane *lane)
{
	u64 began = *(volatile u64 *)&lane->began;

	if (!began)
		return;
	lane->began = 0;
	__sync_fetch_and_add(&lane->nanoseconds, bpf_ktime_get_ns() - began);
}

#endif
