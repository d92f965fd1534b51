// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace redan::agent {
namespace {

// More than any policy has; parse_document() says what it allows.
constexpr size_t kMostBytes = 8U << 20;

}  // namespace

Result<std::string> read_policy_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(path);
  std::string text;
  std::array<char, 64 << 10> part;
  while (text.size() <= kMostBytes) {
    const ssize_t count = ::read(fd.get(), part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error(path);
    if (count == 0) break;
    text.append(part.data(), static_cast<size_t>(count));
  }
  return text;
}

}  // namespace redan::agent
