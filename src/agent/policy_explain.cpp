// SPDX-License-Identifier: Apache-2.0
// `redan policy explain`: loads the hooks of policies without attaching them, and says what they became.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "agent/commands.h"
#include "agent/json_text.h"
#include "agent/kernel_symbols.h"
#include "agent/plan_words.h"
#include "agent/policy_file.h"
#include "agent/policy_list.h"
#include "agent/print.h"
#include "kernel/bpf_kernel.h"
#include "policy/compile.h"
#include "policy/lint.h"

namespace redan::agent {
namespace {

constexpr uint64_t kSmallRing = 64 << 10;  // nothing is attached, so nothing is sent

struct ExplainedHook {
  std::string name;
  std::vector<std::string> selectors;
  std::vector<ArgumentWords> arguments;
  size_t set_values = 0;
  std::optional<kernel::HookFacts> facts;  ///< nothing: not loaded
  std::string error;                       ///< why the kernel did not take it
};

struct Explained {
  std::string file, name, mode;
  std::optional<Error> error;  ///< of the policy, or of its first hook that the kernel did not take
  std::vector<policy::Diagnostic> remarks;
  std::vector<ExplainedHook> hooks;
};

/// The kernel as far as it can be asked.
struct AskedKernel {
  std::unique_ptr<policy::KernelFacts> facts;
  std::unique_ptr<kernel::BpfKernel> kernel;  ///< null: nothing can be loaded
  std::optional<Error> refusal;               ///< why
};

Result<AskedKernel> ask_kernel(const AgentOptions& options) {
  AskedKernel asked;
  auto loaded = kernel::BpfKernel::load({.ring_bytes = kSmallRing, .btf = options.btf});
  redan_namespaces host{};
  if (loaded) {
    asked.kernel = std::move(*loaded);
    REDAN_ASSIGN(host, host_namespaces(*asked.kernel));
  } else {
    asked.refusal = loaded.error();
  }
  REDAN_ASSIGN(kernel::KernelSymbols symbols, kernel::KernelSymbols::load(options.btf));
  asked.facts = std::make_unique<SymbolFacts>(std::move(symbols), host);
  return asked;
}

ExplainedHook explain_hook(const event::HookPlan& plan, kernel::Kernel* kernel, std::optional<Error>& first_error) {
  ExplainedHook hook{.name = hook_label(*plan.info),
                     .selectors = selector_words(plan),
                     .arguments = argument_words(plan),
                     .set_values = plan.texts.size() + plan.prefixes.size() + plan.postfixes.size() +
                                   plan.numbers.size() + plan.addresses.size(),
                     .facts = std::nullopt,
                     .error = ""};
  if (kernel == nullptr) return hook;
  const auto loaded = kernel->load_hook(plan);
  if (loaded) {
    hook.facts = (*loaded)->facts();
  } else {
    hook.error = loaded.error().message;
    if (!first_error) first_error = loaded.error();
  }
  return hook;
}

Explained explain(const std::string& file, AskedKernel& asked) {
  Explained told{.file = file, .name = "", .mode = "unknown", .error = std::nullopt, .remarks = {}, .hooks = {}};
  const Result<std::string> text = read_policy_file(file);
  if (!text) {
    told.error = text.error();
    return told;
  }
  const policy::Parsed parsed = policy::parse_document(*text);
  if (!parsed.document) {
    told.error = Error{ErrorCode::kConfig, policy::format(parsed.diagnostics, file)};
    return told;
  }
  told.name = *parsed.document->metadata.name;
  const Result<policy::Policy> compiled =
      policy::compile(*parsed.document, *asked.facts, {.first_id = 1, .file = file});
  if (!compiled) {
    told.error = compiled.error();
    return told;
  }
  told.mode = mode_name(compiled->mode);
  told.remarks = compiled->warnings;
  const auto lints = policy::lint(*parsed.document);
  told.remarks.insert(told.remarks.end(), lints.begin(), lints.end());
  for (const event::HookPlan& plan : compiled->hooks)
    told.hooks.push_back(explain_hook(plan, asked.kernel.get(), told.error));
  return told;
}

// --- for people ---

std::string cost_text(const ExplainedHook& hook) {
  if (!hook.error.empty()) return fmt::format("    cannot be loaded: {}\n", hook.error);
  if (!hook.facts) return "    not loaded: how it is attached and what it costs is not known\n";
  return fmt::format(
      "    attached by {} to {}\n    {} instructions after verification ({} verified); {} in maps of its own\n",
      kernel::hook_attachment_name(hook.facts->attachment), hook.facts->target, hook.facts->instructions,
      hook.facts->verified_instructions, bytes_text(hook.facts->map_bytes));
}

std::string hook_text(const ExplainedHook& hook) {
  std::string text = fmt::format("  {} (events have this name)\n", hook.name) + cost_text(hook);
  for (size_t i = 0; i < hook.selectors.size(); ++i)
    text += fmt::format("    selector {}: {}\n", i + 1, hook.selectors[i]);
  for (const ArgumentWords& argument : hook.arguments)
    text += fmt::format("    {}, {}: {}\n", argument.name, argument.type, argument.read);
  return text;
}

std::string policy_text(const Explained& told) {
  if (told.name.empty() || (told.error && told.hooks.empty()))
    return fmt::format("{}: cannot be loaded\n{}\n", told.file, told.error ? told.error->message : "");
  std::string text = fmt::format("{} ({}): mode {}, {} hook{}; every selector is decided in the kernel\n", told.name,
                                 told.file, told.mode, told.hooks.size(), told.hooks.size() == 1 ? "" : "s");
  for (const ExplainedHook& hook : told.hooks) text += hook_text(hook);
  if (!told.remarks.empty()) text += policy::format(told.remarks, told.file) + "\n";
  return text;
}

// --- for scripts ---

void put_hook(JsonText& json, const ExplainedHook& hook) {
  json.begin_object().member("name", hook.name).member("error", hook.error);
  json.member("loaded", hook.facts.has_value());
  if (hook.facts) {
    json.member("attachment", kernel::hook_attachment_name(hook.facts->attachment));
    json.member("target", hook.facts->target).member("instructions", hook.facts->instructions);
    json.member("verified_instructions", hook.facts->verified_instructions);
    json.member("kernel_memory_bytes", hook.facts->map_bytes);
  }
  json.member("set_values", hook.set_values);
  json.key("selectors").begin_array();
  for (const std::string& selector : hook.selectors) json.value(selector);
  json.end_array().key("arguments").begin_array();
  for (const ArgumentWords& argument : hook.arguments) {
    json.begin_object().member("name", argument.name).member("type", argument.type).member("read", argument.read);
    json.member("user_memory", argument.is_user_memory).end_object();
  }
  json.end_array().end_object();
}

std::string json_of(const std::vector<Explained>& policies) {
  JsonText json;
  json.begin_object().key("policies").begin_array();
  for (const Explained& told : policies) {
    json.begin_object().member("file", told.file).member("name", told.name).member("mode", told.mode);
    json.member("error", told.error ? told.error->message : std::string());
    json.key("hooks").begin_array();
    for (const ExplainedHook& hook : told.hooks) put_hook(json, hook);
    json.end_array().key("remarks").begin_array();
    for (const policy::Diagnostic& remark : told.remarks) json.value(policy::format(remark, told.file));
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return json.finish();
}

}  // namespace

Result<void> run_policy_explain(const PolicyExplainCommand& command) {
  REDAN_ASSIGN(AskedKernel asked, ask_kernel(command.options));
  std::vector<Explained> all;
  std::string text;
  std::optional<Error> first;
  size_t refused = 0;
  for (const std::string& file : command.files) {
    all.push_back(explain(file, asked));
    text += (text.empty() ? "" : "\n") + policy_text(all.back());
    if (!all.back().error) continue;
    ++refused;
    if (!first) first = all.back().error;
  }
  REDAN_TRY(print(command.json ? json_of(all) : text));
  if (asked.refusal) {
    return Error{asked.refusal->code,
                 fmt::format("no hook was loaded, so what is said is known without the kernel, and functions or "
                             "tracepoints may be missing because only root sees them: {}",
                             asked.refusal->message)};
  }
  if (!first) return {};
  return Error{first->code, fmt::format("{} of {} policies cannot be loaded", refused, command.files.size())};
}

}  // namespace redan::agent
