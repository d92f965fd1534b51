// SPDX-License-Identifier: Apache-2.0
#include "event/recording.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <zlib.h>

namespace redan::event {
namespace {

struct FileHeader {
  std::array<char, 8> magic = {'R', 'E', 'D', 'A', 'N', 'R', 'E', 'C'};
  uint32_t abi_version = REDAN_ABI_VERSION;
  uint32_t pad0 = 0;
};
static_assert(sizeof(FileHeader) == 16);

struct FrameHeader {
  uint32_t length;
  uint32_t crc;
};
static_assert(sizeof(FrameHeader) == 8);

uint32_t checksum(Bytes bytes) {
  return static_cast<uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

}  // namespace

Result<RecordingWriter> RecordingWriter::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return errno_error(fmt::format("cannot write the recording '{}'", path));
  std::FILE* file = ::fdopen(fd, "wb");
  if (file == nullptr) {
    const Error error = errno_error(fmt::format("cannot write the recording '{}'", path));
    ::close(fd);
    return error;
  }
  RecordingWriter writer(file, path);
  const FileHeader header;
  if (std::fwrite(&header, sizeof(header), 1, file) != 1) return writer.write_error();
  return writer;
}

Result<void> RecordingWriter::append(Bytes frame) {
  if (frame.size() > kFrameMaxBytes) {
    return Error{ErrorCode::kRuntime,
                 fmt::format("cannot write the recording '{}': a frame of {} bytes", path_, frame.size())};
  }
  const FrameHeader header{.length = static_cast<uint32_t>(frame.size()), .crc = checksum(frame)};
  if (std::fwrite(&header, sizeof(header), 1, file_.get()) != 1 ||
      std::fwrite(frame.data(), frame.size(), 1, file_.get()) != 1) {
    return write_error();
  }
  return {};
}

Result<void> RecordingWriter::flush() {
  if (std::fflush(file_.get()) != 0) return write_error();
  return {};
}

Error RecordingWriter::write_error() const {
  return errno_error(fmt::format("cannot write the recording '{}'", path_));
}

Result<RecordingReader> RecordingReader::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return errno_error(fmt::format("cannot read the recording '{}'", path));
  RecordingReader reader(file, path);
  FileHeader header;
  const FileHeader wanted;
  if (std::fread(&header, sizeof(header), 1, file) != 1 || header.magic != wanted.magic) {
    return Error{ErrorCode::kCorrupt, fmt::format("'{}' is not a recording made by 'redan record'", path)};
  }
  if (header.abi_version != REDAN_ABI_VERSION) {
    return Error{
        ErrorCode::kCorrupt,
        fmt::format(
            "'{}' is a recording of version {}; this redan reads version {}: replay it with the redan that made it",
            path, header.abi_version, REDAN_ABI_VERSION)};
  }
  reader.offset_ = sizeof(header);
  return reader;
}

Result<std::optional<Bytes>> RecordingReader::next() {
  FrameHeader header;
  const size_t got = std::fread(&header, 1, sizeof(header), file_.get());
  if (got == 0 && std::feof(file_.get()) != 0) return std::optional<Bytes>();
  if (std::ferror(file_.get()) != 0) return errno_error(fmt::format("cannot read the recording '{}'", path_));
  if (got != sizeof(header)) return corrupt("it ends within a frame");
  if (header.length < sizeof(redan_record) || header.length > kFrameMaxBytes) {
    return corrupt(fmt::format("a frame of {} bytes", header.length));
  }
  frame_.resize(header.length);
  if (std::fread(frame_.data(), 1, frame_.size(), file_.get()) != frame_.size())
    return corrupt("it ends within a frame");
  if (checksum(frame_) != header.crc) return corrupt("a frame does not match its checksum");
  offset_ += sizeof(header) + frame_.size();
  return std::optional<Bytes>(frame_);
}

Error RecordingReader::corrupt(const std::string& what) const {
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("the recording '{}' is damaged at byte {}: {}; the frames before it are good", path_, offset_, what)};
}

}  // namespace redan::event
