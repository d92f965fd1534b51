// SPDX-License-Identifier: Apache-2.0
// `redan policy check`: what can be said about policies without loading them.
#include <algorithm>
#include <cstdio>

#include "agent/commands.h"
#include "agent/policy_file.h"
#include "agent/print.h"
#include "policy/compile.h"
#include "policy/lint.h"

namespace redan::agent {
namespace {

std::vector<policy::Diagnostic> diagnose(std::string_view text) {
  policy::Parsed parsed = policy::parse_document(text);
  std::vector<policy::Diagnostic> all = std::move(parsed.diagnostics);
  if (!parsed.document) return all;
  for (const auto& more : {policy::check(*parsed.document), policy::lint(*parsed.document)})
    all.insert(all.end(), more.begin(), more.end());
  std::ranges::stable_sort(all, {}, [](const policy::Diagnostic& d) { return std::pair(d.line, d.column); });
  return all;
}

}  // namespace

Result<void> run_policy_check(const PolicyCheckCommand& command) {
  size_t refused = 0;
  std::optional<Error> unreadable;
  for (const std::string& file : command.files) {
    const auto text = read_policy_file(file);
    if (!text) {
      std::fprintf(stderr, "redan: %s\n", text.error().message.c_str());
      unreadable = text.error();
      continue;
    }
    const auto diagnostics = diagnose(*text);
    const bool is_refused = std::ranges::any_of(
        diagnostics, [](const policy::Diagnostic& d) { return d.severity == policy::Severity::kError; });
    refused += is_refused ? 1 : 0;
    const std::string lines = diagnostics.empty() ? file + ": ok" : policy::format(diagnostics, file);
    REDAN_TRY(print(lines + "\n"));
  }
  const std::string of_how_many = " of " + std::to_string(command.files.size()) + " policies";
  if (refused > 0) return Error{ErrorCode::kConfig, std::to_string(refused) + of_how_many + " cannot be loaded"};
  if (unreadable) return Error{unreadable->code, "not all policies could be read"};
  return {};
}

}  // namespace redan::agent
