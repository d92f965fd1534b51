// SPDX-License-Identifier: Apache-2.0
// Filters on the process: pids, the binary, namespaces, capabilities.
#include <algorithm>
#include <array>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/filter_entry.h"
#include "policy/names.h"
#include "policy/numbers.h"
#include "policy/words.h"

namespace redan::policy {
namespace {

constexpr std::string_view kHostNs = "host_ns";
constexpr size_t kMostNamespaceValues = 4;

void negate_if(bool is_negated, redan_filter& into) {
  if (is_negated) into.options |= REDAN_FILTER_NEGATE;
}

}  // namespace

void FilterCompiler::pids(const PidFilter& filter, redan_filter& into) {
  into.field = *filter.is_namespace_pid ? REDAN_FIELD_NS_PID : REDAN_FIELD_PID;
  negate_if(*filter.op == InOperator::kNotIn, into);
  if (filter.values.empty())
    warning(filter.place,
            *filter.op == InOperator::kNotIn ? "has no values: it is always true" : "has no values: it is never true");
  std::vector<uint64_t> numbers;
  for (const Value<uint32_t>& value : filter.values) numbers.push_back(*value);
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  const bool is_set = numbers.size() > REDAN_HOOK_INLINE_VALUES;
  into.op = *filter.follow_forks ? REDAN_OP_PIDS : is_set ? REDAN_OP_NUMBERS : REDAN_OP_EQUAL;
  // REDAN_OP_PIDS without values looks into its set, be it empty.
  const bool needs_set = is_set || (*filter.follow_forks && numbers.empty());
  if (needs_set) into.set = new_set();
  for (uint64_t number : numbers) {
    if (is_set)
      plan_.numbers.push_back({into.set, number});
    else
      into.values[into.count++][0] = number;
  }
}

void FilterCompiler::binary(const BinaryFilter& filter, redan_filter& into) {
  struct Row {
    BinaryOperator op;
    redan_op compiled;
    bool is_negated;
  };
  static constexpr std::array kRows = {
      Row{BinaryOperator::kIn, REDAN_OP_TEXT, false},         Row{BinaryOperator::kNotIn, REDAN_OP_TEXT, true},
      Row{BinaryOperator::kPrefix, REDAN_OP_PREFIX, false},   Row{BinaryOperator::kNotPrefix, REDAN_OP_PREFIX, true},
      Row{BinaryOperator::kPostfix, REDAN_OP_POSTFIX, false}, Row{BinaryOperator::kNotPostfix, REDAN_OP_POSTFIX, true},
  };
  const Row& row = *std::ranges::find(kRows, *filter.op, &Row::op);
  negate_if(row.is_negated, into);
  if (!*filter.follow_children) {
    into.field = REDAN_FIELD_BINARY;
    return set_texts(row.compiled, filter.values, nullptr, into);
  }
  if (row.compiled != REDAN_OP_TEXT)
    error(filter.follow_children.place,
          "found followChildren with " + std::string(word_for(*filter.op)) + ", allowed: with In and NotIn");
  into.field = REDAN_FIELD_FOLLOWED;
  into.count = 1;
  set_texts(REDAN_OP_FOLLOWED, filter.values, nullptr, into);
}

void FilterCompiler::ns(const NamespaceFilter& filter, redan_filter& into) {
  into.op = REDAN_OP_EQUAL;
  into.field = static_cast<__u8>(unsigned{REDAN_FIELD_NAMESPACE} + unsigned{*filter.ns});
  negate_if(*filter.op == InOperator::kNotIn, into);
  if (filter.values.size() > kMostNamespaceValues)
    return error(filter.values[kMostNamespaceValues].place,
                 "found " + std::to_string(filter.values.size()) + " values, allowed: 4");
  for (const Text& value : filter.values) {
    const auto number = parse_decimal(*value);
    const auto inode = number ? number->as<uint32_t>() : std::nullopt;
    if (*value == kHostNs)
      into.values[into.count++][0] = context_.kernel ? context_.kernel->host_namespaces().inum[*filter.ns] : 0;
    else if (inode)
      into.values[into.count++][0] = *inode;
    else
      error(value.place,
            "found " + in_quotes(*value) + ", allowed: the inode number of a namespace (see /proc/PID/ns), or host_ns");
  }
}

void FilterCompiler::capabilities(const CapabilityFilter& filter, redan_filter& into) {
  struct Row {
    CapabilityType type;
    redan_field field;
  };
  static constexpr std::array kRows = {
      Row{CapabilityType::kEffective, REDAN_FIELD_EFFECTIVE},
      Row{CapabilityType::kInheritable, REDAN_FIELD_INHERITABLE},
      Row{CapabilityType::kPermitted, REDAN_FIELD_PERMITTED},
  };
  into.op = REDAN_OP_MASK;
  into.field = static_cast<__u8>(std::ranges::find(kRows, *filter.type, &Row::type)->field);
  negate_if(*filter.op == InOperator::kNotIn, into);
  into.count = 1;
  for (const Text& value : filter.values) {
    const auto capability = find_capability(*value);
    if (capability) {
      into.values[0][0] |= uint64_t{1} << *capability;
      continue;
    }
    std::vector<std::string_view> names;
    for (const NamedNumber& name : capability_names()) names.push_back(name.name);
    error(value.place, "found " + in_quotes(*value) + ", allowed: the name of a capability such as CAP_SYS_ADMIN" +
                           did_you_mean(*value, names));
  }
}

// In: one of those listed has changed; NotIn: one of the others has.
void FilterCompiler::namespace_changes(const NamespaceChangesFilter& filter, redan_filter& into) {
  constexpr uint64_t kAll = (uint64_t{1} << REDAN_NS_COUNT) - 1;
  uint64_t listed = 0;
  for (const Value<redan_ns>& ns : filter.values) listed |= uint64_t{1} << *ns;
  into.op = REDAN_OP_MASK;
  into.field = REDAN_FIELD_NAMESPACE_CHANGES;
  into.count = 1;
  into.values[0][0] = *filter.op == InOperator::kNotIn ? kAll & ~listed : listed;
  if (into.values[0][0] == 0) warning(filter.place, "is never true: no namespace is left that could change");
}

void FilterCompiler::capability_changes(const CapabilityFilter& filter, redan_filter& into) {
  capabilities(filter, into);
  into.field = static_cast<__u8>(into.field - REDAN_FIELD_EFFECTIVE + REDAN_FIELD_EFFECTIVE_CHANGES);
}

}  // namespace redan::policy
