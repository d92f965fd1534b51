// SPDX-License-Identifier: Apache-2.0
#pragma once
// What commands say to whoever called them.

#include <string_view>

#include "base/result.h"

namespace redan::agent {

/// Writes all of it to standard output. kRuntime: it could not be written.
Result<void> print(std::string_view text);

}  // namespace redan::agent
