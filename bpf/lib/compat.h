/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Everything that differs between kernels, in one place: CO-RE flavours and existence checks, each with the version
 * that changed it. No probe tests a kernel version.
 */
#ifndef REDAN_LIB_COMPAT_H
#define REDAN_LIB_COMPAT_H

#include "lib/kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Before 6.3 (f122a08b197d): kernel_cap_t is an array of two words. */
struct cred___cap_words {
	struct {
		u32 cap[2];
	} cap_permitted, cap_effective, cap_inheritable, cap_ambient;
};

/* Since 6.3: one 64-bit value. */
struct cred___cap_value {
	struct {
		u64 val;
	} cap_permitted, cap_effective, cap_inheritable, cap_ambient;
};

/* Only with CONFIG_AUDIT. */
struct task_struct___audit {
	kuid_t loginuid;
};

/* Since 6.4 (open-coded iterators). */
struct bpf_iter_num {
	u64 opaque[1];
};

/* 6.1 (its BTF): the vector is `iov`. */
struct iov_iter___iov {
	const void *iov;
};

/* 6.12 (its BTF): it is `__iov`. */
struct iov_iter___iov2 {
	const void *__iov;
};

#pragma clang attribute pop

/* By their BTF: ITER_IOVEC 0 and ITER_UBUF 6 in 6.1, ITER_UBUF 0 and ITER_IOVEC 1 in 6.12. */
enum iter_type___hook {
	ITER_IOVEC___hook,
	ITER_UBUF___hook
};

#define CAP_SET__READ(cred, set)                                                         \
	(bpf_core_field_exists(((struct cred___cap_value *)0)->set.val)                  \
		 ? ((const struct cred___cap_value *)(cred))->set.val                    \
		 : (((u64)((const struct cred___cap_words *)(cred))->set.cap[1] << 32) | \
		    ((const struct cred___cap_words *)(cred))->set.cap[0]))

/* The audit login uid, ~0 where it is unset or the kernel has no audit. */
static __always_inline u32 task__login_uid(const struct task_struct *task)
{
	if (!bpf_core_field_exists(((struct task_struct___audit *)0)->loginuid))
		return ~0u;
	return ((const struct task_struct___audit *)task)->loginuid.val;
}

/* Since 6.2 (a35b9af4ec2c): any number becomes a pointer that can be read, faults giving 0. */
extern void *bpf_rdonly_cast(void *address, u32 type) __ksym __weak;

/* A type stands for the function: a program that takes the address of a function of the kernel is refused before 6.4. */
#define HAS_TYPED_READS bpf_core_type_exists(struct bpf_iter_num)
#define TYPED(type, address) ((const type *)bpf_rdonly_cast((void *)(address), bpf_core_type_id_kernel(type)))

/* A word of the kernel's memory; include/vdso/time64.h: any struct that begins with a word does. */
#define WORD_AT(address) ((u64)TYPED(struct timespec64, (address))->tv_sec)

/* Where iov_iter has its vector (6.1: iov, 6.12: __iov). */
static __always_inline u32 iov_iter__vector_offset(void)
{
	if (bpf_core_field_exists(((struct iov_iter___iov2 *)0)->__iov))
		return bpf_core_field_offset(struct iov_iter___iov2, __iov);
	return bpf_core_field_offset(struct iov_iter___iov, iov);
}

static __always_inline u32 iov_iter__type_iovec(void)
{
	return bpf_core_enum_value(enum iter_type___hook, ITER_IOVEC___hook);
}

static __always_inline u32 iov_iter__type_ubuf(void)
{
	return bpf_core_enum_value(enum iter_type___hook, ITER_UBUF___hook);
}

#endif
