// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel program does with a plan, by the words of abi/hook.h. Deliberately no faster than a reader's eye.

#include <algorithm>
#include <optional>

#include "event/hook.h"
#include "policy/evaluate.h"

namespace redan::policy {

class PlanEvaluator {
 public:
  PlanEvaluator(const event::HookPlan& plan, const Observation& seen) : plan_(plan), seen_(seen) {}

  std::optional<size_t> entering() const {
    if (!plan_.program.selectors[0].used) return 0;
    for (size_t i = 0; i < REDAN_HOOK_SELECTORS; ++i) {
      const redan_selector& selector = plan_.program.selectors[i];
      if (selector.used && all(selector.process) && all(selector.args)) return i;
    }
    return std::nullopt;
  }

  std::optional<size_t> returning(size_t entered) const {
    if (!plan_.program.selectors[0].used) return 0;
    for (size_t i = entered; i < REDAN_HOOK_SELECTORS; ++i) {
      const redan_selector& selector = plan_.program.selectors[i];
      if (selector.used && all(selector.process) && all(selector.returned)) return i;
    }
    return std::nullopt;
  }

 private:
  template <size_t N>
  bool all(const redan_filter (&filters)[N]) const {
    for (const redan_filter& filter : filters) {
      if (filter.op == REDAN_OP_NONE) return true;
      if (!holds(filter)) return false;
    }
    return true;
  }

  const Observed& slot(uint8_t number) const {
    return number == REDAN_HOOK_SLOT_RETURN ? seen_.returned : seen_.args[number];
  }

  bool holds(const redan_filter& filter) const {
    const auto found = filter.field < REDAN_SLOT_FIELDS ? in_slot(filter) : in_process(filter);
    if (!found) return false;  // could not be read
    return *found != ((filter.options & REDAN_FILTER_NEGATE) != 0);
  }

  std::optional<bool> in_slot(const redan_filter& filter) const {
    const Observed& value = slot(filter.slot);
    const __u8 type = plan_.program.args[filter.slot].type;
    if (!value.is_readable) return std::nullopt;
    if (filter.op == REDAN_OP_GAINED) {
      if (!slot(filter.slot2).is_readable) return std::nullopt;
      return (slot(filter.slot2).number & ~value.number) != 0;
    }
    if (filter.op == REDAN_OP_ADDRESS) return address(filter, value.socket);
    if (filter.op == REDAN_OP_TEXT || filter.op == REDAN_OP_PREFIX || filter.op == REDAN_OP_POSTFIX) {
      constexpr int kPaths[] = {REDAN_ARG_FILE, REDAN_ARG_PATH,  REDAN_ARG_DENTRY,
                                REDAN_ARG_FD,   REDAN_ARG_KIOCB, REDAN_ARG_BINPRM};
      const bool is_path = std::ranges::find(kPaths, type) != std::end(kPaths);
      if (is_path && value.text.empty()) return std::nullopt;
      return text(filter, value.text);
    }
    const ObservedSocket& socket = value.socket;
    const uint64_t fields[] = {value.number, value.file_type, socket.family, socket.protocol,
                               socket.state, socket.sport,    socket.dport};
    return number(filter, fields[filter.field]);
  }

  std::optional<bool> in_process(const redan_filter& filter) const {
    const ObservedProcess& process = seen_.process;
    CHECK((plan_.program.fields >> filter.field & 1) == 1);
    if (filter.op == REDAN_OP_PIDS) {
      const bool is_ns = filter.field == REDAN_FIELD_NS_PID;
      if (is_ns && process.levels[0].ns_pid == 0) return std::nullopt;
      return std::ranges::any_of(process.levels, [&](const ObservedProcess::Level& level) {
        redan_filter one = filter;
        one.op = filter.count == 0 ? REDAN_OP_NUMBERS : REDAN_OP_EQUAL;
        return number(one, is_ns ? level.ns_pid : level.pid);
      });
    }
    if (filter.op == REDAN_OP_FOLLOWED) {
      const auto is_listed = [&](const std::string& path) {
        return std::ranges::any_of(plan_.followed,
                                   [&](const event::SetText& t) { return t.set == filter.set && t.bytes == path; });
      };
      if (std::ranges::any_of(process.descent, is_listed)) return true;
      return process.binary ? std::optional(is_listed(*process.binary)) : std::nullopt;
    }
    if (filter.field == REDAN_FIELD_BINARY)
      return process.binary ? std::optional(text(filter, *process.binary)) : std::nullopt;
    if (filter.field >= REDAN_FIELD_EFFECTIVE_CHANGES) {
      const uint64_t changes[] = {process.effective_changes, process.inheritable_changes, process.permitted_changes};
      return number(filter, changes[filter.field - REDAN_FIELD_EFFECTIVE_CHANGES]);
    }
    if (filter.field >= REDAN_FIELD_NAMESPACE)
      return number(filter, process.namespaces.inum[filter.field - REDAN_FIELD_NAMESPACE]);
    const uint64_t fields[] = {process.levels[0].pid,       process.levels[0].ns_pid, 0,
                               process.effective,           process.inheritable,      process.permitted,
                               process.is_in_other_user_ns, process.namespace_changes};
    return number(filter, fields[filter.field - REDAN_FIELD_PID]);
  }

  bool number(const redan_filter& filter, uint64_t number) const {
    if (filter.op == REDAN_OP_NUMBERS)
      return std::ranges::any_of(plan_.numbers,
                                 [&](const event::SetNumber& n) { return n.set == filter.set && n.value == number; });
    const uint64_t flip = (filter.options & REDAN_FILTER_SIGNED) ? uint64_t{1} << 63 : 0;
    const uint64_t ordered = number ^ flip;
    for (size_t i = 0; i < filter.count; ++i) {
      const uint64_t first = filter.values[i][0], last = filter.values[i][1];
      if (filter.op == REDAN_OP_EQUAL && number == first) return true;
      if (filter.op == REDAN_OP_GREATER && ordered > (first ^ flip)) return true;
      if (filter.op == REDAN_OP_LESS && ordered < (first ^ flip)) return true;
      if (filter.op == REDAN_OP_MASK && (number & first) != 0) return true;
      if (filter.op == REDAN_OP_RANGE && (first ^ flip) <= ordered && ordered <= (last ^ flip)) return true;
    }
    return false;
  }

  bool text(const redan_filter& filter, const std::string& text) const {
    const auto& set = filter.op == REDAN_OP_TEXT     ? plan_.texts
                      : filter.op == REDAN_OP_PREFIX ? plan_.prefixes
                                                     : plan_.postfixes;
    if (filter.op == REDAN_OP_POSTFIX && filter.field == REDAN_FIELD_VALUE)
      CHECK((plan_.program.args[filter.slot].options & REDAN_ARG_POSTFIX) != 0);
    return std::ranges::any_of(set, [&](const event::SetText& t) {
      if (t.set != filter.set) return false;
      if (filter.op == REDAN_OP_TEXT) return text == t.bytes;
      return !text.empty() && (filter.op == REDAN_OP_PREFIX ? text.starts_with(t.bytes) : text.ends_with(t.bytes));
    });
  }

  std::optional<bool> address(const redan_filter& filter, const ObservedSocket& socket) const {
    const bool is_v4 = socket.family == 2, is_v6 = socket.family == 10;
    if (!is_v4 && !is_v6) return std::nullopt;
    if (!(filter.options & (is_v4 ? REDAN_FILTER_V4 : REDAN_FILTER_V6))) return false;
    const auto& bytes = filter.field == REDAN_FIELD_SADDR ? socket.saddr : socket.daddr;
    return std::ranges::any_of(plan_.addresses, [&](const event::SetAddress& a) {
      if (a.set != filter.set || a.v6 != is_v6) return false;
      for (unsigned bit = 0; bit < a.prefix_bits; ++bit)
        if (((a.address[bit / 8] ^ bytes[bit / 8]) & (0x80U >> (bit % 8))) != 0) return false;
      return true;
    });
  }

  const event::HookPlan& plan_;
  const Observation& seen_;
};

}  // namespace redan::policy
