// SPDX-License-Identifier: Apache-2.0
#pragma once
// How values of options are written as text: the same for flags, environment, files and what Redan prints.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/quote.h"

namespace redan::agent {

/// Each parser takes the whole text and nothing else: no space around it, no rest. Nothing on junk and on overflow.

/// true, false, and the other spellings of Go's flags: 1 0 t f T F True False TRUE FALSE.
std::optional<bool> parse_bool(std::string_view text);

/// Decimal digits.
std::optional<uint64_t> parse_uint(std::string_view text);

/// Bytes: decimal digits and perhaps K, M or G (powers of 1024).
std::optional<uint64_t> parse_size(std::string_view text);

/// A duration as Go writes it: 30s, 1m30s, 1.5h, 250ms, 10us, 5ns, -2s, 0.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// A file mode in octal digits, with or without a leading 0 or 0o.
std::optional<uint64_t> parse_octal(std::string_view text);

/// The words of a list, separated by commas or white space; nothing if there is an empty one between two commas.
std::optional<std::vector<std::string>> parse_list(std::string_view text);

/// What the parsers read back, in the shortest form: 8M, 1m30s, 600, base,kprobe.
std::string format_bool(bool value);
std::string format_size(uint64_t bytes);
std::string format_duration(std::chrono::nanoseconds duration);
std::string format_octal(uint64_t mode);
std::string format_list(const std::vector<std::string>& items);

/// Without the white space at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace redan::agent
