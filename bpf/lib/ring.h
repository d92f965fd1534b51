/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The process ring: exec, fork and exit records, in the order in which their memory was reserved. */
#ifndef REDAN_LIB_RING_H
#define REDAN_LIB_RING_H

#include "lib/shared.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 * 1024 * 1024); /* user space sets the real size before loading */
} process_ring __weak SEC(".maps");

/* Fills the header of a record, all but the sequence number. */
static __always_inline void record__start(struct redan_record *hdr, enum redan_kind kind, u64 now, u32 tgid, u32 tid)
{
	hdr->kind = kind;
	hdr->flags = 0;
	hdr->cpu = bpf_get_smp_processor_id();
	hdr->time = now;
	hdr->tgid = tgid;
	hdr->tid = tid;
}

/* The next sequence number; taken before the memory is reserved, so that a record that finds no room leaves a gap. */
static __always_inline u64 ring__next_seq(void)
{
	return __sync_fetch_and_add(&counters.seq, 1);
}

/* Flags for submitting a record. The kernel's own rule wakes the consumer whenever it has caught up, which under a steady
 * load is at nearly every record and costs more than the record; so the consumer says when it wants to be woken.
 */
static __always_inline u64 ring__wakeup(void)
{
	u64 wanted = *(volatile u64 *)&counters.wakeup;

	if (wanted == REDAN_WAKEUP_NONE)
		return BPF_RB_NO_WAKEUP;
	if (wanted == REDAN_WAKEUP_LEVEL && bpf_ringbuf_query(&process_ring, BPF_RB_AVAIL_DATA) < settings.wakeup_level)
		return BPF_RB_NO_WAKEUP;
	/* One record wakes, however many CPUs saw the wish. */
	if (__sync_val_compare_and_swap(&counters.wakeup, wanted, REDAN_WAKEUP_NONE) != wanted)
		return BPF_RB_NO_WAKEUP;
	return BPF_RB_FORCE_WAKEUP;
}

#endif
