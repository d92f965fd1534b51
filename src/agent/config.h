// SPDX-License-Identifier: Apache-2.0
#pragma once
// From where the value of each option comes. Low to high: default, configuration file, drop-in directory, environment,
// flags.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/options.h"
#include "base/result.h"

namespace redan::agent {

/// The environment of a process, as a value: tests make their own, main passes envp. Refers to the strings it was made
/// from.
class EnvironmentView {
 public:
  using Variable = std::pair<std::string_view, std::string_view>;

  EnvironmentView() = default;
  /// NAME=VALUE strings up to a null pointer, as main() gets them. What has no `=` is left out.
  explicit EnvironmentView(const char* const* envp);
  explicit EnvironmentView(std::vector<Variable> variables) : variables_(std::move(variables)) {}

  std::span<const Variable> variables() const { return variables_; }

  /// Nothing also for a variable that is set but empty: Redan takes these for not set, as Tetragon does.
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  std::vector<Variable> variables_;
};

/// The source of an option that nobody set.
inline constexpr std::string_view kDefaultSource = "default";

/// A value given on the command line.
struct Flag {
  const Option* option = nullptr;
  std::string text;
};

/// The values of all options, and for each of them who said so.
class Configuration {
 public:
  Configuration();

  AgentOptions options;

  /// Where the option's value comes from: "default", "FILE:LINE:COLUMN", "DIR/NAME", "REDAN_NAME", "--NAME"; for
  /// node-name also "HUBBLE_NODE_NAME", "NODE_NAME" and "host name".
  const std::string& source(const Option& option) const;
  void set_source(const Option& option, std::string source);

 private:
  std::vector<std::string> sources_;  // in the order of options()
};

/// All sources put together. Flags: each option at most once, value already checked by set_option().
/// Errors: kConfig, with one line for each problem of the files and the environment ("FILE:LINE:COLUMN: key 'x': …",
/// "DIR/x: …", "environment variable REDAN_X: …"); kPrivilege if all that is wrong is a file that may not be read; kUsage
/// for flags that contradict each other.
Result<Configuration> configure(const EnvironmentView& environment, std::span<const Flag> flags);

/// What flags alone say, for commands whose result must not depend on the machine: no file, no environment.
Result<Configuration> configure_offline(std::span<const Flag> flags);

/// Sets what the YAML text says. `file_name` is for messages and sources. The error (kConfig) has a line for each
/// problem; what is right is set all the same. Any bytes are fine as text; no exception leaves.
Result<void> apply_yaml(std::string_view text, std::string_view file_name, Configuration& into);

/// Every option of the commands in `verbs`, its value and its source, as YAML that a configuration file could hold.
std::string show_configuration(const Configuration& configuration, uint16_t verbs = kAgent | kRecord | kFeatures);

}  // namespace redan::agent
