// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace redan {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// True if the 8 bytes at `at` are all ASCII.
bool is_ascii_word(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return (word & 0x8080808080808080ULL) == 0;
}

/// A row of table 3-7 of the Unicode standard: what may follow a lead byte. Every byte after the second is 80..BF.
struct Lead {
  uint8_t first;
  uint8_t last;
  uint8_t length;
  uint8_t second_min;
  uint8_t second_max;
};
constexpr Lead kLeads[] = {
    {0xC2, 0xDF, 2, 0x80, 0xBF},                               // C0 and C1 would be overlong
    {0xE0, 0xE0, 3, 0xA0, 0xBF},                               // below A0: overlong
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F},  // above 9F: surrogates
    {0xEE, 0xEF, 3, 0x80, 0xBF}, {0xF0, 0xF0, 4, 0x90, 0xBF},  // below 90: overlong
    {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},  // above 8F: beyond U+10FFFF
};

/// Length of the valid sequence that starts at `pos`; 0 if none does.
size_t sequence_length(std::string_view in, size_t pos) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(in[i]); };
  const uint8_t lead = byte(pos);
  if (lead < 0x80) return 1;
  for (const Lead& row : kLeads) {
    if (lead < row.first || lead > row.last) continue;
    if (in.size() - pos < row.length) return 0;
    if (byte(pos + 1) < row.second_min || byte(pos + 1) > row.second_max) return 0;
    for (size_t i = 2; i < row.length; ++i) {
      if ((byte(pos + i) & 0xC0) != 0x80) return 0;
    }
    return row.length;
  }
  return 0;
}

}  // namespace

void append_valid_utf8(std::string& out, std::string_view in) {
  size_t pos = 0;
  size_t copied = 0;  // in[copied, pos) is valid and not yet in `out`
  while (pos < in.size()) {
    while (in.size() - pos >= sizeof(uint64_t) && is_ascii_word(in.data() + pos)) pos += sizeof(uint64_t);
    if (pos == in.size()) break;
    if (const size_t length = sequence_length(in, pos)) {
      pos += length;
      continue;
    }
    out.append(in, copied, pos - copied);
    out.append(kReplacement);
    do {
      ++pos;
    } while (pos < in.size() && sequence_length(in, pos) == 0);
    copied = pos;
  }
  out.append(in, copied);
}

}  // namespace redan
