// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_targets.h"

#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

#include <fmt/format.h>

namespace redan::kernel {
namespace {

constexpr std::string_view kSecurityPrefix = "security_";

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool has_word(std::string_view text, std::string_view word, char separator) {
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    if (text.substr(0, end) == word) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

/// debugfs says it where it is mounted; else what the kernel was built with and told (kernel/sched/core.c, preempt_dynamic).
bool preempts_fully() {
  if (const std::string modes = first_line("/sys/kernel/debug/sched/preempt"); !modes.empty()) {
    return modes.find("(full)") != std::string::npos;
  }
  if (has_word(first_line("/proc/cmdline"), "preempt=full", ' ')) return true;
  utsname names{};
  if (::uname(&names) != 0) return false;
  return has_word(names.version, "PREEMPT", ' ') || has_word(names.version, "PREEMPT_RT", ' ');
}

Error no_such(std::string_view what, const event::HookPlan& plan) {
  return Error{ErrorCode::kKernel, fmt::format("this kernel has no {} '{}'", what, plan.symbol)};
}

/// The LSM hook that stands for security_X(): of the same name, with the same parameters. An LSM program is not skipped under
/// preemption, and passes what the modules before it have allowed.
std::optional<HookTarget> lsm_in_place_of(const event::HookPlan& plan, const KernelSymbols& symbols,
                                          const HookingFacts& facts) {
  if (!facts.bpf_lsm || !plan.symbol.starts_with(kSecurityPrefix) || needs_return(plan.program)) return std::nullopt;
  const std::string hook = plan.symbol.substr(kSecurityPrefix.size());
  if (!symbols.has_lsm_hook(hook)) return std::nullopt;
  const std::vector<std::string> own = symbols.signature(plan.symbol);
  if (own.empty() || own != symbols.signature(fmt::format("bpf_lsm_{}", hook))) return std::nullopt;
  return HookTarget{
      .attachment = HookAttachment::kLsm, .name = hook, .parameters = static_cast<uint8_t>(own.size() - 1)};
}

/// Whether a raw tracepoint tells what this classic one does: of raw_syscalls/sys_enter the number is asked for, or nothing. It
/// is a third of the cost, and every system call of every process pays it.
bool has_raw_twin(const event::HookPlan& plan) {
  constexpr uint16_t kNumber = 8;  // its offset in the record
  return plan.info->subsystem == "raw_syscalls" && plan.symbol == "sys_enter" &&
         std::all_of(std::begin(plan.program.args), std::end(plan.program.args), [](const redan_hook_arg& arg) {
           return arg.type == REDAN_ARG_NONE || (arg.source == REDAN_SOURCE_FIELD && arg.offset == kNumber &&
                                                 (arg.type == REDAN_ARG_SYSCALL || arg.type == REDAN_ARG_NUMBER));
         });
}

Result<std::vector<HookTarget>> function_targets(const event::HookPlan& plan, const KernelSymbols& symbols,
                                                 const HookingFacts& facts) {
  std::vector<HookTarget> targets;
  const bool returns = needs_return(plan.program);
  if (plan.info->section == event::HookSection::kKprobes) {
    if (auto lsm = lsm_in_place_of(plan, symbols, facts)) targets.push_back(std::move(*lsm));
  }
  const std::optional<int> parameters = symbols.parameters(plan.symbol);
  if (returns) {
    // On a fully preemptible kernel fexit programs are skipped.
    if (parameters && !facts.preempt_full) {
      targets.push_back(
          {.attachment = HookAttachment::kFexit, .name = plan.symbol, .parameters = static_cast<uint8_t>(*parameters)});
    }
    targets.push_back({.attachment = HookAttachment::kKretprobe, .name = plan.symbol});
    return targets;
  }
  const HookTarget kprobe{.attachment = HookAttachment::kKprobe,
                          .name = plan.symbol,
                          .parameters = static_cast<uint8_t>(parameters.value_or(0))};
  if (parameters && !facts.preempt_full) {
    targets.push_back({.attachment = HookAttachment::kFentry, .name = plan.symbol, .parameters = kprobe.parameters});
  }
  targets.push_back(kprobe);
  return targets;
}

}  // namespace

HookingFacts HookingFacts::look_up() {
  return {.bpf_lsm = has_word(first_line("/sys/kernel/security/lsm"), "bpf", ','), .preempt_full = preempts_fully()};
}

bool needs_return(const redan_hook_plan& plan) {
  return (plan.options & REDAN_HOOK_RETURNS) != 0 ||
         std::any_of(std::begin(plan.args), std::end(plan.args), [](const redan_hook_arg& arg) {
           return arg.type != REDAN_ARG_NONE &&
                  (arg.source == REDAN_SOURCE_RETURN || (arg.options & REDAN_ARG_RETURN_COPY) != 0);
         });
}

Result<std::vector<HookTarget>> hook_targets(const event::HookPlan& plan, const KernelSymbols& symbols,
                                             const HookingFacts& facts) {
  switch (plan.info->section) {
    case event::HookSection::kLsmHooks: {
      if (!symbols.has_lsm_hook(plan.symbol)) return no_such("LSM hook", plan);
      if (!facts.bpf_lsm) {
        return Error{ErrorCode::kKernel, "the BPF LSM is not active: add 'bpf' to lsm= on the kernel's command line"};
      }
      const auto parameters = symbols.parameters(fmt::format("bpf_lsm_{}", plan.symbol)).value_or(0);
      return std::vector<HookTarget>{
          {.attachment = HookAttachment::kLsm, .name = plan.symbol, .parameters = static_cast<uint8_t>(parameters)}};
    }
    case event::HookSection::kTracepoints:
      if (!symbols.tracepoint(plan.info->subsystem, plan.symbol)) return no_such("tracepoint", plan);
      if (has_raw_twin(plan))
        return std::vector<HookTarget>{
            {.attachment = HookAttachment::kRawTracepoint, .name = plan.symbol},
            {.attachment = HookAttachment::kTracepoint, .name = plan.symbol, .subsystem = plan.info->subsystem}};
      return std::vector<HookTarget>{
          {.attachment = HookAttachment::kTracepoint, .name = plan.symbol, .subsystem = plan.info->subsystem}};
    case event::HookSection::kRawTracepoints:
      return std::vector<HookTarget>{{.attachment = HookAttachment::kRawTracepoint, .name = plan.symbol}};
    case event::HookSection::kKprobes:
    case event::HookSection::kFentries: return function_targets(plan, symbols, facts);
  }
  return no_such("hook", plan);
}

}  // namespace redan::kernel
