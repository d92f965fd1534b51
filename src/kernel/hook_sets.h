// SPDX-License-Identifier: Apache-2.0
#pragma once
// The value sets of a hook: how large their maps must be, and what is in them.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "event/hook.h"

namespace redan::kernel {

/// Whether the map of this name is a value set (bpf/lib/hook_sets.h).
bool is_hook_set(std::string_view map);

/// Entries that the set's map needs for the plan; nothing: the plan has no use for it.
std::optional<uint32_t> hook_set_entries(std::string_view map, const event::HookPlan& plan);

/// A piece of a text that is too long for one key, as the program looks it up, and what the next piece's key begins with.
struct TextPiece {
  redan_text_key key{};
  uint32_t next = 0;
};

/// Those of all values of the plan that have more than REDAN_EQUAL_SHORT bytes.
std::vector<TextPiece> text_pieces(const event::HookPlan& plan);

/// Fills the set's map. kConfig: a value is longer than a key.
Result<void> fill_hook_set(std::string_view map, const event::HookPlan& plan, int fd);

}  // namespace redan::kernel
