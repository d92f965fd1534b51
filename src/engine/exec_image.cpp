// SPDX-License-Identifier: Apache-2.0
#include "engine/exec_image.h"

#include <array>

#include "base/path.h"

namespace redan::engine {
namespace {

/// The upstream agent sends an argument vector apart from its exec message, and says so with the word dataArgs, when what
/// follows argv[0] does not fit a buffer of 1,024 bytes behind 56 bytes of header and the file name. Redan sends all in
/// one record; the word is kept for those who read it.
constexpr size_t kInlineBytes = 1024 - 56;
/// The same for a file name (dataFilename).
constexpr size_t kInlineFilename = 256;

struct FlagWord {
  uint16_t record;
  uint32_t process;
};
constexpr std::array kFlagWords = {
    FlagWord{REDAN_EXEC_CWD_ROOT, event::kFlagRootCwd},
    FlagWord{REDAN_EXEC_CWD_UNREADABLE, event::kFlagErrorCwd},
    FlagWord{REDAN_EXEC_CWD_UNRESOLVED, event::kFlagErrorPathResolutionCwd},
    FlagWord{REDAN_EXEC_FILENAME_UNREADABLE, event::kFlagErrorFilename},
    FlagWord{REDAN_EXEC_ARGS_UNREADABLE, event::kFlagErrorArgs},
    FlagWord{REDAN_EXEC_ENV_UNREADABLE, event::kFlagErrorEnvs},
    FlagWord{REDAN_EXEC_CGROUP_NAME_UNREADABLE, event::kFlagErrorCgroupName},
};

std::string_view without_first(std::string_view args) {
  const size_t end = args.find('\0');
  return end == std::string_view::npos ? std::string_view() : args.substr(end + 1);
}

std::string cwd_of(const event::ExecView& view) {
  const uint16_t flags = view.fixed.hdr.flags;
  if ((flags & REDAN_EXEC_CWD_ROOT) != 0) return "/";
  if ((flags & REDAN_EXEC_CWD_UNREADABLE) != 0) return "";
  std::string cwd = event::cwd_text(view.cwd);
  if ((flags & REDAN_EXEC_CWD_DELETED) != 0) cwd += " (deleted)";
  return cwd;
}

std::string binary_of(const event::ExecView& view, const std::string& cwd) {
  if (view.filename.empty() || view.filename.front() == '/' || cwd.empty() ||
      (view.fixed.hdr.flags & REDAN_EXEC_KTHREAD) != 0) {
    return std::string(view.filename);
  }
  return join_path(cwd, view.filename);
}

}  // namespace

event::Image exec_image(const event::ExecView& view) {
  event::Image image;
  image.cwd = cwd_of(view);
  image.binary = binary_of(view, image.cwd);
  image.args = without_first(view.args);
  image.environment = view.environment;
  image.cgroup_name = view.cgroup_name;
  image.cgroup_id = view.fixed.cgroup_id;
  image.uid = view.fixed.cred.euid;
  image.cred = view.fixed.cred;
  image.ns = view.fixed.ns;
  return image;
}

uint32_t exec_flags(const event::ExecView& view) {
  const uint16_t from = view.fixed.hdr.flags;
  const bool scanned = (from & REDAN_EXEC_BACKFILL) != 0;
  uint32_t flags = scanned ? 0 : uint32_t{event::kFlagExecve};
  for (const FlagWord& word : kFlagWords) {
    if ((from & word.record) != 0) flags |= word.process;
  }
  if (view.fixed.args_total > view.fixed.args_len) flags |= event::kFlagTruncArgs;
  if (!scanned) {
    if (without_first(view.args).size() + view.filename.size() + 1 >= kInlineBytes) flags |= event::kFlagDataArgs;
    if (view.filename.size() >= kInlineFilename) flags |= event::kFlagDataFilename;
  }
  return flags;
}

event::BinaryProperties exec_properties(const redan_exec& exec) {
  event::BinaryProperties properties;
  const redan_credentials& cred = exec.cred;
  if ((exec.hdr.flags & REDAN_EXEC_SETUID) != 0) {
    properties.setuid = cred.euid;
    properties.raised_setuid = cred.euid == 0 && cred.uid != 0;
  }
  if ((exec.hdr.flags & REDAN_EXEC_SETGID) != 0) {
    properties.setgid = cred.egid;
    properties.raised_setgid = cred.egid == 0 && cred.gid != 0;
  }
  properties.raised_file_caps = (exec.hdr.flags & REDAN_EXEC_FILE_CAPS) != 0;
  if (exec.exe_nlink == 0) properties.unlinked_inode = exec.exe_ino;
  return properties;
}

std::vector<Cut> exec_cuts(const event::ExecView& view) {
  std::vector<Cut> cuts;
  const redan_exec& exec = view.fixed;
  // What was asked for and not readable is an error flag; what the limit left out is a cut.
  if (exec.args_total > exec.args_len && (exec.hdr.flags & REDAN_EXEC_ARGS_UNREADABLE) == 0) {
    cuts.push_back({"arguments", exec.args_total, exec.args_len});
  }
  if (exec.env_total > exec.env_len && (exec.hdr.flags & REDAN_EXEC_ENV_UNREADABLE) == 0) {
    cuts.push_back({"environment_variables", exec.env_total, exec.env_len});
  }
  return cuts;
}

bool in_host_namespaces(const redan_namespaces& process, const redan_namespaces& host) {
  return process.inum[REDAN_NS_USER] == host.inum[REDAN_NS_USER] &&
         process.inum[REDAN_NS_MNT] == host.inum[REDAN_NS_MNT];
}

}  // namespace redan::engine
