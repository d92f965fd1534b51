// SPDX-License-Identifier: Apache-2.0
#pragma once
// Loads one program of the template with the maps that it is to have.

#include <cstddef>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/hook_targets.h"
#include "kernel/hook_template.h"
#include "kernel/symbols.h"

namespace redan::kernel {

/// What names the target of a program when it is loaded; of a stub as of a hook.
struct LoadTarget {
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  bpf_attach_type attach_type{};
  AttachType function;  ///< LSM, fentry, fexit
};

/// kKernel: no such function.
Result<LoadTarget> load_target(const HookTarget& target, const KernelSymbols& symbols);

/// `index`: of HookTemplate::programs. `maps`: descriptors by index of HookTemplate::maps; -1: the program has no use for it. kPrivilege;
/// kKernel, with the verifier's verdict: the kernel refused it.
Result<Fd> load_program(const HookTemplate& from, size_t index, const HookTarget& target, const LoadTarget& at,
                        const std::vector<int>& maps);

}  // namespace redan::kernel
