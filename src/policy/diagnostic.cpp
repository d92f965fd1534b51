// SPDX-License-Identifier: Apache-2.0
#include "policy/diagnostic.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace redan::policy {
namespace {

// A file of nothing but mistakes is some other file.
constexpr size_t kMost = 100;

constexpr std::array<std::string_view, 3> kSeverityNames = {"error", "warning", "lint"};

}  // namespace

std::string format(const Diagnostic& diagnostic, std::string_view file) {
  std::string text(file);
  if (diagnostic.line != 0) text += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  text += ": ";
  text += kSeverityNames[static_cast<size_t>(diagnostic.severity)];
  text += ": ";
  if (!diagnostic.path.empty()) text += diagnostic.path + ": ";
  return text + diagnostic.message;
}

std::string format(const std::vector<Diagnostic>& diagnostics, std::string_view file) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!text.empty()) text += '\n';
    text += format(diagnostic, file);
  }
  return text;
}

void Diagnostics::add(Severity severity, const Place& place, std::string message) {
  if (severity == Severity::kError) ++errors_;
  if (list_.size() > kMost) return;
  if (list_.size() == kMost) message = "and so on; what else is wrong is not told";
  list_.push_back({severity, place.line, place.column, place.path, std::move(message)});
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> all = list_;
  std::ranges::stable_sort(all, {}, [](const Diagnostic& d) { return std::tie(d.line, d.column); });
  // What many hooks of one list share is said once.
  std::vector<Diagnostic> once;
  for (Diagnostic& diagnostic : all)
    if (std::ranges::find(once, diagnostic) == once.end()) once.push_back(std::move(diagnostic));
  return once;
}

}  // namespace redan::policy
