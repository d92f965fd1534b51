// SPDX-License-Identifier: Apache-2.0
#include "export/json_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/base64.h"
#include "base/utf8.h"

namespace redan::exporting {
namespace {

constexpr uint64_t kEveryByte = 0x0101010101010101;
constexpr uint64_t kEveryTopBit = 0x80 * kEveryByte;
constexpr uint64_t kEightSpaces = ' ' * kEveryByte;

constexpr bool needs_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

/// The top bit of each byte that is below 0x20, a quote, a backslash or not ASCII. Borrows can set it falsely in a byte
/// above such a one, never below: the lowest set bit is right.
constexpr uint64_t special_bytes(uint64_t word) {
  const uint64_t quote = word ^ ('"' * kEveryByte);
  const uint64_t backslash = word ^ ('\\' * kEveryByte);
  // A subtraction sets the top bit of a byte that was too small. It may do so where the top bit was set before; such a
  // byte is not ASCII, so special anyway.
  return ((word - kEightSpaces) | (quote - kEveryByte) | (backslash - kEveryByte) | word) & kEveryTopBit;
}

/// Makes the NULs among the bytes of a word spaces.
constexpr uint64_t nuls_to_spaces(uint64_t word) {
  constexpr uint64_t low_bits = ~kEveryTopBit;
  const uint64_t is_nul = ~(((word & low_bits) + low_bits) | word | low_bits);  // the top bit of each byte that is 0
  return word | is_nul >> 2;
}

/// How many bytes come before the first one that special_bytes() found.
constexpr size_t plain_bytes(uint64_t special) { return static_cast<size_t>(std::countr_zero(special)) / 8; }
static_assert(std::endian::native == std::endian::little,
              "the first byte in memory is taken to be the lowest of a word");

/// Less than eight bytes, filled up with spaces, which are plain. Two or three loads that overlap: memcpy() with a size
/// that is not constant is a call.
uint64_t load_padded(const char* from, size_t size) {
  const auto byte = [&](size_t i) { return uint64_t{static_cast<uint8_t>(from[i])} << 8 * i; };
  uint64_t word = kEightSpaces << 8 * size;
  if (size >= 4) {
    uint32_t low, high;
    std::memcpy(&low, from, sizeof(low));
    std::memcpy(&high, from + size - sizeof(high), sizeof(high));
    word |= low | uint64_t{high} << 8 * (size - sizeof(high));
  } else if (size > 0) {
    word |= byte(0) | byte(size / 2) | byte(size - 1);
  }
  return word;
}

/// The letter after the backslash for the control characters that have one.
constexpr std::array<char, 0x20> kShortEscapes = [] {
  std::array<char, 0x20> letters{};
  letters['\b'] = 'b';
  letters['\f'] = 'f';
  letters['\n'] = 'n';
  letters['\r'] = 'r';
  letters['\t'] = 't';
  return letters;
}();

}  // namespace

void JsonWriter::flush() {
  out_.append(buffer_, static_cast<size_t>(cursor_ - buffer_));
  cursor_ = buffer_;
}

void JsonWriter::put_long(std::string_view text) {
  flush();
  out_.append(text);
}

void JsonWriter::put_base64(std::string_view bytes) {
  flush();
  append_base64(out_, bytes);
}

void JsonWriter::put_escaped(std::string_view text) { put_escaped_as<Nul::kEscaped>(text); }

void JsonWriter::put_escaped_list(std::string_view text) { put_escaped_as<Nul::kSpace>(text); }

template <JsonWriter::Nul nul>
void JsonWriter::put_escaped_as(std::string_view text) {
  while (true) {
    text.remove_prefix(put_plain<nul>(text));
    if (text.empty()) return;
    const auto c = static_cast<unsigned char>(text.front());
    if (c >= 0x80) {
      text.remove_prefix(put_not_ascii(text));
    } else if (needs_escape(c) && !(nul == Nul::kSpace && c == 0)) {
      put_escape(c);
      text.remove_prefix(1);
    }  // else put_plain() had no room for more
  }
}

/// Puts the bytes of `text` up to the first special one, or less; returns how many. Eight at a time: looked at and
/// copied at once.
template <JsonWriter::Nul nul>
size_t JsonWriter::put_plain(std::string_view text) {
  const size_t size = std::min(text.size(), kBufferSize - sizeof(uint64_t));
  char* to = reserve(size + sizeof(uint64_t));
  const char* from = text.data();
  const char* const end = from + size;
  for (; end - from >= 8; from += 8, to += 8) {
    uint64_t word;
    std::memcpy(&word, from, sizeof(word));
    if constexpr (nul == Nul::kSpace) word = nuls_to_spaces(word);
    std::memcpy(to, &word, sizeof(word));
    if (const uint64_t special = special_bytes(word); special != 0) {
      const size_t plain = plain_bytes(special);
      commit(to + plain);
      return static_cast<size_t>(from - text.data()) + plain;
    }
  }
  const auto rest = static_cast<size_t>(end - from);
  uint64_t word = load_padded(from, rest);
  if constexpr (nul == Nul::kSpace) word = nuls_to_spaces(word);
  std::memcpy(to, &word, sizeof(word));
  const uint64_t special = special_bytes(word);
  const size_t plain = special != 0 ? plain_bytes(special) : rest;
  commit(to + plain);
  return static_cast<size_t>(from - text.data()) + plain;
}

/// Puts the bytes of `text` up to the first one that needs an escape, invalid UTF-8 replaced; returns how many.
size_t JsonWriter::put_not_ascii(std::string_view text) {
  const auto stop =
      std::find_if(text.begin(), text.end(), [](char c) { return needs_escape(static_cast<unsigned char>(c)); });
  const auto size = static_cast<size_t>(stop - text.begin());
  flush();
  append_valid_utf8(out_, text.substr(0, size));
  return size;
}

void JsonWriter::put_escape(unsigned char c) {
  char* to = reserve(6);
  *to++ = '\\';
  if (c >= 0x20) {
    *to++ = static_cast<char>(c);
  } else if (kShortEscapes[c] != 0) {
    *to++ = kShortEscapes[c];
  } else {
    std::memcpy(to, "u00", 3);
    to[3] = static_cast<char>('0' + (c >> 4));
    to[4] = "0123456789abcdef"[c & 0xf];
    to += 5;
  }
  commit(to);
}

}  // namespace redan::exporting
