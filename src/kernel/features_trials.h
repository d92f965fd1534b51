// SPDX-License-Identifier: Apache-2.0
#pragma once
// Probes that ask the kernel by trying: they load a program of a few instructions, or create a map, and let it go again. A
// name says what is tried. All but try_btf() and look_for_error_injection() use bpf(2).

#include <memory>
#include <string>

#include "base/result.h"
#include "kernel/features.h"

struct btf;

namespace redan::kernel {

/// The types of a kernel.
class KernelTypes {
 public:
  /// From the kernel's BTF, or an ELF file that has it. kRuntime or kPrivilege, with the path.
  static Result<KernelTypes> load(const std::string& path);

  /// The number of the function, or of the tracepoint's type; 0: there is none.
  uint32_t function(const std::string& name) const;
  uint32_t tracepoint(const std::string& name) const;

 private:
  struct Free {
    void operator()(btf* types) const;
  };
  explicit KernelTypes(std::unique_ptr<btf, Free> types) : types_(std::move(types)) {}

  std::unique_ptr<btf, Free> types_;
};

FeatureFinding try_bpf(const ProbeContext& context);
FeatureFinding try_permission(const ProbeContext& context);
FeatureFinding try_btf(const ProbeContext& context);
FeatureFinding try_ring_buffer(const ProbeContext& context);
FeatureFinding try_task_storage(const ProbeContext& context);
FeatureFinding try_hash_without_preallocation(const ProbeContext& context);
FeatureFinding try_bpf_loop(const ProbeContext& context);
FeatureFinding try_ring_dynptr(const ProbeContext& context);
FeatureFinding try_tp_btf(const ProbeContext& context);
FeatureFinding try_task_iterator(const ProbeContext& context);
FeatureFinding try_sensor(const ProbeContext& context);
FeatureFinding try_kernel_reads(const ProbeContext& context);
FeatureFinding try_bpf_lsm(const ProbeContext& context);
FeatureFinding try_sleepable_bpf_lsm(const ProbeContext& context);
FeatureFinding try_kprobe(const ProbeContext& context);
FeatureFinding try_kprobe_multi(const ProbeContext& context);
FeatureFinding try_fentry(const ProbeContext& context);
FeatureFinding try_fmod_ret(const ProbeContext& context);
FeatureFinding try_override_return(const ProbeContext& context);
FeatureFinding look_for_error_injection(const ProbeContext& context);

}  // namespace redan::kernel
