// SPDX-License-Identifier: Apache-2.0
#include "export/line_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <doctest/doctest.h>

namespace redan::exporting {
namespace {

namespace fs = std::filesystem;

/// A folder that exists as long as this.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = fs::temp_directory_path() / "redan-line-file-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// Ignores a signal as long as this exists.
class IgnoredSignal {
 public:
  explicit IgnoredSignal(int signal) : signal_(signal), before_(::signal(signal, SIG_IGN)) {}
  ~IgnoredSignal() { static_cast<void>(::signal(signal_, before_)); }
  IgnoredSignal(const IgnoredSignal&) = delete;
  IgnoredSignal& operator=(const IgnoredSignal&) = delete;

 private:
  int signal_;
  void (*before_)(int);
};

/// No file may grow beyond `bytes` as long as this exists: a full disk on any machine, without root.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  IgnoredSignal ignored_{SIGXFSZ};
  rlimit before_{};
};

/// Makes standard output the writing end of a pipe as long as this exists.
class PipedOutput {
 public:
  explicit PipedOutput(int writer_flags = 0) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    REQUIRE(::fcntl(ends[1], F_SETFL, writer_flags) == 0);
    reader.reset(ends[0]);
    before_ = Fd(::dup(STDOUT_FILENO));
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[1]);
  }
  ~PipedOutput() { restore(); }
  PipedOutput(const PipedOutput&) = delete;
  PipedOutput& operator=(const PipedOutput&) = delete;

  void restore() {
    if (before_) ::dup2(before_.get(), STDOUT_FILENO);
    before_.reset();
  }

  Fd reader;

 private:
  Fd before_;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void create(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

std::unique_ptr<LineFile> open_file(const std::string& path) {
  auto file = LineFile::open({.path = path});
  if (!file) FAIL(file.error().message);
  return std::move(file).value();
}

/// Everything that comes out of a pipe until its other end is closed.
std::string drain(int fd) {
  std::string text;
  char block[1000];
  for (ssize_t got = 0; (got = ::read(fd, block, sizeof(block))) > 0;) text.append(block, static_cast<size_t>(got));
  return text;
}

/// `count` lines of different lengths.
std::string many_lines(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i)
    lines += "{\"line\":" + std::to_string(i) + ",\"" + std::string(static_cast<size_t>(i % 200), 'x') + "\"}\n";
  return lines;
}

}  // namespace

TEST_CASE("a new file: created with the asked mode, whatever the umask") {
  struct Case {
    mode_t mode;
    mode_t expected;
  };
  const TemporaryFolder folder;
  for (const mode_t mask : {0u, 022u, 0777u}) {
    for (const Case& c : {Case{0600, 0600}, Case{0640, 0640}, Case{0644, 0644}, Case{0777, 0664}, Case{0, 0600}}) {
      CAPTURE(mask);
      CAPTURE(c.mode);
      const std::string path = folder / "new.json";
      const mode_t before = ::umask(mask);
      auto file = LineFile::open({.path = path, .mode = c.mode});
      ::umask(before);
      REQUIRE(file);
      CHECK(file.value()->opened().created);
      CHECK(file.value()->opened().torn_bytes == 0);
      CHECK(mode_of(path) == c.expected);
      fs::remove(path);
    }
  }
}

TEST_CASE("an existing file: appended to, its mode left alone") {
  const TemporaryFolder folder;
  const std::string path = folder / "old.json";
  create(path, "{\"a\":1}\n");
  ::chmod(path.c_str(), 0644);
  const auto file = open_file(path);
  CHECK_FALSE(file->opened().created);
  CHECK(file->write("{\"b\":2}\n{\"c\":3}\n").written == 16);
  CHECK(content(path) == "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n");
  CHECK(mode_of(path) == 0644);
}

TEST_CASE("a torn line at the end of an existing file is cut off") {
  struct Case {
    const char* name;
    std::string before;
    uint64_t torn;
  };
  const std::string long_line = "{" + std::string(200'000, 'y');
  const Case cases[] = {
      {"empty", "", 0},
      {"whole", "{a}\n{b}\n", 0},
      {"torn", "{a}\n{b}\n{c", 2},
      {"torn, nothing before", "{abc", 4},
      {"torn, longer than what is read at once", "{a}\n" + long_line, 200'001},
      {"torn, long and nothing before", long_line, 200'001},
      {"whole and long", long_line + "\n", 0},
      {"zeros after a power failure", "{a}\n" + std::string(5000, '\0'), 5000},
      {"empty lines", "\n\n", 0},
      {"a line feed at the edge of a block", "\n" + long_line.substr(0, 4096 + 65536 - 1), 4096 + 65536 - 1},
      {"a line feed behind the edge of a block", "\n" + long_line.substr(0, 4096 - 1), 4096 - 1},
  };
  const TemporaryFolder folder;
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const std::string path = folder / "file.json";
    create(path, c.before);
    const auto file = open_file(path);
    CHECK(file->opened().torn_bytes == c.torn);
    CHECK_FALSE(file->write("{new}\n").error);
    CHECK(content(path) == c.before.substr(0, c.before.size() - c.torn) + "{new}\n");
  }
}

TEST_CASE("a torn line in a file that may only be appended to gets an end") {
  const TemporaryFolder folder;
  const std::string path = folder / "file.json";
  create(path, "{a}\n{b");
  const auto set_attributes = [&](int attributes) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &attributes) == 0;
  };
  if (!set_attributes(FS_APPEND_FL)) {
    MESSAGE("skipped: chattr +a is not possible here");
    return;
  }
  auto file = LineFile::open({.path = path});
  WriteResult written;
  if (file) written = file.value()->write("{c}\n");
  set_attributes(0);
  REQUIRE(file);
  CHECK_FALSE(written.error);
  CHECK(content(path) == "{a}\n{b\n{c}\n");
}

TEST_CASE("a file that is not ours is left alone") {
  const TemporaryFolder folder;
  const std::string text = folder / "text";
  create(text, "some words");
  CHECK(LineFile::open({.path = text}).error() ==
        Error{ErrorCode::kConfig, "export file " + text +
                                      ": it ends with something that is neither a line nor the beginning of an event; "
                                      "end it with a line feed or choose another path"});
  CHECK(content(text) == "some words");

  const std::string large = folder / "large";
  create(large, "{");
  fs::resize_file(large, 17 << 20);
  CHECK(LineFile::open({.path = large}).error() ==
        Error{ErrorCode::kConfig,
              "export file " + large +
                  ": its last 16 MiB are not lines, so it is not an export file; choose another path"});
  CHECK(fs::file_size(large) == 17 << 20);
}

TEST_CASE("what cannot be opened: an error that names it and says what to do") {
  const TemporaryFolder folder;
  create(folder / "file", "");
  fs::create_symlink(folder / "nothing", folder / "link");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  const std::string name(300, 'n');
  struct Case {
    std::string path;
    ErrorCode code;
    std::string problem;
  };
  const Case cases[] = {
      {folder / "no/such/file.json", ErrorCode::kConfig,
       "the folder " + (folder / "no/such") + " does not exist; create it or choose another path"},
      {"no-such-folder/file.json", ErrorCode::kConfig,
       "the folder no-such-folder does not exist; create it or choose another path"},
      {folder / "", ErrorCode::kConfig, "it is a folder; name a file in it"},
      {"/", ErrorCode::kConfig, "it is a folder; name a file in it"},
      {folder / "file/file.json", ErrorCode::kConfig, "part of its path is not a folder; choose another path"},
      {folder / "link", ErrorCode::kConfig,
       "it is a symbolic link to nothing; create what it points to or choose another path"},
      {folder / "fifo", ErrorCode::kConfig, "nobody has this pipe open for reading; start its reader first"},
      {folder / name.c_str(), ErrorCode::kRuntime, "File name too long"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    const auto file = LineFile::open({.path = c.path});
    REQUIRE_FALSE(file);
    CHECK(file.error() == Error{c.code, "export file " + c.path + ": " + c.problem});
  }
}

TEST_CASE("a full device: nothing is written, and the error says so") {
  const auto file = open_file("/dev/full");
  for (int i = 0; i < 2; ++i) {
    const WriteResult result = file->write("{a}\n");
    CHECK(result.written == 0);
    CHECK(result.error ==
          Error{ErrorCode::kRuntime, "export file /dev/full: no space left on its file system; free some"});
    CHECK_FALSE(result.gone);
  }
}

TEST_CASE("a disk that gets full: the file is cut back to whole lines, and the rest can be written later") {
  const TemporaryFolder folder;
  const std::string lines = many_lines(50);
  // Every place where a write can stop.
  for (size_t limit = 0; limit < lines.size() + 100; limit += 37) {
    CAPTURE(limit);
    const std::string path = folder / "file.json";
    fs::remove(path);
    create(path, "{before}\n");
    const auto file = open_file(path);
    WriteResult result;
    {
      const FileSizeLimit full(limit + 9);
      result = file->write(lines);
    }
    const size_t whole = limit >= lines.size() ? lines.size() : lines.substr(0, limit).rfind('\n') + 1;
    CHECK(result.written == whole);
    CHECK(result.error.has_value() == (limit < lines.size()));
    if (result.error) {
      CHECK(result.error->message ==
            "export file " + path + ": it has reached the file size limit; rotate it or raise the limit (ulimit -f)");
    }
    CHECK(content(path) == "{before}\n" + lines.substr(0, whole));
    const WriteResult rest = file->write(std::string_view(lines).substr(result.written));
    CHECK(rest.written == lines.size() - whole);
    CHECK(content(path) == "{before}\n" + lines);
  }
}

TEST_CASE("rotation by rename and reopen: a new file with the same mode, nothing lost in the old one") {
  const TemporaryFolder folder;
  const std::string path = folder / "file.json";
  auto opened = LineFile::open({.path = path, .mode = 0640});
  REQUIRE(opened);
  LineFile& file = *opened.value();
  CHECK(file.write("{1}\n").written == 4);
  fs::rename(path, folder / "file.json.1");
  CHECK(file.write("{2}\n").written == 4);

  const auto again = file.reopen();
  REQUIRE(again);
  CHECK(again.value().created);
  CHECK(mode_of(path) == 0640);
  CHECK(file.write("{3}\n").written == 4);
  CHECK(content(folder / "file.json.1") == "{1}\n{2}\n");
  CHECK(content(path) == "{3}\n");

  // Without a rotation reopening changes nothing.
  const auto same = file.reopen();
  REQUIRE(same);
  CHECK_FALSE(same.value().created);
  CHECK(file.write("{4}\n").written == 4);
  CHECK(content(path) == "{3}\n{4}\n");
}

TEST_CASE("rotation that went wrong: the old file stays in use") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "logs");
  const auto file = open_file(folder / "logs/file.json");
  fs::rename(folder / "logs", folder / "moved");
  const auto again = file->reopen();
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("the folder " + (folder / "logs") + " does not exist") != std::string::npos);
  CHECK(file->write("{1}\n").written == 4);
  CHECK(content(folder / "moved/file.json") == "{1}\n");
}

TEST_CASE("rotation by copy and truncate: the next line is at the start, without a hole before it") {
  const TemporaryFolder folder;
  const std::string path = folder / "file.json";
  const auto file = open_file(path);
  CHECK(file->write(many_lines(100)).error == std::nullopt);
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  CHECK(file->write("{1}\n").written == 4);
  CHECK(content(path) == "{1}\n");
  REQUIRE(::truncate(path.c_str(), 0) == 0);
  {
    const FileSizeLimit full(6);
    CHECK(file->write("{2}\n{3}\n").written == 4);
  }
  CHECK(content(path) == "{2}\n");
}

TEST_CASE("standard output: all that is written arrives") {
  PipedOutput output;
  auto file = open_file("-");
  output.restore();
  // More than a pipe holds, and one line longer than what it takes in one piece.
  const std::string lines = many_lines(1000) + "{" + std::string(10'000, 'z') + "}\n" + many_lines(1000);
  std::string read;
  std::thread reader([&] { read = drain(output.reader.get()); });
  const WriteResult result = file->write(lines);
  CHECK(result.written == lines.size());
  CHECK_FALSE(result.error);
  CHECK(file->reopen());
  file.reset();  // the pipe's last writing end
  reader.join();
  CHECK(read == lines);
}

TEST_CASE("standard output: a pipe that does not block and is full is waited for") {
  PipedOutput output(O_NONBLOCK);
  auto file = open_file("-");
  output.restore();
  const std::string lines = many_lines(3000);
  std::string read;
  std::thread reader([&] { read = drain(output.reader.get()); });
  CHECK(file->write(lines).written == lines.size());
  file.reset();
  reader.join();
  CHECK(read == lines);
}

TEST_CASE("standard output: whole lines go into a pipe at once") {
  PipedOutput output;
  auto file = open_file("-");
  output.restore();
  ::fcntl(output.reader.get(), F_SETPIPE_SZ, 4096);  // one write of that size at a time
  const std::string lines = many_lines(300);
  std::thread writer([&] {
    CHECK(file->write(lines).written == lines.size());
    file.reset();
  });
  std::string all;
  std::string block(65536, '\0');
  for (ssize_t got = 0; (got = ::read(output.reader.get(), block.data(), block.size())) > 0;) {
    all.append(block, 0, static_cast<size_t>(got));
    CHECK(all.back() == '\n');  // whatever the moment, what is there is whole
  }
  writer.join();
  CHECK(all == lines);
}

TEST_CASE("standard output: a reader that has left is told apart from a failure") {
  const IgnoredSignal ignored(SIGPIPE);
  PipedOutput output;
  const auto file = open_file("-");
  output.restore();
  output.reader.reset();
  const WriteResult result = file->write("{a}\n");
  CHECK(result.written == 0);
  CHECK(result.gone);
  CHECK(result.error == Error{ErrorCode::kRuntime, "standard output: its reader is gone"});
}

TEST_CASE("a named pipe: its reader may leave and come back") {
  const IgnoredSignal ignored(SIGPIPE);
  const TemporaryFolder folder;
  const std::string path = folder / "fifo";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  Fd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  const auto file = open_file(path);
  CHECK(file->write("{a}\n").written == 4);
  char text[10] = {};
  CHECK(::read(reader.get(), text, sizeof(text)) == 4);
  reader.reset();
  const WriteResult alone = file->write("{b}\n");
  CHECK(alone.error == Error{ErrorCode::kRuntime, "export file " + path + ": its reader is gone"});
  CHECK_FALSE(alone.gone);
  reader = Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  CHECK(file->write("{b}\n").written == 4);
}

}  // namespace redan::exporting
