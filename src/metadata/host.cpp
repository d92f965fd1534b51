// SPDX-License-Identifier: Apache-2.0
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "metadata/metadata.h"

namespace redan::metadata {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

Result<Host> read_host(const std::string& procfs) {
  Host host;
  if (::access((procfs + "/self/stat").c_str(), R_OK) != 0) {
    return Error{ErrorCode::kConfig,
                 fmt::format("--procfs: '{}' is no proc file system: {}", procfs, ::strerror(errno))};
  }
  utsname names{};
  if (::uname(&names) != 0) return errno_error("uname");
  host.kernel_release = names.release;
  host.boot_id = first_line(procfs + "/sys/kernel/random/boot_id");
  host.machine_id = first_line("/etc/machine-id");
  return host;
}

Result<std::optional<std::string>> read_users_if_changed(FileVersion& last, const std::string& passwd) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(passwd.c_str(), "re"));
  struct stat status {};
  if (file == nullptr || ::fstat(::fileno(file.get()), &status) != 0) {
    return errno_error(fmt::format("cannot read user names from '{}'", passwd));
  }
  const FileVersion version{.inode = status.st_ino,
                            .changed_ns = int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec,
                            .size = status.st_size};
  if (version == last) return std::optional<std::string>();
  last = version;
  std::string lines;
  while (const ::passwd* entry = ::fgetpwent(file.get())) {
    lines += fmt::format("{}:{}\n", entry->pw_uid, entry->pw_name);
  }
  return std::optional(std::move(lines));
}

}  // namespace redan::metadata
