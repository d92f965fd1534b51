// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <cstddef>
#include <cstdint>

namespace redan {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void append_base64(std::string& out, std::string_view in) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<uint8_t>(in[i])}; };
  const size_t start = out.size();
  out.resize(start + (in.size() + 2) / 3 * 4, '=');
  char* to = out.data() + start;

  size_t pos = 0;
  for (; in.size() - pos >= 3; pos += 3) {
    const uint32_t bits = byte(pos) << 16 | byte(pos + 1) << 8 | byte(pos + 2);
    *to++ = kAlphabet[bits >> 18];
    *to++ = kAlphabet[bits >> 12 & 0x3F];
    *to++ = kAlphabet[bits >> 6 & 0x3F];
    *to++ = kAlphabet[bits & 0x3F];
  }
  const size_t rest = in.size() - pos;
  if (rest == 0) return;
  const uint32_t bits = byte(pos) << 16 | (rest == 2 ? byte(pos + 1) << 8 : 0);
  *to++ = kAlphabet[bits >> 18];
  *to++ = kAlphabet[bits >> 12 & 0x3F];
  if (rest == 2) *to++ = kAlphabet[bits >> 6 & 0x3F];
  // What is left of the last group is padding already.
}

}  // namespace redan
