// SPDX-License-Identifier: Apache-2.0
#include "agent/attach_hooks.h"

#include <fmt/format.h>

namespace redan::agent {
namespace {

bool is_same_place(const event::HookPlan& one, const event::HookPlan& other) {
  return one.symbol == other.symbol && one.info->section == other.info->section &&
         one.info->subsystem == other.info->subsystem;
}

/// For each hook of `now` the one that it replaces, each once; null where there is none.
std::vector<kernel::Hook*> predecessors(const HooksOfPolicy& now, const HooksOfPolicy& before) {
  std::vector<kernel::Hook*> found(now.hooks.size(), nullptr);
  std::vector<bool> is_taken(before.hooks.size(), false);
  for (size_t i = 0; i < now.hooks.size(); ++i) {
    for (size_t k = 0; k < before.hooks.size() && found[i] == nullptr; ++k) {
      if (is_taken[k] || !is_same_place(now.plans[i], before.plans[k])) continue;
      is_taken[k] = true;
      found[i] = before.hooks[k].get();
    }
  }
  return found;
}

/// The hook gives its place back, or just goes.
Result<void> undo(kernel::Hook& hook, kernel::Hook* predecessor) {
  if (predecessor != nullptr) return predecessor->attach_in_place_of(hook);
  hook.detach();
  return {};
}

}  // namespace

Result<void> attach_hooks(const HooksOfPolicy& now, const HooksOfPolicy& before) {
  const std::vector<kernel::Hook*> old = predecessors(now, before);
  for (size_t i = 0; i < now.hooks.size(); ++i) {
    const Result<void> done = old[i] == nullptr ? now.hooks[i]->attach() : now.hooks[i]->attach_in_place_of(*old[i]);
    if (done) continue;
    Error error = done.error();
    while (i-- > 0) {
      if (const Result<void> back = undo(*now.hooks[i], old[i]); !back) {
        error.message += fmt::format("; the hook before is gone, too: {}", back.error().message);
      }
    }
    return error;
  }
  return {};
}

}  // namespace redan::agent
