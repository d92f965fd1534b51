/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the sensor shares with user space outside the ring: settings (frozen before load) and counters. */
#ifndef REDAN_LIB_SHARED_H
#define REDAN_LIB_SHARED_H

#include "abi/record.h"
#include "lib/kernel_types.h"

#include <bpf/bpf_helpers.h>

/* Weak, so that every probe object may include this header and the linked object has one of each. */
__weak const volatile struct redan_settings settings = {};
__weak struct redan_counters counters = {};

/* Counts one loss. Losses are rare, so one shared cache line is cheaper than per-CPU sums that user space must fetch. */
static __always_inline void loss__count(enum redan_loss cause)
{
	__sync_fetch_and_add(&counters.lost[cause], 1);
}

#endif
