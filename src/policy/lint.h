// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "policy/diagnostic.h"
#include "policy/document.h"

namespace redan::policy {

/// Known ways around what a policy watches: other system calls and io_uring, 32-bit calls, arguments that change after they
/// were read, paths that are not the only name of a file. Says what to hook instead. Severity kLint; in the order of the file.
std::vector<Diagnostic> lint(const Document& document);

}  // namespace redan::policy
