// SPDX-License-Identifier: Apache-2.0
#pragma once
// A TracingPolicy as written: every section of the language, with the place of every value and the defaults of the schema.
// Words with a closed meaning are already resolved; what depends on other parts of the policy or on the kernel is not.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/arg_types.h"
#include "policy/diagnostic.h"
#include "policy/operators.h"

namespace redan::policy {

/// A scalar and where it stands. Not given: the schema's default, at no place.
template <typename T>
struct Value {
  T value{};
  Place place;

  bool is_given() const { return place.line != 0; }
  const T& operator*() const { return value; }
};

using Text = Value<std::string>;
using Flag = Value<bool>;
using Texts = std::vector<Text>;

enum class PolicyKind : uint8_t { kCluster, kNamespaced };
enum class InOperator : uint8_t { kIn, kNotIn };
enum class BinaryOperator : uint8_t { kIn, kNotIn, kPrefix, kNotPrefix, kPostfix, kNotPostfix };
enum class CapabilityType : uint8_t { kEffective, kInheritable, kPermitted };
enum class ListType : uint8_t { kPlain, kSyscalls, kGeneratedSyscalls, kGeneratedFtrace };
enum class ActionKind : uint8_t {
  kPost,
  kSigkill,
  kOverride,
  kGetUrl,
  kDnsLookup,
  kNoPost,
  kSignal,
  kTrackSock,
  kUntrackSock,
  kNotifyEnforcer,
  kCleanupEnforcerNotification,
  kSet,
};

struct Arg {
  Place place;
  Value<uint32_t> index;
  Value<const ArgTypeInfo*> type;  ///< never null
  Text resolve, label, source, btf_type, btf_type_module;
  Value<uint32_t> size_arg_index;
  Flag return_copy, max_data;

  Arg() { type.value = &auto_type(); }
};

struct PidFilter {
  Place place;
  Value<InOperator> op;
  std::vector<Value<uint32_t>> values;
  Flag is_namespace_pid, follow_forks;
};

struct BinaryFilter {
  Place place;
  Value<BinaryOperator> op;
  Texts values;
  Flag follow_children;
};

struct ArgFilter {
  Place place;
  Value<uint32_t> index;
  std::vector<Value<uint32_t>> args;
  Value<const OperatorInfo*> op;  ///< never null
  Texts values;
};

struct NamespaceFilter {
  Place place;
  Value<redan_ns> ns;
  Value<InOperator> op;
  Texts values;
};

struct NamespaceChangesFilter {
  Place place;
  Value<InOperator> op;
  std::vector<Value<redan_ns>> values;
};

struct CapabilityFilter {
  Place place;
  Value<CapabilityType> type;
  Value<InOperator> op;
  Flag is_namespace_capability;
  Texts values;
};

struct LabelExpression {
  Place place;
  Text key, op;
  Texts values;
};

/// Of pods, containers, hosts or nodes. is_null: written, but null.
struct LabelSelector {
  Place place;
  std::map<std::string, std::string> match_labels;
  std::vector<LabelExpression> match_expressions;
};

struct WorkloadFilter {
  Place place;
  std::optional<LabelSelector> pod_selector, container_selector, host_selector;
};

struct Action {
  Place place;
  Value<ActionKind> action;
  Text url, fqdn, rate_limit, rate_limit_scope, new_symbol;
  Value<int32_t> error;
  Value<uint32_t> signal, sock, index, value;
  Texts regs;
  Value<uint64_t> new_address;
  Value<int64_t> new_offset;
  Flag kernel_stack_trace, user_stack_trace, ima_hash;
};

struct Selector {
  Place place;
  Text label;
  std::vector<PidFilter> pids;
  std::vector<ArgFilter> args, data, return_args;
  std::vector<BinaryFilter> binaries, parent_binaries;
  std::vector<NamespaceFilter> namespaces;
  std::vector<NamespaceChangesFilter> namespace_changes;
  std::vector<CapabilityFilter> capabilities, capability_changes;
  std::optional<WorkloadFilter> workloads;
  std::vector<Action> actions, return_actions;
  Texts macros;
};

struct Ignore {
  Place place;
  Flag call_not_found, digest_verification_failure;
};

enum class Section : uint8_t { kKprobes, kFentries, kTracepoints, kLsmHooks, kUprobes, kUsdts };

/// Key of a section in spec, e.g. "kprobes".
std::string_view section_name(Section section);

/// An entry of any of the six hook sections; which members can be set depends on the section.
struct Hook {
  Section section = Section::kKprobes;
  Place place;
  Text call;                            ///< kprobes, fentries: symbol or list:NAME
  Text subsystem, event;                ///< tracepoints
  Flag raw;                             ///< tracepoints
  Text hook;                            ///< lsmhooks
  Text path, provider, name, btf_path;  ///< uprobes, usdts
  Texts symbols, binary_digests;        ///< uprobes
  std::vector<Value<uint64_t>> offsets, addresses, ref_counter_offsets;
  Flag syscall;  ///< true unless given
  Flag returns;
  std::optional<Arg> return_arg;
  Text return_arg_action;
  std::vector<Arg> args, data;
  std::vector<Selector> selectors;
  Text message;
  Texts tags;
  std::optional<Ignore> ignore;

  Hook() { syscall.value = true; }
};

struct List {
  Place place;
  Text name, pattern;
  Value<ListType> type;
  Texts values;
  Flag validated;
};

struct Enforcer {
  Place place;
  Texts calls;
};

struct Option {
  Place place;
  Text name, value;
};

struct Metadata {
  Place place;
  Text name, ns;
  std::map<std::string, std::string> labels, annotations;
};

struct Spec {
  Place place;
  std::vector<Hook> kprobes, fentries, tracepoints, lsm_hooks, uprobes, usdts;
  Flag loader;
  std::vector<List> lists;
  std::vector<Enforcer> enforcers;
  std::vector<Option> options;
  std::optional<LabelSelector> pod_selector, container_selector, host_selector, node_selector;
  std::map<std::string, Selector> macros;

  /// The hooks of a section.
  const std::vector<Hook>& hooks(Section section) const;
};

struct Document {
  Text api_version;
  Value<PolicyKind> kind;
  Metadata metadata;
  Spec spec;
};

/// What became of a text.
struct Parsed {
  std::optional<Document> document;  ///< nothing if there is an error
  std::vector<Diagnostic> diagnostics;
};

/// Reads one policy, strictly: unknown and duplicate keys are errors, scalars must have the schema's type, words must be
/// among those allowed. Reports as many errors as it finds. Any bytes will do.
Parsed parse_document(std::string_view text);

}  // namespace redan::policy
