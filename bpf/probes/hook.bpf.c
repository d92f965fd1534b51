// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A hook of a policy. User space opens this object anew for each hook, writes its plan, and loads the one program that fits. */
#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/hook.h"
#include "lib/hook_run.h"
#include "lib/hook_sources.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Observes only: what the other modules of the kernel decide stands. */
SEC("lsm")
int hook_lsm(void *ctx)
{
	HOOK_RUN(ctx, trampoline__take);
	return 0;
}

SEC("fentry")
int hook_fentry(void *ctx)
{
	HOOK_RUN(ctx, trampoline__take);
	return 0;
}

/* Sees the arguments and what was returned at once, so no pairing can go wrong. */
SEC("fexit")
int hook_fexit(void *ctx)
{
	HOOK_RUN(ctx, fexit__take);
	return 0;
}

SEC("kprobe")
int hook_kprobe(void *ctx)
{
	HOOK_RUN(ctx, kprobe__take);
	return 0;
}

SEC("tracepoint")
int hook_tracepoint(void *ctx)
{
	HOOK_RUN(ctx, tracepoint__take);
	return 0;
}

SEC("raw_tracepoint")
int hook_raw_tracepoint(void *ctx)
{
	HOOK_RUN(ctx, trampoline__take);
	return 0;
}
