// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>
#include <limits>

namespace redan {
namespace {

/// Nanoseconds of one of the clocks that always exist, so that clock_gettime(2) cannot fail.
int64_t read_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

uint64_t boot_ns() { return static_cast<uint64_t>(read_ns(CLOCK_BOOTTIME)); }

int64_t wall_offset_ns() {
  // A reading takes some 20 ns, so one of a few tries is all but sure not to be interrupted in between.
  constexpr int kTries = 8;
  int64_t smallest_gap = std::numeric_limits<int64_t>::max();
  int64_t offset = 0;
  for (int i = 0; i < kTries; ++i) {
    const int64_t before = read_ns(CLOCK_BOOTTIME);
    const int64_t wall = read_ns(CLOCK_REALTIME);
    const int64_t after = read_ns(CLOCK_BOOTTIME);
    const int64_t gap = after - before;
    if (gap < smallest_gap) {
      smallest_gap = gap;
      offset = wall - (before + gap / 2);
    }
  }
  return offset;
}

}  // namespace redan
