// SPDX-License-Identifier: Apache-2.0
/* The part of <bpf/bpf_helpers.h> that bpf/lib uses, for a program that runs on the host: maps are sets of bytes, kernel and user
 * memory are this process's. Only for property/matching.c.
 */
#ifndef REDAN_PROPERTY_BPF_HELPERS_H
#define REDAN_PROPERTY_BPF_HELPERS_H

#include <linux/bpf.h>

#include <stdbool.h>

#include "property/host_maps.h"

#define SEC(name)
#define __weak __attribute__((weak))
#define __ksym
#define __noinline __attribute__((noinline))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __uint(name, val) int(*name)[val]
#define __type(name, val) __typeof__(val)* name
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

/* Sizes and kind of a map, from its declaration as for BTF. */
#define bpf_map_lookup_elem(map, k) \
  host_map_lookup((map), sizeof(*(map)->type) / sizeof(int), (k), sizeof(*(map)->key), sizeof(*(map)->value))
#define bpf_map_update_elem(map, k, v, flags) \
  host_map_update((map), (k), sizeof(*(map)->key), (v), sizeof(*(map)->value))
#define bpf_map_delete_elem(map, k) host_map_delete((map), (k), sizeof(*(map)->key))
#define bpf_task_storage_get(map, task, first, flags) \
  host_storage((map), (task), (first), sizeof(*(map)->value), (flags)&BPF_LOCAL_STORAGE_GET_F_CREATE)

#define bpf_probe_read_kernel(to, size, from) host_read((to), (size), (from))
#define bpf_probe_read_user(to, size, from) host_read((to), (size), (from))
#define bpf_probe_read_kernel_str(to, size, from) host_read_string((to), (size), (from))
#define bpf_probe_read_user_str(to, size, from) host_read_string((to), (size), (from))

struct task_struct;
struct task_struct* host_current_task(void);
#define bpf_get_current_task_btf() host_current_task()
unsigned long long host_pid_tgid(void);
#define bpf_get_current_pid_tgid() host_pid_tgid()
#define bpf_get_smp_processor_id() 0u
#define bpf_ktime_get_boot_ns() 1ull

#define bpf_loop(count, step, ctx, flags)                                \
  ({                                                                     \
    unsigned int turn = 0;                                               \
    while (turn < (unsigned int)(count) && !(step)(turn, (ctx))) turn++; \
    (long)turn;                                                          \
  })

/* The ring takes one record of bounded size, which the next one replaces. */
#define bpf_ringbuf_query(ring, what) 0ull
#define bpf_ringbuf_reserve_dynptr(ring, size, flags, ptr) host_record_reserve((size))
#define bpf_ringbuf_submit_dynptr(ptr, flags) host_record_submit()
#define bpf_ringbuf_discard_dynptr(ptr, flags) ((void)(ptr))
#define bpf_dynptr_data(ptr, offset, size) host_record_data((offset), (size))
#define bpf_dynptr_write(ptr, offset, from, size, flags) host_record_write((offset), (from), (size))

#endif
