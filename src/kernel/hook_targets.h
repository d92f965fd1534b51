// SPDX-License-Identifier: Apache-2.0
#pragma once
// How a hook can be attached in this kernel: the ways that are worth a try, best first.

#include <string>
#include <vector>

#include "event/hook.h"
#include "kernel/hooks.h"
#include "kernel/symbols.h"

namespace redan::kernel {

/// What else decides, looked up once.
struct HookingFacts {
  bool bpf_lsm = false;  ///< "bpf" is among the active security modules
  /// Preemption is full: an fentry program is skipped wherever a task is preempted inside it on the same CPU.
  bool preempt_full = false;

  static HookingFacts look_up();
};

struct HookTarget {
  HookAttachment attachment = HookAttachment::kLsm;
  std::string name;       ///< function, LSM hook, event of a tracepoint
  std::string subsystem;  ///< of a classic tracepoint
  uint8_t parameters = 0;
};

/// Whether the plan needs what the function returned.
bool needs_return(const redan_hook_plan& plan);

/// kKernel: there is none; the message says what is missing.
Result<std::vector<HookTarget>> hook_targets(const event::HookPlan& plan, const KernelSymbols& symbols,
                                             const HookingFacts& facts);

}  // namespace redan::kernel
