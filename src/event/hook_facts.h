// SPDX-License-Identifier: Apache-2.0
#pragma once
// What describes a hook as facts: the text of a frame kFrameHook, so that a recording holds all that its events need.

#include <optional>

#include "event/frame.h"
#include "event/hook.h"

namespace redan::event {

/// parse_hook() makes the same HookInfo of them, whatever its texts hold.
Facts hook_facts(const HookInfo& hook);

/// Nothing if something is missing, or not one of the words that hook_facts() writes. Facts of other names are ignored.
std::optional<HookInfo> parse_hook(const Facts& facts);

}  // namespace redan::event
