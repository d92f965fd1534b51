// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <variant>

#include "agent/command_line.h"
#include "agent/commands.h"

namespace {

using redan::ErrorCode;
using redan::exit_code;
using redan::Result;

int fail(const redan::Error& error) {
  // What is said about the command line starts with the command: "redan agent: …".
  const bool is_named = error.message.starts_with("redan ") || error.message.starts_with("redan:");
  std::fprintf(stderr, "%s%s\n", is_named ? "" : "redan: ", error.message.c_str());
  return exit_code(error.code);
}

int finish(const Result<void>& result) { return result ? 0 : fail(result.error()); }

struct Run {
  int operator()(const redan::agent::PrintText& print) const {
    std::fputs(print.text.c_str(), print.to_stderr ? stderr : stdout);
    return print.exit_code;
  }
  int operator()(const redan::agent::AgentCommand& command) const { return finish(redan::agent::run_agent(command)); }
  int operator()(const redan::agent::RecordCommand& command) const { return finish(redan::agent::run_record(command)); }
  int operator()(const redan::agent::ReplayCommand& command) const { return finish(redan::agent::run_replay(command)); }
  int operator()(const redan::agent::FeaturesCommand& command) const {
    return finish(redan::agent::run_features(command));
  }
  int operator()(const redan::agent::PolicyCheckCommand& command) const {
    return finish(redan::agent::run_policy_check(command));
  }
  int operator()(const redan::agent::PolicyExplainCommand& command) const {
    return finish(redan::agent::run_policy_explain(command));
  }
  int operator()(const redan::agent::PolicyClientCommand& command) const {
    return finish(redan::agent::run_policy_client(command));
  }
};

}  // namespace

int main(int argc, char** argv) {
  // Only a library throws, and only when memory is gone or it has a bug: one line instead of a core dump.
  try {
    const auto command = redan::agent::parse_command_line(argc, argv, redan::agent::EnvironmentView(environ));
    return command ? std::visit(Run(), *command) : fail(command.error());
  } catch (const std::exception& error) {
    return fail({ErrorCode::kRuntime, error.what()});
  }
}
