// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bytes from the kernel are not text until they were made valid UTF-8.

#include <string>
#include <string_view>

namespace redan {

/// Appends `in` to `out` with each run of invalid bytes replaced by one U+FFFD, as Go's strings.ToValidUTF8 does: a
/// byte is invalid if no valid sequence starts at it, and runs end where the next valid sequence starts. Surrogates,
/// overlong forms and anything above U+10FFFF are invalid. Valid text is copied as it is, NULs and control characters
/// included.
void append_valid_utf8(std::string& out, std::string_view in);

}  // namespace redan
