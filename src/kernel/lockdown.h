// SPDX-License-Identifier: Apache-2.0
#pragma once
// lockdown=confidentiality: BPF may not read kernel memory by address. Typed loads and reads of user memory stay allowed.

#include <string>
#include <utility>

#include "base/result.h"

namespace redan::kernel {

/// The active mode of /sys/kernel/security/lockdown: "none", "integrity" or "confidentiality"; "none" where the kernel has no lockdown
/// or securityfs is not mounted.
std::string lockdown_mode(const std::string& path = "/sys/kernel/security/lockdown");

/// Whether programs may call bpf_probe_read_kernel(), found out by loading one that does. kPrivilege: no program may be loaded.
Result<bool> kernel_reads_allowed();

/// While it lives, libbpf leaves bpf_probe_read_user() alone in tp_btf programs that it opens and loads. Where
/// bpf_probe_read_kernel() is refused, libbpf takes the kernel for one from before 5.5 and rewrites all reads to the helper of
/// that time, which is refused as well. Only for where kernel_reads_allowed() is false: then the sensor's reads of kernel memory
/// are dead code, so that every rewritten call that the verifier sees is one for user memory.
///
/// libbpf's own handling of such programs is replaced, so the caller sets their attach targets. Not thread-safe (libbpf's
/// table of handlers is global).
class UserReadsKept {
 public:
  static Result<UserReadsKept> make();
  UserReadsKept(UserReadsKept&& other) noexcept : handler_(std::exchange(other.handler_, -1)) {}
  UserReadsKept& operator=(UserReadsKept&&) = delete;
  ~UserReadsKept();

 private:
  explicit UserReadsKept(int handler) : handler_(handler) {}
  int handler_;
};

}  // namespace redan::kernel
