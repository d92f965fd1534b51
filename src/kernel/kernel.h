// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel as the agent sees it: a source of records. libbpf is behind it; tests put a fake in its place.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "abi/record.h"
#include "base/result.h"
#include "event/frame.h"
#include "event/hook.h"

namespace redan::kernel {

/// Called with each record, in ring order. The bytes live until it returns.
using RecordSink = std::function<void(event::Bytes)>;

/// What a policy's hook became in this kernel, and what it has done.
struct HookFacts {
  std::string attached_as;            ///< "LSM", "fentry", …
  uint32_t instructions = 0;          ///< after verification
  uint32_t verified_instructions = 0;  ///< that the verifier went through
  uint64_t memory = 0;                ///< bytes of the program and its own maps
  uint64_t runs = 0, run_ns = 0;      ///< 0 while the kernel's statistics are off (kernel.bpf_stats_enabled)
  redan_hook_counters counters{};
};

/// A policy's hook in the kernel; it is attached for as long as this lives. Belongs to the kernel's thread, goes before it.
class Hook {
 public:
  virtual ~Hook() = default;
  virtual Result<HookFacts> facts() const = 0;
};

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

  /// Loads and attaches a policy's hook. kKernel: the kernel lacks or refuses something, in one line; nothing is left behind.
  virtual Result<std::unique_ptr<Hook>> attach_hook(const event::HookPlan& plan) = 0;
};

}  // namespace redan::kernel
