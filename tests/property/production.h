// SPDX-License-Identifier: Apache-2.0
#pragma once
// A compiled hook, run by the production matching headers on the host.

#include "property/trial.h"

namespace redan::test {

/// Loads a plan; there is one at a time.
class ProductionHook {
 public:
  /// With the shortcuts that the loader derives, or by the plan alone.
  explicit ProductionHook(const event::HookPlan& plan, bool with_shortcuts = true);

  /// One call of `hook`, from which the plan was compiled.
  Verdict run(const policy::Hook& hook, const policy::Observation& call);

 private:
  event::HookPlan plan_;
};

}  // namespace redan::test
