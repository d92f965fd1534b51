// SPDX-License-Identifier: Apache-2.0
#include "agent/options_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace redan::agent {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n\f\v";

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array kSizeUnits = {Unit{"G", 1ULL << 30}, Unit{"M", 1ULL << 20}, Unit{"K", 1ULL << 10}};

// The order matters to format_duration (largest first) and parse_duration (ms before m).
constexpr std::array kPrintedDurations = {
    Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},        Unit{"us", 1'000},         Unit{"ns", 1}};
// Both micro signs that Go takes: U+00B5 and U+03BC.
constexpr std::array kDurationUnits = {
    Unit{"ns", 1},         Unit{"us", 1'000},        Unit{"\u00b5s", 1'000},    Unit{"\u03bcs", 1'000},
    Unit{"ms", 1'000'000}, Unit{"s", 1'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"h", 3'600'000'000'000}};

std::optional<uint64_t> parse_digits(std::string_view text, int base) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const size_t length = static_cast<size_t>(std::ranges::find_if_not(text, is_digit) - text.begin());
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

// Nanoseconds of the digits after the point: "5" of "1.5s" is half a second. In floating point, as Go does it.
uint64_t fraction_of(std::string_view digits, uint64_t unit) {
  double fraction = 0;
  double place = 1;
  for (char c : digits.substr(0, 15)) {
    place *= 10;
    fraction = fraction * 10 + (c - '0');
  }
  return static_cast<uint64_t>(fraction * (static_cast<double>(unit) / place));
}

// One "1.5h" of a duration, taken off the front.
std::optional<uint64_t> take_duration_part(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;

  const size_t name_length = std::min(text.find_first_of("0123456789."), text.size());
  const std::string_view name = text.substr(0, name_length);
  const auto unit = std::ranges::find(kDurationUnits, name, &Unit::name);
  if (unit == kDurationUnits.end()) return std::nullopt;
  text.remove_prefix(name_length);

  const auto count = whole.empty() ? std::optional<uint64_t>(0) : parse_digits(whole, 10);
  uint64_t nanoseconds = 0;
  if (!count || __builtin_mul_overflow(*count, unit->factor, &nanoseconds)) return std::nullopt;
  if (__builtin_add_overflow(nanoseconds, fraction_of(fraction, unit->factor), &nanoseconds)) return std::nullopt;
  return nanoseconds;
}

}  // namespace

std::optional<bool> parse_bool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"true", "1", "t", "T", "True", "TRUE"};
  constexpr std::array<std::string_view, 6> kFalse = {"false", "0", "f", "F", "False", "FALSE"};
  if (std::ranges::find(kTrue, text) != kTrue.end()) return true;
  if (std::ranges::find(kFalse, text) != kFalse.end()) return false;
  return std::nullopt;
}

std::optional<uint64_t> parse_uint(std::string_view text) { return parse_digits(text, 10); }

std::optional<uint64_t> parse_size(std::string_view text) {
  uint64_t factor = 1;
  const auto unit = std::ranges::find_if(kSizeUnits, [&](const Unit& u) { return text.ends_with(u.name); });
  if (unit != kSizeUnits.end()) {
    factor = unit->factor;
    text.remove_suffix(unit->name.size());
  }
  const auto count = parse_digits(text, 10);
  uint64_t bytes = 0;
  if (!count || __builtin_mul_overflow(*count, factor, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;

  uint64_t sum = 0;
  while (!text.empty()) {
    const auto part = take_duration_part(text);
    if (!part || __builtin_add_overflow(sum, *part, &sum)) return std::nullopt;
  }
  if (sum > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  const auto nanoseconds = static_cast<int64_t>(sum);
  return std::chrono::nanoseconds(negative ? -nanoseconds : nanoseconds);
}

std::optional<uint64_t> parse_octal(std::string_view text) {
  if (text.starts_with("0o")) text.remove_prefix(2);
  return parse_digits(text, 8);
}

std::optional<std::vector<std::string>> parse_list(std::string_view text) {
  std::vector<std::string> items;
  bool word_needed = false;  // a comma was read, and no word since
  while (true) {
    const size_t start = text.find_first_not_of(kWhiteSpace);
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    const size_t length = std::min(text.find_first_of(" \t\r\n\f\v,"), text.size());
    if (length == 0) {
      if (word_needed || items.empty()) return std::nullopt;
      word_needed = true;
      text.remove_prefix(1);
      continue;
    }
    items.emplace_back(text.substr(0, length));
    word_needed = false;
    text.remove_prefix(length);
  }
  if (word_needed) return std::nullopt;
  return items;
}

std::string format_bool(bool value) { return value ? "true" : "false"; }

std::string format_size(uint64_t bytes) {
  for (const Unit& unit : kSizeUnits)
    if (bytes != 0 && bytes % unit.factor == 0) return std::to_string(bytes / unit.factor) + std::string(unit.name);
  return std::to_string(bytes);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  if (duration.count() == 0) return "0s";
  std::string text = duration.count() < 0 ? "-" : "";
  // Through unsigned: the smallest int64 has no positive counterpart.
  uint64_t rest = static_cast<uint64_t>(duration.count());
  if (duration.count() < 0) rest = 0 - rest;
  for (const Unit& unit : kPrintedDurations) {
    if (rest < unit.factor) continue;
    text += std::to_string(rest / unit.factor) + std::string(unit.name);
    rest %= unit.factor;
  }
  return text;
}

std::string format_octal(uint64_t mode) {
  std::array<char, 24> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), mode, 8);
  return std::string(digits.data(), result.ptr);
}

std::string format_list(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

std::string_view trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(kWhiteSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kWhiteSpace) - start + 1);
}

}  // namespace redan::agent
