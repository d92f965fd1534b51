// SPDX-License-Identifier: Apache-2.0
#pragma once
// Recordings: frames in a file, for `redan record` and `redan replay`.
//
// File: the 16-byte header {"REDANREC", u32 ABI version, u32 0}, then per frame {u32 length, u32 CRC-32 of the bytes, bytes}. Numbers
// are little-endian, as on every machine that the agent runs on. A file without its end (crash, full disk) is readable up to there.

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/frame.h"

namespace redan::event {

/// The most that one frame may have; anything longer is a corrupt file.
inline constexpr uint32_t kFrameMaxBytes = 4u << 20;

/// Appends frames to a new file. Not thread-safe; buffered, so that append() seldom makes a system call.
class RecordingWriter {
 public:
  /// Creates the file with mode 0600; one that exists is replaced.
  static Result<RecordingWriter> create(const std::string& path);

  RecordingWriter(RecordingWriter&&) = default;
  RecordingWriter& operator=(RecordingWriter&&) = default;

  /// The error names the file and what the system said (a full disk, say).
  Result<void> append(Bytes frame);
  /// Hands everything to the kernel.
  Result<void> flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  RecordingWriter(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  Error write_error() const;

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
};

/// Reads a recording front to back. Not thread-safe.
class RecordingReader {
 public:
  /// kCorrupt if the file is not a recording, or one of another version.
  static Result<RecordingReader> open(const std::string& path);

  RecordingReader(RecordingReader&&) = default;
  RecordingReader& operator=(RecordingReader&&) = default;

  /// The next frame, valid until the next call; nothing at the end of the file. kCorrupt, with the offset, where the file is
  /// damaged or ends within a frame; what came before is good.
  Result<std::optional<Bytes>> next();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  RecordingReader(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
  Error corrupt(const std::string& what) const;

  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
  uint64_t offset_ = 0;
  std::vector<std::byte> frame_;
};

}  // namespace redan::event
