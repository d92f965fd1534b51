// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a policy apart from its hooks.
#include <algorithm>
#include <array>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/hook_compiler.h"
#include "policy/lists.h"
#include "policy/numbers.h"
#include "policy/syscalls.h"
#include "policy/unsupported.h"
#include "policy/words.h"

namespace redan::policy {
namespace {

constexpr std::string_view kApiVersion = "cilium.io/v1alpha1";
constexpr size_t kLongestName = 253;

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  char before = '.';
  for (char c : name) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool is_fine = is_letter || (c == '-' && before != '.') || (c == '.' && before != '.' && before != '-');
    if (!is_fine) return false;
    before = c;
  }
  return before != '-' && before != '.';
}

void check_metadata(const Document& document, Diagnostics& diagnostics) {
  if (document.api_version.is_given() && *document.api_version != kApiVersion)
    diagnostics.warning(document.api_version.place,
                        "found " + in_quotes(*document.api_version) + ", expected " + std::string(kApiVersion));
  const Metadata& metadata = document.metadata;
  if (!is_dns_name(*metadata.name))
    diagnostics.error(metadata.name.place, "found " + in_quotes(*metadata.name) +
                                               ", allowed: up to 253 lower-case letters, digits, '-' and '.', with a "
                                               "letter or digit at both ends of each part");
  if (*document.kind == PolicyKind::kNamespaced) {
    if (metadata.ns.value.empty())
      diagnostics.error(metadata.place, "found no 'namespace', which the kind TracingPolicyNamespaced requires");
    not_supported(diagnostics, document.kind.place, Feature::kNamespaced);
  } else if (!metadata.ns.value.empty()) {
    diagnostics.error(metadata.ns.place, "found a namespace, allowed: with the kind TracingPolicyNamespaced");
  }
}

void check_host(const LabelSelector& selector, Diagnostics& diagnostics) {
  if (!selector.match_labels.empty() || !selector.match_expressions.empty())
    diagnostics.error(selector.place, "found labels or expressions, allowed: {}, for there is one host");
  else
    diagnostics.warning(selector.place, "has no effect outside of Kubernetes: all processes are the host's");
}

void check_sections(const Spec& spec, Diagnostics& diagnostics) {
  constexpr std::array kSections = {Section::kKprobes,  Section::kFentries, Section::kTracepoints,
                                    Section::kLsmHooks, Section::kUprobes,  Section::kUsdts};
  std::string_view first;
  for (Section section : kSections) {
    const std::vector<Hook>& hooks = spec.hooks(section);
    if (hooks.empty()) continue;
    if (!first.empty())
      diagnostics.error(hooks[0].place, "found hooks besides those of " + std::string(first) +
                                            ", allowed: one section of hooks in a policy; make two policies");
    first = section_name(section);
  }
  if (!spec.uprobes.empty()) not_supported(diagnostics, spec.uprobes[0].place, Feature::kUprobes);
  if (!spec.usdts.empty()) not_supported(diagnostics, spec.usdts[0].place, Feature::kUsdts);
  if (*spec.loader) not_supported(diagnostics, spec.loader.place, Feature::kLoader);
  if (spec.pod_selector) not_supported(diagnostics, spec.pod_selector->place, Feature::kPodSelector);
  if (spec.container_selector) not_supported(diagnostics, spec.container_selector->place, Feature::kContainerSelector);
  if (spec.host_selector) check_host(*spec.host_selector, diagnostics);
  if (spec.node_selector) diagnostics.warning(spec.node_selector->place, "has no effect outside of Kubernetes");
}

bool parse_go_bool(std::string_view text, bool& into) {
  constexpr std::array<std::string_view, 6> kTrue = {"1", "t", "T", "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {"0", "f", "F", "FALSE", "false", "False"};
  into = std::ranges::find(kTrue, text) != kTrue.end();
  return into || std::ranges::find(kFalse, text) != kFalse.end();
}

struct OptionRow {
  std::string_view name;
  std::string_view allowed;
  bool (*set)(std::string_view text, PolicyOptions& into);
};
constexpr std::array kOptionRows = {
    OptionRow{
        "disable-kprobe-multi", "true or false",
        [](std::string_view text, PolicyOptions& into) { return parse_go_bool(text, into.disable_kprobe_multi); }},
    OptionRow{
        "disable-uprobe-multi", "true or false",
        [](std::string_view text, PolicyOptions& into) { return parse_go_bool(text, into.disable_uprobe_multi); }},
    OptionRow{"override-method", "fmod-ret or override-return",
              [](std::string_view text, PolicyOptions& into) {
                into.override_method = text;
                return text == "fmod-ret" || text == "override-return";
              }},
    OptionRow{"policy-mode", "enforce or monitor",
              [](std::string_view text, PolicyOptions& into) {
                into.mode = text == "enforce" ? PolicyMode::kEnforce : PolicyMode::kMonitor;
                return text == "enforce" || text == "monitor";
              }},
    OptionRow{"sleepable-preload-size", "a number above 0",
              [](std::string_view text, PolicyOptions& into) {
                const auto number = parse_decimal(text);
                into.sleepable_preload_size = number ? number->as<uint32_t>().value_or(0) : 0;
                return into.sleepable_preload_size > 0;
              }},
};

PolicyOptions read_options(const std::vector<Option>& options, Diagnostics& diagnostics) {
  PolicyOptions read;
  for (const Option& option : options) {
    const auto row = std::ranges::find(kOptionRows, *option.name, &OptionRow::name);
    if (row != kOptionRows.end()) {
      if (!row->set(*option.value, read))
        diagnostics.error(option.value.place,
                          "found " + in_quotes(*option.value) + ", allowed: " + std::string(row->allowed));
      continue;
    }
    std::vector<std::string_view> names;
    for (const OptionRow& known : kOptionRows) names.push_back(known.name);
    diagnostics.warning(option.name.place, "the option " + in_quotes(*option.name) + " is not known and has no effect" +
                                               did_you_mean(*option.name, names));
  }
  return read;
}

void check_enforced_call(const Place& place, std::string_view symbol, Diagnostics& diagnostics) {
  if (symbol.starts_with("sys_") || symbol.starts_with("security_") || has_syscall_prefix(symbol)) return;
  diagnostics.error(place,
                    "found " + in_quotes(symbol) + ", allowed: system calls (sys_NAME) and functions named security_…");
}

void check_enforcers(const CompileContext& context) {
  const std::vector<Enforcer>& enforcers = context.document.spec.enforcers;
  Diagnostics& diagnostics = context.diagnostics;
  if (enforcers.size() > 1)
    diagnostics.error(enforcers[1].place, "found " + std::to_string(enforcers.size()) + " enforcers, allowed: 1");
  for (const Enforcer& enforcer : enforcers) {
    diagnostics.warning(enforcer.place, "has no effect yet: nothing is enforced");
    for (const Text& call : enforcer.calls) {
      if (!is_list_name(*call)) {
        check_enforced_call(call.place, *call, diagnostics);
      } else if (const List* list = find_list(context.document, call, diagnostics)) {
        for (const ListMember& member : list_members(*list, context.kernel))
          check_enforced_call(call.place, member.symbol, diagnostics);
      }
    }
  }
}

}  // namespace

PolicyOptions check_policy(const CompileContext& context) {
  check_metadata(context.document, context.diagnostics);
  check_sections(context.document.spec, context.diagnostics);
  check_lists(context.document, context.diagnostics);
  check_enforcers(context);
  return read_options(context.document.spec.options, context.diagnostics);
}

}  // namespace redan::policy
