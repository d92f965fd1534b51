// SPDX-License-Identifier: Apache-2.0
#pragma once
// A generated policy on its way to a plan, and what its letter says of a call.

#include <optional>
#include <string>

#include "event/hook.h"
#include "policy/document.h"
#include "policy/evaluate.h"
#include "policy/kernel_facts.h"

namespace redan::test {

/// A policy of one hook.
struct Trial {
  std::string text;
  policy::Document document;
  event::HookPlan plan;

  const policy::Hook& hook() const;
};

/// Parses and compiles a policy. What a generator makes must be accepted: if not, the test fails.
Trial make_trial(std::string text, const policy::KernelFacts& kernel);

/// What a run of a hook came to.
struct Verdict {
  std::optional<size_t> selector;  ///< the one that matched at the entry
  bool is_posted = false;

  bool operator==(const Verdict&) const = default;
};

/// By the letter of the policy.
Verdict expected_verdict(const Trial& trial, const policy::Observation& call);

/// By what the hook has counted in between, which must be one run.
Verdict counted_verdict(const redan_hook_counters& before, const redan_hook_counters& after);

/// "selector 1, posted"
std::string in_words(const Verdict& verdict);

/// The number in an environment variable, which need not be there.
uint64_t number_from_environment(const char* name, uint64_t otherwise);

}  // namespace redan::test
