// SPDX-License-Identifier: Apache-2.0
#include "property/host_maps.h"

#include <linux/bpf.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using Bytes = std::string;
using Entries = std::map<Bytes, std::unique_ptr<char[]>, std::less<>>;

// The helpers have no argument for a context: what a kernel has is the program's only state that is not a local of a test.
struct Host {
  std::map<const void*, Entries> maps, arrays;
  std::vector<char> record;
  bool is_submitted = false;
};
Host& host() {
  static Host the_host;
  return the_host;
}

Bytes bytes_of(const void* from, size_t size) { return {static_cast<const char*>(from), size}; }

void* put(Entries& entries, const Bytes& key, const void* value, size_t size) {
  auto& entry = entries[key];
  entry = std::make_unique<char[]>(size);
  if (value != nullptr) std::memcpy(entry.get(), value, size);
  return entry.get();
}

uint32_t word_of(const Bytes& key) {
  uint32_t word = 0;
  std::memcpy(&word, key.data(), sizeof(word));
  return word;
}

// The longest entry whose first bits are those of the key: kernel/bpf/lpm_trie.c. The first word is the number of bits.
void* longest_prefix(const Entries& entries, const Bytes& key) {
  void* found = nullptr;
  uint32_t most = 0;
  for (const auto& [entry, value] : entries) {
    const uint32_t bits = word_of(entry);
    bool fits = bits <= word_of(key);
    for (uint32_t i = 0; fits && i < bits; ++i) {
      const auto differ = static_cast<unsigned char>(entry[4 + i / 8] ^ key[4 + i / 8]);
      fits = (differ & (0x80U >> (i % 8))) == 0;
    }
    if (!fits || (found != nullptr && bits < most)) continue;
    found = value.get();
    most = bits;
  }
  return found;
}

}  // namespace

void* host_map_lookup(void* map, size_t kind, const void* key, size_t key_size, size_t value_size) {
  const Bytes bytes = bytes_of(key, key_size);
  if (kind == BPF_MAP_TYPE_ARRAY) {
    Entries& entries = host().arrays[map];
    const auto entry = entries.find(bytes);
    return entry == entries.end() ? put(entries, bytes, nullptr, value_size) : entry->second.get();
  }
  Entries& entries = host().maps[map];
  if (kind == BPF_MAP_TYPE_LPM_TRIE) return longest_prefix(entries, bytes);
  const auto entry = entries.find(bytes);
  return entry == entries.end() ? nullptr : entry->second.get();
}

long host_map_update(void* map, const void* key, size_t key_size, const void* value, size_t value_size) {
  put(host().maps[map], bytes_of(key, key_size), value, value_size);
  return 0;
}

long host_map_delete(void* map, const void* key, size_t key_size) {
  return host().maps[map].erase(bytes_of(key, key_size)) == 1 ? 0 : -1;
}

void* host_storage(void* map, const void* task, const void* first, size_t value_size, unsigned long long create) {
  Entries& entries = host().maps[map];
  const Bytes key = bytes_of(static_cast<const void*>(&task), sizeof(task));
  const auto entry = entries.find(key);
  if (entry != entries.end()) return entry->second.get();
  return create != 0 ? put(entries, key, first, value_size) : nullptr;
}

void host_maps_clear(void) {
  host().maps.clear();
  host().is_submitted = false;
}

// As the kernel's, a read that fails leaves zeros.
long host_read(void* to, unsigned int size, const void* from) {
  const auto address = reinterpret_cast<uintptr_t>(from);
  if (address < HOST_FIRST_ADDRESS || address > HOST_LAST_ADDRESS) {
    std::memset(to, 0, size);
    return -14;
  }
  std::memcpy(to, from, size);
  return 0;
}

long host_read_string(void* to, unsigned int size, const void* from) {
  if (host_read(to, 1, from) != 0) return -14;
  const size_t len = strnlen(static_cast<const char*>(from), size - 1);
  std::memcpy(to, from, len);
  static_cast<char*>(to)[len] = '\0';
  return static_cast<long>(len) + 1;
}

long host_record_reserve(unsigned int size) {
  host().record.assign(size, '\0');
  host().is_submitted = false;
  return 0;
}

void* host_record_data(unsigned int offset, unsigned int size) {
  if (size_t{offset} + size > host().record.size()) return nullptr;
  return host().record.data() + offset;
}

long host_record_write(unsigned int offset, const void* from, unsigned int size) {
  void* to = host_record_data(offset, size);
  if (to == nullptr) return -7;
  std::memcpy(to, from, size);
  return 0;
}

void host_record_submit(void) { host().is_submitted = true; }

const void* host_record(size_t* size) {
  *size = host().is_submitted ? host().record.size() : 0;
  return host().record.data();
}
