// SPDX-License-Identifier: Apache-2.0
#pragma once
// Standard base64 (RFC 4648, section 4) with padding: what exec ids and byte fields are written in.

#include <string>
#include <string_view>

namespace redan {

/// Appends the encoding of `in`; no memory is allocated but by growing `out`, which must not be where `in` points to.
void append_base64(std::string& out, std::string_view in);

}  // namespace redan
