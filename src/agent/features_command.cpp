// SPDX-License-Identifier: Apache-2.0
// `redan features`: probe, print, and say by the exit code whether the sensor runs.
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "agent/commands.h"
#include "agent/print.h"
#include "kernel/features.h"
#include "kernel/features_report.h"

namespace redan::agent {
namespace {

Result<void> as_result(const kernel::SensorVerdict& verdict) {
  if (verdict.runs) return {};
  if (!verdict.permitted) {
    return Error{ErrorCode::kPrivilege,
                 "not permitted to load BPF programs: run as root or with CAP_BPF and CAP_PERFMON"};
  }
  std::string missing;
  if (!verdict.missing.empty()) missing = fmt::format("missing {}: ", fmt::join(verdict.missing, ", "));
  return Error{ErrorCode::kKernel, fmt::format("the sensor cannot run on this kernel: {}{}", missing, verdict.why)};
}

}  // namespace

Result<void> run_features(const FeaturesCommand& command) {
  const kernel::FeaturePlaces places{.procfs = command.options.procfs, .btf = command.options.btf};
  const kernel::FeatureMachine machine = kernel::this_machine(places);
  const auto results = kernel::probe_features(places);
  REDAN_TRY(print(command.json ? kernel::features_json(machine, results) : kernel::features_text(machine, results)));
  return as_result(kernel::sensor_verdict(results));
}

}  // namespace redan::agent
