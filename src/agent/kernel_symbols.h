// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the policy compiler asks of the kernel, answered by the kernel's symbols. The two layers do not know each other.

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kernel/kernel.h"
#include "kernel/symbols.h"
#include "policy/kernel_facts.h"

namespace redan::agent {

class SymbolFacts final : public policy::KernelFacts {
 public:
  SymbolFacts(kernel::KernelSymbols symbols, const redan_namespaces& host)
      : symbols_(std::move(symbols)), host_(host) {}

  std::optional<int> parameters(std::string_view function) const override { return symbols_.parameters(function); }
  std::vector<std::string> signature(std::string_view function) const override { return symbols_.signature(function); }
  bool has_lsm_hook(std::string_view hook) const override { return symbols_.has_lsm_hook(hook); }
  std::optional<std::vector<policy::TracepointField>> tracepoint(std::string_view subsystem,
                                                                 std::string_view event) const override;
  std::vector<std::string> traceable_functions() const override { return symbols_.traceable_functions(); }
  std::vector<std::string> all_functions() const override { return symbols_.all_functions(); }
  redan_namespaces host_namespaces() const override { return host_; }

 private:
  kernel::KernelSymbols symbols_;
  redan_namespaces host_;
};

/// The namespaces that the kernel started with. kKernel: the task iterator lists neither pid 1 nor pid 2.
Result<redan_namespaces> host_namespaces(kernel::Kernel& kernel);

}  // namespace redan::agent
