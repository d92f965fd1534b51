// SPDX-License-Identifier: Apache-2.0
#pragma once
// From a policy's document to the plans of its hooks.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/hook.h"
#include "policy/document.h"
#include "policy/kernel_facts.h"

namespace redan::policy {

/// kMonitorOnly: the policy has no action that could be enforced.
enum class PolicyMode : uint8_t { kEnforce, kMonitor, kMonitorOnly };

/// What became of an entry of a hook section.
enum class HookState : uint8_t { kLoaded, kCallNotFound, kPartialCallNotFound };
struct HookStatus {
  Section section = Section::kKprobes;
  size_t index = 0;  ///< in its section
  HookState state = HookState::kLoaded;
  std::string description;  ///< which symbols the kernel lacks; empty if loaded
};

/// spec.options; of an option that is given several times the last one counts.
struct PolicyOptions {
  bool disable_kprobe_multi = false;
  bool disable_uprobe_multi = false;
  std::string override_method;          ///< fmod-ret, override-return or empty
  std::optional<PolicyMode> mode;       ///< kEnforce or kMonitor
  uint64_t sleepable_preload_size = 0;  ///< 0: not given
};

/// A compiled policy: plain values, nothing of the document is referred to.
struct Policy {
  std::string name;
  std::string ns;
  PolicyKind kind = PolicyKind::kCluster;
  /// What happens. Nothing is enforced yet: kMonitor where asked_mode is kEnforce.
  PolicyMode mode = PolicyMode::kMonitorOnly;
  PolicyMode asked_mode = PolicyMode::kMonitorOnly;
  PolicyOptions options;
  std::vector<event::HookPlan> hooks;  ///< in the order of the policy; several for a list
  std::vector<Diagnostic> warnings;
  std::vector<HookStatus> statuses;  ///< one for each entry of a hook section
};

struct CompileOptions {
  uint32_t first_id = 1;        ///< id of the first hook; the others follow
  std::string file = "policy";  ///< for the text of errors
};

/// Compiles a policy for a kernel. Errors: kConfig, one line "FILE:LINE:COLUMN: error: PATH: …" for each thing that is wrong
/// with the policy or that this kernel or Redan cannot do.
Result<Policy> compile(const Document& document, const KernelFacts& kernel, const CompileOptions& options = {});

/// What can be said about a policy without a kernel: all errors and warnings of compile() but those about functions, hooks,
/// tracepoints and their arguments.
std::vector<Diagnostic> check(const Document& document);

}  // namespace redan::policy
