// SPDX-License-Identifier: Apache-2.0
#include "event/recording.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unit/agent/scratch_dir.h"
#include "unit/event/records.h"

namespace redan::event {
namespace {

using agent::read_whole;
using agent::ScratchDir;

constexpr size_t kFileHeader = 16;
constexpr size_t kFrameHeader = 8;

/// Frames of all sizes that matter: the least, a usual one, one larger than stdio's buffer.
std::vector<Frame> some_frames() {
  return {PlainRecord{.kind = kFrameTick}.frame(),
          ExecRecord{}.frame(),
          ForkRecord{}.frame(),
          ExitRecord{}.frame(),
          TextRecord{.kind = kFrameUsers, .text = std::string(20'000, 'u')}.frame(),
          PlainRecord{.kind = kFrameTick}.frame()};
}

/// The same without the large one: for tests that try every byte.
std::vector<Frame> small_frames() {
  return {PlainRecord{.kind = kFrameTick}.frame(), ForkRecord{}.frame(), ExitRecord{}.frame()};
}

std::string record(const ScratchDir& dir, const std::vector<Frame>& frames) {
  const std::string path = dir.path("recording");
  auto writer = RecordingWriter::create(path);
  REQUIRE(writer.ok());
  for (const Frame& frame : frames) REQUIRE(writer->append(frame).ok());
  REQUIRE(writer->flush().ok());
  return path;
}

/// What a reader gets out of a file.
struct Readout {
  std::vector<Frame> frames;
  std::optional<Error> error;  ///< of open() or of the last next()
};

Readout read_all(const std::string& path) {
  Readout readout;
  auto reader = RecordingReader::open(path);
  if (!reader) {
    readout.error = reader.error();
    return readout;
  }
  while (true) {
    const auto frame = reader->next();
    if (!frame) {
      readout.error = frame.error();
      return readout;
    }
    if (!*frame) return readout;
    readout.frames.emplace_back((**frame).begin(), (**frame).end());
  }
}

Readout read_bytes(const ScratchDir& dir, std::string_view bytes) { return read_all(dir.write("damaged", bytes)); }

bool is_beginning(const std::vector<Frame>& some, const std::vector<Frame>& all) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

bool mentions(const Error& error, std::string_view text) { return error.message.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("frames come back from a recording as they were appended") {
  const ScratchDir dir;
  const std::vector<Frame> frames = some_frames();
  const Readout readout = read_all(record(dir, frames));
  CHECK_FALSE(readout.error.has_value());
  CHECK(readout.frames == frames);
}

TEST_CASE("a recording without frames is a good one") {
  const ScratchDir dir;
  const Readout readout = read_all(record(dir, {}));
  CHECK_FALSE(readout.error.has_value());
  CHECK(readout.frames.empty());
}

TEST_CASE("a recording is nobody else's to read, and replaces what was there") {
  const ScratchDir dir;
  const std::string path = record(dir, some_frames());
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(read_all(record(dir, {})).frames.empty());
}

TEST_CASE("a recording that ends anywhere gives the whole frames before, and says where it ends") {
  const ScratchDir dir;
  const std::vector<Frame> frames = small_frames();
  const std::string whole = read_whole(record(dir, frames));
  std::vector<size_t> ends = {kFileHeader};
  for (const Frame& frame : frames) ends.push_back(ends.back() + kFrameHeader + frame.size());
  REQUIRE(ends.back() == whole.size());

  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const Readout readout = read_bytes(dir, std::string_view(whole).substr(0, size));
    size_t whole_frames = 0;
    while (ends[whole_frames + 1] <= size) ++whole_frames;
    CHECK(readout.frames.size() == whole_frames);
    CHECK(is_beginning(readout.frames, frames));
    CHECK(readout.error.has_value() == (size != ends[whole_frames]));
    if (!readout.error) continue;
    CHECK(readout.error->code == ErrorCode::kCorrupt);
    if (size > kFileHeader) CHECK(mentions(*readout.error, "at byte " + std::to_string(ends[whole_frames])));
  }
}

TEST_CASE("a flipped byte is found, and the frames before it are good") {
  const ScratchDir dir;
  const std::vector<Frame> frames = small_frames();
  const std::string whole = read_whole(record(dir, frames));
  for (size_t at = 0; at < whole.size(); ++at) {
    if (at >= 12 && at < kFileHeader) continue;  // padding
    for (const int bit : {0, 7}) {
      CAPTURE(at);
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const Readout readout = read_bytes(dir, damaged);
      REQUIRE(readout.error.has_value());
      CHECK(readout.error->code == ErrorCode::kCorrupt);
      CHECK(is_beginning(readout.frames, frames));
      CHECK(mentions(*readout.error, "damaged'"));
    }
  }
}

TEST_CASE("a frame of an impossible length is no reason to ask for memory") {
  const ScratchDir dir;
  const std::string header = read_whole(record(dir, {}));
  for (const uint32_t length : {0U, 39U, kFrameMaxBytes + 1, UINT32_MAX}) {
    CAPTURE(length);
    std::string file = header;
    file.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(100, '\0');
    const Readout readout = read_bytes(dir, file);
    REQUIRE(readout.error.has_value());
    CHECK(readout.error->code == ErrorCode::kCorrupt);
    CHECK(mentions(*readout.error, std::to_string(length) + " bytes"));
  }
}

TEST_CASE("a file that is no recording is told apart from a recording of another version") {
  const ScratchDir dir;
  for (const std::string& text : {std::string(), std::string("{}\n"), std::string(100, 'R'), raw("REDANREC")}) {
    const Readout readout = read_bytes(dir, text);
    REQUIRE(readout.error.has_value());
    CHECK(readout.error->code == ErrorCode::kCorrupt);
    CHECK(mentions(*readout.error, "is not a recording"));
  }
  std::string other = read_whole(record(dir, {}));
  other[8] = 99;
  const Readout readout = read_bytes(dir, other);
  REQUIRE(readout.error.has_value());
  CHECK(readout.error->code == ErrorCode::kCorrupt);
  CHECK(mentions(*readout.error, "version 99"));
}

TEST_CASE("a file that cannot be opened is named") {
  const ScratchDir dir;
  const auto reader = RecordingReader::open(dir.path("nothing"));
  REQUIRE_FALSE(reader.ok());
  CHECK(reader.error().code == ErrorCode::kRuntime);
  CHECK(mentions(reader.error(), dir.path("nothing")));
  const auto writer = RecordingWriter::create(dir.path("no/such/folder"));
  REQUIRE_FALSE(writer.ok());
  CHECK(mentions(writer.error(), dir.path("no/such/folder")));
  CHECK_FALSE(RecordingReader::open(dir.path()).ok());  // a folder
}

TEST_CASE("a full disk is an error of the append or the flush that meets it, with the system's words") {
  auto writer = RecordingWriter::create("/dev/full");
  REQUIRE(writer.ok());
  REQUIRE(writer->append(ExecRecord{}.frame()).ok());  // buffered
  const auto flushed = writer->flush();
  REQUIRE_FALSE(flushed.ok());
  CHECK(mentions(flushed.error(), "/dev/full"));
  CHECK(mentions(flushed.error(), "No space left"));

  const Frame large = TextRecord{.kind = kFrameUsers, .text = std::string(1u << 20, 'u')}.frame();
  const auto appended = writer->append(large);
  REQUIRE_FALSE(appended.ok());
  CHECK(mentions(appended.error(), "No space left"));
}

TEST_CASE("whatever a writer takes, a reader gives back") {
  const ScratchDir dir;
  const auto text_frame_of_size = [](size_t size) {
    return TextRecord{.kind = kFrameUsers, .text = std::string(size - sizeof(TextFrame), 'u')}.frame();
  };
  for (const size_t size : {size_t{kFrameMaxBytes}, size_t{kFrameMaxBytes} + 1}) {
    CAPTURE(size);
    const Frame frame = text_frame_of_size(size);
    const std::string path = dir.path("large");
    auto writer = RecordingWriter::create(path);
    REQUIRE(writer.ok());
    const bool taken = writer->append(frame).ok() && writer->flush().ok();
    const Readout readout = read_all(path);
    CHECK(taken == (readout.frames.size() == 1));
  }
}

}  // namespace redan::event
