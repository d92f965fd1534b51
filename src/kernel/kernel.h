// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel as the agent sees it: a source of records. libbpf is behind it; tests put a fake in its place.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "abi/record.h"
#include "base/result.h"
#include "event/frame.h"
#include "event/hook.h"

namespace redan::kernel {

/// Called with each record, in ring order. The bytes live until it returns.
using RecordSink = std::function<void(event::Bytes)>;

/// How a hook came to be attached.
enum class HookAttachment : uint8_t { kLsm, kFentry, kFexit, kKprobe, kTracepoint, kRawTracepoint, kKretprobe };

/// "lsm", "fentry", …
std::string_view hook_attachment_name(HookAttachment attachment);

/// What a hook became in this kernel.
struct HookFacts {
  HookAttachment attachment = HookAttachment::kLsm;
  std::string target;                  ///< what the program is attached to; differs from the plan's symbol for LSM
  uint32_t instructions = 0;           ///< after verification
  uint32_t verified_instructions = 0;  ///< that the verifier went through
  uint64_t map_bytes = 0;              ///< of the hook's own maps, as the kernel accounts them
};

struct HookRuns {
  uint64_t count = 0;
  uint64_t nanoseconds = 0;  ///< estimated: one run in 64 of each CPU is timed
  /// Runs that the kernel skipped because the program, or for a kprobe any, was already running on that CPU. Kernels before 6.7
  /// do not count them for kprobes and tracepoints. At a kretprobe, also returns that the kernel had no room to note, and those whose
  /// call was not seen or not kept; before 6.7 they are counted with the thread's next call at the same depth of the stack.
  uint64_t missed = 0;
};

/// A policy's hook in the kernel. Attached by attach(), detached at the latest when it is destroyed; then nothing of it remains in
/// the kernel. Belongs to the kernel's thread.
class Hook {
 public:
  virtual ~Hook() = default;
  /// From here on the hook sends records. Where the kernel does not attach it in the best way, it is loaded for the next one;
  /// facts() tell. kKernel: no way is left; it is not attached.
  virtual Result<void> attach() = 0;
  /// As attach(), and `old`, an attached hook of the same kernel, is not attached any more. Where both are at the same place, at
  /// once: no event is sent by both or by neither. Else this one is attached first. After an error old is as it was.
  virtual Result<void> attach_in_place_of(Hook& old) = 0;
  /// It sends nothing any more; attach() works again.
  virtual void detach() = 0;
  virtual const HookFacts& facts() const = 0;
  virtual redan_hook_counters counters() const = 0;
  virtual Result<HookRuns> runs() const = 0;
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

  /// Loads the program for a policy's hook and fills its sets; not attached yet. kKernel, with the reason: there is no such function,
  /// LSM hook or tracepoint, or the kernel refused the program. kConfig: the plan itself cannot be.
  virtual Result<std::unique_ptr<Hook>> load_hook(const event::HookPlan& plan) = 0;
};

}  // namespace redan::kernel
