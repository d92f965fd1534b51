// SPDX-License-Identifier: Apache-2.0
#pragma once
// Numbers, ranges, addresses and durations as policies write them.

#include <array>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace redan::policy {

/// An integer of up to 64 bits and a sign.
struct Integer {
  bool is_negative = false;
  uint64_t magnitude = 0;

  /// The same number as an I, or nothing if that cannot hold it.
  template <std::integral I>
  std::optional<I> as() const {
    using Limits = std::numeric_limits<I>;
    const auto highest = static_cast<uint64_t>(Limits::max());
    if (!is_negative || magnitude == 0)
      return magnitude <= highest ? std::optional(static_cast<I>(magnitude)) : std::nullopt;
    if (!Limits::is_signed || magnitude > highest + 1) return std::nullopt;
    return static_cast<I>(uint64_t{0} - magnitude);
  }

  /// The bits of the number, sign-extended.
  uint64_t bits() const { return is_negative ? uint64_t{0} - magnitude : magnitude; }
};

/// "12", "-12", "+12", "0x1f", "0b101", "0o17", "017", with single `_` between digits.
std::optional<Integer> parse_integer(std::string_view text);

/// Decimal digits alone, leading zeros and a sign allowed.
std::optional<Integer> parse_decimal(std::string_view text);

/// Both ends of "MIN:MAX", as they are written.
struct RangeText {
  std::string_view low, high;
};
std::optional<RangeText> split_range(std::string_view text);

/// An address and how many of its leading bits count.
struct Cidr {
  bool is_v6 = false;
  uint8_t bits = 0;
  std::array<uint8_t, 16> address{};  ///< IPv4: the first four; bits that do not count are 0
};

/// "192.0.2.1", "192.0.2.0/24", "2001:db8::/32".
std::optional<Cidr> parse_cidr(std::string_view text);

/// Milliseconds of "5", "5s", "5m" or "5h" (either case), at most 2^32 - 1. Nothing if it is none of these.
std::optional<uint32_t> parse_rate_limit(std::string_view text);

/// Without white space at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace redan::policy
