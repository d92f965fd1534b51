// SPDX-License-Identifier: Apache-2.0
#include "policy/decoder.h"

#include <array>
#include <cctype>
#include <limits>

#include "policy/numbers.h"

namespace redan::policy {
namespace {

constexpr std::array<std::string_view, 9> kTrue = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
constexpr std::array<std::string_view, 9> kFalse = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};

bool is_in(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

// Whether a plain scalar is a number with a fraction or an exponent.
bool is_fraction(std::string_view text) {
  if (text == ".inf" || text == "-.inf" || text == ".nan") return true;
  bool digits = false, dot = false, exponent = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool after_exponent = i > 0 && (text[i - 1] == 'e' || text[i - 1] == 'E');
    if (c >= '0' && c <= '9')
      digits = true;
    else if ((c == '-' || c == '+') && (i == 0 || after_exponent))
      continue;
    else if (c == '.' && !dot && !exponent)
      dot = true;
    else if ((c == 'e' || c == 'E') && digits && !exponent)
      exponent = true;
    else
      return false;
  }
  return digits && (dot || exponent);
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, {}, [](char c) { return std::tolower(static_cast<unsigned char>(c)); },
      [](char c) { return std::tolower(static_cast<unsigned char>(c)); });
}

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "nothing";
    case YamlNode::Kind::kList: return "a list";
    case YamlNode::Kind::kMap: return "a map";
    case YamlNode::Kind::kScalar: break;
  }
  return in_quotes(node.text);
}

}  // namespace

bool Decoder::text_of(const YamlNode& node, const std::string& path, std::string& into) {
  if (node.kind != YamlNode::Kind::kScalar) {
    diagnostics_.error(place(node, path), "found " + found(node) + ", allowed: text");
    return false;
  }
  const bool is_number = parse_integer(node.text).has_value() || is_fraction(node.text);
  if (node.is_plain && (is_number || is_in(node.text, kTrue) || is_in(node.text, kFalse))) {
    diagnostics_.error(place(node, path), std::string("found the ") + (is_number ? "number " : "truth value ") +
                                              node.text + ", allowed: text; write it in quotes: \"" + node.text + "\"");
    return false;
  }
  into = node.text;
  return true;
}

void Decoder::read(const YamlNode& node, const std::string& path, Text& into) {
  into.place = place(node, path);
  text_of(node, path, into.value);
}

void Decoder::read(const YamlNode& node, const std::string& path, Flag& into) {
  into.place = place(node, path);
  const bool is_plain = node.kind == YamlNode::Kind::kScalar && node.is_plain;
  if (is_plain && is_in(node.text, kTrue)) {
    into.value = true;
  } else if (is_plain && is_in(node.text, kFalse)) {
    into.value = false;
  } else {
    const bool is_quoted = node.kind == YamlNode::Kind::kScalar && !node.is_plain;
    diagnostics_.error(place(node, path), "found " + found(node) + (is_quoted ? " in quotes" : "") +
                                              ", allowed: true or false" + (is_quoted ? ", without quotes" : ""));
  }
}

template <std::integral I>
void Decoder::read_integer(const YamlNode& node, const std::string& path, Value<I>& into) {
  into.place = place(node, path);
  using Limits = std::numeric_limits<I>;
  const std::string allowed =
      "a whole number from " + std::to_string(Limits::min()) + " to " + std::to_string(Limits::max());
  const bool is_quoted = node.kind == YamlNode::Kind::kScalar && !node.is_plain;
  const auto number = node.kind == YamlNode::Kind::kScalar && !is_quoted ? parse_integer(node.text) : std::nullopt;
  const auto value = number ? number->template as<I>() : std::nullopt;
  if (value) {
    into.value = *value;
    return;
  }
  diagnostics_.error(place(node, path), "found " + found(node) + (is_quoted ? " in quotes" : "") +
                                            ", allowed: " + allowed + (is_quoted ? ", without quotes" : ""));
}

template void Decoder::read_integer(const YamlNode&, const std::string&, Value<uint32_t>&);
template void Decoder::read_integer(const YamlNode&, const std::string&, Value<int32_t>&);
template void Decoder::read_integer(const YamlNode&, const std::string&, Value<uint64_t>&);
template void Decoder::read_integer(const YamlNode&, const std::string&, Value<int64_t>&);

void Decoder::read(const YamlNode& node, const std::string& path, Value<const ArgTypeInfo*>& into) {
  std::string word;
  if (!text_of(node, path, word)) return;
  into.place = place(node, path);
  if (const ArgTypeInfo* info = find_arg_type(word)) {
    into.value = info;
    return;
  }
  std::vector<std::string_view> names;
  for (const ArgTypeInfo& info : arg_types()) names.push_back(info.name);
  unknown_word(node, path, word, names);
}

void Decoder::read(const YamlNode& node, const std::string& path, Value<const OperatorInfo*>& into) {
  into.value = operators().data();
  std::string word;
  if (!text_of(node, path, word)) return;
  into.place = place(node, path);
  if (const OperatorInfo* info = find_operator(word)) {
    into.value = info;
    return;
  }
  std::vector<std::string_view> names;
  for (const OperatorInfo& info : operators()) names.push_back(info.name);
  unknown_word(node, path, word, names);
}

void Decoder::read(const YamlNode& node, const std::string& path, std::map<std::string, std::string>& into) {
  if (!is_kind(node, path, YamlNode::Kind::kMap, "a map")) return;
  for (const YamlNode& item : node.items) text_of(item, join(path, item.key), into[item.key]);
}

void Decoder::read(const YamlNode& node, const std::string& path, std::map<std::string, Selector>& into) {
  if (!is_kind(node, path, YamlNode::Kind::kMap, "a map")) return;
  for (const YamlNode& item : node.items) read(item, join(path, item.key), into[item.key]);
}

bool Decoder::is_kind(const YamlNode& node, const std::string& path, YamlNode::Kind kind, std::string_view what) {
  if (node.kind == kind) return true;
  diagnostics_.error(place(node, path), "found " + found(node) + ", allowed: " + std::string(what));
  return false;
}

std::optional<size_t> Decoder::key_index(const YamlNode& item, const std::string& path,
                                         const std::vector<std::string_view>& names) {
  const auto exact = std::ranges::find(names, item.key);
  if (exact != names.end()) return static_cast<size_t>(exact - names.begin());
  const auto similar =
      std::ranges::find_if(names, [&](std::string_view name) { return equal_ignoring_case(name, item.key); });
  if (similar != names.end()) return static_cast<size_t>(similar - names.begin());
  std::string allowed = names.empty() ? "nothing" : one_of(names);
  diagnostics_.error(key_place(item, path),
                     "found the key " + in_quotes(item.key) + ", allowed: " + allowed + did_you_mean(item.key, names));
  return std::nullopt;
}

void Decoder::missing(const YamlNode& node, const std::string& path, std::string_view name) {
  diagnostics_.error(place(node, path), "found no " + in_quotes(name) + ", which is required");
}

void Decoder::unknown_word(const YamlNode& node, const std::string& path, const std::string& word,
                           const std::vector<std::string_view>& names) {
  diagnostics_.error(place(node, path),
                     "found " + in_quotes(word) + ", allowed: " + one_of(names) + did_you_mean(word, names));
}

}  // namespace redan::policy
