// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reading the file of a policy.

#include <string>

#include "base/result.h"

namespace redan::agent {

/// The bytes of a file, or the first eight MiB of it: parse_document() says how long a policy may be. kRuntime, kPrivilege: it cannot
/// be read; the message begins with the path.
Result<std::string> read_policy_file(const std::string& path);

}  // namespace redan::agent
