// SPDX-License-Identifier: Apache-2.0
#include "policy/go_quote.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <fmt/format.h>

namespace redan::policy {
namespace {

struct Letter {
  char character, escape;
};
constexpr std::array kLetters = {Letter{'\a', 'a'}, Letter{'\b', 'b'}, Letter{'\f', 'f'},
                                 Letter{'\n', 'n'}, Letter{'\r', 'r'}, Letter{'\t', 't'},
                                 Letter{'\v', 'v'}, Letter{'"', '"'},  Letter{'\\', '\\'}};

// Characters above ASCII that are not shown as they are: controls, spaces, formatting, surrogates, private use.
struct Range {
  uint32_t first, last;
};
constexpr std::array kNotPrintable = {
    Range{0x80, 0xa0},     Range{0xad, 0xad},        Range{0x600, 0x605},   Range{0x61c, 0x61c},
    Range{0x6dd, 0x6dd},   Range{0x70f, 0x70f},      Range{0x1680, 0x1680}, Range{0x180e, 0x180e},
    Range{0x2000, 0x200f}, Range{0x2028, 0x202f},    Range{0x205f, 0x206f}, Range{0x3000, 0x3000},
    Range{0xd800, 0xf8ff}, Range{0xfdd0, 0xfdef},    Range{0xfeff, 0xfeff}, Range{0xfff0, 0xfffb},
    Range{0xfffe, 0xffff}, Range{0xe0000, 0x10ffff},
};

// The character that `text` starts with and how many bytes it has; 0 bytes: no valid UTF-8.
struct Character {
  uint32_t code = 0;
  size_t bytes = 0;
};
Character first_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  const size_t bytes = lead < 0x80             ? 1
                       : (lead & 0xe0) == 0xc0 ? 2
                       : (lead & 0xf0) == 0xe0 ? 3
                       : (lead & 0xf8) == 0xf0 ? 4
                                               : 0;
  if (bytes == 0 || bytes > text.size()) return {};
  if (bytes == 1) return {lead, 1};
  uint32_t code = lead & (0x7fU >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<uint32_t, 5> kLowest = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLowest[bytes] || code > 0x10ffff || is_surrogate) return {};
  return {code, bytes};
}

}  // namespace

std::string go_quoted(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto [code, bytes] = first_character(text);
    const auto letter = std::ranges::find(kLetters, text[0], &Letter::character);
    const bool is_hidden =
        std::ranges::any_of(kNotPrintable, [c = code](Range r) { return c >= r.first && c <= r.last; });
    if (letter != kLetters.end()) {
      out += '\\';
      out += letter->escape;
    } else if (bytes == 0 || code < 0x20 || code == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(text[0]));
    } else if (is_hidden) {
      out += code > 0xffff ? fmt::format("\\U{:08x}", code) : fmt::format("\\u{:04x}", code);
    } else {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

}  // namespace redan::policy
