// SPDX-License-Identifier: Apache-2.0
#include "policy/numbers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace redan::policy {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// Digits with single underscores between them; `after_prefix`: one may come first, too.
std::optional<uint64_t> parse_digits(std::string_view text, unsigned base, bool underscores, bool after_prefix) {
  uint64_t value = 0;
  bool can_pause = after_prefix, any = false;
  for (char c : text) {
    if (c == '_' && underscores && can_pause) {
      can_pause = false;
      continue;
    }
    const auto digit = static_cast<unsigned>(digit_of(c));
    if (digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
      return std::nullopt;
    can_pause = any = true;
  }
  if (!any || text.ends_with('_')) return std::nullopt;
  return value;
}

bool take_sign(std::string_view& text) {
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  return is_negative;
}

std::optional<Integer> with_sign(bool is_negative, std::optional<uint64_t> magnitude) {
  constexpr uint64_t kLowest = uint64_t{1} << 63;
  if (!magnitude || (is_negative && *magnitude > kLowest)) return std::nullopt;
  return Integer{is_negative && *magnitude != 0, *magnitude};
}

}  // namespace

std::optional<Integer> parse_integer(std::string_view text) {
  const bool is_negative = take_sign(text);
  unsigned base = 10;
  bool has_prefix = false;
  if (text.size() > 1 && text[0] == '0') {
    const char letter = static_cast<char>(text[1] | 0x20);
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
    text.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
    has_prefix = true;
  }
  return with_sign(is_negative, parse_digits(text, base, true, has_prefix));
}

std::optional<Integer> parse_decimal(std::string_view text) {
  const bool is_negative = take_sign(text);
  return with_sign(is_negative, parse_digits(text, 10, false, false));
}

std::optional<RangeText> split_range(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return RangeText{text.substr(0, colon), text.substr(colon + 1)};
}

std::optional<Cidr> parse_cidr(std::string_view text) {
  Cidr cidr;
  std::string address(text.substr(0, text.find('/')));
  if (address.find('\0') != std::string::npos) return std::nullopt;
  cidr.is_v6 = address.find(':') != std::string::npos;
  if (::inet_pton(cidr.is_v6 ? AF_INET6 : AF_INET, address.c_str(), cidr.address.data()) != 1) return std::nullopt;
  const unsigned most = cidr.is_v6 ? 128 : 32;
  unsigned bits = most;
  if (address.size() != text.size()) {
    const auto written = parse_digits(text.substr(address.size() + 1), 10, false, false);
    const bool has_zero = text.substr(address.size() + 1).size() > 1 && text[address.size() + 1] == '0';
    if (!written || *written > most || has_zero) return std::nullopt;
    bits = static_cast<unsigned>(*written);
  }
  cidr.bits = static_cast<uint8_t>(bits);
  for (unsigned bit = bits; bit < 128; ++bit)
    cidr.address[bit / 8] = static_cast<uint8_t>(cidr.address[bit / 8] & ~(0x80U >> (bit % 8)));
  return cidr;
}

std::optional<uint32_t> parse_rate_limit(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t unit = 1000;
  const char letter = static_cast<char>(text.back() | 0x20);
  if (letter == 's' || letter == 'm' || letter == 'h') {
    unit *= letter == 's' ? 1 : letter == 'm' ? 60 : 3600;
    text.remove_suffix(1);
  }
  const auto number = parse_digits(text, 10, false, false);
  if (!number) return std::nullopt;
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::min(kMost, *number > kMost ? kMost : *number * unit));
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

}  // namespace redan::policy
