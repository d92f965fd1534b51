// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the language has and Redan does not have yet: one table, so that what becomes possible is one row less.

#include <cstdint>
#include <string>

#include "policy/diagnostic.h"

namespace redan::policy {

enum class Feature : uint8_t {
  kUprobes,
  kUsdts,
  kLoader,
  kNamespaced,
  kPodSelector,
  kContainerSelector,
  kMatchWorkloads,
  kData,
  kResolve,
  kParentBinaries,
  kCelExpr,
  kSubString,
  kGetUrl,
  kDnsLookup,
  kSet,
  kStackTrace,
  kImaHash,
};

/// Reports that a policy asks for `feature`: what it is, and what can be done.
void not_supported(Diagnostics& diagnostics, const Place& place, Feature feature);

}  // namespace redan::policy
