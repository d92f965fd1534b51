/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reads of kernel memory by address. */
#ifndef REDAN_LIB_KERNEL_READS_H
#define REDAN_LIB_KERNEL_READS_H

#include "lib/compat.h"
#include "lib/shared.h"

/* Reads of kernel memory, refused under lockdown=confidentiality: there they fail without being tried. */
static __always_inline long kernel__read(void *to, u32 size, const void *from)
{
	return settings.kernel_reads ? bpf_probe_read_kernel(to, size, from) : -1;
}

/* Reads a field of the struct at `address`, a plain number: typed pointers of many kinds would make the verifier go through what
 * follows once for each. `to` has the size of the field.
 */
#define READ_FIELD(to, type, address, field)                                                                       \
	({                                                                                                         \
		_Static_assert(sizeof(*(to)) == sizeof(((type *)0)->field), "size of the field");                  \
		kernel__read((to), sizeof(*(to)), (const void *)((address) + bpf_core_field_offset(type, field))); \
	})

/* The same where typed loads of any address are to be had: a tenth of the cost. They cannot fail: what cannot be read is 0. */
#define READ_TYPED(to, type, address, field)                               \
	({                                                                 \
		long failed = 0;                                           \
		if (settings.kernel_reads && HAS_TYPED_READS)              \
			*(to) = TYPED(type, (address))->field;             \
		else                                                       \
			failed = READ_FIELD((to), type, (address), field); \
		failed;                                                    \
	})

/* And of a field that is a pointer, into a plain number. */
#define READ_WORD(to, type, address, field)                                              \
	({                                                                               \
		long failed = 0;                                                         \
		if (settings.kernel_reads && HAS_TYPED_READS)                            \
			*(to) = WORD_AT((address) + bpf_core_field_offset(type, field)); \
		else                                                                     \
			failed = READ_FIELD((to), type, (address), field);               \
		failed;                                                                  \
	})

#endif
