// SPDX-License-Identifier: Apache-2.0
#include "base/path.h"

#include <algorithm>
#include <cstddef>

namespace redan {

std::string clean_path(std::string_view path) {
  const bool rooted = path.starts_with('/');
  std::string out;
  out.reserve(path.size() + 1);
  if (rooted) out += '/';
  size_t fixed = out.size();  // out[0, fixed) is what a `..` cannot take back: the root, or leading `..` components

  const auto append_component = [&](std::string_view component) {
    if (!out.empty() && out.back() != '/') out += '/';
    out += component;
  };

  for (size_t pos = 0; pos < path.size();) {
    const size_t end = std::min(path.find('/', pos), path.size());
    const std::string_view component = path.substr(pos, end - pos);
    pos = end + 1;
    if (component.empty() || component == ".") continue;
    if (component != "..") {
      append_component(component);
    } else if (out.size() > fixed) {
      const size_t slash = out.rfind('/');
      out.resize(slash == std::string::npos || slash < fixed ? fixed : slash);
    } else if (!rooted) {
      append_component(component);
      fixed = out.size();
    }
  }
  if (out.empty()) out = '.';
  return out;
}

std::string join_path(std::string_view dir, std::string_view path) {
  if (dir.empty() && path.empty()) return "";
  if (dir.empty()) return clean_path(path);
  std::string joined;
  joined.reserve(dir.size() + 1 + path.size());
  joined.append(dir).append("/").append(path);
  return clean_path(joined);
}

}  // namespace redan
