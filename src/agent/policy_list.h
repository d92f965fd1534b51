// SPDX-License-Identifier: Apache-2.0
#pragma once
// What `redan policy list` shows: facts about policies and their hooks at one moment, and the two forms of telling them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "event/hook.h"
#include "kernel/kernel.h"
#include "policy/compile.h"

namespace redan::agent {

struct ListedHook {
  std::string name;  ///< hook_label()
  kernel::HookFacts facts;
  kernel::HookRuns runs;
  redan_hook_counters counters{};
  size_t selectors = 1;  ///< how many of the counters by selector mean something
};

struct ListedPolicy {
  std::string name, state, mode, source;
  std::string asked_mode;  ///< what it would be if this version could enforce
  std::string origin;      ///< option, directory, client
  std::string error;       ///< why it is not in force, or why its file's newer content is not; empty: nothing is wrong
  std::vector<policy::HookStatus> missing;  ///< entries of which the kernel lacks functions
  std::vector<ListedHook> hooks;
};

/// "kprobe/sys_openat", "tracepoint/sched/sched_switch": the section and the name that the user wrote.
std::string hook_label(const event::HookInfo& info);

/// "734 B", "12.3 kB", "4.5 MB": in powers of 1000.
std::string bytes_text(uint64_t bytes);

/// As the reference writes it (12.1).
std::string_view mode_name(policy::PolicyMode mode);

/// A reason why something that a hook should have seen or sent is missing.
struct LossCause {
  std::string_view name;
  uint64_t count;
};
/// All causes with what the hook has counted so far, zeros included; always the same causes in the same order. Rate limits are
/// no losses: they were asked for.
std::vector<LossCause> loss_causes(const redan_hook_counters& counters, const kernel::HookRuns& runs);

/// For people: a line for each policy, and below it a few for each hook.
std::string list_text(std::span<const ListedPolicy> policies);

/// For scripts: {"policies":[…]} with the same facts, one line.
std::string list_json(std::span<const ListedPolicy> policies);

}  // namespace redan::agent
