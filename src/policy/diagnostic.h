// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is said about a policy: where in the file, what was found, what is allowed.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace redan::policy {

/// kError: the policy is refused. kWarning: it loads, but something of it has no effect or another one than it seems.
/// kLint: it does what it says; there are known ways around it.
enum class Severity : uint8_t { kError, kWarning, kLint };

/// Where a value stands. line and column count from 1 (columns in characters); line 0: it is not in the file.
struct Place {
  uint32_t line = 0;
  uint32_t column = 0;
  std::string path;  ///< "spec.kprobes[0].selectors[1].matchArgs[0].operator"
};

struct Diagnostic {
  Severity severity = Severity::kError;
  uint32_t line = 0;
  uint32_t column = 0;
  std::string path;
  std::string message;

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// "FILE:LINE:COLUMN: error: PATH: MESSAGE", without a newline.
std::string format(const Diagnostic& diagnostic, std::string_view file);

/// One line for each diagnostic, joined by newlines; none at the end.
std::string format(const std::vector<Diagnostic>& diagnostics, std::string_view file);

/// Collects what one run says. After a hundred it says that there is more, and keeps quiet.
class Diagnostics {
 public:
  void error(const Place& place, std::string message) { add(Severity::kError, place, std::move(message)); }
  void warning(const Place& place, std::string message) { add(Severity::kWarning, place, std::move(message)); }
  void lint(const Place& place, std::string message) { add(Severity::kLint, place, std::move(message)); }

  bool has_errors() const { return errors_ > 0; }
  /// How many errors there were; compare two to learn whether something in between failed.
  size_t errors() const { return errors_; }

  /// In the order of the file, each once.
  std::vector<Diagnostic> sorted() const;

 private:
  void add(Severity severity, const Place& place, std::string message);

  std::vector<Diagnostic> list_;
  size_t errors_ = 0;
};

}  // namespace redan::policy
