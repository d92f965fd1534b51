// SPDX-License-Identifier: Apache-2.0
#pragma once
// The two clocks of an event: boot time, which orders events and identifies images, and wall-clock time, which people
// read. Logic takes times as arguments; these functions are for the run loop that owns the time.

#include <cstdint>

namespace redan {

/// Nanoseconds of CLOCK_BOOTTIME, the clock of the sensor's records. Any thread.
uint64_t boot_ns();

/// What to add to boot-time nanoseconds to get nanoseconds since 1970, as of now: it changes when somebody sets the
/// clock. The two clocks cannot be read at once; of several tries the one with the smallest gap counts. Any thread.
int64_t wall_offset_ns();

}  // namespace redan
