// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters of a selector as the kernel program evaluates them. Private to compile_selectors().

#include <string>
#include <vector>

#include "policy/hook_compiler.h"

namespace redan::policy {

/// An interval of numbers, both ends included, as sign-extended bits.
struct NumberRange {
  uint64_t low = 0, high = 0;
};

/// Compiles the filters of one hook. Value sets are numbered as they come.
class FilterCompiler {
 public:
  FilterCompiler(const CompileContext& context, const Hook& hook, const Slots& slots, event::HookPlan& plan)
      : context_(context), hook_(hook), slots_(slots), plan_(plan) {}

  /// An entry of matchArgs or, if `is_return`, matchReturnArgs.
  void arg(const ArgFilter& filter, bool is_return, redan_filter& into);

  void pids(const PidFilter& filter, redan_filter& into);
  void binary(const BinaryFilter& filter, redan_filter& into);
  void ns(const NamespaceFilter& filter, redan_filter& into);
  void capabilities(const CapabilityFilter& filter, redan_filter& into);
  void namespace_changes(const NamespaceChangesFilter& filter, redan_filter& into);
  void capability_changes(const CapabilityFilter& filter, redan_filter& into);

 private:
  struct Entry;
  using Compile = void (FilterCompiler::*)(const Entry&, redan_filter&);
  static Compile compile_of(OperatorFamily family);

  void equal(const Entry& entry, redan_filter& into);
  void number(const Entry& entry, redan_filter& into);
  void range(const Entry& entry, redan_filter& into);
  void map(const Entry& entry, redan_filter& into);
  void text(const Entry& entry, redan_filter& into);
  void address(const Entry& entry, redan_filter& into);
  void port(const Entry& entry, redan_filter& into);
  void privileged(const Entry& entry, redan_filter& into);
  void named(const Entry& entry, redan_filter& into);
  void file_type(const Entry& entry, redan_filter& into);
  void gained(const Entry& entry, redan_filter& into);
  void sub_string(const Entry& entry, redan_filter& into);
  void expression(const Entry& entry, redan_filter& into);

  std::optional<size_t> find_slot(const ArgFilter& filter, bool is_return);
  bool check_operator(const ArgFilter& filter, const Slot& slot);
  std::optional<uint64_t> parse_number(const Text& text, const Slot& slot);
  std::optional<NumberRange> parse_decimal_range(const Text& text, uint64_t highest, std::string_view allowed);
  void list_numbers(const Entry& entry, const Text& value, std::vector<NumberRange>& ranges);

  void set_ranges(const Place& place, std::vector<NumberRange> ranges, bool is_signed, redan_filter& into);
  void set_texts(redan_op op, const Texts& values, const Entry* entry, redan_filter& into);
  void never(redan_filter& into) const;
  uint16_t new_set() { return next_set_++; }
  void error(const Place& place, std::string message) { context_.diagnostics.error(place, std::move(message)); }
  void warning(const Place& place, std::string message) { context_.diagnostics.warning(place, std::move(message)); }

  const CompileContext& context_;
  const Hook& hook_;
  const Slots& slots_;
  event::HookPlan& plan_;
  uint16_t next_set_ = 0;
};

}  // namespace redan::policy
