// SPDX-License-Identifier: Apache-2.0
// `redan policy check`: what can be said about policies without loading them.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "agent/commands.h"
#include "base/fd.h"
#include "base/quote.h"
#include "policy/compile.h"
#include "policy/lint.h"

namespace redan::agent {
namespace {

// More than any policy has; parse_document() says what it allows.
constexpr size_t kMostBytes = 8U << 20;

Result<std::string> read_policy(const std::string& path) {
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

std::vector<policy::Diagnostic> diagnose(std::string_view text) {
  policy::Parsed parsed = policy::parse_document(text);
  std::vector<policy::Diagnostic> all = std::move(parsed.diagnostics);
  if (!parsed.document) return all;
  for (const auto& more : {policy::check(*parsed.document), policy::lint(*parsed.document)})
    all.insert(all.end(), more.begin(), more.end());
  std::ranges::stable_sort(all, {}, [](const policy::Diagnostic& d) { return std::pair(d.line, d.column); });
  return all;
}

}  // namespace

Result<void> run_policy_check(const PolicyCheckCommand& command) {
  size_t refused = 0;
  std::optional<Error> unreadable;
  for (const std::string& file : command.files) {
    const auto text = read_policy(file);
    if (!text) {
      std::fprintf(stderr, "redan: %s\n", text.error().message.c_str());
      unreadable = text.error();
      continue;
    }
    const auto diagnostics = diagnose(*text);
    const bool is_refused = std::ranges::any_of(
        diagnostics, [](const policy::Diagnostic& d) { return d.severity == policy::Severity::kError; });
    refused += is_refused ? 1 : 0;
    const std::string lines = diagnostics.empty() ? file + ": ok" : policy::format(diagnostics, file);
    std::printf("%s\n", lines.c_str());
  }
  if (std::fflush(stdout) != 0) return errno_error("cannot write to standard output");
  const std::string of_how_many = " of " + std::to_string(command.files.size()) + " policies";
  if (refused > 0) return Error{ErrorCode::kConfig, std::to_string(refused) + of_how_many + " cannot be loaded"};
  if (unreadable) return Error{unreadable->code, "not all policies could be read"};
  return {};
}

}  // namespace redan::agent
