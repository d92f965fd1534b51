/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the numbers come from that arguments are made of: parameters, registers of a system call, fields of a tracepoint. */
#ifndef REDAN_LIB_HOOK_SOURCES_H
#define REDAN_LIB_HOOK_SOURCES_H

#include "lib/hook_plan.h"
#include "lib/kernel_objects.h"

/* A load at a constant offset of the context. Written in assembly: clang would make one load of many through a computed pointer,
 * which the verifier refuses for contexts.
 */
#define CTX_LOAD(ctx, offset)                                                                 \
	({                                                                                    \
		u64 value;                                                                    \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(value) : "r"(ctx), "i"(offset)); \
		value;                                                                        \
	})
#define CTX_PARAMETER(n, offset) \
	case n:                  \
		return CTX_LOAD(ctx, offset);

/* fentry, fexit, LSM and raw tracepoints: one word for each. */
static __always_inline u64 words__parameter(void *ctx, u32 index)
{
	switch (index) {
		CTX_PARAMETER(0, 0)
		CTX_PARAMETER(1, 8)
		CTX_PARAMETER(2, 16)
		CTX_PARAMETER(3, 24)
		CTX_PARAMETER(4, 32)
		CTX_PARAMETER(5, 40)
		CTX_PARAMETER(6, 48)
		CTX_PARAMETER(7, 56)
	}
	return 0;
}

/* kprobes on x86-64: struct pt_regs (arch/x86/include/uapi/asm/ptrace.h) with rdi, rsi, rdx, rcx, r8, r9. */
static __always_inline u64 registers__parameter(void *ctx, u32 index)
{
	switch (index) {
		CTX_PARAMETER(0, 112)
		CTX_PARAMETER(1, 104)
		CTX_PARAMETER(2, 96)
		CTX_PARAMETER(3, 88)
		CTX_PARAMETER(4, 72)
		CTX_PARAMETER(5, 64)
	}
	return 0;
}

#define REGISTERS_RETURNED 80 /* rax */
#define REGISTERS_STACK 152   /* rsp */

#define ENTRY_PARAMETER(n) \
	case n:            \
		return args[n];

static __always_inline u64 entry__parameter(const u64 *args, u32 index)
{
	switch (index) {
		ENTRY_PARAMETER(0)
		ENTRY_PARAMETER(1)
		ENTRY_PARAMETER(2)
		ENTRY_PARAMETER(3)
		ENTRY_PARAMETER(4)
		ENTRY_PARAMETER(5)
	}
	return 0;
}

#define SYSCALL_REGISTER(n, native, compat)                                             \
	case n:                                                                         \
		return is_compat ? bpf_core_field_offset(struct pt_regs___hook, compat) \
				 : bpf_core_field_offset(struct pt_regs___hook, native);

static __always_inline u32 syscall__register(u32 index, bool is_compat)
{
	switch (index) {
		SYSCALL_REGISTER(0, di, bx)
		SYSCALL_REGISTER(1, si, cx)
		SYSCALL_REGISTER(2, dx, dx)
		SYSCALL_REGISTER(3, r10, si)
		SYSCALL_REGISTER(4, r8, di)
		SYSCALL_REGISTER(5, r9, bp)
	}
	return 0;
}

static __noinline u64 syscall__parameter(u64 registers, hook_arg *arg)
{
	bool is_compat = arg->options & REDAN_ARG_COMPAT;
	u64 value = 0;

	kernel__read(&value, sizeof(value), (void *)registers + syscall__register(arg->index, is_compat));
	return is_compat ? (u32)value : value;
}

/* A field of a classic tracepoint's record. Of the fields that all have, only the thread's number is still there: the kernel has
 * put a pointer over them (kernel/trace/bpf_trace.c, perf_call_bpf()).
 */
#define RECORD_COMMON_END 8
#define RECORD_COMMON_PID 4

static __always_inline u64 record__field(void *ctx, hook_arg *arg)
{
	u32 offset = arg->offset, size = arg->size;
	u64 value = 0;

	if (offset < RECORD_COMMON_END)
		return offset == RECORD_COMMON_PID ? (u32)bpf_get_current_pid_tgid() : 0;
	if (size == 1)
		kernel__read(&value, 1, ctx + offset);
	else if (size == 2)
		kernel__read(&value, 2, ctx + offset);
	else if (size == 4)
		kernel__read(&value, 4, ctx + offset);
	else
		kernel__read(&value, 8, ctx + offset);
	return value;
}

/* --- by kind of program: the number of slot i --- */

static __always_inline u64 trampoline__take(void *ctx, u32 i)
{
	hook_arg *arg = &plan.args[i];

	switch (arg->source) {
	case REDAN_SOURCE_PARAMETER:
		return words__parameter(ctx, arg->index);
	case REDAN_SOURCE_SYSCALL:
		return syscall__parameter(CTX_LOAD(ctx, 0), arg);
	case REDAN_SOURCE_FIELD: /* raw_syscalls/sys_enter in the classic's place: the number, all that it is taken for */
		return CTX_LOAD(ctx, 8);
	}
	return 0;
}

static __always_inline u64 fexit__take(void *ctx, u32 i)
{
	u64 value = 0;

	if (plan.args[i].source != REDAN_SOURCE_RETURN)
		return trampoline__take(ctx, i);
	bpf_get_func_ret(ctx, &value);
	return value;
}

static __always_inline u64 kprobe__take(void *ctx, u32 i)
{
	hook_arg *arg = &plan.args[i];

	switch (arg->source) {
	case REDAN_SOURCE_PARAMETER:
		return registers__parameter(ctx, arg->index);
	case REDAN_SOURCE_SYSCALL:
		return syscall__parameter(CTX_LOAD(ctx, 112), arg);
	}
	return 0;
}

/* `args`: what the function was called with. */
static __always_inline u64 kretprobe__take(void *ctx, const u64 *args, u32 i)
{
	hook_arg *arg = &plan.args[i];

	switch (arg->source) {
	case REDAN_SOURCE_PARAMETER:
		return entry__parameter(args, arg->index);
	case REDAN_SOURCE_SYSCALL:
		return syscall__parameter(args[0], arg);
	case REDAN_SOURCE_RETURN:
		return CTX_LOAD(ctx, REGISTERS_RETURNED);
	}
	return 0;
}
#define KRETPROBE_TAKE(ctx, i) kretprobe__take(ctx, args, i)

static __always_inline u64 tracepoint__take(void *ctx, u32 i)
{
	return record__field(ctx, &plan.args[i]);
}

#endif
