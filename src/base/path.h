// SPDX-License-Identifier: Apache-2.0
#pragma once
// Paths as text: nothing here looks at a file system, so `..` after a symbolic link is resolved as written. The results
// are those of Go's package path, which made the paths that users of the event format know.

#include <string>
#include <string_view>

namespace redan {

/// The shortest path that means the same as text: no empty or `.` component, `..` only at the start of a relative path,
/// no `/` at the end but for the root. "" becomes ".". As Go's path.Clean.
std::string clean_path(std::string_view path);

/// clean_path() of `dir`/`path`; an empty one of the two is left out, and both empty make "". As Go's path.Join: an
/// absolute `path` does not replace `dir` (whoever wants that looks at its first character).
std::string join_path(std::string_view dir, std::string_view path);

}  // namespace redan
