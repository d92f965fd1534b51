// SPDX-License-Identifier: Apache-2.0
#include "policy/filter_compiler.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/filter_entry.h"
#include "policy/lists.h"
#include "policy/names.h"
#include "policy/numbers.h"
#include "policy/unsupported.h"

namespace redan::policy {
namespace {

// A set is held in memory and in a map of the kernel.
constexpr uint64_t kMostSetNumbers = 65536;

}  // namespace

FilterCompiler::Compile FilterCompiler::compile_of(OperatorFamily family) {
  struct Row {
    OperatorFamily family;
    Compile compile;
  };
  static constexpr std::array kRows = {
      Row{OperatorFamily::kEqual, &FilterCompiler::equal},
      Row{OperatorFamily::kNumber, &FilterCompiler::number},
      Row{OperatorFamily::kRange, &FilterCompiler::range},
      Row{OperatorFamily::kMap, &FilterCompiler::map},
      Row{OperatorFamily::kText, &FilterCompiler::text},
      Row{OperatorFamily::kAddress, &FilterCompiler::address},
      Row{OperatorFamily::kPort, &FilterCompiler::port},
      Row{OperatorFamily::kPrivileged, &FilterCompiler::privileged},
      Row{OperatorFamily::kNamed, &FilterCompiler::named},
      Row{OperatorFamily::kFileType, &FilterCompiler::file_type},
      Row{OperatorFamily::kGained, &FilterCompiler::gained},
      Row{OperatorFamily::kSubString, &FilterCompiler::sub_string},
      Row{OperatorFamily::kExpression, &FilterCompiler::expression},
  };
  return std::ranges::find(kRows, family, &Row::family)->compile;
}

void FilterCompiler::arg(const ArgFilter& filter, bool is_return, redan_filter& into) {
  const auto number = find_slot(filter, is_return);
  if (!number) return;
  const Slot& slot = is_return ? *slots_.returned : slots_.args[*number];
  const OperatorInfo& op = **filter.op;
  into.slot = static_cast<__u8>(*number);
  into.field = static_cast<__u8>(op.field);
  if (op.is_negated) into.options |= REDAN_FILTER_NEGATE;
  if (!check_operator(filter, slot)) return;
  const Entry entry{filter, slot, op};
  (this->*compile_of(op.family))(entry, into);
  if (!slot.is_readable) never(into);
}

std::optional<size_t> FilterCompiler::find_slot(const ArgFilter& filter, bool is_return) {
  if (is_return) {
    const uint32_t index = *hook_.return_arg->index;
    if (*filter.index == index) return slots_.returned ? std::optional<size_t>(REDAN_HOOK_SLOT_RETURN) : std::nullopt;
    error(filter.index.is_given() ? filter.index.place : filter.place,
          "found the index " + std::to_string(*filter.index) + ", allowed: " + std::to_string(index) +
              ", which is that of returnArg");
    return std::nullopt;
  }
  // Hidden arguments cannot be filtered.
  const size_t count = hook_.args.size();
  if (slots_.args.size() < count) return std::nullopt;  // reported
  if (!filter.args.empty()) {
    const Value<uint32_t>& first = filter.args[0];
    if (*first < count) return *first;
    error(first.place, "found " + std::to_string(*first) + ", allowed: the position of one of the " +
                           std::to_string(count) + " args, counted from 0");
    return std::nullopt;
  }
  for (size_t i = 0; i < count; ++i)
    if (*hook_.args[i].index == *filter.index) return i;
  // At tracepoints the position in args is as good.
  const bool is_slot = hook_.section == Section::kTracepoints && *filter.index < count;
  if (is_slot) return *filter.index;
  std::string allowed;
  for (const Arg& arg : hook_.args) allowed += (allowed.empty() ? "" : ", ") + std::to_string(*arg.index);
  error(filter.index.is_given() ? filter.index.place : filter.place,
        "found the index " + std::to_string(*filter.index) +
            ", allowed: " + (allowed.empty() ? "none, for the hook has no args" : allowed + ", which the args have"));
  return std::nullopt;
}

bool FilterCompiler::check_operator(const ArgFilter& filter, const Slot& slot) {
  const OperatorInfo& op = **filter.op;
  if (op.family == OperatorFamily::kSubString || op.family == OperatorFamily::kExpression) return true;
  if (op.family == OperatorFamily::kGained ? filter.args.size() != 2 : filter.args.size() > 1) {
    error(filter.args.empty() ? filter.place : filter.args[0].place,
          op.family == OperatorFamily::kGained
              ? "CapabilitiesGained needs args: [OLD, NEW], the positions of two arguments"
              : "found several positions, allowed: one with this operator");
    return false;
  }
  const bool takes_values = op.family != OperatorFamily::kGained && op.family != OperatorFamily::kPrivileged;
  if (takes_values && filter.values.empty())
    warning(filter.place,
            op.is_negated ? "has no values: it is true of whatever can be read" : "has no values: it is never true");
  if (!takes_values && !filter.values.empty())
    warning(filter.values[0].place, "has no effect: " + std::string(op.name) + " takes no values");
  if (!slot.is_known() || (op.matching & slot.type->matching) != 0) return true;
  std::vector<std::string_view> fitting;
  for (const OperatorInfo& other : operators())
    if ((other.matching & slot.type->matching) != 0 && other.family != OperatorFamily::kExpression &&
        other.family != OperatorFamily::kSubString)
      fitting.push_back(other.name);
  error(filter.op.place,
        "found " + std::string(op.name) + " for an argument of type " + std::string(slot.type->name) +
            ", allowed: " + (fitting.empty() ? "no operator, for this type cannot be filtered" : one_of(fitting)));
  return false;
}

void FilterCompiler::never(redan_filter& into) const {
  into.op = REDAN_OP_EQUAL;
  into.options = 0;
  into.count = 0;
}

void FilterCompiler::equal(const Entry& entry, redan_filter& into) {
  const bool is_text = (entry.slot.type->matching & kMatchText) != 0;
  if (!entry.slot.is_known()) return never(into);
  if (is_text) return set_texts(REDAN_OP_TEXT, entry.filter.values, &entry, into);
  std::vector<NumberRange> ranges;
  for (const Text& value : entry.filter.values)
    if (const auto number = parse_number(value, entry.slot)) ranges.push_back({*number, *number});
  if (ranges.size() != entry.filter.values.size()) return;
  // Neighbours are not joined: up to four stay as they are written.
  if (ranges.size() > REDAN_HOOK_INLINE_VALUES)
    return set_ranges(entry.filter.place, ranges, entry.slot.is_signed, into);
  into.op = REDAN_OP_EQUAL;
  for (const NumberRange& range : ranges) into.values[into.count++][0] = range.low;
}

void FilterCompiler::number(const Entry& entry, redan_filter& into) {
  into.op = static_cast<__u8>(entry.op.op);
  const bool is_compared = entry.op.op != REDAN_OP_MASK;
  if (entry.slot.is_signed && is_compared) into.options |= REDAN_FILTER_SIGNED;
  std::vector<uint64_t> numbers;
  for (const Text& value : entry.filter.values)
    if (const auto number = parse_number(value, entry.slot)) numbers.push_back(*number);
  // "Greater than any" is greater than the least, "has a bit of any" has one of all: however many, one is enough.
  if (numbers.size() > REDAN_HOOK_INLINE_VALUES) {
    const uint64_t flip = entry.slot.is_signed ? uint64_t{1} << 63 : 0;
    const auto in_order = [flip](uint64_t n) { return n ^ flip; };
    uint64_t bits = 0;
    for (uint64_t number : numbers) bits |= number;
    numbers = {entry.op.op == REDAN_OP_GREATER ? std::ranges::min(numbers, {}, in_order)
               : entry.op.op == REDAN_OP_LESS  ? std::ranges::max(numbers, {}, in_order)
                                               : bits};
  }
  for (uint64_t number : numbers) into.values[into.count++][0] = number;
}

std::optional<uint64_t> FilterCompiler::parse_number(const Text& text, const Slot& slot) {
  if (!slot.is_known()) return 0;
  if ((slot.type->matching & kMatchCapabilities) != 0) {
    if (const auto number = parse_integer(*text); number && number->as<uint64_t>()) return number->bits();
    uint64_t mask = 0;
    std::string_view rest = *text;
    while (true) {
      const auto capability = find_capability(rest.substr(0, rest.find(',')));
      if (!capability) {
        error(text.place,
              "found " + in_quotes(*text) + ", allowed: a number, or names such as CAP_SYS_ADMIN,CAP_NET_RAW");
        return std::nullopt;
      }
      mask |= uint64_t{1} << *capability;
      if (rest.find(',') == std::string_view::npos) return mask;
      rest.remove_prefix(rest.find(',') + 1);
    }
  }
  const auto number = parse_integer(*text);
  // Narrow numbers are widened before they are compared; what does not fit them is written by mistake.
  const int bits = slot.type->size > 4 ? 64 : 32;
  const bool fits =
      number &&
      (slot.is_signed ? (bits == 64 ? number->as<int64_t>().has_value() : number->as<int32_t>().has_value())
                      : (bits == 64 ? number->as<uint64_t>().has_value() : number->as<uint32_t>().has_value()));
  if (!fits) {
    error(text.place, "found " + in_quotes(*text) + ", allowed: a" + (slot.is_signed ? " signed" : "n unsigned") +
                          " number of " + std::to_string(bits) + " bits such as 17, 0x11, 0b10001 or 021");
    return std::nullopt;
  }
  return number->bits();
}

void FilterCompiler::set_ranges(const Place& place, std::vector<NumberRange> ranges, bool is_signed,
                                redan_filter& into) {
  // Order as the type has it: with the sign bit flipped, signed numbers sort as unsigned ones.
  const uint64_t flip = is_signed ? uint64_t{1} << 63 : 0;
  for (NumberRange& range : ranges) range = {range.low ^ flip, range.high ^ flip};
  std::ranges::sort(ranges, {}, &NumberRange::low);
  std::vector<NumberRange> joined;
  for (const NumberRange& range : ranges) {
    const bool touches = !joined.empty() && (range.low <= joined.back().high || range.low - 1 == joined.back().high);
    if (touches)
      joined.back().high = std::max(joined.back().high, range.high);
    else
      joined.push_back(range);
  }
  if (joined.empty()) {
    into.op = REDAN_OP_EQUAL;
    return;
  }
  if (joined.size() <= REDAN_HOOK_INLINE_VALUES) {
    const bool are_single = std::ranges::all_of(joined, [](const NumberRange& r) { return r.low == r.high; });
    into.op = are_single ? REDAN_OP_EQUAL : REDAN_OP_RANGE;
    if (is_signed && !are_single) into.options |= REDAN_FILTER_SIGNED;
    for (const NumberRange& range : joined) {
      into.values[into.count][0] = range.low ^ flip;
      into.values[into.count++][1] = are_single ? 0 : range.high ^ flip;
    }
    return;
  }
  uint64_t members = 0;
  for (const NumberRange& range : joined) {
    members = range.high - range.low >= kMostSetNumbers ? kMostSetNumbers + 1 : members + (range.high - range.low) + 1;
    if (members > kMostSetNumbers)
      return error(
          place, "found more than " + std::to_string(kMostSetNumbers) +
                     " numbers, allowed: so many, or up to four ranges however long; use InRange or several selectors");
  }
  into.op = REDAN_OP_NUMBERS;
  into.set = new_set();
  for (const NumberRange& range : joined)
    for (uint64_t number = range.low;; ++number) {
      plan_.numbers.push_back({into.set, number ^ flip});
      if (number == range.high) break;
    }
}

void FilterCompiler::range(const Entry& entry, redan_filter& into) {
  std::vector<NumberRange> ranges;
  for (const Text& value : entry.filter.values) {
    const auto ends = split_range(*value);
    if (!ends) {
      error(value.place, "found " + in_quotes(*value) + ", allowed: MIN:MAX, e.g. 1000:1999");
      continue;
    }
    const auto low = parse_number({std::string(ends->low), value.place}, entry.slot);
    const auto high = parse_number({std::string(ends->high), value.place}, entry.slot);
    if (!low || !high) continue;
    const uint64_t flip = entry.slot.is_signed ? uint64_t{1} << 63 : 0;
    if ((*low ^ flip) > (*high ^ flip))
      warning(value.place, "the first end is above the second: no number is in this range");
    else
      ranges.push_back({*low, *high});
  }
  set_ranges(entry.filter.place, std::move(ranges), entry.slot.is_signed, into);
}

void FilterCompiler::list_numbers(const Entry& entry, const Text& value, std::vector<NumberRange>& ranges) {
  const bool is_syscall = entry.slot.type->extraction == REDAN_ARG_SYSCALL || !entry.slot.is_known();
  if (hook_.section != Section::kTracepoints || !is_syscall) {
    error(value.place,
          "found " + in_quotes(*value) + ", allowed: lists at tracepoints, for an argument of type syscall64");
    return;
  }
  const List* list = find_list(context_.document, value, context_.diagnostics);
  if (!list) return;
  if (*list->type != ListType::kSyscalls && *list->type != ListType::kGeneratedSyscalls) {
    error(value.place, "found a list of functions, allowed: one of the types syscalls and generated_syscalls");
    return;
  }
  for (const ListMember& member : list_members(*list, context_.kernel)) {
    if (member.number)
      ranges.push_back({*member.number, *member.number});
    else
      warning(value.place, in_quotes(member.symbol) + " is no system call of this machine and is left out");
  }
}

void FilterCompiler::map(const Entry& entry, redan_filter& into) {
  std::vector<NumberRange> ranges;
  std::set<std::string_view> lists;
  for (const Text& value : entry.filter.values) {
    if (is_list_name(*value)) {
      if (lists.insert(*value).second) list_numbers(entry, value, ranges);
      continue;
    }
    const auto ends = split_range(*value).value_or(RangeText{*value, *value});
    const auto low = parse_decimal(ends.low), high = parse_decimal(ends.high);
    const bool fits = low && high &&
                      (entry.slot.is_signed ? low->as<int64_t>() && high->as<int64_t>()
                                            : low->as<uint64_t>() && high->as<uint64_t>());
    if (!fits && entry.slot.is_known()) {
      error(value.place, "found " + in_quotes(*value) + ", allowed: decimal numbers N or MIN:MAX, or list:NAME");
      continue;
    }
    if (!fits) continue;
    NumberRange range{low->bits(), high->bits()};
    const uint64_t flip = entry.slot.is_signed ? uint64_t{1} << 63 : 0;
    if ((range.low ^ flip) > (range.high ^ flip)) std::swap(range.low, range.high);
    ranges.push_back(range);
  }
  set_ranges(entry.filter.place, std::move(ranges), entry.slot.is_signed, into);
}

std::optional<NumberRange> FilterCompiler::parse_decimal_range(const Text& text, uint64_t highest,
                                                               std::string_view allowed) {
  const auto ends = split_range(*text).value_or(RangeText{*text, *text});
  const auto low = parse_decimal(ends.low), high = parse_decimal(ends.high);
  const bool fits =
      low && high && !low->is_negative && !high->is_negative && low->magnitude <= highest && high->magnitude <= highest;
  if (!fits) {
    error(text.place, "found " + in_quotes(*text) + ", allowed: " + std::string(allowed));
    return std::nullopt;
  }
  return NumberRange{std::min(low->magnitude, high->magnitude), std::max(low->magnitude, high->magnitude)};
}

void FilterCompiler::port(const Entry& entry, redan_filter& into) {
  std::vector<NumberRange> ranges;
  for (const Text& value : entry.filter.values)
    if (const auto range = parse_decimal_range(value, 65535, "a port from 0 to 65535, or MIN:MAX"))
      ranges.push_back(*range);
  set_ranges(entry.filter.place, std::move(ranges), false, into);
}

void FilterCompiler::privileged(const Entry&, redan_filter& into) {
  into.op = REDAN_OP_RANGE;
  into.count = 1;
  into.values[0][1] = 1023;
}

void FilterCompiler::named(const Entry& entry, redan_filter& into) {
  struct Names {
    redan_field field;
    std::span<const NamedNumber> (*names)();
    std::string_view allowed;
  };
  static constexpr std::array kNames = {
      Names{REDAN_FIELD_PROTOCOL, protocol_names, "a number, MIN:MAX, or a name such as IPPROTO_TCP"},
      Names{REDAN_FIELD_FAMILY, family_names, "a number, MIN:MAX, or a name such as AF_INET"},
      Names{REDAN_FIELD_STATE, state_names, "a number, MIN:MAX, or a name such as TCP_LISTEN"},
  };
  const Names& known = *std::ranges::find(kNames, entry.op.field, &Names::field);
  std::vector<NumberRange> ranges;
  for (const Text& value : entry.filter.values) {
    if (const auto number = find_number(known.names(), *value)) {
      ranges.push_back({*number, *number});
      continue;
    }
    std::vector<std::string_view> names;
    for (const NamedNumber& name : known.names()) names.push_back(name.name);
    const std::string allowed = std::string(known.allowed) + did_you_mean(*value, names);
    if (const auto range = parse_decimal_range(value, UINT32_MAX, allowed)) ranges.push_back(*range);
  }
  if (entry.op.field == REDAN_FIELD_STATE && entry.slot.type->extraction == REDAN_ARG_SKB) {
    warning(entry.filter.place, "is never true: a packet (skb) has no TCP state; filter a sock");
    return never(into);
  }
  set_ranges(entry.filter.place, std::move(ranges), false, into);
}

void FilterCompiler::file_type(const Entry& entry, redan_filter& into) {
  std::vector<NumberRange> ranges;
  for (const Text& value : entry.filter.values) {
    if (const auto type = find_number(file_type_names(), *value)) {
      ranges.push_back({*type, *type});
      continue;
    }
    std::vector<std::string_view> names;
    for (const NamedNumber& name : file_type_names()) names.push_back(name.name);
    error(value.place, "found " + in_quotes(*value) + ", allowed: " + one_of(names) + did_you_mean(*value, names));
  }
  set_ranges(entry.filter.place, std::move(ranges), false, into);
}

void FilterCompiler::address(const Entry& entry, redan_filter& into) {
  into.op = REDAN_OP_ADDRESS;
  into.set = new_set();
  for (const Text& value : entry.filter.values) {
    const auto cidr = parse_cidr(*value);
    if (!cidr) {
      error(value.place, "found " + in_quotes(*value) +
                             ", allowed: an address such as 192.0.2.1 or 2001:db8::1, or a block such as 192.0.2.0/24");
      continue;
    }
    into.options = static_cast<__u8>(into.options | (cidr->is_v6 ? REDAN_FILTER_V6 : REDAN_FILTER_V4));
    plan_.addresses.push_back({into.set, cidr->is_v6, cidr->bits, cidr->address});
  }
}

void FilterCompiler::gained(const Entry& entry, redan_filter& into) {
  const Value<uint32_t>& second = entry.filter.args[1];
  const bool is_there = *second < hook_.args.size();
  if (!is_there || (slots_.args[*second].type->matching & kMatchCapabilities) == 0) {
    error(second.place, "found " + std::to_string(*second) + ", allowed: the position of a capability set in args");
    return;
  }
  into.op = REDAN_OP_GAINED;
  into.slot2 = static_cast<__u8>(*second);
  if (!slots_.args[*second].is_readable) never(into);
}

void FilterCompiler::sub_string(const Entry& entry, redan_filter&) {
  not_supported(context_.diagnostics, entry.filter.op.place, Feature::kSubString);
}

void FilterCompiler::expression(const Entry& entry, redan_filter&) {
  not_supported(context_.diagnostics, entry.filter.op.place, Feature::kCelExpr);
}

void FilterCompiler::text(const Entry& entry, redan_filter& into) {
  set_texts(entry.op.op, entry.filter.values, &entry, into);
  if (entry.op.op == REDAN_OP_POSTFIX) plan_.program.args[into.slot].options |= REDAN_ARG_POSTFIX;
}

// entry: of matchArgs; null: a binary's path.
void FilterCompiler::set_texts(redan_op op, const Texts& values, const Entry* entry, redan_filter& into) {
  struct Row {
    redan_op op;
    size_t most;
    std::vector<event::SetText> event::HookPlan::*set;
  };
  const size_t most_equal = entry ? REDAN_EQUAL_MAX : REDAN_EQUAL_SHORT;
  const std::array rows = {
      Row{REDAN_OP_TEXT, most_equal, &event::HookPlan::texts},
      Row{REDAN_OP_PREFIX, REDAN_PREFIX_MAX, &event::HookPlan::prefixes},
      Row{REDAN_OP_POSTFIX, REDAN_POSTFIX_MAX, &event::HookPlan::postfixes},
      Row{REDAN_OP_FOLLOWED, REDAN_EQUAL_SHORT, &event::HookPlan::followed},
  };
  const Row& row = *std::ranges::find(rows, op, &Row::op);
  const redan_arg_type type = entry ? entry->slot.type->extraction : REDAN_ARG_BINPRM;
  into.op = static_cast<__u8>(op);
  into.set = new_set();
  std::set<std::string> known;
  for (const Text& value : values) {
    std::string bytes = *value;
    const bool is_cut =
        (op == REDAN_OP_TEXT && type == REDAN_ARG_STRING) || (op == REDAN_OP_POSTFIX && type != REDAN_ARG_BYTES);
    if (is_cut) bytes.resize(bytes.find_last_not_of('\0') + 1);
    const bool needs_some = op == REDAN_OP_POSTFIX && type != REDAN_ARG_BYTES;
    const bool is_lost = bytes.empty() && (needs_some || (op != REDAN_OP_POSTFIX && !value.value.empty()));
    // The kernel keeps 107 bytes of an abstract name, whatever its length.
    constexpr size_t kAbstractName = 108;
    const bool is_abstract = type == REDAN_ARG_SOCKADDR_UN && op == REDAN_OP_TEXT && bytes.starts_with('\0');
    if (is_abstract && bytes.size() < kAbstractName) bytes.resize(kAbstractName);
    if (is_lost || bytes.size() > row.most) {
      error(value.place,
            "found " + in_quotes(*value) + (is_lost ? "" : " of " + std::to_string(bytes.size()) + " bytes") +
                ", allowed: " + (is_lost || needs_some ? "1" : "0") + " to " + std::to_string(row.most) + " bytes");
      continue;
    }
    if (op == REDAN_OP_TEXT && bytes.size() > REDAN_EQUAL_SHORT) into.options |= REDAN_FILTER_LONG;
    if (known.insert(bytes).second) (plan_.*row.set).push_back({into.set, std::move(bytes)});
  }
}

}  // namespace redan::policy
