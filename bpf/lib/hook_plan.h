/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What specialises a hook program: its plan, constant to the verifier, which folds what depends on it and drops what cannot be
 * reached. So whoever looks at the plan does so at offsets that are constants, in code that is written out for each entry
 * (FOR_EACH_… below) or in static functions that are called with such constants: clang 14 does not unroll loops with early ends.
 */
#ifndef REDAN_LIB_HOOK_PLAN_H
#define REDAN_LIB_HOOK_PLAN_H

#include "abi/hook.h"
#include "lib/kernel_reads.h"
#include "lib/shared.h"

__weak const volatile struct redan_hook_plan plan = {};
__weak const volatile struct redan_hook_shortcuts shortcuts = {};
__weak const volatile struct redan_hook_settings hook_settings = {};
/* A section of its own: .bss is the sensor's (struct redan_counters), which all hooks share. */
__weak struct redan_hook_counters hook_counters SEC(".data.hook") = {};

typedef const volatile struct redan_hook_arg hook_arg;
typedef const volatile struct redan_filter hook_filter;
typedef const volatile struct redan_selector hook_selector;
typedef const volatile struct redan_shortcut hook_shortcut;
typedef const volatile struct redan_path_prefix hook_prefix;

#define FOR_EACH_SLOT(F) F(0) F(1) F(2) F(3) F(4) F(5)
#define FOR_EACH_SELECTOR(F) F(0) F(1) F(2) F(3) F(4)
#define FOR_EACH_OF_FIVE(F, a) F(a, 0) F(a, 1) F(a, 2) F(a, 3) F(a, 4)
#define FOR_EACH_OF_TWELVE(F, a) FOR_EACH_OF_FIVE(F, a) F(a, 5) F(a, 6) F(a, 7) F(a, 8) F(a, 9) F(a, 10) F(a, 11)

#define ALL_SELECTORS ((1u << REDAN_HOOK_SELECTORS) - 1)

#define HOOK_COUNT(counter) __sync_fetch_and_add(&hook_counters.counter, 1)

/* --- families of enum redan_arg_type --- */

/* As they are at the source: nothing that could fail is to be read. */
static __always_inline bool arg_type__is_number(u32 type)
{
	return type == REDAN_ARG_NUMBER || type == REDAN_ARG_CAPABILITY || type == REDAN_ARG_SYSCALL;
}

/* Sent as one number. */
static __always_inline bool arg_type__is_value(u32 type)
{
	return arg_type__is_number(type) || type == REDAN_ARG_CAP_SET;
}

/* Sent as bytes. */
static __always_inline bool arg_type__is_text(u32 type)
{
	return type == REDAN_ARG_STRING || type == REDAN_ARG_BYTES || type == REDAN_ARG_IOVEC ||
	       type == REDAN_ARG_IOV_ITER || type == REDAN_ARG_FILENAME || type == REDAN_ARG_NET_DEVICE ||
	       type == REDAN_ARG_DATA_LOC || type == REDAN_ARG_SOCKADDR_UN || type == REDAN_ARG_ARRAY;
}

static __always_inline bool arg_type__is_path(u32 type)
{
	return type == REDAN_ARG_FILE || type == REDAN_ARG_PATH || type == REDAN_ARG_DENTRY || type == REDAN_ARG_FD ||
	       type == REDAN_ARG_KIOCB || type == REDAN_ARG_BINPRM;
}

#endif
