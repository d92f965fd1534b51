// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an event is: immutable values that the engine makes and any number of sinks read.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "abi/record.h"

namespace redan::event {

/// Identity of an image of a process: the process (tgid) and the boot time (ns) of the fork or exec that made the image.
struct ImageKey {
  uint32_t tgid = 0;
  uint64_t time = 0;

  friend bool operator==(const ImageKey&, const ImageKey&) = default;
};

/// The words of `flags` that come from how the image was made (api reference 2.6), as bits of that reference.
enum ProcessFlag : uint32_t {
  kFlagExecve = 0x1,
  kFlagProcFs = 0x4,
  kFlagErrorEnvs = 0x8,
  kFlagTruncArgs = 0x10,
  kFlagMiss = 0x40,
  kFlagErrorFilename = 0x100,
  kFlagErrorArgs = 0x200,
  kFlagNoCwd = 0x800,
  kFlagRootCwd = 0x1000,
  kFlagErrorCwd = 0x2000,
  kFlagClone = 0x4000,
  kFlagErrorCgroupName = 0x10000,
  kFlagErrorPathResolutionCwd = 0x400000,
  kFlagDataFilename = 0x800000,
  kFlagDataArgs = 0x1000000,
  kFlagInInitTree = 0x2000000,
};

/// What an exec sets and a fork copies. Shared by a process and its forked children.
struct Image {
  std::string binary;       ///< absolute path as given to the kernel, joined with cwd and cleaned
  std::string args;         ///< argv[1..], each followed by a NUL but perhaps the last; raw bytes
  std::string cwd;          ///< raw bytes
  std::string environment;  ///< NUL-separated NAME=value; empty unless asked for
  std::string cgroup_name;
  std::string user_name;  ///< empty unless asked for and known
  uint64_t cgroup_id = 0;
  uint32_t uid = 0;  ///< effective
  redan_credentials cred{};
  redan_namespaces ns{};
};

/// Set only on the process of an exec event.
struct BinaryProperties {
  std::optional<uint32_t> setuid;  ///< effective uid taken from the file's mode
  std::optional<uint32_t> setgid;
  bool raised_file_caps = false;
  bool raised_setuid = false;  ///< a real uid other than root became effective uid 0
  bool raised_setgid = false;
  std::optional<uint64_t> unlinked_inode;  ///< the file has no name (memfd, deleted)

  friend bool operator==(const BinaryProperties&, const BinaryProperties&) = default;
};

/// One image of a process: a node of the process tree. Immutable once published.
struct Process {
  ImageKey key;
  ImageKey parent;          ///< the image that this one came from; {0,0}: none or unknown
  bool has_parent = false;  ///< `parent` is known (it may have been evicted from the tree)
  uint32_t flags = 0;       ///< ProcessFlag
  bool in_init_tree = false;
  uint64_t start_time = 0;  ///< boot ns
  std::shared_ptr<const Image> image;
};

using ProcessRef = std::shared_ptr<const Process>;

/// Boot-clock instant and what to add to get wall-clock nanoseconds since 1970.
struct EventTime {
  uint64_t boot_ns = 0;
  int64_t wall_offset_ns = 0;

  /// Frames may hold any numbers: what is out of range wraps around.
  int64_t wall_ns() const { return static_cast<int64_t>(boot_ns + static_cast<uint64_t>(wall_offset_ns)); }
};

/// An exec, or a process that was there before (flag procFS).
struct ProcessExec {
  EventTime time;
  ProcessRef process;
  ProcessRef parent;                  ///< null if unknown
  std::vector<ProcessRef> ancestors;  ///< parent's parent first
  BinaryProperties properties;
};

/// The end of a process.
struct ProcessExit {
  EventTime time;
  ProcessRef process;
  ProcessRef parent;
  std::vector<ProcessRef> ancestors;
  uint32_t code = 0;  ///< as wait(2) reports it: status << 8 | core << 7 | signal
};

/// A record of Redan's own: {"redan":{"kind":KIND, FIELDS…}}, the fields in the order given.
struct Notice {
  struct Field {
    std::string name;
    /// 64-bit numbers are written as strings, as everywhere in the format; an image as its exec_id.
    std::variant<std::string, uint64_t, bool, ImageKey> value;
  };
  EventTime time;
  std::string kind;  ///< start, ready, loss, heartbeat, cut, healed, stop
  std::vector<Field> fields;
};

using Event = std::variant<ProcessExec, ProcessExit, Notice>;

}  // namespace redan::event
