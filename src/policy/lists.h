// SPDX-License-Identifier: Apache-2.0
#pragma once
// spec.lists: named functions and system calls.

#include <optional>
#include <string>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/document.h"
#include "policy/kernel_facts.h"

namespace redan::policy {

/// A member of a list, or a single call.
struct ListMember {
  std::string symbol;
  std::optional<uint64_t> number;  ///< of a system call, see ListedSyscall
};

/// Checks all lists of a policy.
void check_lists(const Document& document, Diagnostics& diagnostics);

/// The list that "list:NAME" names; reports an unknown one and returns null. Null without a report: `text` names no list.
const List* find_list(const Document& document, const Text& text, Diagnostics& diagnostics);
bool is_list_name(std::string_view text);

/// Members of a list that check_lists() found nothing wrong with. Those of a generated one are known only with a kernel.
std::vector<ListMember> list_members(const List& list, const KernelFacts* kernel);

}  // namespace redan::policy
