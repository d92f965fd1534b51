// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_directory.h"

#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include <fmt/format.h>

namespace redan::agent {
namespace {

using metadata::FileVersion;
using Versions = std::map<std::string, FileVersion>;

bool is_policy_name(std::string_view name) {
  return !name.starts_with('.') && !name.starts_with('#') && (name.ends_with(".yaml") || name.ends_with(".yml"));
}

Result<Versions> files_in(const std::string& directory) {
  Versions files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    const FileVersion version = file_version(entries->path());
    if (is_policy_name(entries->path().filename().native()) && version != FileVersion())
      files.emplace(entries->path(), version);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return Error{ErrorCode::kRuntime, fmt::format("--tracing-policy-dir: {} cannot be read: {}; its policies stay as "
                                                  "they are",
                                                  directory, error.message())};
  }
  return files;
}

}  // namespace

FileVersion file_version(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return {.inode = status.st_ino,
          .changed_ns = int64_t{status.st_ctim.tv_sec} * 1'000'000'000 + status.st_ctim.tv_nsec,
          .size = status.st_size};
}

Result<PolicyDirectory::Changes> PolicyDirectory::look(bool at_once) {
  Changes changes;
  if (directory_.empty()) return changes;
  REDAN_ASSIGN(const Versions now, files_in(directory_));
  std::error_code error;
  if (!known_.empty() && now.empty() && !std::filesystem::exists(directory_, error)) {
    return Error{
        ErrorCode::kRuntime,
        fmt::format("--tracing-policy-dir: {} is gone; its policies stay as they are, redan policy delete takes "
                    "one away",
                    directory_)};
  }
  for (const auto& [path, version] : now) known_.try_emplace(path);
  for (auto known = known_.begin(); known != known_.end();) {
    auto& [path, file] = *known;
    const auto found = now.find(path);
    const FileVersion version = found == now.end() ? FileVersion() : found->second;
    const bool is_settled = at_once || version == file.seen;
    file.seen = version;
    if (is_settled && version != file.reported) {
      (version == FileVersion() ? changes.gone : changes.changed).push_back(path);
      file.reported = version;
    }
    const bool is_forgotten = version == FileVersion() && file.reported == FileVersion();
    known = is_forgotten ? known_.erase(known) : std::next(known);
  }
  return changes;
}

}  // namespace redan::agent
