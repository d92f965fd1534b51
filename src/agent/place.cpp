// SPDX-License-Identifier: Apache-2.0
#include "agent/place.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <variant>

#include "agent/options_values.h"
#include "base/path.h"

namespace redan::agent {
namespace {

constexpr int kMostVisitors = 4096;

Error failure(const std::string& what, int error_number) {
  Error error = errno_error(what, error_number);
  error.message += error.code == ErrorCode::kPrivilege ? "; run as root (sudo) or choose another --run-dir"
                                                       : "; choose another --run-dir";
  return error;
}

// With the parents that are missing; 0755 whatever the umask is. One that is there stays as it is.
Result<void> make_directory(const std::string& path) {
  int made = ::mkdir(path.c_str(), 0755);
  const std::string parent = std::filesystem::path(path).parent_path();
  if (made != 0 && errno == ENOENT && !parent.empty() && parent != path) {
    REDAN_TRY(make_directory(parent));
    made = ::mkdir(path.c_str(), 0755);
  }
  if (made != 0 && errno != EEXIST) return failure("create directory " + path, errno);
  if (made == 0 && ::chmod(path.c_str(), 0755) != 0) return failure("set the mode of " + path, errno);
  return {};
}

// The first bytes of a small file, without white space at the ends; empty if it cannot be read.
std::string first_words(const Fd& fd) {
  std::array<char, 64> buffer{};
  const ssize_t count = fd ? ::pread(fd.get(), buffer.data(), buffer.size(), 0) : 0;
  return std::string(trimmed(std::string_view(buffer.data(), count > 0 ? static_cast<size_t>(count) : 0)));
}

// "pid 123 (redan), ", as far as it is known.
std::string process_text(uint64_t pid) {
  if (pid == 0) return "";
  const std::string number = std::to_string(pid);
  const std::string command = first_words(Fd(::open(("/proc/" + number + "/comm").c_str(), O_RDONLY | O_CLOEXEC)));
  return "pid " + number + (command.empty() ? "" : " (" + command + ")") + ", ";
}

Error busy(uint64_t pid, const std::string& what_it_holds) {
  return Error{ErrorCode::kBusy,
               "another agent holds this machine: " + process_text(pid) + what_it_holds + "; stop it first"};
}

bool is_file_of(const Fd& fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

Result<void> write_pid(const Fd& fd, const std::string& path) {
  const std::string text = std::to_string(::getpid()) + "\n";
  const bool written = ::fchmod(fd.get(), 0644) == 0 && ::ftruncate(fd.get(), 0) == 0 &&
                       ::pwrite(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  if (!written) return failure("write " + path, errno);
  return {};
}

struct LockedFile {
  Fd fd;
  std::optional<Predecessor> predecessor;
};

// A clean end removes the file, so one that we did not make is what a killed agent left.
std::optional<Predecessor> predecessor_of(const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || status.st_size == 0) return std::nullopt;
  return Predecessor{.pid = parse_uint(first_words(fd)).value_or(0),
                     .last_alive = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Result<LockedFile> lock_pid_file(const std::string& path) {
  while (true) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
    if (!fd) return failure("open " + path, errno);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return failure("lock " + path, errno);
      return busy(parse_uint(first_words(fd)).value_or(0), "lock " + path);
    }
    // The agent before us may have removed the file between our open and our lock: then we hold a file without a name.
    if (!is_file_of(fd, path)) continue;
    std::optional<Predecessor> predecessor = predecessor_of(fd);
    REDAN_TRY(write_pid(fd, path));
    return LockedFile{std::move(fd), predecessor};
  }
}

struct Address {
  sockaddr_un name{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

// An abstract name: a NUL, then the bytes, and no NUL at the end.
Address abstract_address(std::string_view name) {
  Address address;
  address.name.sun_family = AF_UNIX;
  const size_t length = std::min(name.size(), sizeof(address.name.sun_path) - 1);
  std::memcpy(address.name.sun_path + 1, name.data(), length);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  return address;
}

Fd unix_socket() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

// Who listens at the address: pid (0: not of our pid namespace) and user. The error is an errno.
std::variant<ucred, int> listener_at(const Address& address) {
  const Fd fd = unix_socket();
  if (!fd || ::connect(fd.get(), address.get(), address.length) != 0) return errno;
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return errno;
  return peer;
}

// The socket, or a warning why there is none.
using SocketOrWarning = std::variant<Fd, std::string>;

Result<SocketOrWarning> hold_socket(std::string_view name) {
  const std::string socket_text = "socket @" + std::string(name);
  const std::string consequence = "; agents in other mount namespaces of this machine will not be noticed";
  const Address address = abstract_address(name);

  constexpr int kTries = 3;  // between bind and connect, whoever held it may have gone
  int error_number = 0;
  for (int i = 0; i < kTries; ++i) {
    Fd fd = unix_socket();
    const bool bound = fd && ::bind(fd.get(), address.get(), address.length) == 0;
    if (bound && ::listen(fd.get(), kMostVisitors) == 0) return SocketOrWarning(std::move(fd));
    error_number = errno;
    if (error_number != EADDRINUSE) break;
    const auto listener = listener_at(address);
    if (const auto* number = std::get_if<int>(&listener)) {
      error_number = *number;
      continue;
    }
    const auto& peer = std::get<ucred>(listener);
    if (peer.uid == 0 || peer.uid == ::geteuid()) return busy(static_cast<uint64_t>(peer.pid), socket_text);
    return SocketOrWarning(socket_text + " is held by " + process_text(static_cast<uint64_t>(peer.pid)) + "user " +
                           std::to_string(peer.uid) + ", which is no agent" + consequence);
  }
  return SocketOrWarning(socket_text + ": " + ::strerror(error_number) + consequence);
}

}  // namespace

Place::Place(std::string pid_file, Fd lock)
    : pid_file_(std::move(pid_file)), owner_(::getpid()), lock_(std::move(lock)) {}

Place::Place(Place&& other) noexcept
    : pid_file_(std::move(other.pid_file_)),
      owner_(other.owner_),
      lock_(std::move(other.lock_)),
      socket_(std::move(other.socket_)),
      warning_(std::move(other.warning_)),
      predecessor_(other.predecessor_) {}

Place::~Place() {
  // Removed while it is locked: nobody can have taken it over by then.
  if (lock_ && owner_ == ::getpid()) ::unlink(pid_file_.c_str());
}

void Place::show_life() { ::futimens(lock_.get(), nullptr); }

void Place::turn_away_visitors() {
  while (socket_) {
    const Fd visitor(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!visitor && errno != EINTR && errno != ECONNABORTED) return;
  }
}

Result<Place> take_place(const std::string& run_dir, std::string_view socket_name) {
  const std::string directory = clean_path(run_dir);
  REDAN_TRY(make_directory(directory));
  const std::string pid_file = join_path(directory, "redan.pid");
  REDAN_ASSIGN(LockedFile locked, lock_pid_file(pid_file));
  Place place(pid_file, std::move(locked.fd));
  place.predecessor_ = locked.predecessor;
  REDAN_ASSIGN(SocketOrWarning held, hold_socket(socket_name));
  if (auto* socket = std::get_if<Fd>(&held))
    place.socket_ = std::move(*socket);
  else
    place.warning_ = std::get<std::string>(std::move(held));
  return place;
}

}  // namespace redan::agent
