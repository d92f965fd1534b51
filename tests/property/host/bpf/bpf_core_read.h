// SPDX-License-Identifier: Apache-2.0
/* The part of <bpf/bpf_core_read.h> that bpf/lib uses: the kernel's types are as they are declared there. */
#ifndef REDAN_PROPERTY_BPF_CORE_READ_H
#define REDAN_PROPERTY_BPF_CORE_READ_H

#include <stddef.h>

#define bpf_core_field_exists(...) 1
#define bpf_core_field_offset(type, field) offsetof(type, field)
#define bpf_core_type_size(type) sizeof(type)
// Of types, only those of old kernels are there.
#define bpf_core_type_exists(type) 0
#define bpf_core_type_id_kernel(type) 0
#define bpf_core_enum_value(type, value) (value)

#define HOST_CORE_READ2(p, a) ((p)->a)
#define HOST_CORE_READ3(p, a, b) ((p)->a->b)
#define HOST_CORE_READ4(p, a, b, c) ((p)->a->b->c)
#define HOST_CORE_READ_N(p, a, b, c, name, ...) name
#define BPF_CORE_READ(...) \
  HOST_CORE_READ_N(__VA_ARGS__, HOST_CORE_READ4, HOST_CORE_READ3, HOST_CORE_READ2, )(__VA_ARGS__)

#endif
