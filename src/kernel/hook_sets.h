// SPDX-License-Identifier: Apache-2.0
#pragma once
// The value sets of a hook: how large their maps must be, and what is in them.

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "event/hook.h"

namespace redan::kernel {

/// Whether the map of this name is a value set (bpf/lib/hook_sets.h).
bool is_hook_set(std::string_view map);

/// Entries that the set's map needs for the plan; nothing: the plan has no use for it.
std::optional<uint32_t> hook_set_entries(std::string_view map, const event::HookPlan& plan);

/// Fills the set's map. kConfig: a value is longer than a key.
Result<void> fill_hook_set(std::string_view map, const event::HookPlan& plan, int fd);

}  // namespace redan::kernel
