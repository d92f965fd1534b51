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
#include "kernel/kernel.h"

namespace redan::kernel {

struct HookingFacts;

/// One hook in the kernel, with maps of its own. The loader must outlive it. Belongs to one thread.
class LoadedHook final : public Hook {
 public:
  ~LoadedHook() override;
  LoadedHook(const LoadedHook&) = delete;
  LoadedHook& operator=(const LoadedHook&) = delete;

  Result<void> attach() override;
  Result<void> attach_in_place_of(Hook& old) override;
  void detach() override;

  const HookFacts& facts() const override;
  redan_hook_counters counters() const override;
  Result<HookRuns> runs() const override;

  /// Descriptor of the program, which the hook keeps: for BPF_PROG_TEST_RUN, which raw tracepoints have.
  int program_fd() const;

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

/// Makes hooks that share the sensor's maps, pools of their own, and the places where they are attached; outlives them. The first
/// hook is dearer than others: libbpf relocates the programs for this kernel then. Belongs to one thread.
class HookLoader {
 public:
  /// kPrivilege, kKernel: there is no BTF.
  static Result<std::unique_ptr<HookLoader>> make(const SensorParts& sensor);
  ~HookLoader();

  /// Loads the program for a plan and fills its sets; not attached yet. kKernel, with the reason: there is no such function, LSM
  /// hook or tracepoint, or the kernel refused the program. kConfig: the plan itself cannot be.
  Result<std::unique_ptr<LoadedHook>> load(const event::HookPlan& plan);

  /// Hooks that are loaded from now on are attached as on a kernel of which this is true.
  void assume(const HookingFacts& facts);

 private:
  friend class LoadedHook;
  struct State;
  explicit HookLoader(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace redan::kernel
