// SPDX-License-Identifier: Apache-2.0
// docs/options.md. A unit test compares the committed file with this; UPDATE_GOLDEN=1 rewrites it.
#include <optional>

#include "agent/options.h"

namespace redan::agent {
namespace {

constexpr std::string_view kIntroduction = R"(# Options

<!-- Generated from src/agent/options_table.cpp; UPDATE_GOLDEN=1 with the unit tests of the agent rewrites it. -->

Every option has one name, and can be given in five places. From weak to strong:

1. its default;
2. the configuration file, `/etc/redan/redan.yaml` or that of `--config`: one flat YAML map, `NAME: VALUE`. Lists may
   be YAML lists. The default file may be absent;
3. the drop-in directory of `--config-dir`: one file per option, named like the option, holding its value (white space
   around it does not count). Hidden files and subdirectories are skipped, links are followed;
4. the environment: `REDAN_` and the name in upper case with `_` for `-`. An empty variable counts as not set;
5. a flag: `--NAME VALUE` or `--NAME=VALUE`; for true or false, `--NAME` alone is true. Of a flag that is given again
   the last value counts, and lists get longer.

`redan agent --show-config` prints the value of each option and where it comes from. A name that no option has, a value
that is not allowed, or a key that is given twice is an error that names the place (`FILE:LINE:COLUMN` in YAML), in all
five of them; all problems of files and environment are reported at once, and the exit code is 3 (2 for flags).
Variables that start with `REDAN_TEST_` or `REDAN_VM`, `REDAN_RESULTS` and `REDAN_KERNEL_VARIANT` belong to Redan's own
tests, and those that Kubernetes sets for a service called redan are left alone too.

Sizes are bytes, or K, M or G (powers of 1024). Durations are written as in Go: `250ms`, `30s`, `1m30s`. Lists are words
separated by commas or white space.

The commands `agent`, `record`, `features`, `policy explain` and those that ask the agent (`policy add`, …) read all five
places, `replay` only flags. The last column says which
commands use an option; for the others its value in files and environment means nothing.
)";

struct VerbName {
  VerbSet set;
  std::string_view name;
};
constexpr VerbName kVerbNames[] = {{kAgent, "agent"},
                                   {kRecord, "record"},
                                   {kReplay, "replay"},
                                   {kFeatures, "features"},
                                   {kPolicyExplain, "policy explain"},
                                   {kPolicyList, "policy add, delete, …, list"}};

std::string verbs_text(uint16_t set) {
  std::string text;
  for (const auto& [verb, name] : kVerbNames)
    if (set & verb) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

std::string default_cell(const Option& option) {
  if (!option.default_note.empty()) return std::string(option.default_note);
  const std::string value = default_text(option);
  return value.empty() ? "" : "`" + value + "`";
}

std::string meaning_cell(const Option& option) {
  std::string text = std::string(option.help) + ".";
  if (option.settable == Settable::kNotInFiles) text += " Not in files.";
  if (option.settable == Settable::kNotInDirectory) text += " Not in the drop-in directory.";
  return text;
}

}  // namespace

std::string options_markdown() {
  std::string out(kIntroduction);
  std::optional<OptionGroup> group;
  for (const Option& option : options()) {
    if (group != option.group) {
      out += "\n## " + std::string(group_title(option.group)) + "\n\n";
      out += "| option | default | allowed | meaning | commands |\n|---|---|---|---|---|\n";
    }
    group = option.group;
    out += "| `" + std::string(option.name) + "` | " + default_cell(option) + " | " + allowed_values(option) + " | " +
           meaning_cell(option) + " | " + verbs_text(option.verbs) + " |\n";
  }
  return out;
}

}  // namespace redan::agent
