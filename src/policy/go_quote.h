// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text of policies as events show it.

#include <string>
#include <string_view>

namespace redan::policy {

/// `text` escaped as Go's %q does, without the quotes around it: `"`, `\`, control characters, invalid UTF-8 and
/// characters that cannot be seen become escape sequences.
std::string go_quoted(std::string_view text);

}  // namespace redan::policy
