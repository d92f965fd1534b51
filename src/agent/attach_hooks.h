// SPDX-License-Identifier: Apache-2.0
#pragma once
// Puts the hooks of a policy in force, in place of those of the policy that it replaces.

#include <memory>
#include <vector>

#include "base/result.h"
#include "event/hook.h"
#include "kernel/kernel.h"

namespace redan::agent {

/// A policy's plans and, in their order, the hooks that were loaded for them: as many, or none (a policy that is not in force).
struct HooksOfPolicy {
  const std::vector<event::HookPlan>& plans;
  const std::vector<std::unique_ptr<kernel::Hook>>& hooks;
};

/// Attaches all of `now`. One that has a predecessor at the same place in `before` takes that one's place; whoever calls detaches
/// the rest of `before` afterwards. If one cannot be attached, none is, and all of `before` are in force as they were; an error that
/// even that failed says so.
Result<void> attach_hooks(const HooksOfPolicy& now, const HooksOfPolicy& before);

}  // namespace redan::agent
