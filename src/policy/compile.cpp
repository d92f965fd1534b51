// SPDX-License-Identifier: Apache-2.0
#include "policy/compile.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/quote.h"
#include "policy/go_quote.h"
#include "policy/hook_compiler.h"
#include "policy/lists.h"
#include "policy/macros.h"
#include "policy/syscalls.h"
#include "policy/words.h"

namespace redan::policy {
namespace {

constexpr size_t kLongestMessage = 256;
constexpr size_t kShortestText = 2;
constexpr size_t kMostTags = 16;
constexpr size_t kLongestTag = 128;

// A plan has eight kilobytes, and each member of a value set a place in a map of the kernel.
constexpr size_t kMostHooks = 4096;
constexpr size_t kMostMembers = 1U << 20;

event::HookSection event_section(const Hook& hook) {
  switch (hook.section) {
    case Section::kFentries: return event::HookSection::kFentries;
    case Section::kTracepoints:
      return *hook.raw ? event::HookSection::kRawTracepoints : event::HookSection::kTracepoints;
    case Section::kLsmHooks: return event::HookSection::kLsmHooks;
    case Section::kKprobes:
    case Section::kUprobes:
    case Section::kUsdts: break;
  }
  return event::HookSection::kKprobes;
}

// One policy on its way from document to plans.
class PolicyCompiler {
 public:
  PolicyCompiler(const CompileContext& context, uint32_t first_id) : context_(context), next_id_(first_id) {}

  Policy run() {
    const Document& document = context_.document;
    policy_.name = *document.metadata.name;
    policy_.ns = *document.metadata.ns;
    policy_.kind = *document.kind;
    policy_.options = check_policy(context_);
    set_mode();
    for (Section section : {Section::kKprobes, Section::kFentries, Section::kTracepoints, Section::kLsmHooks}) {
      const std::vector<Hook>& hooks = document.spec.hooks(section);
      for (size_t i = 0; i < hooks.size(); ++i) hook(hooks[i], i);
    }
    return std::move(policy_);
  }

 private:
  void error(const Place& place, std::string message) { context_.diagnostics.error(place, std::move(message)); }
  void warning(const Place& place, std::string message) { context_.diagnostics.warning(place, std::move(message)); }

  void set_mode() {
    const auto enforces = [](const std::vector<Action>& actions) {
      return std::ranges::any_of(actions, [](const Action& action) { return is_enforcement(*action.action); });
    };
    const Spec& spec = context_.document.spec;
    bool any = false;
    for (Section section :
         {Section::kKprobes, Section::kTracepoints, Section::kLsmHooks, Section::kUprobes, Section::kUsdts})
      for (const Hook& hook : spec.hooks(section))
        for (const Selector& selector : hook.selectors)
          any = any || enforces(selector.actions) || (*hook.returns && enforces(selector.return_actions));
    if (any) {
      policy_.asked_mode = policy_.options.mode.value_or(PolicyMode::kEnforce);
      policy_.mode = PolicyMode::kMonitor;
    } else if (policy_.options.mode) {
      warning(spec.options.back().place, "the policy has no action to enforce, so its mode is monitor_only");
    }
  }

  void hook(const Hook& hook, size_t index) {
    check_hook(hook);
    HookStatus status{.section = hook.section, .index = index};
    std::vector<std::string> missing;
    size_t found = 0;
    for (const Target& target : targets(hook, missing)) {
      ++found;
      policy_.hooks.push_back(plan(hook, target));
      const event::HookPlan& last = policy_.hooks.back();
      members_ += last.texts.size() + last.prefixes.size() + last.postfixes.size() + last.numbers.size() +
                  last.addresses.size();
      if (members_ <= kMostMembers) continue;
      error(hook.place, "more than " + std::to_string(kMostMembers) +
                            " values, those of each function of a list counted, allowed: so many in a policy");
      break;
    }
    // What has nothing to be attached to is checked all the same.
    if (found == 0) {
      (void)plan(hook, {.symbol = *hook.call, .name = *hook.call, .is_syscall = *hook.syscall});
      --next_id_;
    }
    if (!missing.empty()) {
      status.state = found == 0 ? HookState::kCallNotFound : HookState::kPartialCallNotFound;
      for (const std::string& symbol : missing)
        status.description += (status.description.empty() ? "not found: " : ", ") + symbol;
    }
    policy_.statuses.push_back(std::move(status));
  }

  void check_hook(const Hook& hook) {
    struct Required {
      Section section;
      Text Hook::*text;
    };
    constexpr std::array kRequired = {
        Required{Section::kKprobes, &Hook::call}, Required{Section::kFentries, &Hook::call},
        Required{Section::kTracepoints, &Hook::subsystem}, Required{Section::kTracepoints, &Hook::event},
        Required{Section::kLsmHooks, &Hook::hook}};
    for (const Required& required : kRequired)
      if (required.section == hook.section && (hook.*required.text).value.empty())
        error((hook.*required.text).place, "found nothing, allowed: a name");
    check_text(hook.message, "a message");
    if (hook.message.value.size() > kLongestMessage)
      warning(hook.message.place, "is longer than 256 bytes; the rest is cut off");
    if (hook.tags.size() > kMostTags)
      error(hook.tags[kMostTags].place, "found " + std::to_string(hook.tags.size()) + " tags, allowed: 16");
    for (const Text& tag : hook.tags) {
      if (tag.value.empty()) error(tag.place, "found nothing, allowed: a tag of at least 2 bytes");
      check_text(tag, "a tag");
      if (tag.value.size() > kLongestTag) warning(tag.place, "is longer than 128 bytes; the rest is cut off");
    }
  }

  void check_text(const Text& text, std::string_view what) {
    if (!text.value.empty() && text.value.size() < kShortestText)
      error(text.place, "found " + in_quotes(*text) + ", allowed: " + std::string(what) + " of at least 2 bytes");
  }

  // What a hook is attached to. Symbols that the kernel lacks are reported, or kept in `missing` where that is allowed.
  std::vector<Target> targets(const Hook& hook, std::vector<std::string>& missing) {
    switch (hook.section) {
      case Section::kTracepoints: return tracepoint(hook);
      case Section::kLsmHooks: return lsm_hook(hook);
      case Section::kKprobes:
      case Section::kFentries: break;
      case Section::kUprobes:
      case Section::kUsdts: return {};
    }
    return functions(hook, missing);
  }

  bool is_syscall(const Hook& hook, const List* list) const {
    return *hook.syscall ||
           (list && (*list->type == ListType::kSyscalls || *list->type == ListType::kGeneratedSyscalls));
  }

  std::vector<Target> functions(const Hook& hook, std::vector<std::string>& missing) {
    const List* list = find_list(context_.document, hook.call, context_.diagnostics);
    if (!list && is_list_name(*hook.call)) return {};
    std::vector<ListMember> members = {{*hook.call, std::nullopt}};
    if (list) members = list_members(*list, context_.kernel);
    // Without the kernel a generated list is not known.
    if (list && members.empty() &&
        (context_.kernel || *list->type == ListType::kPlain || *list->type == ListType::kSyscalls))
      warning(hook.call.place, "the list has no members, so nothing is hooked");
    if (policy_.hooks.size() + members.size() > kMostHooks) {
      error(hook.call.place, "found " + std::to_string(members.size()) +
                                 " functions, allowed: " + std::to_string(kMostHooks) + " hooks in a policy");
      return {};
    }
    std::vector<Target> found;
    for (const ListMember& member : members) {
      Target target{.symbol = member.symbol, .name = member.symbol, .is_syscall = is_syscall(hook, list)};
      const bool needs_prefix = target.is_syscall && !has_syscall_prefix(member.symbol);
      if (needs_prefix) target.symbol = target.name = std::string(kX64Prefix) + member.symbol;
      target.is_i386 = target.symbol.starts_with(kI386Prefix);
      if (*hook.syscall && target.symbol.starts_with(kArm64Prefix))
        warning(hook.call.place, in_quotes(target.symbol) + " is a system call of another architecture");
      if (context_.kernel) target.parameters = context_.kernel->parameters(target.symbol);
      if (!context_.kernel || target.parameters || is_function(target.symbol))
        found.push_back(std::move(target));
      else if (hook.ignore && *hook.ignore->call_not_found)
        missing.push_back(target.symbol);
      else
        not_found(hook, member.symbol, target.symbol);
    }
    return found;
  }

  /// Of some functions BTF has nothing: those whose parameters are not used, second names of others (system calls without parameters).
  bool is_function(const std::string& symbol) {
    if (!functions_) functions_ = context_.kernel->all_functions();
    return std::ranges::binary_search(*functions_, symbol);
  }

  void not_found(const Hook& hook, const std::string& written, const std::string& symbol) {
    std::string what = "the kernel has no function " + in_quotes(symbol);
    const bool was_prefixed = written != symbol;
    if (was_prefixed && !written.starts_with("sys_") &&
        context_.kernel->parameters(std::string(kX64Prefix) + "sys_" + written))
      what += "; did you mean 'sys_" + written + "'?";
    else if (was_prefixed && context_.kernel->parameters(written))
      what += ", but " + in_quotes(written) + "; for a function that is no system call write syscall: false";
    else if (context_.kernel->parameters(std::string(kX64Prefix) + written))
      what += ", but the system call; write syscall: true";
    else
      what += "; where it may be missing, write ignore: {callNotFound: true}";
    error(hook.call.place, what);
  }

  std::vector<Target> tracepoint(const Hook& hook) {
    Target target{.symbol = *hook.event, .name = *hook.event};
    if (!context_.kernel) return {target};
    if (*hook.raw) {
      // The function behind a raw tracepoint has a pointer before the arguments.
      if (const auto count = context_.kernel->parameters("__bpf_trace_" + *hook.event); count && *count > 0)
        target.parameters = *count - 1;
      return {target};
    }
    target.fields = context_.kernel->tracepoint(*hook.subsystem, *hook.event);
    if (target.fields) return {target};
    error(hook.event.place, "the kernel has no tracepoint " + in_quotes(*hook.subsystem + "/" + *hook.event) +
                                "; see /sys/kernel/tracing/events");
    return {};
  }

  std::vector<Target> lsm_hook(const Hook& hook) {
    Target target{.symbol = *hook.hook, .name = *hook.hook};
    if (!context_.kernel) return {target};
    if (!context_.kernel->has_lsm_hook(*hook.hook)) {
      std::string_view name = *hook.hook;
      for (std::string_view prefix : {"security_", "bpf_lsm_"})
        if (name.starts_with(prefix)) name.remove_prefix(prefix.size());
      const bool is_near = name != *hook.hook && context_.kernel->has_lsm_hook(name);
      error(hook.hook.place, "the kernel has no LSM hook " + in_quotes(*hook.hook) +
                                 (is_near ? "; did you mean '" + std::string(name) + "'?" : ""));
      return {};
    }
    target.parameters = context_.kernel->parameters("bpf_lsm_" + *hook.hook);
    return {target};
  }

  event::HookPlan plan(const Hook& hook, const Target& target) {
    auto info = std::make_shared<event::HookInfo>();
    event::HookPlan plan;
    plan.symbol = target.symbol;
    plan.syscall = target.is_syscall;
    plan.may_be_missing = hook.ignore && *hook.ignore->call_not_found;
    plan.program.id = info->id = next_id_++;
    info->section = event_section(hook);
    info->name = target.name;
    info->subsystem = *hook.subsystem;
    info->policy = policy_.name;
    info->message = go_quoted(std::string_view(*hook.message).substr(0, kLongestMessage));
    for (const Text& tag : hook.tags) info->tags.push_back(go_quoted(std::string_view(*tag).substr(0, kLongestTag)));
    const Slots slots = compile_args(context_, hook, target, plan, *info);
    set_return_action(hook, slots, plan);
    compile_selectors(context_, hook, slots, plan);
    plan.info = std::move(info);
    return plan;
  }

  void set_return_action(const Hook& hook, const Slots& slots, event::HookPlan& plan) {
    struct Row {
      std::string_view name;
      uint32_t option;
    };
    constexpr std::array kRows = {Row{"tracksock", REDAN_HOOK_TRACK_RETURN},
                                  Row{"untracksock", REDAN_HOOK_UNTRACK_RETURN}};
    if (hook.return_arg_action.value.empty()) return;
    std::string name = *hook.return_arg_action;
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto row = std::ranges::find(kRows, name, &Row::name);
    const Place& place = hook.return_arg_action.place;
    if (row == kRows.end())
      return error(place, "found " + in_quotes(*hook.return_arg_action) + ", allowed: TrackSock or UntrackSock");
    if (!*hook.returns) return warning(place, "has no effect without return: true");
    const redan_arg_type type = slots.returned ? slots.returned->type->extraction : REDAN_ARG_NONE;
    if (slots.returned && type != REDAN_ARG_SOCK && type != REDAN_ARG_SOCKET)
      return error(
          place, "found " + in_quotes(*hook.return_arg_action) + ", allowed: with a returnArg of type sock or socket");
    plan.program.options |= row->option;
  }

  const CompileContext& context_;
  Policy policy_;
  std::optional<std::vector<std::string>> functions_;  // looked up when BTF lacks a function
  size_t members_ = 0;                                 // of all value sets
  uint32_t next_id_;
};

Policy compile_with(const Document& document, const KernelFacts* kernel, uint32_t first_id, Diagnostics& diagnostics) {
  Document expanded = document;
  expand_macros(expanded, diagnostics);
  const CompileContext context{expanded, kernel, diagnostics};
  return PolicyCompiler(context, first_id).run();
}

}  // namespace

Result<Policy> compile(const Document& document, const KernelFacts& kernel, const CompileOptions& options) {
  Diagnostics diagnostics;
  Policy policy = compile_with(document, &kernel, options.first_id, diagnostics);
  policy.warnings = diagnostics.sorted();
  if (!diagnostics.has_errors()) return policy;
  std::erase_if(policy.warnings, [](const Diagnostic& d) { return d.severity != Severity::kError; });
  return Error{ErrorCode::kConfig, format(policy.warnings, options.file)};
}

std::vector<Diagnostic> check(const Document& document) {
  Diagnostics diagnostics;
  compile_with(document, nullptr, 1, diagnostics);
  return diagnostics.sorted();
}

}  // namespace redan::policy
