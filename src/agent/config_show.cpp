// SPDX-License-Identifier: Apache-2.0
// What --show-config prints.
#include <algorithm>

#include "agent/config.h"
#include "agent/options_values.h"

namespace redan::agent {
namespace {

// Single-quoted YAML; double-quoted with escapes where there are control characters.
std::string yaml_text(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  const bool escaped = std::ranges::any_of(text, is_control);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(1, escaped ? '"' : '\'');
  for (char c : text) {
    if (is_control(c)) {
      out += "\\x";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
      continue;
    }
    if (escaped && (c == '"' || c == '\\')) out += '\\';
    if (!escaped && c == '\'') out += '\'';
    out += c;
  }
  return out + out.front();
}

std::string yaml_value(const Option& option, const AgentOptions& from) {
  const std::string value = option_value(option, from);
  if (is_list(option)) {
    const auto list = parse_list(value);
    std::string items;
    for (const std::string& item : *list) items += (items.empty() ? "" : ", ") + yaml_text(item);
    return "[" + items + "]";
  }
  return std::holds_alternative<StringField>(option.field) ? yaml_text(value) : value;
}

}  // namespace

std::string show_configuration(const Configuration& configuration, uint16_t verbs) {
  std::string text;
  for (const Option& option : options()) {
    if (!(option.verbs & verbs)) continue;
    // What no file can set is shown as a comment.
    std::string line = option.settable == Settable::kNotInFiles ? "# " : "";
    line += std::string(option.name) + ": " + yaml_value(option, configuration.options);
    constexpr size_t kSourceColumn = 56;
    line.resize(std::max(line.size() + 2, kSourceColumn), ' ');
    text += line + "# " + configuration.source(option) + "\n";
  }
  return text;
}

}  // namespace redan::agent
