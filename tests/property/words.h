// SPDX-License-Identifier: Apache-2.0
#pragma once
// How policies and kernels spell things.

#include <array>
#include <cstdint>
#include <string>

#include "abi/hook.h"

namespace redan::test {

/// In double quotes, whatever the bytes are.
std::string yaml_quoted(const std::string& text);

/// "10.1.2.3" of the first four bytes, or "2001:db8:0:0:0:0:0:1".
std::string address_text(const std::array<uint8_t, 16>& address, bool is_v6);

/// Types whose text is the path of a file.
bool is_path_type(redan_arg_type type);

}  // namespace redan::test
