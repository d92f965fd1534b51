// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A hook of a policy. User space opens and relocates this object once; each hook is the one program of it that fits, with maps of
 * its own, its plan in one of them.
 */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/hook.h"
#include "lib/hook_chain.h"
#include "lib/hook_entries.h"
#include "lib/hook_run.h"
#include "lib/hook_sources.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The tail call comes back only if there is no next hook. */
#define HOOK_BODY(ctx, take)                                 \
	({                                                   \
		struct redan_hook_lane *lane = run__begin(); \
		HOOK_RUN(ctx, take);                         \
		run__end(lane);                              \
		bpf_tail_call(ctx, &hook_next, 0);           \
	})

/* The sections are none that libbpf knows, so that it gives the relocated programs away (src/kernel/hook_template.h). */

/* Observes only: what the other modules of the kernel decide stands. */
SEC("hook/lsm")
int hook_lsm(void *ctx)
{
	HOOK_BODY(ctx, trampoline__take);
	return 0;
}

SEC("hook/fentry")
int hook_fentry(void *ctx)
{
	HOOK_BODY(ctx, trampoline__take);
	return 0;
}

/* Sees the arguments and what was returned at once, so no pairing can go wrong. */
SEC("hook/fexit")
int hook_fexit(void *ctx)
{
	HOOK_BODY(ctx, fexit__take);
	return 0;
}

/* Where fexit cannot be had: what the function was called with is what a program at its entry has kept. */
SEC("hook/kretprobe")
int hook_kretprobe(void *ctx)
{
	struct redan_hook_lane *lane = run__begin();
	u64 args[REDAN_ENTRY_ARGS] = {};

	if (entry__find(ctx, args))
		HOOK_RUN(ctx, KRETPROBE_TAKE);
	run__end(lane);
	bpf_tail_call(ctx, &hook_next, 0);
	entry__forget(ctx); /* by the last hook of the chain */
	return 0;
}

SEC("hook/entry")
int hook_entry(void *ctx)
{
	entry__keep(ctx);
	return 0;
}

SEC("hook/kprobe")
int hook_kprobe(void *ctx)
{
	HOOK_BODY(ctx, kprobe__take);
	return 0;
}

SEC("hook/tracepoint")
int hook_tracepoint(void *ctx)
{
	HOOK_BODY(ctx, tracepoint__take);
	return 0;
}

SEC("hook/raw_tracepoint")
int hook_raw_tracepoint(void *ctx)
{
	HOOK_BODY(ctx, trampoline__take);
	return 0;
}
