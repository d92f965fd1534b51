// SPDX-License-Identifier: Apache-2.0
#pragma once
// Lines to a file or to standard output.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "export/line_sink.h"

namespace redan::exporting {

struct LineFileOptions {
  std::string path;  ///< "-": standard output
  /// Of a file that is created; execute bits and write by others are taken out, read and write by the owner added.
  mode_t mode = 0600;
};

/// A regular file only ever grows by whole lines: a write that fails half-way (disk full, limit reached) is cut back to
/// the end of its last whole line, and so is the torn line that a predecessor left when it was killed. Appends, and
/// remembers no offset, so that rename-and-reopen and copy-and-truncate rotation both work. Standard output, pipes and
/// devices cannot be cut; a line of up to 4096 bytes goes to a pipe in one piece or not at all.
///
/// The writing thread must have SIGPIPE and SIGXFSZ blocked or ignored. Nothing is synced to the disk.
class LineFile final : public LineSink {
 public:
  /// Opens or creates the file; an error names the path and what to do.
  static Result<std::unique_ptr<LineFile>> open(LineFileOptions options);

  WriteResult write(std::string_view lines) override;
  Result<OpenReport> reopen() override;

  /// What open() found.
  const OpenReport& opened() const { return opened_; }

 private:
  enum class Kind { kRegular, kPipe, kTerminal, kOther };

  explicit LineFile(LineFileOptions options) : options_(std::move(options)) {}

  bool is_standard_output() const { return options_.path == "-"; }
  std::string name() const;
  Result<OpenReport> open_again();
  WriteResult failed(std::string_view lines, size_t done, int error_number);
  size_t piece_size(std::string_view lines) const;

  LineFileOptions options_;
  OpenReport opened_;
  Fd fd_;
  Kind kind_ = Kind::kOther;
  bool torn_ = false;  // the file ends with a part of a line, which could not be cut off yet
};

}  // namespace redan::exporting
