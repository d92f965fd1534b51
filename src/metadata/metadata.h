// SPDX-License-Identifier: Apache-2.0
#pragma once
// Facts about the host and its processes that no record carries. Everything here reads files and runs outside the event path.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "abi/record.h"
#include "base/result.h"

namespace redan::metadata {

/// One run of the machine and its kernel.
struct Host {
  std::string kernel_release;     ///< uname -r
  std::string boot_id;            ///< empty if procfs has none
  std::string machine_id;         ///< empty if the host has none
  redan_namespaces namespaces{};  ///< of pid 1; from the task iterator, because /proc/1/ns may be closed even to root
};

/// All but the namespaces. kConfig: `procfs` is no proc file system.
Result<Host> read_host(const std::string& procfs);

/// Tells one state of a file from the next. Equal versions: nothing was written in between.
struct FileVersion {
  uint64_t inode = 0;
  int64_t changed_ns = 0;  ///< ctime
  int64_t size = -1;

  friend bool operator==(const FileVersion&, const FileVersion&) = default;
};

/// "uid:name" lines of a passwd file, for event::kFrameUsers; nothing if the file is still the version that was read last.
Result<std::optional<std::string>> read_users_if_changed(FileVersion& last, const std::string& passwd = "/etc/passwd");

struct ScanOptions {
  std::string procfs = "/proc";
  uint64_t now = 0;  ///< boot ns, from before the tasks were listed
  bool environment = false;
  uint32_t args_max = REDAN_ARGS_MAX;
  /// What the sensor has seen being made is left out, because it comes as records of its own: processes that started after this
  /// boot ns, and images that are not learnt. Nothing: all are told, because some of these records were lost.
  std::optional<uint64_t> seen_from;
  /// Images that the reader of the frames has already: their strings are not read.
  std::function<bool(const redan_image&)> known = [](const redan_image&) { return false; };
};

/// A process as procfs knows it; nothing if there is none. Its start, and with it image.time, is rounded down to 10 ms.
std::optional<redan_task> procfs_task(const std::string& procfs, uint32_t pid);

/// The processes that procfs lists.
std::vector<uint32_t> procfs_pids(const std::string& procfs);

/// Lists the tasks; kernel::Kernel::tasks().
using ListTasks = std::function<Result<std::vector<redan_task>>()>;

/// The frames of one scan (event/frame.h): begin, a record for each process, creators first, end. Identity and credentials come
/// from the task iterator, strings from procfs, which also stands in for what the iterator does not list. The tasks are listed
/// before and after the strings are read: of a process that called exec in between nobody knows which image the strings belong
/// to, and they are left out; if that was its first exec, so is the process, whose exec record says all.
Result<std::vector<std::vector<std::byte>>> scan_frames(const ListTasks& list, const ScanOptions& options);

/// The tasks with each one's creator, where it is among them, before it; otherwise in the order given.
std::vector<redan_task> creators_first(std::span<const redan_task> tasks);

}  // namespace redan::metadata
