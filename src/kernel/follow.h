// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters on binaries that extend to all descendants of the processes that run them (followChildren).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "abi/record.h"
#include "base/result.h"

namespace redan::kernel {

/// Paths of binaries, as a policy names them.
using BinaryPaths = std::vector<std::string>;

/// Binaries whose descendants some hook asks for, and the bit of their marks; gives the bit back when it is destroyed.
class FollowedBinaries {
 public:
  ~FollowedBinaries();
  FollowedBinaries(const FollowedBinaries&) = delete;
  FollowedBinaries& operator=(const FollowedBinaries&) = delete;

  /// One bit, for programs to look for.
  uint64_t mark() const { return mark_; }
  /// The map of marks.
  int marks_fd() const;

  /// Has the kernel mark processes from now on, and marks those that are there and descend from a process that is still there. To be
  /// called before a hook is attached; the second time it does nothing. kPrivilege, kKernel.
  Result<void> cover();

 private:
  friend class Follower;
  struct Sensor;
  FollowedBinaries(std::shared_ptr<Sensor> sensor, BinaryPaths paths, uint64_t mark);

  std::shared_ptr<Sensor> sensor_;
  BinaryPaths paths_;
  uint64_t mark_;
  bool is_covered_ = false;
};

/// Gives bits to sets of binaries, the same one to the same set. Its programs are in the kernel as long as one is used. Belongs to one
/// thread, as do the sets.
class Follower {
 public:
  /// `counters`: the map behind redan_counters, looked at while the programs are loaded; `btf`: as BpfKernelOptions.btf.
  Follower(int counters, const redan_settings& settings, std::string btf)
      : counters_(counters), settings_(settings), btf_(std::move(btf)) {}

  /// kKernel: 64 different sets are in use, or the kernel did not take the programs. kConfig: a path is longer than 255 bytes.
  Result<std::shared_ptr<FollowedBinaries>> follow(BinaryPaths paths);

 private:
  int counters_;
  redan_settings settings_;
  std::string btf_;
  std::weak_ptr<FollowedBinaries::Sensor> sensor_;
  std::map<BinaryPaths, std::weak_ptr<FollowedBinaries>> sets_;
};

}  // namespace redan::kernel
