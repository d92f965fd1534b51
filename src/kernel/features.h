// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the running kernel can do, of all that Redan uses or will use: one table, and how to find out. Nothing is attached,
// and nothing on the machine changes.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/bpf_kernel.h"

namespace redan::kernel {

enum class FeatureState { kNo, kYes, kUnknown };

/// Who needs a feature.
enum class FeatureNeed {
  kRequired,     ///< the sensor: it does not run without
  kOptional,     ///< the sensor, which runs without but sees less
  kPolicies,     ///< policies, later
  kInformation,  ///< nobody by itself; decides how other features are used
};

/// Where the probes look; a tree of files takes the kernel's place in tests.
struct FeaturePlaces {
  std::string sysfs = "/sys";
  std::string procfs = "/proc";
  std::string btf;  ///< file with the kernel's types; empty: the one in sysfs
};

/// What one probe found out.
struct FeatureFinding {
  FeatureState state = FeatureState::kUnknown;
  std::string detail;                  ///< one line: why not, and what to do; or which. Often empty
  std::vector<ProgramFacts> programs;  ///< of the sensor alone

  static FeatureFinding yes(std::string detail = "") { return {FeatureState::kYes, std::move(detail), {}}; }
  static FeatureFinding no(std::string detail) { return {FeatureState::kNo, std::move(detail), {}}; }
  static FeatureFinding unknown(std::string detail) { return {FeatureState::kUnknown, std::move(detail), {}}; }
};

class KernelTypes;

/// What a probe gets to see.
struct ProbeContext {
  const FeaturePlaces& places;
  const KernelTypes* types;  ///< of the kernel itself, whatever file was given; null: it has none
};

/// One row of the table.
struct Feature {
  std::string_view name;
  FeatureNeed need;
  FeatureFinding (*probe)(const ProbeContext& context);
  std::array<std::string_view, 2>
      after;                  ///< features above that must be there for the probe to say anything; may be empty
  std::string_view used_for;  ///< goes on after "used for"
  std::string_view without;   ///< goes on after "without it:"
};

/// The table, in the order of probing.
std::span<const Feature> features();

/// The row of that name; null if there is none.
const Feature* find_feature(std::string_view name);

struct FeatureResult {
  std::string_view name;
  FeatureState state;
  std::string detail = "";
  std::vector<ProgramFacts> programs = {};
};

/// Probes the rows of `table` in their order; one result for each.
std::vector<FeatureResult> probe_features(const FeaturePlaces& places, std::span<const Feature> table = features());

/// Whether the sensor runs, and if not, why.
struct SensorVerdict {
  bool runs = false;
  bool permitted = true;                  ///< false: nobody knows, for the caller may not load BPF programs
  std::vector<std::string_view> missing;  ///< required features; of those that depend on each other the first
  std::string why;  ///< what is wrong with the first of them, or with the sensor if none is missing

  friend bool operator==(const SensorVerdict&, const SensorVerdict&) = default;
};

/// The verdict on the results of probe_features(). That the sensor was loaded outweighs all other results.
SensorVerdict sensor_verdict(std::span<const FeatureResult> results);

}  // namespace redan::kernel
