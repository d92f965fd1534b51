// SPDX-License-Identifier: Apache-2.0
#pragma once
// Programs that are written instruction by instruction, because no object of ours holds them.

#include <linux/bpf.h>

#include <cstdint>

namespace redan::kernel {

/// One instruction (kernel's Documentation/bpf/standardization/instruction-set.rst) without an offset.
constexpr bpf_insn instruction(uint8_t code, uint8_t dst, uint8_t src, int32_t imm) {
  bpf_insn insn{};
  insn.code = code;
  insn.dst_reg = dst & 0xf;
  insn.src_reg = src & 0xf;
  insn.imm = imm;
  return insn;
}

}  // namespace redan::kernel
