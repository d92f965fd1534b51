// SPDX-License-Identifier: Apache-2.0
#include "kernel/features.h"

#include <algorithm>

#include <fmt/format.h>

#include "kernel/features_files.h"
#include "kernel/features_trials.h"

namespace redan::kernel {
namespace {

using enum FeatureNeed;

constexpr std::string_view kPermission = "permission";
constexpr std::string_view kBtf = "btf";
constexpr std::string_view kSensor = "sensor";

using Names = std::array<std::string_view, 2>;
constexpr Names kNothing = {"", ""};
constexpr Names kAfterBpf = {"bpf", ""};
constexpr Names kAfterPermission = {kPermission, ""};
constexpr Names kAfterBtf = {kBtf, ""};
constexpr Names kAfterBoth = {kPermission, kBtf};

constexpr std::array kFeatures = {
    Feature{.name = "bpf",
            .need = kRequired,
            .probe = try_bpf,
            .after = kNothing,
            .used_for = "the sensor, which consists of BPF programs",
            .without = "nothing is seen"},
    Feature{.name = kPermission,
            .need = kRequired,
            .probe = try_permission,
            .after = kAfterBpf,
            .used_for = "loading BPF programs",
            .without = "nothing is seen"},
    Feature{.name = kBtf,
            .need = kRequired,
            .probe = try_btf,
            .after = kNothing,
            .used_for = "finding the fields of this kernel's structs",
            .without = "no program fits the kernel"},
    Feature{.name = "ring-buffer",
            .need = kRequired,
            .probe = try_ring_buffer,
            .after = kAfterPermission,
            .used_for = "bringing records to the agent in order",
            .without = "no record reaches the agent"},
    Feature{.name = "task-storage",
            .need = kRequired,
            .probe = try_task_storage,
            .after = kAfterPermission,
            .used_for = "keeping what is known of a process with the process",
            .without = "processes get mixed up when pids are reused"},
    Feature{.name = "hash-no-prealloc",
            .need = kRequired,
            .probe = try_hash_without_preallocation,
            .after = kAfterPermission,
            .used_for = "processes that outlive their first thread",
            .without = "their identity is lost"},
    Feature{.name = "bpf-loop",
            .need = kRequired,
            .probe = try_bpf_loop,
            .after = kAfterPermission,
            .used_for = "whole paths and argument lists",
            .without = "both would be cut short"},
    Feature{.name = "ring-dynptr",
            .need = kRequired,
            .probe = try_ring_dynptr,
            .after = kAfterPermission,
            .used_for = "records no larger than what is in them",
            .without = "the ring overflows early"},
    Feature{.name = "tp-btf",
            .need = kRequired,
            .probe = try_tp_btf,
            .after = kAfterBoth,
            .used_for = "seeing every exec, fork and exit",
            .without = "nothing is seen"},
    Feature{.name = "task-iterator",
            .need = kRequired,
            .probe = try_task_iterator,
            .after = kAfterBoth,
            .used_for = "the processes that were there before, and healing after a loss",
            .without = "parents are missing"},
    Feature{.name = kSensor,
            .need = kRequired,
            .probe = try_sensor,
            .after = kAfterPermission,
            .used_for = "events of every process start and end",
            .without = "there are none"},
    Feature{.name = "kernel-reads",
            .need = kOptional,
            .probe = try_kernel_reads,
            .after = kAfterPermission,
            .used_for = "working directories and cgroup names",
            .without = "events lack both; binary and arguments stay"},
    Feature{.name = "cgroup-v2",
            .need = kOptional,
            .probe = look_for_cgroup2,
            .after = kNothing,
            .used_for = "telling containers apart",
            .without = "every process seems to be in the root cgroup"},
    Feature{.name = "bpf-lsm",
            .need = kPolicies,
            .probe = try_bpf_lsm,
            .after = kAfterPermission,
            .used_for = "watching and denying file, socket, credential and module operations",
            .without = "kprobes on the same functions watch, but cannot deny"},
    Feature{.name = "bpf-lsm-sleepable",
            .need = kPolicies,
            .probe = try_sleepable_bpf_lsm,
            .after = kAfterPermission,
            .used_for = "reading user memory that is not resident, before deciding",
            .without = "such arguments count as unknown"},
    Feature{.name = "kprobe",
            .need = kPolicies,
            .probe = try_kprobe,
            .after = kAfterPermission,
            .used_for = "policies on any kernel function",
            .without = "policies see LSM hooks and tracepoints only"},
    Feature{.name = "kprobe-multi",
            .need = kPolicies,
            .probe = try_kprobe_multi,
            .after = kAfterPermission,
            .used_for = "policies on many kernel functions at once",
            .without = "a kprobe for each function, which costs more to attach and at each call"},
    Feature{.name = "fentry",
            .need = kPolicies,
            .probe = try_fentry,
            .after = kAfterPermission,
            .used_for = "observing kernel functions at a third of a kprobe's cost",
            .without = "kprobes do it"},
    Feature{.name = "fmod-ret",
            .need = kPolicies,
            .probe = try_fmod_ret,
            .after = kAfterPermission,
            .used_for = "best-effort denying where BPF LSM is off",
            .without = "one rung of the ladder is missing"},
    Feature{.name = "override-return",
            .need = kPolicies,
            .probe = try_override_return,
            .after = kAfterPermission,
            .used_for = "Override actions on system calls",
            .without = "an LSM hook that the same call passes returns the error, where there is one"},
    Feature{.name = "error-injection",
            .need = kInformation,
            .probe = look_for_error_injection,
            .after = kAfterBtf,
            .used_for = "the list of functions that override-return may be applied to",
            .without = "no function is on it"},
    Feature{
        .name = "limited-preemption",
        .need = kInformation,
        .probe = look_for_limited_preemption,
        .after = kNothing,
        .used_for = "letting fentry programs see every call",
        .without = "calls are skipped while another task is preempted in the program; LSM and kprobe programs serve"},
};

const FeatureResult* find_result(std::span<const FeatureResult> results, std::string_view name) {
  const auto found = std::ranges::find(results, name, &FeatureResult::name);
  return found == results.end() ? nullptr : &*found;
}

FeatureState state_of(std::span<const FeatureResult> results, std::string_view name) {
  const FeatureResult* result = find_result(results, name);
  return result == nullptr ? FeatureState::kUnknown : result->state;
}

/// A name that stands in a row's `after` must be that of a row above.
constexpr bool in_order(std::span<const Feature> table) {
  for (size_t i = 0; i < table.size(); ++i) {
    for (const std::string_view name : table[i].after) {
      size_t above = 0;
      while (above < i && table[above].name != name) ++above;
      if (!name.empty() && above == i) return false;
    }
  }
  return true;
}
static_assert(in_order(kFeatures));

}  // namespace

std::span<const Feature> features() { return kFeatures; }

const Feature* find_feature(std::string_view name) {
  const auto found = std::ranges::find(kFeatures, name, &Feature::name);
  return found == kFeatures.end() ? nullptr : &*found;
}

std::vector<FeatureResult> probe_features(const FeaturePlaces& places, std::span<const Feature> table) {
  const auto types = KernelTypes::load(own_btf(places));
  const ProbeContext context{.places = places, .types = types ? &*types : nullptr};
  std::vector<FeatureResult> results;
  for (const Feature& feature : table) {
    const auto missing = std::ranges::find_if(feature.after, [&](std::string_view name) {
      return !name.empty() && state_of(results, name) != FeatureState::kYes;
    });
    if (missing != feature.after.end()) {
      results.push_back({feature.name, FeatureState::kUnknown, fmt::format("not tried: needs {}", *missing)});
      continue;
    }
    FeatureFinding finding = feature.probe(context);
    results.push_back({feature.name, finding.state, std::move(finding.detail), std::move(finding.programs)});
  }
  return results;
}

SensorVerdict sensor_verdict(std::span<const FeatureResult> results) {
  if (state_of(results, kSensor) == FeatureState::kYes) return {.runs = true, .missing = {}};
  SensorVerdict verdict;
  verdict.permitted = state_of(results, kPermission) != FeatureState::kNo;
  for (const FeatureResult& result : results) {
    const Feature* feature = find_feature(result.name);
    const bool required = feature != nullptr && feature->need == kRequired && result.name != kSensor;
    if (!required || result.state != FeatureState::kNo) continue;
    if (verdict.missing.empty()) verdict.why = result.detail;
    verdict.missing.push_back(feature->name);
  }
  if (!verdict.missing.empty()) return verdict;
  const FeatureResult* sensor = find_result(results, kSensor);
  verdict.why = sensor == nullptr ? "it was not tried" : sensor->detail;
  return verdict;
}

}  // namespace redan::kernel
