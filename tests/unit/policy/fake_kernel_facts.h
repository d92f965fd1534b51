// SPDX-License-Identifier: Apache-2.0
#pragma once
// A kernel that has what a test says it has.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "policy/kernel_facts.h"

namespace redan::policy {

class FakeKernelFacts : public KernelFacts {
 public:
  std::map<std::string, std::vector<std::string>, std::less<>>
      functions;  ///< types of parameters and, last, of the result
  std::set<std::string, std::less<>> lsm_hooks;
  std::map<std::string, std::vector<TracepointField>, std::less<>> tracepoints;  ///< by "SUBSYSTEM/EVENT"
  std::vector<std::string> traceable;
  redan_namespaces namespaces{{1, 2, 3, 4, 4, 6, 7, 7, 9, 10}};
  bool has_everything = false;  ///< functions of six parameters that fit any type

  std::optional<int> parameters(std::string_view function) const override {
    const auto found = functions.find(function);
    if (found != functions.end()) return static_cast<int>(found->second.size()) - 1;
    return has_everything ? std::optional(6) : std::nullopt;
  }
  std::vector<std::string> signature(std::string_view function) const override {
    const auto found = functions.find(function);
    return found == functions.end() ? std::vector<std::string>{} : found->second;
  }
  bool has_lsm_hook(std::string_view hook) const override { return has_everything || lsm_hooks.contains(hook); }
  std::optional<std::vector<TracepointField>> tracepoint(std::string_view subsystem,
                                                         std::string_view event) const override {
    const auto found = tracepoints.find(std::string(subsystem) + "/" + std::string(event));
    if (found == tracepoints.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> traceable_functions() const override { return traceable; }
  std::vector<std::string> all_functions() const override { return traceable; }
  redan_namespaces host_namespaces() const override { return namespaces; }
};

/// The fields that every tracepoint has, and those of raw_syscalls/sys_enter.
inline std::vector<TracepointField> sys_enter_fields() {
  return {{"unsigned short", "common_type", 0, 2, false},
          {"unsigned char", "common_flags", 2, 1, false},
          {"unsigned char", "common_preempt_count", 3, 1, false},
          {"int", "common_pid", 4, 4, true},
          {"long", "id", 8, 8, true},
          {"unsigned long", "args[6]", 16, 48, false}};
}

}  // namespace redan::policy
