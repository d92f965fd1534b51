// SPDX-License-Identifier: Apache-2.0
#include "base/quote.h"

#include <algorithm>

namespace redan {

std::string in_quotes(std::string_view text) {
  constexpr size_t kMost = 80;
  constexpr std::string_view kHex = "0123456789abcdef";
  size_t length = std::min(text.size(), kMost);
  // Never between the bytes of one UTF-8 character.
  while (length < text.size() && length > kMost - 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80)
    --length;

  std::string out = "'";
  for (char c : text.substr(0, length)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out + (length < text.size() ? "…'" : "'");
}

}  // namespace redan
