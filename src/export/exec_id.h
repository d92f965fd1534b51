// SPDX-License-Identifier: Apache-2.0
#pragma once
// The text form of an image's identity: exec_id and parent_exec_id.

#include <cstddef>
#include <string>
#include <string_view>

#include "event/process.h"

namespace redan::exporting {

/// Writes base64(NODE ":" TIME ":" TGID), decimal numbers, with padding (API reference 2.3). Every event has four of
/// them and NODE is always the same, so what base64 makes of it is kept. Immutable; any thread.
class ExecIdText {
 private:
  static constexpr size_t kLeftOver = 2;  // bytes of "NODE:" that do not fill a group of three
  static constexpr size_t kTimeDigits = 20;
  static constexpr size_t kTgidDigits = 10;

 public:
  static constexpr size_t kMaxTailSize = (kLeftOver + kTimeDigits + 1 + kTgidDigits + 2) / 3 * 4;

  explicit ExecIdText(std::string_view node_name);

  /// What all ids begin with.
  std::string_view head() const { return head_; }

  /// Writes what follows head() in the id of `key` to `to`, where kMaxTailSize bytes are free; returns its end.
  char* write_tail(const event::ImageKey& key, char* to) const;

 private:
  std::string head_;  // base64 of the whole groups of "NODE:"
  char left_over_[kLeftOver] = {};
  size_t left_over_size_ = 0;
};

}  // namespace redan::exporting
