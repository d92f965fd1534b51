// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <cstdint>
#include <ctime>

#include <doctest/doctest.h>

namespace redan {

TEST_CASE("boot time does not go back") {
  const uint64_t first = boot_ns();
  const uint64_t second = boot_ns();
  CHECK(first > 0);
  CHECK(second >= first);
}

TEST_CASE("boot time plus the offset is the time of day") {
  // The reading of the wall clock lies between two of the boot clock, however long the scheduler lets the test wait.
  constexpr int64_t kTolerance = 1'000'000;
  const int64_t offset = wall_offset_ns();
  const int64_t before = static_cast<int64_t>(boot_ns()) + offset;
  timespec now{};
  REQUIRE(::clock_gettime(CLOCK_REALTIME, &now) == 0);
  const int64_t wall = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  const int64_t after = static_cast<int64_t>(boot_ns()) + offset;
  CHECK(before - kTolerance <= wall);
  CHECK(wall <= after + kTolerance);
}

}  // namespace redan
