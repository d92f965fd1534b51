// SPDX-License-Identifier: Apache-2.0
#include "export/line_file.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include <limits.h>

namespace redan::exporting {
namespace {

/// What to do about an error; one row per reason that has an answer.
struct Advice {
  int error_number;
  ErrorCode code;
  std::string_view text;
};

constexpr Advice kOpenAdvice[] = {
    {EISDIR, ErrorCode::kConfig, "it is a folder; name a file in it"},
    {ENOTDIR, ErrorCode::kConfig, "part of its path is not a folder; choose another path"},
    {ENXIO, ErrorCode::kConfig, "nobody has this pipe open for reading; start its reader first"},
    {EACCES, ErrorCode::kPrivilege, "permission denied; run as root or choose another path"},
    {EPERM, ErrorCode::kPrivilege, "not permitted; look at its attributes with lsattr, or choose another path"},
    {EROFS, ErrorCode::kConfig, "its file system is read-only; choose another path"},
};

constexpr Advice kWriteAdvice[] = {
    {ENOSPC, ErrorCode::kRuntime, "no space left on its file system; free some"},
    {EDQUOT, ErrorCode::kRuntime, "the disk quota is used up; raise it or free some space"},
    {EFBIG, ErrorCode::kRuntime, "it has reached the file size limit; rotate it or raise the limit (ulimit -f)"},
    {EIO, ErrorCode::kRuntime, "input/output error; check the disk"},
    {EPIPE, ErrorCode::kRuntime, "its reader is gone"},
};

template <size_t N>
Error advised_error(const std::string& name, int error_number, const Advice (&table)[N]) {
  const auto row = std::ranges::find(table, error_number, &Advice::error_number);
  if (row == std::end(table)) return errno_error(name, error_number);
  return Error{row->code, name + ": " + std::string(row->text)};
}

mode_t safe_mode(mode_t mode) { return (mode & 0664) | 0600; }

/// Opens for appending and creates if needed; -1 and errno if that fails. Knows who created it, because the mode of a
/// file that somebody prepared is not ours to change.
int open_for_appending(const char* path, bool pipe, bool& created) {
  // Reading: to look for the end of the last line. Not for a pipe, which would then have a reader for ever. O_NONBLOCK:
  // a pipe without a reader is an error and not a wait; it means nothing to a file.
  const int flags = (pipe ? O_WRONLY : O_RDWR) | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  for (int attempt = 0; attempt < 3; ++attempt) {
    created = true;
    int fd = ::open(path, flags | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
    created = false;
    fd = ::open(path, flags);
    if (fd >= 0 || errno != ENOENT) return fd;  // ENOENT: it was just rotated away
  }
  return -1;
}

std::string parent_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Error open_error(const std::string& name, const std::string& path, int error_number) {
  struct stat status;
  if (error_number == ENOENT) {
    const std::string folder = parent_folder(path);
    if (::stat(folder.c_str(), &status) != 0) {
      return Error{ErrorCode::kConfig,
                   name + ": the folder " + folder + " does not exist; create it or choose another path"};
    }
    return Error{ErrorCode::kConfig,
                 name + ": it is a symbolic link to nothing; create what it points to or choose another path"};
  }
  return advised_error(name, error_number, kOpenAdvice);
}

/// Where the last whole line of a file ends.
struct LastLine {
  uint64_t end = 0;   // behind its line feed
  uint64_t size = 0;  // of the file
  char next = 0;      // first byte behind `end`, if there is one
};

constexpr uint64_t kMaxTail = 16 << 20;  // no line is longer: readers take 10 MiB at most

/// Looks for it from the end, up to kMaxTail bytes back; an error if it is not there or the file cannot be read.
Result<LastLine> find_last_line(int fd, const std::string& name) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return errno_error(name);
  LastLine found{.end = static_cast<uint64_t>(status.st_size), .size = static_cast<uint64_t>(status.st_size)};
  std::vector<char> block;
  while (found.end > 0) {
    if (found.size - found.end >= kMaxTail) {
      return Error{ErrorCode::kConfig,
                   name + ": its last 16 MiB are not lines, so it is not an export file; choose another path"};
    }
    // Mostly the very last byte is the line feed.
    block.resize(std::min<uint64_t>(found.end, found.end == found.size ? 4096 : 65536));
    const uint64_t start = found.end - block.size();
    const ssize_t got = ::pread(fd, block.data(), block.size(), static_cast<off_t>(start));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error(name);
    if (static_cast<size_t>(got) != block.size())
      return Error{ErrorCode::kRuntime, name + ": somebody truncates it; try again"};
    const auto feed = std::find(block.rbegin(), block.rend(), '\n');
    const auto after = static_cast<size_t>(block.rend() - feed);
    found.end = start + after;
    if (after < block.size()) found.next = block[after];
    if (feed != block.rend()) break;
  }
  return found;
}

/// Makes a regular file end with a whole line; returns how many bytes of a torn one it cut off.
Result<uint64_t> mend_tail(int fd, const std::string& name) {
  REDAN_ASSIGN(const LastLine line, find_last_line(fd, name));
  const uint64_t torn = line.size - line.end;
  if (torn == 0) return torn;
  // Only what Redan can have left: the beginning of a line, or the zeros that a file system shows after a power
  // failure.
  if (line.next != '{' && line.next != '\0') {
    return Error{ErrorCode::kConfig,
                 name + ": it ends with something that is neither a line nor the beginning of an event; "
                        "end it with a line feed or choose another path"};
  }
  if (::ftruncate(fd, static_cast<off_t>(line.end)) == 0) return torn;
  // chattr +a forbids to cut. Then the torn line gets an end of its own, so that at least the next one is whole.
  if (::write(fd, "\n", 1) == 1) return torn;
  return errno_error(name);
}

void wait_until_writable(int fd) {
  pollfd wait{.fd = fd, .events = POLLOUT, .revents = 0};
  ::poll(&wait, 1, -1);  // after an error or a signal the next write says what is the matter
}

}  // namespace

Result<std::unique_ptr<LineFile>> LineFile::open(LineFileOptions options) {
  std::unique_ptr<LineFile> file(new LineFile(std::move(options)));
  REDAN_ASSIGN(file->opened_, file->open_again());
  return file;
}

std::string LineFile::name() const { return is_standard_output() ? "standard output" : "export file " + options_.path; }

/// Opens the path and makes it the current file; after an error nothing has changed.
Result<OpenReport> LineFile::open_again() {
  OpenReport report;
  Fd fd;
  struct stat status;
  if (is_standard_output()) {
    // A descriptor of our own, so that closing it leaves the process's alone.
    fd.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) return errno_error(name());
  } else {
    const bool pipe = ::stat(options_.path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
    fd.reset(open_for_appending(options_.path.c_str(), pipe, report.created));
    if (!fd) return open_error(name(), options_.path, errno);
    // Forced: the umask has no say in who may read what the host's processes do.
    if (report.created && ::fchmod(fd.get(), safe_mode(options_.mode)) != 0) return errno_error(name());
  }
  if (::fstat(fd.get(), &status) != 0) return errno_error(name());
  const Kind kind = !is_standard_output() && S_ISREG(status.st_mode) ? Kind::kRegular
                    : S_ISFIFO(status.st_mode)                       ? Kind::kPipe
                    : ::isatty(fd.get()) == 1                        ? Kind::kTerminal
                                                                     : Kind::kOther;
  if (kind == Kind::kRegular) {
    REDAN_ASSIGN(report.torn_bytes, mend_tail(fd.get(), name()));
  }
  fd_ = std::move(fd);
  kind_ = kind;
  torn_ = false;
  return report;
}

Result<OpenReport> LineFile::reopen() {
  if (is_standard_output()) return OpenReport{};
  // Last chance to leave the old file whole. If it fails, its next reader skips a line.
  if (torn_) static_cast<void>(mend_tail(fd_.get(), name()));
  return open_again();
}

WriteResult LineFile::write(std::string_view lines) {
  if (torn_) {
    if (auto mended = mend_tail(fd_.get(), name()); !mended) return {.error = std::move(mended).error()};
    torn_ = false;
  }
  size_t done = 0;
  while (done < lines.size()) {
    const std::string_view rest = lines.substr(done);
    const ssize_t put = ::write(fd_.get(), rest.data(), piece_size(rest));
    if (put > 0) {
      done += static_cast<size_t>(put);
    } else if (put == 0) {
      return failed(lines, done, EIO);  // not specified by anybody; do not try for ever
    } else if (errno == EAGAIN) {
      wait_until_writable(fd_.get());
    } else if (errno != EINTR) {
      return failed(lines, done, errno);
    }
  }
  return {.written = done};
}

/// What write() returns when `done` bytes of `lines` were written and then came an error.
WriteResult LineFile::failed(std::string_view lines, size_t done, int error_number) {
  WriteResult result{.written = done, .error = advised_error(name(), error_number, kWriteAdvice)};
  if (kind_ != Kind::kRegular) {
    // A named pipe's next reader may come; nobody can take up standard output again.
    result.gone = is_standard_output() && (error_number == EPIPE || error_number == ECONNRESET ||
                                           (error_number == EIO && kind_ == Kind::kTerminal));
    return result;
  }
  result.written = lines.substr(0, done).rfind('\n') + 1;  // npos + 1 is 0
  torn_ = result.written != done;
  if (torn_ && mend_tail(fd_.get(), name())) torn_ = false;
  return result;
}

/// How much of `lines` to write at once: whole lines that a pipe takes in one piece, everything elsewhere.
size_t LineFile::piece_size(std::string_view lines) const {
  if (kind_ != Kind::kPipe || lines.size() <= PIPE_BUF) return lines.size();
  const size_t fitting = lines.substr(0, PIPE_BUF).rfind('\n');
  const size_t first_line = lines.find('\n');  // too long for that: let it be torn rather than lost
  return std::min(fitting != std::string_view::npos ? fitting : first_line, lines.size() - 1) + 1;
}

}  // namespace redan::exporting
