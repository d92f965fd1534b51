// SPDX-License-Identifier: Apache-2.0
#pragma once
// The value sets of a hook: how large their maps must be, and what is in them.

#include "base/result.h"
#include "event/hook.h"

struct hook;

namespace redan::kernel {

/// Sizes the maps of an opened skeleton for the plan; those that it has no use for are left out.
void size_hook_sets(const event::HookPlan& plan, hook& skeleton);

/// Fills the maps of a loaded skeleton. kConfig: a value is longer than a key.
Result<void> fill_hook_sets(const event::HookPlan& plan, hook& skeleton);

}  // namespace redan::kernel
