// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include <algorithm>
#include <bit>

#include "agent/options_values.h"
#include "base/suggest.h"

namespace redan::agent {
namespace {

// For each kind of option: assign() sets the field or returns the text that it refuses, print() is its inverse,
// allowed() completes "allowed: …".
using Refused = std::optional<std::string>;

Refused assign(const BoolField& kind, std::string_view text, AgentOptions& into) {
  const auto value = parse_bool(text);
  if (!value) return std::string(text);
  into.*kind.field = *value;
  return std::nullopt;
}
std::string print(const BoolField& kind, const AgentOptions& from) { return format_bool(from.*kind.field); }
std::string allowed(const BoolField&) { return "true or false"; }

Refused assign(const UintField& kind, std::string_view text, AgentOptions& into) {
  const auto value = parse_uint(text);
  if (!value || *value < kind.least || *value > kind.most) return std::string(text);
  into.*kind.field = *value;
  return std::nullopt;
}
std::string print(const UintField& kind, const AgentOptions& from) { return std::to_string(from.*kind.field); }
std::string allowed(const UintField& kind) {
  return "a whole number from " + std::to_string(kind.least) + " to " + std::to_string(kind.most);
}

Refused assign(const SizeField& kind, std::string_view text, AgentOptions& into) {
  const auto value = parse_size(text);
  if (!value || *value < kind.least || *value > kind.most) return std::string(text);
  into.*kind.field = kind.power_of_two ? std::bit_ceil(*value) : *value;
  return std::nullopt;
}
std::string print(const SizeField& kind, const AgentOptions& from) { return format_size(from.*kind.field); }
std::string allowed(const SizeField& kind) {
  return "a size from " + format_size(kind.least) + " to " + format_size(kind.most) + ", in bytes or with K, M or G" +
         (kind.power_of_two ? ", rounded up to a power of two" : "");
}

Refused assign(const DurationField& kind, std::string_view text, AgentOptions& into) {
  const auto value = parse_duration(text);
  if (!value) return std::string(text);
  const bool off = kind.zero_is_off && value->count() == 0;
  if (!off && (*value < kind.least || *value > kind.most)) return std::string(text);
  into.*kind.field = *value;
  return std::nullopt;
}
std::string print(const DurationField& kind, const AgentOptions& from) { return format_duration(from.*kind.field); }
std::string allowed(const DurationField& kind) {
  return "a duration such as 30s or 1m30s, from " + format_duration(kind.least) + " to " + format_duration(kind.most) +
         (kind.zero_is_off ? ", or 0 for off" : "");
}

Refused assign(const ModeField& kind, std::string_view text, AgentOptions& into) {
  const auto value = parse_octal(text);
  if (!value || *value > 0777) return std::string(text);
  into.*kind.field = *value;
  return std::nullopt;
}
std::string print(const ModeField& kind, const AgentOptions& from) { return format_octal(from.*kind.field); }
std::string allowed(const ModeField&) { return "a file mode in octal digits, from 0 to 777"; }

Refused assign(const StringField& kind, std::string_view text, AgentOptions& into) {
  if (text.size() > kind.most || (text.empty() && !kind.may_be_empty)) return std::string(text);
  into.*kind.field = text;
  return std::nullopt;
}
std::string print(const StringField& kind, const AgentOptions& from) { return from.*kind.field; }
std::string allowed(const StringField& kind) {
  return "text of " + std::string(kind.may_be_empty ? "at most " : "1 to ") + std::to_string(kind.most) + " bytes";
}

Refused assign(const ListField& kind, const std::vector<std::string>& items, AgentOptions& into) {
  std::vector<std::string> values;
  // An item that cannot be written as text comes from a YAML list; allowing it there alone would be a trap.
  const std::string forbidden = ", \t\r\n\f\v" + std::string(kind.forbidden);
  for (const std::string& item : items) {
    if (item.empty() || item.find_first_of(forbidden) != std::string::npos) return item;
    if (std::ranges::find(values, item) == values.end()) values.push_back(item);
  }
  into.*kind.field = std::move(values);
  return std::nullopt;
}
std::string print(const ListField& kind, const AgentOptions& from) { return format_list(from.*kind.field); }
std::string allowed(const ListField& kind) {
  if (kind.forbidden.empty()) return "words separated by commas";
  return "words without " + std::string(kind.forbidden) + ", separated by commas";
}

std::string words_text(std::span<const std::string_view> words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

Refused assign(const WordField& kind, std::string_view text, AgentOptions& into) {
  const auto word = std::ranges::find(kind.words, text == kind.synonym ? kind.meant : text);
  if (word == kind.words.end()) return std::string(text);
  kind.set(into, static_cast<size_t>(word - kind.words.begin()));
  return std::nullopt;
}
std::string print(const WordField& kind, const AgentOptions& from) { return std::string(kind.words[kind.get(from)]); }
std::string allowed(const WordField& kind) { return words_text(kind.words); }

Refused assign(const WordListField& kind, const std::vector<std::string>& items, AgentOptions& into) {
  std::vector<size_t> indexes;
  for (const std::string& item : items) {
    const auto word = std::ranges::find(kind.words, item);
    if (word == kind.words.end()) return item;
    const auto index = static_cast<size_t>(word - kind.words.begin());
    if (std::ranges::find(indexes, index) == indexes.end()) indexes.push_back(index);
  }
  kind.set(into, indexes);
  return std::nullopt;
}
std::string print(const WordListField& kind, const AgentOptions& from) {
  std::vector<std::string> words;
  for (size_t index : kind.get(from)) words.emplace_back(kind.words[index]);
  return format_list(words);
}
std::string allowed(const WordListField& kind) { return words_text(kind.words) + ", separated by commas"; }

template <typename Kind>
constexpr bool kIsList = std::is_same_v<Kind, ListField> || std::is_same_v<Kind, WordListField>;

std::span<const std::string_view> words_of(const Option& option) {
  if (const auto* word = std::get_if<WordField>(&option.field)) return word->words;
  if (const auto* list = std::get_if<WordListField>(&option.field)) return list->words;
  return {};
}

Result<void> checked(const Option& option, const Refused& refused) {
  if (!refused) return {};
  return Error{ErrorCode::kConfig, "found " + in_quotes(*refused) + ", allowed: " + allowed_values(option) +
                                       did_you_mean(*refused, words_of(option))};
}

}  // namespace

bool AgentOptions::has_ancestors(AncestorKind kind) const {
  return std::ranges::find(enable_ancestors, kind) != enable_ancestors.end();
}

const Option* find_option(std::string_view name) {
  const auto all = options();
  const auto found = std::ranges::find(all, name, &Option::name);
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  for (const Option& option : options()) names.push_back(option.name);
  return names;
}

std::string environment_name(const Option& option) {
  std::string name = "REDAN_";
  for (char c : option.name) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '-' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

bool is_bool(const Option& option) { return std::holds_alternative<BoolField>(option.field); }

bool is_list(const Option& option) {
  return std::visit([]<typename Kind>(const Kind&) { return kIsList<Kind>; }, option.field);
}

Result<void> set_option(const Option& option, std::string_view text, AgentOptions& into) {
  // Nothing that Redan is told can hold a NUL; the kernel would see only what is before it.
  if (text.find('\0') != std::string_view::npos) return checked(option, std::string(text));
  if (is_list(option)) {
    const auto items = parse_list(text);
    return items ? set_option(option, *items, into) : checked(option, std::string(text));
  }
  return checked(option, std::visit(
                             [&]<typename Kind>(const Kind& kind) -> Refused {
                               if constexpr (kIsList<Kind>)
                                 return std::string(text);
                               else
                                 return assign(kind, text, into);
                             },
                             option.field));
}

Result<void> set_option(const Option& option, const std::vector<std::string>& items, AgentOptions& into) {
  const auto with_nul =
      std::ranges::find_if(items, [](const std::string& item) { return item.find('\0') != item.npos; });
  if (with_nul != items.end()) return checked(option, *with_nul);
  return checked(option, std::visit(
                             [&]<typename Kind>(const Kind& kind) -> Refused {
                               if constexpr (kIsList<Kind>)
                                 return assign(kind, items, into);
                               else
                                 return format_list(items);
                             },
                             option.field));
}

std::string option_value(const Option& option, const AgentOptions& from) {
  return std::visit([&](const auto& kind) { return print(kind, from); }, option.field);
}

std::string allowed_values(const Option& option) {
  return std::visit([](const auto& kind) { return allowed(kind); }, option.field);
}

std::string default_text(const Option& option) {
  if (!option.default_note.empty()) return std::string(option.default_note);
  return option_value(option, AgentOptions{});
}

}  // namespace redan::agent
