// SPDX-License-Identifier: Apache-2.0
#pragma once
// The lowest level of the JSON encoder: text pieces, escaped strings and numbers, quickly.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "export/decimal.h"

namespace redan::exporting {

/// Puts pieces of JSON together in a buffer of its own and hands them to a string in large steps.
///
/// Growing a std::string piece by piece costs about twenty instructions per piece, and a line has a hundred of them. So
/// the pieces go to a fixed buffer; it is emptied into the string when it is full and by finish(). Knows nothing of
/// commas.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out), cursor_(buffer_) {}
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  /// Puts a literal as it is.
  template <size_t N>
  void put(const char (&literal)[N]) {
    static_assert(N - 1 <= kBufferSize);
    reserve(N - 1);
    std::memcpy(cursor_, literal, N - 1);
    cursor_ += N - 1;
  }

  /// Puts text that needs no escaping.
  void put(std::string_view text) {
    if (text.size() > kBufferSize) return put_long(text);
    reserve(text.size());
    std::memcpy(cursor_, text.data(), text.size());
    cursor_ += text.size();
  }

  void put(char c) {
    reserve(1);
    *cursor_++ = c;
  }

  /// Puts a number in decimal.
  template <std::unsigned_integral T>
  void put(T number) {
    reserve(kMaxDigits);
    cursor_ = write_decimal(cursor_, number);
  }

  template <std::signed_integral T>
  void put(T number) {
    const auto magnitude = static_cast<std::make_unsigned_t<T>>(number);
    if (number < 0) put('-');
    put(number < 0 ? static_cast<std::make_unsigned_t<T>>(0 - magnitude) : magnitude);
  }

  /// Puts all 16 hexadecimal digits.
  void put_hex(uint64_t number) {
    reserve(16);
    for (int shift = 60; shift >= 0; shift -= 4) *cursor_++ = "0123456789abcdef"[number >> shift & 0xf];
  }

  /// Puts bytes as base64, without quotes.
  void put_base64(std::string_view bytes);

  /// Puts the inside of a JSON string: `"`, `\` and control characters escaped, runs of invalid UTF-8 replaced by
  /// U+FFFD.
  void put_escaped(std::string_view text);

  /// The same with NULs as spaces.
  void put_escaped_list(std::string_view text);

  /// Puts `text` as a JSON string, quotes included.
  void put_string(std::string_view text) {
    put('"');
    put_escaped(text);
    put('"');
  }

  /// Where `size` (at most kBufferSize) bytes may be written; commit() says how far that went.
  char* reserve(size_t size) {
    if (static_cast<size_t>(buffer_ + kBufferSize - cursor_) < size) flush();
    return cursor_;
  }
  void commit(char* end) { cursor_ = end; }

  /// Takes back what was written since `mark`, a result of reserve() with enough room for all of it.
  void rewind(char* mark) { cursor_ = mark; }

  /// Hands over what is still in the buffer.
  void finish() { flush(); }

  static constexpr size_t kBufferSize = 4096;

 private:
  enum class Nul { kEscaped, kSpace };

  void flush();
  void put_long(std::string_view text);
  template <Nul nul>
  void put_escaped_as(std::string_view text);
  template <Nul nul>
  size_t put_plain(std::string_view text);
  size_t put_not_ascii(std::string_view text);
  void put_escape(unsigned char c);

  std::string& out_;
  char* cursor_;
  char buffer_[kBufferSize];
};

}  // namespace redan::exporting
