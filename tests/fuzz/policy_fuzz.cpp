// SPDX-License-Identifier: Apache-2.0
// Any bytes as a policy: no crash, no leak, a reason for each refusal, and the same answer with and without a kernel.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/compile.h"
#include "policy/lint.h"
#include "unit/policy/fake_kernel_facts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace redan::policy;
  const Parsed parsed = parse_document({reinterpret_cast<const char*>(data), size});
  if (!parsed.document) {
    if (parsed.diagnostics.empty()) std::abort();
    return 0;
  }
  FakeKernelFacts kernel;
  kernel.has_everything = true;
  kernel.traceable = {"ksys_read", "vfs_write", "do_sys_openat2"};
  kernel.tracepoints["raw_syscalls/sys_enter"] = sys_enter_fields();
  const auto policy = compile(*parsed.document, kernel);
  if (!policy && policy.error().message.empty()) std::abort();
  const auto offline = check(*parsed.document);
  for (const Diagnostic& diagnostic : offline)
    if (policy && diagnostic.severity == Severity::kError) std::abort();
  (void)lint(*parsed.document);
  return 0;
}
