// SPDX-License-Identifier: Apache-2.0
#pragma once
// A compiled hook, run by the production matching headers on the host.

#include <optional>
#include <vector>

#include "event/hook.h"
#include "policy/document.h"
#include "policy/evaluate.h"

namespace redan::test {

/// What a run of a hook came to.
struct Verdict {
  std::optional<size_t> selector;  ///< the one that matched at the entry
  bool is_posted = false;

  bool operator==(const Verdict&) const = default;
};

/// The same by the letter of the policy.
Verdict expected_verdict(const policy::Document& document, const policy::Hook& hook, const policy::Observation& call);

/// Loads a plan; there is one at a time.
class ProductionHook {
 public:
  explicit ProductionHook(const event::HookPlan& plan);

  /// One call of `hook`, from which the plan was compiled.
  Verdict run(const policy::Hook& hook, const policy::Observation& call);

  /// Bytes of the record that the last run sent; none if it sent none.
  static std::vector<std::byte> record();

 private:
  event::HookPlan plan_;
};

}  // namespace redan::test
