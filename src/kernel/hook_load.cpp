// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_load.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "kernel/libbpf_messages.h"

namespace redan::kernel {
namespace {

constexpr size_t kVerifierLog = 4u << 20;

/// What stands in place of a load of a map that the plan has no use for. The verifier refuses it if it can be reached.
constexpr int kNoSuchHelper = 0x7ed0'0000;

/// The program's instructions with the maps in it.
std::vector<bpf_insn> with_maps(const HookProgram& program, const std::vector<int>& maps) {
  std::vector<bpf_insn> code = program.instructions;
  for (const HookProgram::MapUse& use : program.map_uses) {
    const int fd = maps[use.map];
    if (fd >= 0) {
      code[use.instruction].imm = fd;
      continue;
    }
    bpf_insn call{};
    call.code = BPF_JMP | BPF_CALL;
    call.imm = kNoSuchHelper + static_cast<int>(use.map);
    code[use.instruction] = code[use.instruction + 1] = call;
  }
  return code;
}

Error refusal(const HookTarget& target, int error_number, std::string_view why) {
  const ErrorCode code = error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel;
  return Error{code,
               fmt::format("the kernel did not take the hook {}/{}: {}{}{}", hook_attachment_name(target.attachment),
                           target.name, why, why.empty() ? "" : ": ", std::strerror(error_number))};
}

}  // namespace

std::string_view hook_attachment_name(HookAttachment attachment) {
  switch (attachment) {
    case HookAttachment::kLsm: return "lsm";
    case HookAttachment::kFentry: return "fentry";
    case HookAttachment::kFexit: return "fexit";
    case HookAttachment::kKprobe: return "kprobe";
    case HookAttachment::kTracepoint: return "tracepoint";
    case HookAttachment::kRawTracepoint: return "raw_tracepoint";
    case HookAttachment::kKretprobe: return "kretprobe";
  }
  return "";
}

Result<LoadTarget> load_target(const HookTarget& target, const KernelSymbols& symbols) {
  const auto at = [&](bpf_prog_type type, bpf_attach_type attach_type,
                      const std::string& function) -> Result<LoadTarget> {
    REDAN_ASSIGN(AttachType found, symbols.attach_type(function));
    return LoadTarget{.type = type, .attach_type = attach_type, .function = std::move(found)};
  };
  switch (target.attachment) {
    case HookAttachment::kLsm: return at(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, fmt::format("bpf_lsm_{}", target.name));
    case HookAttachment::kFentry: return at(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, target.name);
    case HookAttachment::kFexit: return at(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, target.name);
    case HookAttachment::kKprobe:
    case HookAttachment::kKretprobe: return LoadTarget{.type = BPF_PROG_TYPE_KPROBE, .attach_type = {}, .function = {}};
    case HookAttachment::kTracepoint:
      return LoadTarget{.type = BPF_PROG_TYPE_TRACEPOINT, .attach_type = {}, .function = {}};
    case HookAttachment::kRawTracepoint:
      return LoadTarget{.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .attach_type = {}, .function = {}};
  }
  return Error{ErrorCode::kKernel, "a kind of hook that there is not"};
}

/// Once without the verifier's log and the source lines it quotes, which cost more than the check; only what is refused is tried
/// again with them.
Result<Fd> load_program(const HookTemplate& from, size_t index, const HookTarget& target, const LoadTarget& at,
                        const std::vector<int>& maps) {
  const HookProgram& program = from.programs[index];
  const std::vector<bpf_insn> code = with_maps(program, maps);
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = at.attach_type;
  options.attach_btf_id = at.function.id;
  options.attach_btf_obj_fd = static_cast<uint32_t>(std::max(at.function.module.get(), 0));
  options.prog_btf_fd = static_cast<uint32_t>(from.types.get());
  options.func_info = program.functions.data();
  options.func_info_rec_size = program.function_size;
  options.func_info_cnt = static_cast<uint32_t>(program.functions.size() / program.function_size);
  const std::string_view kind = index == kEntryProgram ? "entry" : hook_attachment_name(target.attachment);
  const std::string name = fmt::format("hook_{}", kind).substr(0, 15);
  const auto load = [&] {
    return Fd(::bpf_prog_load(at.type, name.c_str(), "Dual BSD/GPL", code.data(), code.size(), &options));
  };
  Fd fd = load();
  if (fd) return fd;
  int error_number = errno;
  std::vector<char> log(kVerifierLog);
  options.line_info = program.lines.data();
  options.line_info_rec_size = program.line_size;
  options.line_info_cnt = static_cast<uint32_t>(program.lines.size() / program.line_size);
  options.log_buf = log.data();
  options.log_size = static_cast<uint32_t>(log.size());
  options.log_level = 1;
  fd = load();
  if (fd) return fd;
  if (errno != ENOSPC) error_number = errno;
  log.back() = '\0';
  return refusal(target, error_number, verifier_verdict(log.data()));
}

}  // namespace redan::kernel
