// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where lines go.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace redan::exporting {

/// What a write came to.
struct WriteResult {
  size_t written = 0;          ///< bytes that are there for good and must not be written again
  std::optional<Error> error;  ///< why it was not all: path, reason, and what to do
  bool gone = false;           ///< with an error: whoever read this has left, trying again is useless
};

/// What opening a place for lines came to.
struct OpenReport {
  bool created = false;     ///< it was not there before
  uint64_t torn_bytes = 0;  ///< size of a line's beginning that a predecessor had left at the end, and that was cut off
};

/// A place for lines. Used by one thread at a time.
class LineSink {
 public:
  virtual ~LineSink() = default;

  /// Writes as much of `lines` as it can, and waits for that as long as it takes. `lines` is whole lines, each ended by
  /// a line feed, or what a former call left of them. After an error the caller comes back with the rest.
  virtual WriteResult write(std::string_view lines) = 0;

  /// Opens the place again under its name, after a rotation. After an error it is still what it was.
  virtual Result<OpenReport> reopen() = 0;
};

}  // namespace redan::exporting
