// SPDX-License-Identifier: Apache-2.0
#pragma once
// Wall-clock time as text.

#include <cstddef>
#include <cstdint>

namespace redan::exporting {

/// Writes instants as RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction, e.g. 2026-08-21T09:14:02.512345678Z (API
/// reference 2.1). Remembers the second that it wrote last, because the times of one event are mostly of one second.
/// Not thread-safe.
class TimestampText {
 public:
  static constexpr size_t kMaxSize = 30;

  /// Writes `wall_ns`, nanoseconds since 1970 and perhaps negative, to `to`, where kMaxSize bytes are free; returns its
  /// end.
  char* write(int64_t wall_ns, char* to);

 private:
  static constexpr size_t kSecondSize = 19;  // up to the seconds

  void write_second(int64_t second);

  int64_t second_ = INT64_MIN;  // no instant is in that second
  char text_[kSecondSize];      // of second_
};

}  // namespace redan::exporting
