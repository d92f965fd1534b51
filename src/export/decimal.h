// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decimal digits. An event holds a few dozen numbers; std::to_chars takes about twice the instructions.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace redan::exporting {

inline constexpr size_t kMaxDigits = 20;  // of 2^64 - 1

/// "00" to "99".
inline constexpr std::array<std::array<char, 2>, 100> kTwoDigits = [] {
  std::array<std::array<char, 2>, 100> table{};
  for (size_t i = 0; i < table.size(); ++i)
    table[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  return table;
}();

/// Writes `number`, which is below 100, with two digits.
inline void write_two_digits(char* to, unsigned number) { std::memcpy(to, kTwoDigits.data() + number, 2); }

/// Writes `number` without leading zeros and returns its end. kMaxDigits bytes are touched, however few digits it has.
template <typename T>
char* write_decimal(char* to, T number) {
  // Backwards into the middle of a buffer; then a copy of fixed size, which may take along what stands behind the
  // digits.
  char text[2 * kMaxDigits];
  char* const end = text + kMaxDigits;
  char* first = end;
  while (number >= 100) {
    first -= 2;
    write_two_digits(first, static_cast<unsigned>(number % 100));
    number /= 100;
  }
  if (number >= 10) {
    first -= 2;
    write_two_digits(first, static_cast<unsigned>(number));
  } else {
    *--first = static_cast<char>('0' + number);
  }
  std::memcpy(to, first, kMaxDigits);
  return to + (end - first);
}

}  // namespace redan::exporting
