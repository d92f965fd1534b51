// SPDX-License-Identifier: Apache-2.0
#pragma once
// What was asked for: the words of the command line, with the configuration that goes with them.

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/config.h"
#include "agent/options.h"
#include "base/result.h"

namespace redan::agent {

/// Print the text and exit: help, version, configuration.
struct PrintText {
  std::string text;  ///< whole lines
  bool to_stderr = false;
  int exit_code = 0;
};

/// `redan agent`
struct AgentCommand {
  Configuration configuration;
};

/// `redan record FILE`. What files and environment say about options of other commands (the export) is left out.
struct RecordCommand {
  std::string file;                                  ///< not empty
  std::optional<std::chrono::nanoseconds> duration;  ///< above 0; nothing: until a signal
  Configuration configuration;
};

/// `redan replay FILE`. Flags alone count, and node_name is empty unless given: the result must not depend on the machine.
struct ReplayCommand {
  std::string file;      ///< not empty
  AgentOptions options;  ///< export_filename is "-" unless given
};

/// `redan features`
struct FeaturesCommand {
  bool json = false;
  AgentOptions options;
};

/// `redan policy check FILE…`
struct PolicyCheckCommand {
  std::vector<std::string> files;  ///< at least one, none empty
};

/// `redan policy explain FILE…`
struct PolicyExplainCommand {
  std::vector<std::string> files;  ///< at least one, none empty
  bool json = false;
  AgentOptions options;
};

/// `redan policy add|delete|enable|disable|set-mode|list`: what the running agent is asked.
struct PolicyClientCommand {
  VerbSet verb = kPolicyList;
  std::vector<std::string> operands;  ///< files; a name; a name and a mode
  bool json = false;
  std::string mode;  ///< of a policy that is added: enforce or monitor; empty: what the policy says
  std::string run_dir;
};

using Command = std::variant<PrintText, AgentCommand, RecordCommand, ReplayCommand, FeaturesCommand, PolicyCheckCommand,
                             PolicyExplainCommand, PolicyClientCommand>;

/// The command that argv (argv[0] included) asks for. Reads the configuration files of commands that have any.
/// Errors: kUsage, one line that starts with "redan COMMAND: " and names the flag or word and what is allowed; what
/// configure() says, which may be several lines. One thread at a time: getopt_long has global state.
Result<Command> parse_command_line(int argc, const char* const* argv, const EnvironmentView& environment);

}  // namespace redan::agent
