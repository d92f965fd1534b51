// SPDX-License-Identifier: Apache-2.0
#pragma once
// Foreign text in messages.

#include <string>
#include <string_view>

namespace redan {

/// 'text' for a message of one line: control characters as \xNN, what is too long cut and marked with "…".
std::string in_quotes(std::string_view text);

}  // namespace redan
