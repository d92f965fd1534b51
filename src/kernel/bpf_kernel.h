// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sensor on the running kernel, through libbpf.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/hooks.h"
#include "kernel/kernel.h"

namespace redan::kernel {

struct BpfKernelOptions {
  uint64_t ring_bytes = 8u << 20;  ///< a power of two and a multiple of the page size
  uint32_t args_max = REDAN_ARGS_MAX;
  bool environment = false;
  std::string btf;  ///< file with the kernel's types; empty: /sys/kernel/btf/vmlinux
};

/// What a program of the sensor became in this kernel.
struct ProgramFacts {
  std::string name;
  uint32_t verified_instructions;  ///< that the verifier went through
  uint32_t instructions;           ///< after verification
};

class BpfKernel final : public Kernel {
 public:
  /// Opens, sizes and loads the sensor; nothing is attached yet. kKernel: the kernel lacks something, named in the message;
  /// kPrivilege: bpf(2) is not permitted.
  static Result<std::unique_ptr<BpfKernel>> load(const BpfKernelOptions& options);

  ~BpfKernel() override;

  Result<void> attach() override;
  void detach() override;
  Result<size_t> consume(const RecordSink& sink, size_t most) override;
  int wakeup_fd() const override;
  void want_wakeup(redan_wakeup wish) override;
  redan_counters counters() const override;
  Result<std::vector<redan_task>> tasks() override;
  Result<std::unique_ptr<Hook>> load_hook(const event::HookPlan& plan) override;

  /// False under lockdown=confidentiality: strings in kernel memory cannot be read.
  bool kernel_reads() const;
  Result<std::vector<ProgramFacts>> programs() const;

  /// A loader of hooks that send to the same ring.
  Result<std::unique_ptr<HookLoader>> make_hook_loader() const;

 private:
  struct State;
  explicit BpfKernel(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace redan::kernel
