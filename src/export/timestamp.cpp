// SPDX-License-Identifier: Apache-2.0
#include "export/timestamp.h"

#include <chrono>
#include <cstring>

#include "export/decimal.h"

namespace redan::exporting {
namespace {

/// Writes a number below 1000 with three digits.
void put_three(char* to, unsigned number) {
  *to = static_cast<char>('0' + number / 100);
  write_two_digits(to + 1, number % 100);
}

}  // namespace

char* TimestampText::write(int64_t wall_ns, char* to) {
  constexpr int64_t kPerSecond = 1'000'000'000;
  // Rounded down, also before 1970.
  int64_t second = wall_ns / kPerSecond;
  int64_t rest = wall_ns % kPerSecond;
  if (rest < 0) {
    --second;
    rest += kPerSecond;
  }
  if (second != second_) write_second(second);
  std::memcpy(to, text_, kSecondSize);
  to += kSecondSize;

  if (const auto ns = static_cast<unsigned>(rest); ns != 0) {
    *to++ = '.';
    put_three(to, ns / 1'000'000);
    to += 3;
    if (ns % 1'000'000 != 0) {
      put_three(to, ns / 1000 % 1000);
      to += 3;
      if (ns % 1000 != 0) {
        put_three(to, ns % 1000);
        to += 3;
      }
    }
  }
  *to++ = 'Z';
  return to;
}

void TimestampText::write_second(int64_t second) {
  using std::chrono::days, std::chrono::seconds;
  const std::chrono::sys_seconds instant{seconds(second)};
  const auto day = std::chrono::floor<days>(instant);
  const std::chrono::year_month_day date(day);
  const auto time = static_cast<unsigned>((instant - day).count());
  // 1677 to 2262: what 64 bits of nanoseconds hold.
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::memcpy(text_, "0000-00-00T00:00:00", kSecondSize);
  write_two_digits(text_, year / 100);
  write_two_digits(text_ + 2, year % 100);
  write_two_digits(text_ + 5, static_cast<unsigned>(date.month()));
  write_two_digits(text_ + 8, static_cast<unsigned>(date.day()));
  write_two_digits(text_ + 11, time / 3600);
  write_two_digits(text_ + 14, time / 60 % 60);
  write_two_digits(text_ + 17, time % 60);
  second_ = second;
}

}  // namespace redan::exporting
