// SPDX-License-Identifier: Apache-2.0
// The keys of the language: one table for each object.
#include "policy/document.h"

#include <array>

#include "policy/decoder.h"

namespace redan::policy {
namespace {

template <typename T, typename M>
T owner_of(M T::*);

template <auto Member, typename T>
void read_member(Decoder& decoder, const YamlNode& node, const std::string& path, T& into) {
  decoder.read(node, path, into.*Member);
}

template <auto Member>
constexpr auto optional(std::string_view name) {
  using T = decltype(owner_of(Member));
  return Field<T>{name, false, read_member<Member, T>};
}

template <auto Member>
constexpr auto required(std::string_view name) {
  auto field = optional<Member>(name);
  field.required = true;
  return field;
}

// Keys that Kubernetes adds to an object it was asked for, and that mean nothing to a policy.
template <typename T>
constexpr Field<T> ignored(std::string_view name) {
  return {name, false, [](Decoder&, const YamlNode&, const std::string&, T&) {}};
}

constexpr std::array<std::string_view, 6> kSectionNames = {"kprobes",  "fentries", "tracepoints",
                                                           "lsmhooks", "uprobes",  "usdts"};

template <Section S, std::vector<Hook> Spec::*Member>
constexpr Field<Spec> section() {
  constexpr auto read = [](Decoder& decoder, const YamlNode& node, const std::string& path, Spec& spec) {
    if (!decoder.is_kind(node, path, YamlNode::Kind::kList, "a list")) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      Hook hook;
      hook.section = S;
      decoder.object(node.items[i], path + "[" + std::to_string(i) + "]", hook_fields(S), hook);
      (spec.*Member).push_back(std::move(hook));
    }
  };
  return {kSectionNames[static_cast<size_t>(S)], false, read};
}

constexpr std::array kArg = {
    required<&Arg::index>("index"),
    optional<&Arg::type>("type"),
    optional<&Arg::resolve>("resolve"),
    optional<&Arg::size_arg_index>("sizeArgIndex"),
    optional<&Arg::return_copy>("returnCopy"),
    optional<&Arg::max_data>("maxData"),
    optional<&Arg::label>("label"),
    optional<&Arg::source>("source"),
    optional<&Arg::btf_type>("btfType"),
    optional<&Arg::btf_type_module>("btfTypeModule"),
};
constexpr std::array kPidFilter = {
    required<&PidFilter::op>("operator"),
    required<&PidFilter::values>("values"),
    optional<&PidFilter::is_namespace_pid>("isNamespacePID"),
    optional<&PidFilter::follow_forks>("followForks"),
};
constexpr std::array kBinaryFilter = {
    required<&BinaryFilter::op>("operator"),
    required<&BinaryFilter::values>("values"),
    optional<&BinaryFilter::follow_children>("followChildren"),
};
constexpr std::array kArgFilter = {
    optional<&ArgFilter::index>("index"),
    optional<&ArgFilter::args>("args"),
    required<&ArgFilter::op>("operator"),
    optional<&ArgFilter::values>("values"),
};
constexpr std::array kNamespaceFilter = {
    required<&NamespaceFilter::ns>("namespace"),
    required<&NamespaceFilter::op>("operator"),
    required<&NamespaceFilter::values>("values"),
};
constexpr std::array kNamespaceChanges = {
    required<&NamespaceChangesFilter::op>("operator"),
    optional<&NamespaceChangesFilter::values>("values"),
};
constexpr std::array kCapabilityFilter = {
    optional<&CapabilityFilter::type>("type"),
    required<&CapabilityFilter::op>("operator"),
    optional<&CapabilityFilter::is_namespace_capability>("isNamespaceCapability"),
    required<&CapabilityFilter::values>("values"),
};
constexpr std::array kLabelExpression = {
    required<&LabelExpression::key>("key"),
    required<&LabelExpression::op>("operator"),
    optional<&LabelExpression::values>("values"),
};
constexpr std::array kLabelSelector = {
    optional<&LabelSelector::match_labels>("matchLabels"),
    optional<&LabelSelector::match_expressions>("matchExpressions"),
};
constexpr std::array kWorkloads = {
    optional<&WorkloadFilter::pod_selector>("podSelector"),
    optional<&WorkloadFilter::container_selector>("containerSelector"),
    optional<&WorkloadFilter::host_selector>("hostSelector"),
};
constexpr std::array kAction = {
    required<&Action::action>("action"),
    optional<&Action::url>("argUrl"),
    optional<&Action::fqdn>("argFqdn"),
    optional<&Action::error>("argError"),
    optional<&Action::signal>("argSig"),
    optional<&Action::sock>("argSock"),
    optional<&Action::index>("argIndex"),
    optional<&Action::value>("argValue"),
    optional<&Action::regs>("argRegs"),
    optional<&Action::new_symbol>("argNewSymbol"),
    optional<&Action::new_address>("argNewAddr"),
    optional<&Action::new_offset>("argNewOffset"),
    optional<&Action::rate_limit>("rateLimit"),
    optional<&Action::rate_limit_scope>("rateLimitScope"),
    optional<&Action::kernel_stack_trace>("kernelStackTrace"),
    optional<&Action::user_stack_trace>("userStackTrace"),
    optional<&Action::ima_hash>("imaHash"),
};
constexpr std::array kSelector = {
    optional<&Selector::label>("label"),
    optional<&Selector::pids>("matchPIDs"),
    optional<&Selector::args>("matchArgs"),
    optional<&Selector::data>("matchData"),
    optional<&Selector::return_args>("matchReturnArgs"),
    optional<&Selector::binaries>("matchBinaries"),
    optional<&Selector::parent_binaries>("matchParentBinaries"),
    optional<&Selector::namespaces>("matchNamespaces"),
    optional<&Selector::namespace_changes>("matchNamespaceChanges"),
    optional<&Selector::capabilities>("matchCapabilities"),
    optional<&Selector::capability_changes>("matchCapabilityChanges"),
    optional<&Selector::workloads>("matchWorkloads"),
    optional<&Selector::actions>("matchActions"),
    optional<&Selector::return_actions>("matchReturnActions"),
    optional<&Selector::macros>("macros"),
};
constexpr std::array kIgnore = {
    optional<&Ignore::call_not_found>("callNotFound"),
    optional<&Ignore::digest_verification_failure>("digestVerificationFailure"),
};
constexpr std::array kFunctionHook = {
    required<&Hook::call>("call"),
    optional<&Hook::syscall>("syscall"),
    optional<&Hook::returns>("return"),
    optional<&Hook::return_arg>("returnArg"),
    optional<&Hook::return_arg_action>("returnArgAction"),
    optional<&Hook::args>("args"),
    optional<&Hook::data>("data"),
    optional<&Hook::selectors>("selectors"),
    optional<&Hook::message>("message"),
    optional<&Hook::tags>("tags"),
    optional<&Hook::ignore>("ignore"),
};
constexpr std::array kTracepointHook = {
    required<&Hook::subsystem>("subsystem"),
    required<&Hook::event>("event"),
    optional<&Hook::raw>("raw"),
    optional<&Hook::args>("args"),
    optional<&Hook::selectors>("selectors"),
    optional<&Hook::message>("message"),
    optional<&Hook::tags>("tags"),
};
constexpr std::array kLsmHook = {
    required<&Hook::hook>("hook"),       optional<&Hook::args>("args"), optional<&Hook::selectors>("selectors"),
    optional<&Hook::message>("message"), optional<&Hook::tags>("tags"),
};
constexpr std::array kUprobeHook = {
    required<&Hook::path>("path"),
    optional<&Hook::symbols>("symbols"),
    optional<&Hook::offsets>("offsets"),
    optional<&Hook::addresses>("addrs"),
    optional<&Hook::ref_counter_offsets>("refCtrOffsets"),
    optional<&Hook::btf_path>("btfPath"),
    optional<&Hook::args>("args"),
    optional<&Hook::data>("data"),
    optional<&Hook::returns>("return"),
    optional<&Hook::return_arg>("returnArg"),
    optional<&Hook::selectors>("selectors"),
    optional<&Hook::message>("message"),
    optional<&Hook::tags>("tags"),
    optional<&Hook::binary_digests>("binaryDigests"),
    optional<&Hook::ignore>("ignore"),
};
constexpr std::array kUsdtHook = {
    required<&Hook::path>("path"),       required<&Hook::provider>("provider"),
    required<&Hook::name>("name"),       optional<&Hook::btf_path>("btfPath"),
    optional<&Hook::args>("args"),       optional<&Hook::selectors>("selectors"),
    optional<&Hook::message>("message"), optional<&Hook::tags>("tags"),
};
constexpr std::array kList = {
    required<&List::name>("name"),       optional<&List::type>("type"),           optional<&List::values>("values"),
    optional<&List::pattern>("pattern"), optional<&List::validated>("validated"),
};
constexpr std::array kEnforcer = {required<&Enforcer::calls>("calls")};
constexpr std::array kOption = {required<&Option::name>("name"), required<&Option::value>("value")};
constexpr std::array kMetadata = {
    required<&Metadata::name>("name"),
    optional<&Metadata::ns>("namespace"),
    optional<&Metadata::labels>("labels"),
    optional<&Metadata::annotations>("annotations"),
    ignored<Metadata>("generateName"),
    ignored<Metadata>("generation"),
    ignored<Metadata>("uid"),
    ignored<Metadata>("resourceVersion"),
    ignored<Metadata>("creationTimestamp"),
    ignored<Metadata>("deletionTimestamp"),
    ignored<Metadata>("deletionGracePeriodSeconds"),
    ignored<Metadata>("ownerReferences"),
    ignored<Metadata>("finalizers"),
    ignored<Metadata>("managedFields"),
    ignored<Metadata>("selfLink"),
};
constexpr std::array kSpec = {
    section<Section::kKprobes, &Spec::kprobes>(),
    section<Section::kFentries, &Spec::fentries>(),
    section<Section::kTracepoints, &Spec::tracepoints>(),
    section<Section::kLsmHooks, &Spec::lsm_hooks>(),
    section<Section::kUprobes, &Spec::uprobes>(),
    section<Section::kUsdts, &Spec::usdts>(),
    optional<&Spec::loader>("loader"),
    optional<&Spec::lists>("lists"),
    optional<&Spec::enforcers>("enforcers"),
    optional<&Spec::options>("options"),
    optional<&Spec::pod_selector>("podSelector"),
    optional<&Spec::container_selector>("containerSelector"),
    optional<&Spec::host_selector>("hostSelector"),
    optional<&Spec::node_selector>("nodeSelector"),
    optional<&Spec::macros>("selectorsMacros"),
};
constexpr std::array kDocument = {
    optional<&Document::api_version>("apiVersion"),
    required<&Document::kind>("kind"),
    required<&Document::metadata>("metadata"),
    required<&Document::spec>("spec"),
};

bool has_kind(const YamlNode& root, Diagnostics& diagnostics) {
  const auto kind = std::ranges::find(root.items, "kind", &YamlNode::key);
  if (kind == root.items.end()) return true;  // reported as missing
  Value<PolicyKind> value;
  const size_t errors = diagnostics.errors();
  Decoder(diagnostics).read(*kind, "kind", value);
  return diagnostics.errors() == errors;
}

}  // namespace

std::span<const Field<Arg>> fields_of(const Arg*) { return kArg; }
std::span<const Field<PidFilter>> fields_of(const PidFilter*) { return kPidFilter; }
std::span<const Field<BinaryFilter>> fields_of(const BinaryFilter*) { return kBinaryFilter; }
std::span<const Field<ArgFilter>> fields_of(const ArgFilter*) { return kArgFilter; }
std::span<const Field<NamespaceFilter>> fields_of(const NamespaceFilter*) { return kNamespaceFilter; }
std::span<const Field<NamespaceChangesFilter>> fields_of(const NamespaceChangesFilter*) { return kNamespaceChanges; }
std::span<const Field<CapabilityFilter>> fields_of(const CapabilityFilter*) { return kCapabilityFilter; }
std::span<const Field<LabelExpression>> fields_of(const LabelExpression*) { return kLabelExpression; }
std::span<const Field<LabelSelector>> fields_of(const LabelSelector*) { return kLabelSelector; }
std::span<const Field<WorkloadFilter>> fields_of(const WorkloadFilter*) { return kWorkloads; }
std::span<const Field<Action>> fields_of(const Action*) { return kAction; }
std::span<const Field<Selector>> fields_of(const Selector*) { return kSelector; }
std::span<const Field<Ignore>> fields_of(const Ignore*) { return kIgnore; }
std::span<const Field<List>> fields_of(const List*) { return kList; }
std::span<const Field<Enforcer>> fields_of(const Enforcer*) { return kEnforcer; }
std::span<const Field<Option>> fields_of(const Option*) { return kOption; }
std::span<const Field<Metadata>> fields_of(const Metadata*) { return kMetadata; }
std::span<const Field<Spec>> fields_of(const Spec*) { return kSpec; }
std::span<const Field<Document>> fields_of(const Document*) { return kDocument; }

std::span<const Field<Hook>> hook_fields(Section section) {
  switch (section) {
    case Section::kKprobes:
    case Section::kFentries: return kFunctionHook;
    case Section::kTracepoints: return kTracepointHook;
    case Section::kLsmHooks: return kLsmHook;
    case Section::kUprobes: return kUprobeHook;
    case Section::kUsdts: return kUsdtHook;
  }
  return {};
}

std::string_view section_name(Section section) { return kSectionNames[static_cast<size_t>(section)]; }

const std::vector<Hook>& Spec::hooks(Section section) const {
  switch (section) {
    case Section::kKprobes: return kprobes;
    case Section::kFentries: return fentries;
    case Section::kTracepoints: return tracepoints;
    case Section::kLsmHooks: return lsm_hooks;
    case Section::kUprobes: return uprobes;
    case Section::kUsdts: break;
  }
  return usdts;
}

Parsed parse_document(std::string_view text) {
  Diagnostics diagnostics;
  Parsed parsed;
  const auto root = parse_yaml(text, diagnostics);
  // What is wrong with the keys of something that is no policy is of no interest.
  const bool is_policy = root && has_kind(*root, diagnostics);
  if (is_policy) {
    Document document;
    Decoder(diagnostics).read(*root, "", document);
    if (!diagnostics.has_errors()) parsed.document = std::move(document);
  }
  parsed.diagnostics = diagnostics.sorted();
  return parsed;
}

}  // namespace redan::policy
