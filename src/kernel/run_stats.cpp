// SPDX-License-Identifier: Apache-2.0
#include "kernel/run_stats.h"

#include <bpf/bpf.h>

namespace redan::kernel {

Result<Fd> count_runs() {
  Fd fd(::bpf_enable_stats(BPF_STATS_RUN_TIME));
  if (!fd) return errno_error("have the kernel count the runs of BPF programs");
  return fd;
}

}  // namespace redan::kernel
