// SPDX-License-Identifier: Apache-2.0
#include "kernel/libbpf_messages.h"

#include <cstdarg>
#include <cstdio>
#include <string_view>

#include <bpf/libbpf.h>

namespace redan::kernel {
namespace {

/// libbpf's print function takes no context, so where it writes to has to be a variable of this file.
LibbpfMessages* listener = nullptr;

std::string formatted(const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int size = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (size <= 0) return "";
  std::string text(static_cast<size_t>(size) + 1, '\0');
  std::vsnprintf(text.data(), text.size(), format, arguments);
  text.pop_back();
  return text;
}

int keep(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_WARN && listener != nullptr) listener->add(formatted(format, arguments));
  return 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

// The line before "processed N insns" is where the verifier says what it minds.
std::string_view verifier_verdict(std::string_view log) {
  const size_t end = log.find("\nprocessed ");
  if (end == std::string_view::npos) return "";
  const size_t begin = log.rfind('\n', end - 1);
  return log.substr(begin == std::string_view::npos ? 0 : begin + 1, end - begin - 1);
}

LibbpfMessages::LibbpfMessages() {
  listener = this;
  ::libbpf_set_print(keep);
}

LibbpfMessages::~LibbpfMessages() {
  listener = nullptr;  // libbpf stays quiet: later failures are reported by whoever called it
}

std::string LibbpfMessages::summary() const {
  if (warnings_.empty()) return "no details";
  std::string text(trimmed(std::string_view(warnings_.front()).substr(0, warnings_.front().find('\n'))));
  for (const std::string& warning : warnings_) {
    if (const std::string_view why = verifier_verdict(warning); !why.empty()) {
      text += ": ";
      text += why;
      break;
    }
  }
  return text;
}

}  // namespace redan::kernel
