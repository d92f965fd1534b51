// SPDX-License-Identifier: Apache-2.0
#include "export/ip_text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace redan::exporting {
namespace {

constexpr size_t kGroups = 8;

/// A run of groups that are zero.
struct Run {
  size_t begin = kGroups;
  size_t size = 1;  // a single zero is written as such
};

Run longest_zeros(const std::array<uint16_t, kGroups>& groups) {
  Run longest;
  for (size_t begin = 0; begin < kGroups; ++begin) {
    size_t end = begin;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - begin > longest.size) longest = {.begin = begin, .size = end - begin};
  }
  return longest;
}

bool is_ipv4_mapped(const uint8_t* address) {
  return std::all_of(address, address + 10, [](uint8_t byte) { return byte == 0; }) && address[10] == 0xff &&
         address[11] == 0xff;
}

}  // namespace

char* write_ipv4(char* to, const uint8_t* address) {
  for (size_t i = 0; i < 4; ++i) {
    if (i > 0) *to++ = '.';
    to = std::to_chars(to, to + 3, address[i]).ptr;
  }
  return to;
}

char* write_ipv6(char* to, const uint8_t* address) {
  if (is_ipv4_mapped(address)) {
    constexpr char kPrefix[] = "::ffff:";
    return write_ipv4(std::copy(kPrefix, kPrefix + sizeof(kPrefix) - 1, to), address + 12);
  }
  std::array<uint16_t, kGroups> groups;
  for (size_t i = 0; i < kGroups; ++i) groups[i] = static_cast<uint16_t>(address[2 * i] << 8 | address[2 * i + 1]);
  const Run zeros = longest_zeros(groups);
  bool after_group = false;
  for (size_t i = 0; i < kGroups;) {
    if (i == zeros.begin) {
      *to++ = ':';
      *to++ = ':';
      i += zeros.size;
      after_group = false;
      continue;
    }
    if (after_group) *to++ = ':';
    to = std::to_chars(to, to + 4, groups[i], 16).ptr;
    after_group = true;
    ++i;
  }
  return to;
}

}  // namespace redan::exporting
