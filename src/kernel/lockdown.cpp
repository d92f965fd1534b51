// SPDX-License-Identifier: Apache-2.0
#include "kernel/lockdown.h"

#include <linux/bpf.h>

#include <array>
#include <fstream>
#include <iterator>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/fd.h"
#include "kernel/instruction.h"

namespace redan::kernel {
namespace {

bool is_helper_call(const bpf_insn& insn) { return insn.code == (BPF_JMP | BPF_CALL) && insn.src_reg == 0; }

/// The reverse of what libbpf's bpf_object__sanitize_prog() did; its callback of a section, run after that.
int restore_user_reads(bpf_program* program, bpf_prog_load_opts*, long) {
  const bpf_insn* begin = ::bpf_program__insns(program);
  std::vector<bpf_insn> insns(begin, begin + ::bpf_program__insn_cnt(program));
  for (bpf_insn& insn : insns) {
    if (!is_helper_call(insn)) continue;
    if (insn.imm == BPF_FUNC_probe_read) insn.imm = BPF_FUNC_probe_read_user;
    if (insn.imm == BPF_FUNC_probe_read_str) insn.imm = BPF_FUNC_probe_read_user_str;
  }
  return ::bpf_program__set_insns(program, insns.data(), insns.size());
}

}  // namespace

std::string lockdown_mode(const std::string& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t open = text.find('[');
  const size_t close = text.find(']', open);
  if (open == std::string::npos || close == std::string::npos) return "none";
  return text.substr(open + 1, close - open - 1);
}

Result<bool> kernel_reads_allowed() {
  // r1 = r10 - 8, r2 = 8, r3 = 0; call; r0 = 0; exit
  const std::array insns = {
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_10, 0),
      instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, -8),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 8),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0),
      instruction(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_probe_read_kernel),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
  };
  const Fd with(
      ::bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "redan_probe", "GPL", insns.data(), insns.size(), nullptr));
  if (with) return true;
  const Fd without(::bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "redan_probe", "GPL", insns.data() + 5, 2, nullptr));
  if (without) return false;
  Error error = errno_error("cannot load a BPF program");
  if (error.code == ErrorCode::kPrivilege) error.message += "; run as root, or with CAP_BPF and CAP_PERFMON";
  return error;
}

Result<UserReadsKept> UserReadsKept::make() {
  libbpf_prog_handler_opts options{};
  options.sz = sizeof(options);
  options.prog_prepare_load_fn = restore_user_reads;
  const int handler = ::libbpf_register_prog_handler("tp_btf/", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, &options);
  if (handler < 0) return errno_error("libbpf_register_prog_handler", -handler);
  return UserReadsKept(handler);
}

UserReadsKept::~UserReadsKept() {
  if (handler_ >= 0) ::libbpf_unregister_prog_handler(handler_);
}

}  // namespace redan::kernel
