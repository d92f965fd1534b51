// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "policy/filter_compiler.h"
#include "policy/words.h"

namespace redan::policy {

/// An entry of matchArgs or matchReturnArgs with what it looks at.
struct FilterCompiler::Entry {
  const ArgFilter& filter;
  const Slot& slot;
  const OperatorInfo& op;
};

}  // namespace redan::policy
