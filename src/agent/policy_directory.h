// SPDX-License-Identifier: Apache-2.0
#pragma once
// The directory of --tracing-policy-dir: which files are policies, and which of them have changed.

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "metadata/metadata.h"

namespace redan::agent {

/// The state of a file now; a default-constructed one if there is no such regular file.
metadata::FileVersion file_version(const std::string& path);

/// Remembers what was reported of a directory. Belongs to one thread.
///
/// A file is a policy if its name ends with .yaml or .yml and does not begin with '.' or '#': what editors and packagers leave about
/// is none. Links are followed, subdirectories are not entered.
class PolicyDirectory {
 public:
  struct Changes {
    std::vector<std::string> gone;     ///< paths, sorted, of files that were reported and are no more
    std::vector<std::string> changed;  ///< paths, sorted, of files that are new or different
  };

  /// `directory` may be absent, and empty for none.
  explicit PolicyDirectory(std::string directory) : directory_(std::move(directory)) {}

  /// What is there, at once: for the start.
  Result<Changes> first_look() { return look(true); }
  /// What has changed since the last report. Only what two looks found alike is reported, so that a file that is being written,
  /// or is missing for a moment while an editor saves it, is left alone. Costs a stat per file. Error: the directory cannot be
  /// read, or had policies and is gone as a whole (a mount that is away); nothing is reported then.
  Result<Changes> look() { return look(false); }

 private:
  struct Known {
    metadata::FileVersion reported;  ///< default-constructed: not reported
    metadata::FileVersion seen;      ///< at the last look; default-constructed: it was not there
  };

  Result<Changes> look(bool at_once);

  std::string directory_;
  std::map<std::string, Known> known_;  ///< by path
};

}  // namespace redan::agent
