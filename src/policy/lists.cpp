// SPDX-License-Identifier: Apache-2.0
#include "policy/lists.h"

#include <algorithm>
#include <set>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/regex.h"
#include "policy/syscalls.h"

namespace redan::policy {
namespace {

constexpr std::string_view kListPrefix = "list:";

bool is_generated(const List& list) {
  return *list.type == ListType::kGeneratedSyscalls || *list.type == ListType::kGeneratedFtrace;
}

void check_values(const List& list, Diagnostics& diagnostics) {
  if (is_generated(list) && !list.values.empty())
    diagnostics.error(list.values[0].place, "found values, allowed: none, for the list is generated");
  for (const Text& value : list.values) {
    if (*list.type == ListType::kSyscalls && !parse_listed_syscall(*value)) {
      diagnostics.error(value.place, "found " + in_quotes(*value) +
                                         ", allowed: a system call as sys_NAME, __x64_sys_NAME, __ia32_sys_NAME or "
                                         "ABI/sys_NAME with x64, i386, arm64 or arm32 as ABI");
    } else if (value.value.empty()) {
      diagnostics.error(value.place, "found nothing, allowed: the name of a function");
    }
  }
}

void check_pattern(const List& list, Diagnostics& diagnostics) {
  if (*list.type != ListType::kGeneratedFtrace) return;
  if (list.pattern.value.empty()) {
    diagnostics.error(list.pattern.is_given() ? list.pattern.place : list.place,
                      "found no pattern, allowed: a regular expression for the names of functions");
    return;
  }
  if (const auto regex = Regex::compile(*list.pattern); !regex)
    diagnostics.error(list.pattern.place, regex.error().message);
}

std::vector<ListMember> generated_syscalls(const KernelFacts& kernel) {
  std::vector<ListMember> members;
  for (const SyscallName& call : x64_syscalls()) {
    const std::string symbol = x64_symbol(call.name);
    if (kernel.parameters(symbol)) members.push_back({symbol, call.number});
  }
  return members;
}

std::vector<ListMember> generated_functions(const List& list, const KernelFacts& kernel) {
  std::vector<ListMember> members;
  const auto regex = Regex::compile(*list.pattern);
  if (!regex) return members;
  for (const std::string& function : kernel.traceable_functions())
    if (regex->search(function)) members.push_back({function, std::nullopt});
  return members;
}

}  // namespace

void check_lists(const Document& document, Diagnostics& diagnostics) {
  std::set<std::string_view> names;
  for (const List& list : document.spec.lists) {
    if (!names.insert(*list.name).second)
      diagnostics.error(list.name.place, "found a second list " + in_quotes(*list.name) + ", allowed: one of a name");
    if (*list.validated) diagnostics.warning(list.validated.place, "has no effect: lists are always checked");
    check_values(list, diagnostics);
    check_pattern(list, diagnostics);
  }
}

bool is_list_name(std::string_view text) { return text.starts_with(kListPrefix); }

const List* find_list(const Document& document, const Text& text, Diagnostics& diagnostics) {
  if (!is_list_name(*text)) return nullptr;
  const std::string_view name = std::string_view(*text).substr(kListPrefix.size());
  std::vector<std::string_view> names;
  for (const List& list : document.spec.lists) {
    if (*list.name == name) return &list;
    names.push_back(*list.name);
  }
  diagnostics.error(text.place, "found the list " + in_quotes(name) + ", allowed: the lists of spec.lists" +
                                    (names.empty() ? " (there is none)" : "") + did_you_mean(name, names));
  return nullptr;
}

std::vector<ListMember> list_members(const List& list, const KernelFacts* kernel) {
  if (is_generated(list) && !kernel) return {};
  if (*list.type == ListType::kGeneratedSyscalls) return generated_syscalls(*kernel);
  if (*list.type == ListType::kGeneratedFtrace) return generated_functions(list, *kernel);
  std::vector<ListMember> members;
  for (const Text& value : list.values) {
    if (*list.type == ListType::kPlain) {
      members.push_back({*value, std::nullopt});
    } else if (auto listed = parse_listed_syscall(*value)) {
      members.push_back({std::move(listed->symbol), listed->number});
    }
  }
  return members;
}

}  // namespace redan::policy
