// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_stub.h"

#include <algorithm>
#include <vector>

#include <bpf/bpf.h>

#include "kernel/instruction.h"

namespace redan::kernel {
namespace {

constexpr uint32_t kOnly = 0;
constexpr int16_t kNumber = 8;  ///< where sys_enter has the call's number: the second argument

/// Leaves the stub if the call's bit in the map is not set. The registers that the tail call needs are r1 alone.
std::vector<bpf_insn> turn_away(int called) {
  std::vector<bpf_insn> code = {
      instruction(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_2, BPF_REG_1, 0),
      instruction(BPF_JMP | BPF_JGE | BPF_K, BPF_REG_2, 0, REDAN_BITSET_NUMBERS),
      instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_3, BPF_PSEUDO_MAP_VALUE, called),
      instruction(0, 0, 0, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_0, BPF_REG_2, 0),
      instruction(BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_0, 0, 6),
      instruction(BPF_ALU64 | BPF_LSH | BPF_K, BPF_REG_0, 0, 3),
      instruction(BPF_ALU64 | BPF_ADD | BPF_X, BPF_REG_3, BPF_REG_0, 0),
      instruction(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_0, BPF_REG_3, 0),
      instruction(BPF_ALU64 | BPF_RSH | BPF_X, BPF_REG_0, BPF_REG_2, 0),
      instruction(BPF_JMP | BPF_JSET | BPF_K, BPF_REG_0, 0, 1),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
  };
  code[0].off = kNumber;
  code[1].off = static_cast<int16_t>(code.size() - 2);  // behind all of it
  code[10].off = 2;
  return code;
}

/// bpf_tail_call(ctx, first, 0); return 0. With a constant index the JIT makes a direct jump of it.
std::vector<bpf_insn> jump_to(int first) {
  return {
      instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD, first),
      instruction(0, 0, 0, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0),
      instruction(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_tail_call),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
  };
}

}  // namespace

Result<HookStub> HookStub::load(const LoadTarget& target, bool is_sys_enter) {
  HookStub stub;
  stub.first.reset(::bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "hook_first", 4, 4, 1, nullptr));
  if (!stub.first) return errno_error("make a map for hooks");
  std::vector<bpf_insn> code;
  if (is_sys_enter) {
    stub.called.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "hook_called", 4, sizeof(SystemCalls), 1, nullptr));
    if (!stub.called) return errno_error("make a map for hooks");
    code = turn_away(stub.called.get());
  }
  const std::vector<bpf_insn> jump = jump_to(stub.first.get());
  code.insert(code.end(), jump.begin(), jump.end());
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = target.attach_type;
  options.attach_btf_id = target.function.id;
  options.attach_btf_obj_fd = static_cast<uint32_t>(std::max(target.function.module.get(), 0));
  stub.program.reset(::bpf_prog_load(target.type, "hook_stub", "Dual BSD/GPL", code.data(), code.size(), &options));
  if (!stub.program) return errno_error("load a stub for hooks");
  return stub;
}

Result<void> HookStub::call_for(const SystemCalls& calls) const {
  if (!called || ::bpf_map_update_elem(called.get(), &kOnly, calls.data(), BPF_ANY) == 0) return {};
  return errno_error("name the system calls that hooks ask for");
}

}  // namespace redan::kernel
