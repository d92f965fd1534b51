// SPDX-License-Identifier: Apache-2.0
#pragma once
// The results of probing as people and programs read them.

#include <span>
#include <string>

#include "kernel/features.h"

namespace redan::kernel {

/// Which machine the results are about.
struct FeatureMachine {
  std::string release;       ///< uname -r
  std::string architecture;  ///< uname -m
  std::string lockdown;      ///< lockdown_mode()
};

FeatureMachine this_machine(const FeaturePlaces& places);

/// What the verdict comes to, as one sentence.
std::string verdict_text(const SensorVerdict& verdict);

/// A line for the machine, one or a few for each result, one for the verdict.
std::string features_text(const FeatureMachine& machine, std::span<const FeatureResult> results);

/// The same as one JSON object on a line.
std::string features_json(const FeatureMachine& machine, std::span<const FeatureResult> results);

}  // namespace redan::kernel
