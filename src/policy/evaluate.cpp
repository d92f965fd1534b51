// SPDX-License-Identifier: Apache-2.0
#include "policy/evaluate.h"

#include <algorithm>

#include "policy/lists.h"
#include "policy/names.h"
#include "policy/numbers.h"

namespace redan::policy {
namespace {

constexpr uint32_t kFamilyV4 = 2, kFamilyV6 = 10;

// A file name is what the caller wrote, be it empty; a path that is empty is that of no file.
bool is_path(const ArgTypeInfo& type) {
  constexpr std::array kPaths = {REDAN_ARG_FILE, REDAN_ARG_PATH,  REDAN_ARG_DENTRY,
                                 REDAN_ARG_FD,   REDAN_ARG_KIOCB, REDAN_ARG_BINPRM};
  return std::ranges::find(kPaths, type.extraction) != kPaths.end();
}

bool less(uint64_t a, uint64_t b, bool is_signed) {
  return is_signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
}

uint64_t number_in(std::string_view text) {
  if (const auto number = parse_integer(text)) return number->bits();
  uint64_t mask = 0;
  for (size_t start = 0; start <= text.size(); start = std::min(text.find(',', start), text.size()) + 1)
    if (const auto capability = find_capability(text.substr(start, text.find(',', start) - start)))
      mask |= uint64_t{1} << *capability;
  return mask;
}

// Without those at the end, which no text of the kernel's has but a buffer.
std::string_view without_nuls(std::string_view text) { return text.substr(0, text.find_last_not_of('\0') + 1); }

bool is_in_block(const Cidr& block, const std::array<uint8_t, 16>& address) {
  for (unsigned bit = 0; bit < block.bits; ++bit)
    if (((block.address[bit / 8] ^ address[bit / 8]) >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

// One entry of matchArgs or matchReturnArgs. Each operator asks whether some value matches; the negated ones turn it round.
class ArgEvaluator {
 public:
  ArgEvaluator(const Document& document, const ArgFilter& filter, const ArgTypeInfo& type, const Observed& value)
      : document_(document), filter_(filter), op_(**filter.op), type_(type), value_(value) {}

  bool holds() const {
    if (!value_.is_readable) return false;
    switch (op_.family) {
      case OperatorFamily::kEqual:
        return (type_.matching & kMatchText) != 0 ? text()
                                                  : any([this](auto v) { return value_.number == number_in(v); });
      case OperatorFamily::kNumber: return any([this](auto v) { return compares(number_in(v)); });
      case OperatorFamily::kRange: return any([this](auto v) { return is_in_range(v, value_.number, false); });
      case OperatorFamily::kMap: return any([this](auto v) { return is_in_map(v); });
      case OperatorFamily::kText: return text();
      case OperatorFamily::kAddress: return address();
      case OperatorFamily::kPort: return any([this](auto v) { return is_in_range(v, port(), true); });
      case OperatorFamily::kPrivileged: return (port() < 1024) != op_.is_negated;
      case OperatorFamily::kNamed: return any([this](auto v) { return is_named(v); });
      case OperatorFamily::kFileType:
        return any([this](auto v) { return find_number(file_type_names(), v) == value_.file_type; });
      case OperatorFamily::kGained:
      case OperatorFamily::kSubString:
      case OperatorFamily::kExpression: break;
    }
    return false;
  }

 private:
  template <typename Matches>
  bool any(Matches matches) const {
    return std::ranges::any_of(filter_.values, [&](const Text& v) { return matches(std::string_view(*v)); }) !=
           op_.is_negated;
  }

  bool compares(uint64_t number) const {
    if (op_.op == REDAN_OP_MASK) return (value_.number & number) != 0;
    return op_.op == REDAN_OP_GREATER ? less(number, value_.number, type_.is_signed)
                                      : less(value_.number, number, type_.is_signed);
  }

  bool is_in_range(std::string_view text, uint64_t number, bool is_decimal) const {
    const auto ends = split_range(text).value_or(RangeText{text, text});
    uint64_t low = is_decimal ? parse_decimal(ends.low)->bits() : number_in(ends.low);
    uint64_t high = is_decimal ? parse_decimal(ends.high)->bits() : number_in(ends.high);
    const bool is_signed = type_.is_signed && op_.field == REDAN_FIELD_VALUE;
    if (is_decimal && less(high, low, is_signed)) std::swap(low, high);
    return !less(number, low, is_signed) && !less(high, number, is_signed);
  }

  bool is_in_map(std::string_view text) const {
    if (!is_list_name(text)) return is_in_range(text, value_.number, true);
    Diagnostics scratch;
    const List* list = find_list(document_, {std::string(text), {}}, scratch);
    if (!list) return false;
    const auto members = list_members(*list, nullptr);
    return std::ranges::any_of(members, [this](const ListMember& m) { return m.number == value_.number; });
  }

  bool text() const {
    const std::string& text = value_.text;
    if (text.empty() && is_path(type_)) return false;
    const bool trims =
        op_.op == REDAN_OP_POSTFIX ? type_.extraction != REDAN_ARG_BYTES : type_.extraction == REDAN_ARG_STRING;
    return any([&](std::string_view v) {
      if (trims && op_.op != REDAN_OP_PREFIX) v = without_nuls(v);
      if (op_.family == OperatorFamily::kEqual) return text == v || is_abstract_name(text, v);
      return !text.empty() && (op_.op == REDAN_OP_PREFIX ? text.starts_with(v) : text.ends_with(v));
    });
  }

  // The kernel keeps 107 bytes of an abstract socket's name: those behind the name itself are NULs.
  bool is_abstract_name(const std::string& text, std::string_view name) const {
    return type_.extraction == REDAN_ARG_SOCKADDR_UN && name.starts_with('\0') && text.starts_with(name) &&
           without_nuls(text).size() <= name.size();
  }

  uint32_t port() const { return op_.field == REDAN_FIELD_SPORT ? value_.socket.sport : value_.socket.dport; }

  bool address() const {
    const uint32_t family = value_.socket.family;
    if (family != kFamilyV4 && family != kFamilyV6) return false;
    const auto& address = op_.field == REDAN_FIELD_SADDR ? value_.socket.saddr : value_.socket.daddr;
    return any([&](std::string_view v) {
      const auto block = parse_cidr(v);
      return block && block->is_v6 == (family == kFamilyV6) && is_in_block(*block, address);
    });
  }

  bool is_named(std::string_view v) const {
    const bool is_protocol = op_.field == REDAN_FIELD_PROTOCOL, is_family = op_.field == REDAN_FIELD_FAMILY;
    if (!is_protocol && !is_family && type_.extraction == REDAN_ARG_SKB) return false;
    const ObservedSocket& socket = value_.socket;
    const uint32_t number = is_protocol ? socket.protocol : is_family ? socket.family : socket.state;
    const auto names = is_protocol ? protocol_names() : is_family ? family_names() : state_names();
    if (const auto named = find_number(names, v)) return *named == number;
    return is_in_range(v, number, true);
  }

  const Document& document_;
  const ArgFilter& filter_;
  const OperatorInfo& op_;
  const ArgTypeInfo& type_;
  const Observed& value_;
};

size_t position_of(const Hook& hook, const ArgFilter& filter) {
  if (!filter.args.empty()) return *filter.args[0];
  for (size_t i = 0; i < hook.args.size(); ++i)
    if (*hook.args[i].index == *filter.index) return i;
  return *filter.index;
}

bool holds(const Document& document, const Hook& hook, const ArgFilter& filter, const Observation& observation) {
  const size_t position = position_of(hook, filter);
  if (filter.op.value->family == OperatorFamily::kGained) {
    const Observed& before = observation.args[position];
    const Observed& after = observation.args[*filter.args[1]];
    return before.is_readable && after.is_readable && (after.number & ~before.number) != 0;
  }
  return ArgEvaluator(document, filter, **hook.args[position].type, observation.args[position]).holds();
}

bool holds(const PidFilter& filter, const ObservedProcess& process) {
  const auto is_listed = [&](uint32_t pid) {
    return std::ranges::any_of(filter.values, [pid](const Value<uint32_t>& v) { return *v == pid; });
  };
  const bool is_ns = *filter.is_namespace_pid;
  if (*filter.follow_forks && is_ns && process.levels[0].ns_pid == 0) return false;
  bool found = false;
  for (const ObservedProcess::Level& level : process.levels) {
    found = found || is_listed(is_ns ? level.ns_pid : level.pid);
    if (!*filter.follow_forks) break;
  }
  return found == (*filter.op == InOperator::kIn);
}

bool holds(const BinaryFilter& filter, const ObservedProcess& process) {
  if (filter.values.empty()) return true;
  const auto is_listed = [&](const std::string& path) {
    return std::ranges::any_of(filter.values, [&](const Text& v) { return path == *v; });
  };
  if (*filter.follow_children && std::ranges::any_of(process.descent, is_listed))
    return *filter.op == BinaryOperator::kIn;
  if (!process.binary) return false;
  const std::string& path = *process.binary;
  const BinaryOperator op = *filter.op;
  const bool is_prefix = op == BinaryOperator::kPrefix || op == BinaryOperator::kNotPrefix;
  const bool is_postfix = op == BinaryOperator::kPostfix || op == BinaryOperator::kNotPostfix;
  const bool found = std::ranges::any_of(filter.values, [&](const Text& v) {
    if (is_postfix) return path.ends_with(without_nuls(*v));
    return is_prefix ? path.starts_with(*v) : path == *v;
  });
  return found == (op == BinaryOperator::kIn || op == BinaryOperator::kPrefix || op == BinaryOperator::kPostfix);
}

bool holds(const NamespaceFilter& filter, const Observation& observation) {
  const uint32_t inode = observation.process.namespaces.inum[*filter.ns];
  const bool found = std::ranges::any_of(filter.values, [&](const Text& v) {
    return inode == (*v == "host_ns" ? observation.host.inum[*filter.ns] : number_in(*v));
  });
  return found == (*filter.op == InOperator::kIn);
}

bool holds(const CapabilityFilter& filter, const ObservedProcess& process) {
  if (*filter.is_namespace_capability && !process.is_in_other_user_ns) return false;
  const uint64_t set = *filter.type == CapabilityType::kEffective     ? process.effective
                       : *filter.type == CapabilityType::kInheritable ? process.inheritable
                                                                      : process.permitted;
  const bool found = std::ranges::any_of(
      filter.values, [set](const Text& v) { return (set >> find_capability(*v).value_or(63) & 1) != 0; });
  return found == (*filter.op == InOperator::kIn);
}

bool holds(const NamespaceChangesFilter& filter, const ObservedProcess& process) {
  bool listed = false, other = false;
  for (unsigned ns = 0; ns < REDAN_NS_COUNT; ++ns) {
    if ((process.namespace_changes >> ns & 1) == 0) continue;
    const bool is_listed =
        std::ranges::any_of(filter.values, [ns](const Value<redan_ns>& v) { return unsigned{*v} == ns; });
    (is_listed ? listed : other) = true;
  }
  return *filter.op == InOperator::kIn ? listed : other;
}

bool change_holds(const CapabilityFilter& filter, const ObservedProcess& process) {
  if (*filter.is_namespace_capability && !process.is_in_other_user_ns) return false;
  const uint64_t changes = *filter.type == CapabilityType::kEffective     ? process.effective_changes
                           : *filter.type == CapabilityType::kInheritable ? process.inheritable_changes
                                                                          : process.permitted_changes;
  const bool is_listed = std::ranges::any_of(
      filter.values, [changes](const Text& v) { return (changes >> find_capability(*v).value_or(63) & 1) != 0; });
  return *filter.op == InOperator::kIn ? is_listed : !is_listed && changes != 0;
}

bool process_holds(const Selector& selector, const Observation& observation) {
  const auto all = [](const auto& filters, const auto& what) {
    return std::ranges::all_of(filters, [&](const auto& filter) { return holds(filter, what); });
  };
  return all(selector.binaries, observation.process) && all(selector.pids, observation.process) &&
         all(selector.namespaces, observation) && all(selector.capabilities, observation.process) &&
         all(selector.namespace_changes, observation.process) &&
         std::ranges::all_of(selector.capability_changes,
                             [&](const CapabilityFilter& filter) { return change_holds(filter, observation.process); });
}

}  // namespace

std::optional<size_t> matching_selector(const Document& document, const Hook& hook, const Observation& observation) {
  if (hook.selectors.empty()) return 0;
  for (size_t i = 0; i < hook.selectors.size(); ++i) {
    const Selector& selector = hook.selectors[i];
    const bool args_hold = std::ranges::all_of(
        selector.args, [&](const ArgFilter& filter) { return holds(document, hook, filter, observation); });
    if (args_hold && process_holds(selector, observation)) return i;
  }
  return std::nullopt;
}

std::optional<size_t> returning_selector(const Document& document, const Hook& hook, const Observation& observation,
                                         size_t entered) {
  if (hook.selectors.empty()) return 0;
  for (size_t i = entered; i < hook.selectors.size(); ++i) {
    const Selector& selector = hook.selectors[i];
    if (!process_holds(selector, observation)) continue;
    const bool holds_all = std::ranges::all_of(selector.return_args, [&](const ArgFilter& filter) {
      return ArgEvaluator(document, filter, **hook.return_arg->type, observation.returned).holds();
    });
    if (holds_all) return i;
  }
  return std::nullopt;
}

}  // namespace redan::policy
