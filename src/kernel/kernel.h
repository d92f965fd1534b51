// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel as the agent sees it: a source of records. libbpf is behind it; tests put a fake in its place.

#include <cstddef>
#include <functional>
#include <vector>

#include "abi/record.h"
#include "base/result.h"
#include "event/frame.h"

namespace redan::kernel {

/// Called with each record, in ring order. The bytes live until it returns.
using RecordSink = std::function<void(event::Bytes)>;

/// A loaded sensor. Belongs to one thread. Decides nothing.
class Kernel {
 public:
  virtual ~Kernel() = default;

  /// Starts the flow of records.
  virtual Result<void> attach() = 0;

  /// Ends it. What is in the ring can still be consumed; the counters are final.
  virtual void detach() = 0;

  /// Hands the records that are in the ring to `sink`, about `most` at the most, and returns how many those were.
  virtual Result<size_t> consume(const RecordSink& sink, size_t most) = 0;

  /// Becomes readable (poll, epoll) when the sensor wakes the consumer as want_wakeup() asked.
  virtual int wakeup_fd() const = 0;

  /// What to be woken by from now on. The sensor looks at it when it submits a record, so after asking for
  /// REDAN_WAKEUP_ANY the ring must be looked at twice, a moment apart, before waiting for ever.
  virtual void want_wakeup(redan_wakeup wish) = 0;

  /// The sensor's counters, as of now.
  virtual redan_counters counters() const = 0;

  /// All processes (thread groups) there are. Costs a system call per few dozen processes.
  virtual Result<std::vector<redan_task>> tasks() = 0;
};

}  // namespace redan::kernel
