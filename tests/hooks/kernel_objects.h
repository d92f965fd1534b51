// SPDX-License-Identifier: Apache-2.0
#pragma once
// Objects of the running kernel with their addresses, for programs that are run with a context of ours. Hooks tell the addresses:
// a pointer that they are called with, read as a number.

#include <map>
#include <string>
#include <vector>

#include "base/fd.h"
#include "hooks/stage.h"
#include "policy/evaluate.h"

namespace redan::test {

/// Files, sockets and capability sets, as long as this lives.
class KernelObjects {
 public:
  /// A pointer that cannot be followed.
  static constexpr uint64_t kUnreadable = 0x10;

  explicit KernelObjects(Stage& stage);

  /// Whether there are objects of this type: then arguments of it are of() it.
  static bool has(redan_arg_type type);

  /// What they are. Observed.number is the word that a program is to be called with; of capability sets it is their value.
  const std::vector<policy::Observed>& of(redan_arg_type type) const { return known_.at(type); }

  /// The word for a capability set of this value.
  uint64_t capability_set(const policy::Observed& value) const;

 private:
  void add_socket(Stage& stage, int family, int type, uint16_t port);
  void add_file(Stage& stage, const std::string& name, bool is_deleted);
  void add_capability_sets();

  ScratchFolder folder_;
  std::vector<Fd> open_;
  std::map<redan_arg_type, std::vector<policy::Observed>> known_;
  std::map<uint64_t, uint64_t> capability_sets_;  // address of each value
};

}  // namespace redan::test
