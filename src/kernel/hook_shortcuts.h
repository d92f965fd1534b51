// SPDX-License-Identifier: Apache-2.0
#pragma once
// What of a hook's plan can be refuted before its program takes or reads anything dear.

#include "event/hook.h"

namespace redan::kernel {

/// The shortcuts of a plan with its value sets: redan_hook_shortcuts in abi/hook.h says what they mean. Pure.
redan_hook_shortcuts make_shortcuts(const event::HookPlan& plan);

}  // namespace redan::kernel
