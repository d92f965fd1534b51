// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the generic tree to typed values. Private to parse_document().

#include <concepts>
#include <span>
#include <string>
#include <string_view>

#include "base/quote.h"
#include "base/suggest.h"
#include "policy/document.h"
#include "policy/words.h"
#include "policy/yaml_node.h"

namespace redan::policy {

class Decoder;

/// A key of an object: which member it sets. Objects are described by arrays of these.
template <typename T>
struct Field {
  std::string_view name;
  bool required;
  void (*read)(Decoder&, const YamlNode&, const std::string& path, T& into);
};

// One overload for each object; the argument says which and is not used.
std::span<const Field<Arg>> fields_of(const Arg*);
std::span<const Field<PidFilter>> fields_of(const PidFilter*);
std::span<const Field<BinaryFilter>> fields_of(const BinaryFilter*);
std::span<const Field<ArgFilter>> fields_of(const ArgFilter*);
std::span<const Field<NamespaceFilter>> fields_of(const NamespaceFilter*);
std::span<const Field<NamespaceChangesFilter>> fields_of(const NamespaceChangesFilter*);
std::span<const Field<CapabilityFilter>> fields_of(const CapabilityFilter*);
std::span<const Field<LabelExpression>> fields_of(const LabelExpression*);
std::span<const Field<LabelSelector>> fields_of(const LabelSelector*);
std::span<const Field<WorkloadFilter>> fields_of(const WorkloadFilter*);
std::span<const Field<Action>> fields_of(const Action*);
std::span<const Field<Selector>> fields_of(const Selector*);
std::span<const Field<Ignore>> fields_of(const Ignore*);
std::span<const Field<List>> fields_of(const List*);
std::span<const Field<Enforcer>> fields_of(const Enforcer*);
std::span<const Field<Option>> fields_of(const Option*);
std::span<const Field<Metadata>> fields_of(const Metadata*);
std::span<const Field<Spec>> fields_of(const Spec*);
std::span<const Field<Document>> fields_of(const Document*);

/// The keys of a hook depend on its section.
std::span<const Field<Hook>> hook_fields(Section section);

/// Reads values, reports what is wrong with them and goes on.
class Decoder {
 public:
  explicit Decoder(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void read(const YamlNode& node, const std::string& path, Text& into);
  void read(const YamlNode& node, const std::string& path, Flag& into);
  void read(const YamlNode& node, const std::string& path, Value<uint32_t>& into) { read_integer(node, path, into); }
  void read(const YamlNode& node, const std::string& path, Value<int32_t>& into) { read_integer(node, path, into); }
  void read(const YamlNode& node, const std::string& path, Value<uint64_t>& into) { read_integer(node, path, into); }
  void read(const YamlNode& node, const std::string& path, Value<int64_t>& into) { read_integer(node, path, into); }
  void read(const YamlNode& node, const std::string& path, Value<const ArgTypeInfo*>& into);
  void read(const YamlNode& node, const std::string& path, Value<const OperatorInfo*>& into);
  void read(const YamlNode& node, const std::string& path, std::map<std::string, std::string>& into);
  void read(const YamlNode& node, const std::string& path, std::map<std::string, Selector>& into);

  template <typename E>
  requires std::is_enum_v<E>
  void read(const YamlNode& node, const std::string& path, Value<E>& into) {
    std::string word;
    if (!text_of(node, path, word)) return;
    std::vector<std::string_view> names;
    for (const Word<E>& candidate : words_of(E{})) {
      names.push_back(candidate.name);
      if (candidate.name != word) continue;
      into = {candidate.value, place(node, path)};
      return;
    }
    unknown_word(node, path, word, names);
  }

  template <typename T>
  void read(const YamlNode& node, const std::string& path, std::vector<T>& into) {
    if (!is_kind(node, path, YamlNode::Kind::kList, "a list")) return;
    for (size_t i = 0; i < node.items.size(); ++i) {
      into.emplace_back();
      read(node.items[i], path + "[" + std::to_string(i) + "]", into.back());
    }
  }

  template <typename T>
  void read(const YamlNode& node, const std::string& path, std::optional<T>& into) {
    into.emplace();
    read(node, path, *into);
  }

  /// Selectors of workloads may be null, which is the same as leaving them out.
  void read(const YamlNode& node, const std::string& path, std::optional<LabelSelector>& into) {
    if (node.kind == YamlNode::Kind::kNull) return;
    into.emplace();
    read(node, path, *into);
  }

  template <typename T>
  requires requires(const T* t) { fields_of(t); }
  void read(const YamlNode& node, const std::string& path, T& into) {
    object(node, path, fields_of(static_cast<const T*>(nullptr)), into);
  }

  template <typename T>
  void object(const YamlNode& node, const std::string& path, std::span<const Field<T>> fields, T& into) {
    if constexpr (requires { into.place; }) into.place = place(node, path);
    if (!is_kind(node, path, YamlNode::Kind::kMap, "a map")) return;
    std::vector<std::string_view> names;
    for (const Field<T>& field : fields) names.push_back(field.name);
    std::vector<bool> seen(names.size());
    for (const YamlNode& item : node.items) {
      const auto index = key_index(item, path, names);
      if (!index) continue;
      if (seen[*index]) {
        diagnostics_.error(key_place(item, path), "found " + in_quotes(names[*index]) + " twice; keep one of them");
        continue;
      }
      seen[*index] = true;
      fields[*index].read(*this, item, join(path, names[*index]), into);
    }
    for (size_t i = 0; i < names.size(); ++i)
      if (fields[i].required && !seen[i]) missing(node, path, names[i]);
  }

  static std::string join(const std::string& path, std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  }
  static Place place(const YamlNode& node, const std::string& path) { return {node.line, node.column, path}; }

  /// Whether a node is of the kind that its key wants; reports it if not.
  bool is_kind(const YamlNode& node, const std::string& path, YamlNode::Kind kind, std::string_view what);

 private:
  static Place key_place(const YamlNode& item, const std::string& path) {
    return {item.key_line, item.key_column, path};
  }

  template <std::integral I>
  void read_integer(const YamlNode& node, const std::string& path, Value<I>& into);

  bool text_of(const YamlNode& node, const std::string& path, std::string& into);
  std::optional<size_t> key_index(const YamlNode& item, const std::string& path,
                                  const std::vector<std::string_view>& names);
  void missing(const YamlNode& node, const std::string& path, std::string_view name);
  void unknown_word(const YamlNode& node, const std::string& path, const std::string& word,
                    const std::vector<std::string_view>& names);

  Diagnostics& diagnostics_;
};

}  // namespace redan::policy
