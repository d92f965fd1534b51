// SPDX-License-Identifier: Apache-2.0
#pragma once
// A YAML document as a tree with the place of everything in it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"

namespace redan::policy {

/// A value of the document. Aliases are replaced by copies of what they stand for.
struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool is_plain = false;  ///< scalars: not in quotes, so it may be a number, true or false
  uint32_t line = 0;      ///< from 1
  uint32_t column = 0;
  std::string text;             ///< scalars
  std::vector<YamlNode> items;  ///< lists, and the values of maps

  /// Values of maps: the key, and where it stands.
  std::string key;
  uint32_t key_line = 0;
  uint32_t key_column = 0;
};

/// The one document of `text`, which is read strictly: no duplicate keys, keys are scalars. Nothing if there is none or
/// something is wrong, which `diagnostics` tells. Nodes are at most 64 deep and 200,000 altogether, texts 4 MiB.
std::optional<YamlNode> parse_yaml(std::string_view text, Diagnostics& diagnostics);

}  // namespace redan::policy
