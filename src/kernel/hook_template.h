// SPDX-License-Identifier: Apache-2.0
#pragma once
// The hook programs as libbpf has relocated them for this kernel, to be loaded any number of times with other maps. libbpf reads the
// kernel's types for each object that it opens, which costs more than all the rest of a hook.

#include <linux/bpf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/kernel.h"

namespace redan::kernel {

/// Whose map it is.
enum class HookMapRole : uint8_t {
  kOwn,             ///< of each hook
  kPlan,            ///< of each hook: .rodata
  kCounters,        ///< of each hook: .data.hook
  kPool,            ///< of all hooks
  kPlace,           ///< of each program at an entry (hook_entries.h)
  kRing,            ///< the sensor's
  kTaskStates,      ///< the sensor's
  kSensorCounters,  ///< the sensor's
  kFollowMarks,     ///< of those who follow the same binaries
  kUnused,          ///< the sensor's, of no use to hooks
};

/// A map as the object declares it.
struct HookMapShape {
  std::string name;
  HookMapRole role = HookMapRole::kOwn;
  uint32_t type = 0;
  uint32_t key_size = 0, value_size = 0, max_entries = 0, flags = 0;
  uint32_t key_type = 0, value_type = 0;  ///< in the object's types
};

/// One relocated program with all its functions.
struct HookProgram {
  struct MapUse {
    uint32_t instruction = 0;  ///< a 64-bit load, whose imm is the map's descriptor
    uint32_t map = 0;          ///< index of HookTemplate::maps
  };
  bpf_prog_type type = BPF_PROG_TYPE_UNSPEC;
  bpf_attach_type attach_type{};
  std::vector<bpf_insn> instructions;
  std::vector<MapUse> map_uses;
  std::vector<std::byte> functions, lines;  ///< func_info, line_info
  uint32_t function_size = 0, line_size = 0;
};

constexpr size_t kHookAttachments = 7;
constexpr size_t kEntryProgram = kHookAttachments;  ///< beside those of HookAttachment: see hook_entries.h

/// A value, immutable after make().
struct HookTemplate {
  std::vector<HookMapShape> maps;
  std::array<HookProgram, kHookAttachments + 1> programs;  ///< by HookAttachment, and kEntryProgram
  std::vector<std::byte> plan;                             ///< .rodata, without a plan
  Fd types;                                                ///< the object's BTF in the kernel

  /// `btf`: file with the kernel's types; empty: the running kernel's own. kPrivilege; kKernel: no types, or too old. Not thread-safe
  /// (libbpf's table of handlers is global).
  static Result<HookTemplate> make(const std::string& btf);
};

}  // namespace redan::kernel
