// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loads the hooks of policies: for each a program that is specialised by its plan, beside the sensor.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "abi/hook.h"
#include "base/fd.h"
#include "base/result.h"
#include "event/hook.h"

namespace redan::kernel {

/// How a hook came to be attached.
enum class HookAttachment : uint8_t { kLsm, kFentry, kFexit, kKprobe, kTracepoint, kRawTracepoint };

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

/// Counted only while the kernel's statistics of BPF programs are on (sysctl kernel.bpf_stats_enabled), but for `missed`.
struct HookRuns {
  uint64_t count = 0;
  uint64_t nanoseconds = 0;
  uint64_t missed = 0;  ///< runs that the kernel skipped because the program was already running on that CPU
};

/// One hook in the kernel, with maps of its own. Attached by attach(), detached at the latest when it is destroyed; then nothing
/// of it remains in the kernel. Belongs to one thread.
class LoadedHook {
 public:
  ~LoadedHook();
  LoadedHook(const LoadedHook&) = delete;
  LoadedHook& operator=(const LoadedHook&) = delete;

  /// From here on the hook sends records. kKernel: the kernel does not attach it.
  Result<void> attach();
  void detach();

  const HookFacts& facts() const;
  redan_hook_counters counters() const;
  Result<HookRuns> runs() const;

 private:
  friend class HookLoader;
  struct State;
  explicit LoadedHook(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

/// What hooks take from the sensor. The descriptors are only looked at while a hook is loaded.
struct SensorParts {
  int ring = -1;         ///< process_ring
  int task_states = -1;  ///< task_states
  int counters = -1;     ///< the map behind redan_counters
  uint64_t ring_bytes = 0;
  redan_settings settings{};
  std::string btf;  ///< as BpfKernelOptions.btf
};

/// Makes hooks that share the sensor's maps, and pools of their own. Outlives none of them: each stands by itself. Belongs to one
/// thread.
class HookLoader {
 public:
  /// kPrivilege, kKernel: there is no BTF.
  static Result<std::unique_ptr<HookLoader>> make(const SensorParts& sensor);
  ~HookLoader();

  /// Loads the program for a plan and fills its sets; not attached yet. kKernel, with the reason: there is no such function, LSM
  /// hook or tracepoint, or the kernel refused the program. kConfig: the plan itself cannot be.
  Result<std::unique_ptr<LoadedHook>> load(const event::HookPlan& plan);

 private:
  struct State;
  explicit HookLoader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace redan::kernel
