// SPDX-License-Identifier: Apache-2.0
// `redan policy add|delete|enable|disable|set-mode|list`: asks the running agent.
#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "agent/commands.h"
#include "agent/control.h"
#include "agent/policy_file.h"
#include "agent/print.h"

namespace redan::agent {
namespace {

void complain(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

Result<void> add_one(const PolicyClientCommand& command, const std::string& file) {
  REDAN_ASSIGN(std::string text, read_policy_file(file));
  // The agent has another working directory.
  const std::string path = std::filesystem::absolute(file).lexically_normal();
  Request request{.words = {"add", path}, .text = std::move(text)};
  if (!command.mode.empty()) request.words.push_back(command.mode);
  REDAN_ASSIGN(const std::string notes, ask_agent(command.run_dir, request));
  complain(notes);
  return print(fmt::format("tracing policy \"{}\" added\n", file));
}

/// Each file for itself; what is wrong with one does not keep the others.
Result<void> add_all(const PolicyClientCommand& command) {
  std::optional<Error> first;
  size_t failed = 0;
  for (const std::string& file : command.operands) {
    const Result<void> added = add_one(command, file);
    if (added) continue;
    if (command.operands.size() == 1) return added;
    complain("redan: " + added.error().message + "\n");
    if (!first) first = added.error();
    ++failed;
  }
  if (!first) return {};
  return Error{first->code, fmt::format("{} of {} policies were not added", failed, command.operands.size())};
}

Result<void> list(const PolicyClientCommand& command) {
  REDAN_ASSIGN(const std::string text,
               ask_agent(command.run_dir, {.words = {"list", command.json ? "json" : "text"}, .text = {}}));
  return print(text);
}

/// A request with the operands for its words, and what is printed when it is done.
struct Change {
  VerbSet verb;
  std::string_view word;
  std::string_view done;
};
constexpr std::array kChanges = {Change{kPolicyDelete, "delete", "deleted"}, Change{kPolicyEnable, "enable", "enabled"},
                                 Change{kPolicyDisable, "disable", "disabled"},
                                 Change{kPolicySetMode, "set-mode", "set to mode"}};

}  // namespace

Result<void> run_policy_client(const PolicyClientCommand& command) {
  if (command.verb == kPolicyAdd) return add_all(command);
  if (command.verb == kPolicyList) return list(command);
  const Change& change = *std::ranges::find(kChanges, command.verb, &Change::verb);
  Request request{.words = {std::string(change.word)}, .text = {}};
  request.words.insert(request.words.end(), command.operands.begin(), command.operands.end());
  REDAN_ASSIGN(const std::string notes, ask_agent(command.run_dir, request));
  complain(notes);
  const std::string mode = command.verb == kPolicySetMode ? fmt::format(" \"{}\"", command.operands[1]) : "";
  return print(fmt::format("tracing policy \"{}\" {}{}\n", command.operands[0], change.done, mode));
}

}  // namespace redan::agent
