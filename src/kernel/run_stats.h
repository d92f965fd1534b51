// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's statistics of BPF programs.

#include "base/fd.h"
#include "base/result.h"

namespace redan::kernel {

/// From here on the kernel counts the runs of all BPF programs and their time, until the descriptor is closed. It costs each run of
/// each program two looks at the clock. kPrivilege: not permitted.
Result<Fd> count_runs();

}  // namespace redan::kernel
