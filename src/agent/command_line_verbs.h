// SPDX-License-Identifier: Apache-2.0
#pragma once
// The commands and the flags that are not options of the agent, as tables: what parses them and what explains them read
// the same. Included by command_line*.cpp alone.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "agent/options.h"

namespace redan::agent {

/// What a command does without an option, where that is not the option's own default.
struct OtherDefault {
  std::string_view option;
  std::string_view text;
};

/// One command of redan.
struct Verb {
  VerbSet set;
  std::string_view name;
  std::string_view operand;  ///< what its operands are called, separated by spaces; with "…" at the end: takes several
  std::string_view purpose;  ///< one line for the list of commands
  std::string_view explanation;
  std::span<const std::string_view> examples;
  std::span<const OtherDefault> defaults = {};
  std::string_view operand_allowed = "the recording's path";

  bool takes_several() const { return operand.ends_with("…"); }
  /// How many operands it needs at least.
  size_t operands() const { return operand.empty() ? 0 : 1 + static_cast<size_t>(std::ranges::count(operand, ' ')); }
};

/// A flag that does not set an option.
struct OtherFlag {
  std::string_view name;
  std::string_view short_name;  ///< one letter or nothing
  std::string_view value_name;  ///< empty: takes no value
  std::string_view help;
  uint16_t verbs;
  std::string_view allowed = "true or false";
};

std::span<const Verb> verbs();
const Verb* find_verb(std::string_view name);

std::span<const OtherFlag> other_flags();

/// What `redan --help` prints.
std::string general_help();

/// What `redan VERB --help` prints.
std::string verb_help(const Verb& verb);

/// Version, commit, kernel release; one line.
std::string version_text();

}  // namespace redan::agent
