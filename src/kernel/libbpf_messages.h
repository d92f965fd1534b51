// SPDX-License-Identifier: Apache-2.0
#pragma once
// What libbpf has to say while something is tried, kept instead of printed.

#include <string>
#include <string_view>
#include <vector>

namespace redan::kernel {

/// The line of a verifier's log in which it says what it minds; empty if there is none.
std::string_view verifier_verdict(std::string_view log);

/// While it lives, libbpf's warnings are collected here, and nothing of libbpf's goes to standard error. libbpf has one print
/// function for the whole process, so only one of these may live at a time, in the thread that uses libbpf.
class LibbpfMessages {
 public:
  LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;
  ~LibbpfMessages();

  /// The first warning and, of a verifier's log, the line in which it says why; on one line. "no details" if there is none.
  std::string summary() const;
  const std::vector<std::string>& warnings() const { return warnings_; }

  void add(std::string warning) { warnings_.push_back(std::move(warning)); }

 private:
  std::vector<std::string> warnings_;
};

}  // namespace redan::kernel
