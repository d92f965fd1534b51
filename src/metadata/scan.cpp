// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/fd.h"
#include "event/decode.h"
#include "event/frame.h"
#include "metadata/metadata.h"

namespace redan::metadata {
namespace {

using Frame = std::vector<std::byte>;

/// Resolution of process start times in procfs.
constexpr uint64_t kProcfsTickNs = 10'000'000;

/// What procfs has to say of a task. Anything may be empty: a process can go at any moment.
struct TaskStrings {
  std::string cwd;  ///< relative to the task's root
  std::string binary;
  std::string args;
  std::string environment;
  uint32_t args_total = 0;
  uint32_t env_total = 0;
  bool namespace_init = false;
};

std::string read_link(const std::string& path) {
  std::string target(REDAN_PATH_MAX, '\0');
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  target.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return target;
}

/// The first `most` bytes of a file; `total` becomes its whole size, as far as one cares to count.
std::string read_head(const std::string& path, size_t most, uint32_t& total) {
  constexpr size_t kCountedMost = 8u << 20;  // more than the longest argument vector
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::vector<char> buffer(64u << 10);
  size_t count = 0;
  while (fd && count < kCountedMost) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    const auto size = static_cast<size_t>(got);
    text.append(buffer.data(), std::min(size, most - text.size()));
    count += size;
  }
  total = static_cast<uint32_t>(count);
  return text;
}

/// `path` as it looks from below `root`.
std::string below(std::string path, const std::string& root) {
  if (root.size() > 1 && path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/')) {
    path.erase(0, root.size());
  }
  return path.empty() ? "/" : path;
}

/// Whether the last number in the line "NSpid: 4120 1" is 1 and not the only one.
bool is_namespace_init(std::string_view status) {
  const size_t begin = status.find("\nNSpid:");
  if (begin == std::string_view::npos) return false;
  const std::string_view line = status.substr(begin + 1, status.find('\n', begin + 1) - begin - 1);
  return std::count(line.begin(), line.end(), '\t') > 1 && line.ends_with("\t1");
}

TaskStrings read_strings(const redan_task& task, const ScanOptions& options) {
  TaskStrings strings;
  if ((task.flags & REDAN_TASK_KTHREAD) != 0) {
    strings.binary = fmt::format("[{}]", std::string_view(task.comm, ::strnlen(task.comm, sizeof(task.comm))));
    strings.cwd = "/";
    return strings;
  }
  const std::string folder = fmt::format("{}/{}", options.procfs, task.image.tgid);
  const std::string root = read_link(folder + "/root");
  const std::string cwd = read_link(folder + "/cwd");
  if (!cwd.empty()) strings.cwd = below(cwd, root);
  const std::string binary = read_link(folder + "/exe");
  if (!binary.empty()) strings.binary = below(binary, root);
  strings.args = read_head(folder + "/cmdline", options.args_max, strings.args_total);
  if (options.environment) strings.environment = read_head(folder + "/environ", REDAN_ENV_MAX, strings.env_total);
  uint32_t ignored = 0;
  strings.namespace_init = is_namespace_init(read_head(folder + "/status", 4096, ignored));
  return strings;
}

uint16_t scan_flags(const redan_task& task, const TaskStrings& strings) {
  unsigned flags = REDAN_EXEC_BACKFILL;
  if ((task.flags & REDAN_TASK_KTHREAD) != 0) flags |= REDAN_EXEC_KTHREAD;
  if (strings.namespace_init) flags |= REDAN_EXEC_NS_INIT;
  if (strings.cwd == "/") flags |= REDAN_EXEC_CWD_ROOT;
  if (strings.cwd.empty()) flags |= REDAN_EXEC_CWD_UNREADABLE;
  if (strings.binary.empty()) flags |= REDAN_EXEC_FILENAME_UNREADABLE | REDAN_EXEC_ARGS_UNREADABLE;
  return static_cast<uint16_t>(flags);
}

Frame scan_record(const redan_task& task, const TaskStrings& strings, uint64_t now) {
  const std::string cwd = strings.cwd == "/" ? "" : event::cwd_leaf_first(strings.cwd);
  const std::string_view cgroup_name(task.cgroup_name, ::strnlen(task.cgroup_name, sizeof(task.cgroup_name)));
  redan_exec exec{};
  exec.hdr.kind = REDAN_KIND_EXEC;
  exec.hdr.flags = scan_flags(task, strings);
  exec.hdr.time = now;
  exec.hdr.image_time = task.image.time;
  exec.hdr.tgid = exec.hdr.tid = task.image.tgid;
  exec.previous.flags = task.image.flags;
  exec.creator = task.creator;
  exec.cred = task.cred;
  exec.ns = task.ns;
  exec.exe_dev = task.exe_dev;
  exec.exe_nlink = task.exe_nlink;
  exec.exe_ino = task.exe_ino;
  exec.start_time = task.start_time;
  exec.cgroup_id = task.cgroup_id;
  exec.args_total = strings.args_total;
  exec.env_total = strings.env_total;
  exec.cwd_len = static_cast<uint32_t>(cwd.size());
  exec.filename_len = static_cast<uint32_t>(strings.binary.size());
  exec.cgroup_name_len = static_cast<uint32_t>(cgroup_name.size());
  exec.args_len = static_cast<uint32_t>(strings.args.size());
  exec.env_len = static_cast<uint32_t>(strings.environment.size());

  Frame frame;
  const auto append = [&](const void* data, size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    frame.insert(frame.end(), bytes, bytes + size);
  };
  append(&exec, sizeof(exec));
  append(cwd.data(), cwd.size());
  append(strings.binary.data(), strings.binary.size());
  append(cgroup_name.data(), cgroup_name.size());
  append(strings.args.data(), strings.args.size());
  append(strings.environment.data(), strings.environment.size());
  return frame;
}

Frame header_frame(event::FrameKind kind, uint64_t now) {
  const redan_record record = event::plain_frame(kind, now);
  const event::Bytes bytes = event::bytes_of(record);
  return {bytes.begin(), bytes.end()};
}

bool comes_as_a_record(const redan_task& task, const ScanOptions& options) {
  const bool learnt = (task.image.flags & REDAN_IMAGE_LEARNT) != 0;
  return options.seen_from && (!learnt || task.image.time >= *options.seen_from);
}

}  // namespace

std::vector<redan_task> creators_first(std::span<const redan_task> tasks) {
  std::unordered_map<uint32_t, size_t> index;
  for (size_t i = 0; i < tasks.size(); ++i) index.emplace(tasks[i].image.tgid, i);
  std::vector<bool> placed(tasks.size(), false);
  std::vector<redan_task> ordered;
  ordered.reserve(tasks.size());
  std::vector<size_t> chain;
  for (size_t i = 0; i < tasks.size(); ++i) {
    // From the task up to the first ancestor that is placed, or that is in this chain already (which a reused pid can feign).
    for (size_t at = i; !placed[at];) {
      placed[at] = true;
      chain.push_back(at);
      const auto creator = index.find(tasks[at].creator.tgid);
      if (creator == index.end()) break;
      at = creator->second;
    }
    for (; !chain.empty(); chain.pop_back()) ordered.push_back(tasks[chain.back()]);
  }
  return ordered;
}

namespace {

/// Some kernels keep processes from the iterator that procfs shows (a sandbox's pid 1, for one).
void add_unlisted(std::vector<redan_task>& tasks, const std::string& procfs, uint64_t now) {
  std::unordered_set<uint32_t> listed;
  for (const redan_task& task : tasks) listed.insert(task.image.tgid);
  for (const uint32_t pid : procfs_pids(procfs)) {
    if (listed.contains(pid)) continue;
    const auto task = procfs_task(procfs, pid);
    // One that is younger than the listing comes as a record of its own, with its exact start.
    if (task && task->image.time + kProcfsTickNs <= now) tasks.push_back(*task);
  }
}

std::unordered_map<uint32_t, redan_task> by_tgid(std::span<const redan_task> tasks) {
  std::unordered_map<uint32_t, redan_task> map;
  for (const redan_task& task : tasks) map.emplace(task.image.tgid, task);
  return map;
}

}  // namespace

Result<std::vector<std::vector<std::byte>>> scan_frames(const ListTasks& list, const ScanOptions& options) {
  REDAN_ASSIGN(std::vector<redan_task> tasks, list());
  const std::unordered_map<uint32_t, redan_task> before = by_tgid(tasks);
  add_unlisted(tasks, options.procfs, options.now);

  std::vector<std::pair<redan_task, TaskStrings>> found;
  for (const redan_task& task : creators_first(tasks)) {
    if ((task.flags & REDAN_TASK_ENDED) != 0 || comes_as_a_record(task, options)) continue;
    found.emplace_back(task, options.known(task.image) ? TaskStrings{} : read_strings(task, options));
  }
  REDAN_ASSIGN(const std::vector<redan_task> tasks_after, list());
  const std::unordered_map<uint32_t, redan_task> after = by_tgid(tasks_after);

  std::vector<Frame> frames;
  frames.reserve(found.size() + 2);
  frames.push_back(header_frame(event::kFrameScanBegin, options.now));
  for (auto& [task, strings] : found) {
    if (before.contains(task.image.tgid)) {
      const auto now = after.find(task.image.tgid);
      const bool runs = now != after.end() && now->second.start_time == task.start_time;
      const bool same = runs && now->second.image.time == task.image.time;
      // The record of its first exec names its creator: nothing is gained by telling that it was there without strings.
      if (runs && !same && (task.image.flags & REDAN_IMAGE_FORKED) != 0) continue;
      if (!same) strings = {};
    }
    frames.push_back(scan_record(task, strings, options.now));
  }
  frames.push_back(header_frame(event::kFrameScanEnd, options.now));
  return frames;
}

}  // namespace redan::metadata
