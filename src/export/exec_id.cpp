// SPDX-License-Identifier: Apache-2.0
#include "export/exec_id.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/base64.h"
#include "export/decimal.h"

namespace redan::exporting {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

using TwoDigits = std::array<char, 2>;

/// The two base64 digits of every 12-bit number: half the look-ups of the usual table, in the one place where base64 is
/// hot.
constexpr std::array<TwoDigits, 4096> kTwoDigits = [] {
  std::array<TwoDigits, 4096> table{};
  for (size_t i = 0; i < table.size(); ++i) table[i] = {kAlphabet[i >> 6], kAlphabet[i & 0x3f]};
  return table;
}();

/// Encodes `size` bytes and returns the end of the text.
char* encode(const char* bytes, size_t size, char* to) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(bytes[i])}; };
  size_t pos = 0;
  for (; size - pos >= 3; pos += 3, to += 4) {
    const uint32_t bits = byte(pos) << 16 | byte(pos + 1) << 8 | byte(pos + 2);
    std::memcpy(to, kTwoDigits.data() + (bits >> 12), 2);
    std::memcpy(to + 2, kTwoDigits.data() + (bits & 0xfff), 2);
  }
  const size_t rest = size - pos;
  if (rest == 0) return to;
  const uint32_t bits = byte(pos) << 16 | (rest == 2 ? byte(pos + 1) << 8 : 0);
  std::memcpy(to, kTwoDigits.data() + (bits >> 12), 2);
  to[2] = rest == 2 ? kAlphabet[bits >> 6 & 0x3f] : '=';
  to[3] = '=';
  return to + 4;
}

}  // namespace

ExecIdText::ExecIdText(std::string_view node_name) {
  const std::string prefix = std::string(node_name) + ':';
  const size_t whole = prefix.size() / 3 * 3;
  append_base64(head_, std::string_view(prefix).substr(0, whole));
  left_over_size_ = prefix.copy(left_over_, kLeftOver, whole);
}

char* ExecIdText::write_tail(const event::ImageKey& key, char* to) const {
  char tail[kLeftOver + kMaxDigits + 1 + kMaxDigits];
  std::memcpy(tail, left_over_, kLeftOver);
  char* end = tail + left_over_size_;
  end = write_decimal(end, key.time);
  *end++ = ':';
  end = write_decimal(end, key.tgid);
  return encode(tail, static_cast<size_t>(end - tail), to);
}

}  // namespace redan::exporting
