// SPDX-License-Identifier: Apache-2.0
/* What BPF helpers do, on the host. A map is known by the address of its declaration. One thread. */
#ifndef REDAN_PROPERTY_HOST_MAPS_H
#define REDAN_PROPERTY_HOST_MAPS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Memory below this address and above the last one cannot be read. */
#define HOST_FIRST_ADDRESS 0x10000ull
#define HOST_LAST_ADDRESS 0x7fffffffffffull

/** kind: enum bpf_map_type. An entry stays where it is until host_maps_clear(). */
void* host_map_lookup(void* map, size_t kind, const void* key, size_t key_size, size_t value_size);
long host_map_update(void* map, const void* key, size_t key_size, const void* value, size_t value_size);
long host_map_delete(void* map, const void* key, size_t key_size);
void* host_storage(void* map, const void* task, const void* first, size_t value_size, unsigned long long create);

/** Empties all maps but arrays, which keep what the last run left in them, and forgets the record. */
void host_maps_clear(void);

long host_read(void* to, unsigned int size, const void* from);
long host_read_string(void* to, unsigned int size, const void* from);

long host_record_reserve(unsigned int size);
void* host_record_data(unsigned int offset, unsigned int size);
long host_record_write(unsigned int offset, const void* from, unsigned int size);
void host_record_submit(void);
/** The record that was submitted last; its size is 0 if there is none. */
const void* host_record(size_t* size);

#ifdef __cplusplus
}
#endif
#endif
