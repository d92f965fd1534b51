// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "metadata/metadata.h"

namespace redan::metadata {
namespace {

/// /proc/PID/stat counts in hundredths of a second on every architecture (USER_HZ).
constexpr uint64_t kTickNs = 10'000'000;
/// include/linux/sched.h
constexpr uint64_t kPfKthread = 0x00200000;
constexpr uint64_t kPfForkNoExec = 0x00000040;

struct NamespaceFile {
  redan_ns index;
  const char* name;
};
constexpr std::array kNamespaceFiles = {
    NamespaceFile{REDAN_NS_UTS, "uts"},
    NamespaceFile{REDAN_NS_IPC, "ipc"},
    NamespaceFile{REDAN_NS_MNT, "mnt"},
    NamespaceFile{REDAN_NS_PID, "pid"},
    NamespaceFile{REDAN_NS_PID_FOR_CHILDREN, "pid_for_children"},
    NamespaceFile{REDAN_NS_NET, "net"},
    NamespaceFile{REDAN_NS_TIME, "time"},
    NamespaceFile{REDAN_NS_TIME_FOR_CHILDREN, "time_for_children"},
    NamespaceFile{REDAN_NS_CGROUP, "cgroup"},
    NamespaceFile{REDAN_NS_USER, "user"},
};
static_assert(kNamespaceFiles.size() == REDAN_NS_COUNT);

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The numbers in the line of /proc/PID/status that begins with `key`.
template <size_t N>
std::array<uint64_t, N> status_numbers(const std::string& status, std::string_view key, int base) {
  std::array<uint64_t, N> numbers{};
  const size_t line = status.find(fmt::format("\n{}:", key));
  if (line == std::string::npos) return numbers;
  const char* at = status.data() + line + key.size() + 2;
  const char* end = status.data() + status.size();
  for (uint64_t& number : numbers) {
    while (at != end && (*at == '\t' || *at == ' ')) ++at;
    at = std::from_chars(at, end, number, base).ptr;
  }
  return numbers;
}

/// Fields of /proc/PID/stat (proc_pid_stat(5)) from the third on; the second, the name, may hold anything.
bool read_stat(const std::string& text, redan_task& task) {
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return false;
  text.copy(task.comm, std::min(sizeof(task.comm) - 1, close - open - 1), open + 1);
  std::istringstream fields(text.substr(close + 1));
  std::string state;
  uint64_t ppid = 0;
  uint64_t flags = 0;
  uint64_t start = 0;
  std::string skipped;
  fields >> state >> ppid;
  for (int i = 5; i <= 8; ++i) fields >> skipped;
  fields >> flags;
  for (int i = 10; i <= 21; ++i) fields >> skipped;
  fields >> start;
  if (!fields) return false;
  task.image.time = task.start_time = start * kTickNs;
  task.image.flags = REDAN_IMAGE_LEARNT | ((flags & kPfForkNoExec) != 0 ? unsigned{REDAN_IMAGE_FORKED} : 0U);
  task.creator.tgid = static_cast<uint32_t>(ppid);
  if ((flags & kPfKthread) != 0) task.flags |= REDAN_TASK_KTHREAD;
  if (state == "Z" || state == "X") task.flags |= REDAN_TASK_ENDED;
  return true;
}

void read_status(const std::string& status, redan_credentials& cred) {
  const auto uids = status_numbers<4>(status, "Uid", 10);
  const auto gids = status_numbers<4>(status, "Gid", 10);
  const auto narrow = [](uint64_t id) { return static_cast<uint32_t>(id); };
  cred.uid = narrow(uids[0]);
  cred.euid = narrow(uids[1]);
  cred.suid = narrow(uids[2]);
  cred.fsuid = narrow(uids[3]);
  cred.gid = narrow(gids[0]);
  cred.egid = narrow(gids[1]);
  cred.sgid = narrow(gids[2]);
  cred.fsgid = narrow(gids[3]);
  cred.inheritable = status_numbers<1>(status, "CapInh", 16)[0];
  cred.permitted = status_numbers<1>(status, "CapPrm", 16)[0];
  cred.effective = status_numbers<1>(status, "CapEff", 16)[0];
}

uint32_t login_uid(const std::string& folder) {
  const std::string text = content(folder + "/loginuid");
  uint32_t uid = UINT32_MAX;
  std::from_chars(text.data(), text.data() + text.size(), uid);
  return uid;
}

}  // namespace

std::optional<redan_task> procfs_task(const std::string& procfs, uint32_t pid) {
  const std::string folder = fmt::format("{}/{}", procfs, pid);
  redan_task task{};
  task.image.tgid = pid;
  if (!read_stat(content(folder + "/stat"), task)) return std::nullopt;
  read_status(content(folder + "/status"), task.cred);
  task.cred.auid = login_uid(folder);
  task.exe_nlink = 1;  // not known; 0 would say that it is deleted
  for (const NamespaceFile& file : kNamespaceFiles) {
    struct stat status {};
    if (::stat(fmt::format("{}/ns/{}", folder, file.name).c_str(), &status) == 0) {
      task.ns.inum[file.index] = static_cast<uint32_t>(status.st_ino);
    }
  }
  return task;
}

std::vector<uint32_t> procfs_pids(const std::string& procfs) {
  std::vector<uint32_t> pids;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(procfs, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    uint32_t pid = 0;
    const auto [stop, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && stop == name.data() + name.size()) pids.push_back(pid);
  }
  return pids;
}

}  // namespace redan::metadata
