// SPDX-License-Identifier: Apache-2.0
#include "agent/print.h"

#include <cstdio>

namespace redan::agent {

Result<void> print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0) return errno_error("cannot write to standard output");
  return {};
}

}  // namespace redan::agent
