// SPDX-License-Identifier: Apache-2.0
#include "agent/place.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <optional>

#include <doctest/doctest.h>

#include "unit/agent/scratch_dir.h"

namespace redan::agent {
namespace {

std::string socket_of_this_test() { return "redan-test-" + std::to_string(::getpid()); }

// As the kernel tells it to others.
std::string own_command() {
  std::string command = read_whole("/proc/self/comm");
  command.pop_back();
  return command;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

// A child that does `work`, says that it is ready, and waits to be killed.
class Child {
 public:
  explicit Child(const std::function<bool()>& work) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const char ready = work() ? 'y' : 'n';
      if (::write(ends[1], &ready, 1) != 1) ::_exit(1);
      while (true) ::pause();
    }
    ::close(ends[1]);
    char ready = 'n';
    REQUIRE(::read(ends[0], &ready, 1) == 1);
    ::close(ends[0]);
    REQUIRE(ready == 'y');
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill(); }

  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

// Takes the place and keeps it until the process is killed.
bool take_for_good(const std::string& run_dir, const std::string& socket) {
  static std::optional<Place> kept;  // of the child alone
  auto place = take_place(run_dir, socket);
  if (!place) return false;
  kept.emplace(std::move(*place));
  return true;
}

}  // namespace

TEST_CASE("whoever takes the place leaves its pid in a file that others can read") {
  const ScratchDir scratch;
  const mode_t umask_before = ::umask(0077);
  {
    const auto place = take_place(scratch.path("a/b/redan/"), socket_of_this_test());
    ::umask(umask_before);
    REQUIRE(place.ok());
    CHECK(place->pid_file() == scratch.path("a/b/redan/redan.pid"));
    CHECK(place->warning() == "");
    CHECK(read_whole(place->pid_file()) == std::to_string(::getpid()) + "\n");
    CHECK(mode_of(place->pid_file()) == 0644);
    CHECK(mode_of(scratch.path("a/b/redan")) == 0755);
    CHECK(mode_of(scratch.path("a")) == 0755);
  }
  CHECK_FALSE(std::filesystem::exists(scratch.path("a/b/redan/redan.pid")));
  CHECK(take_place(scratch.path("a/b/redan"), socket_of_this_test()).ok());
}

TEST_CASE("the second one is told who holds the lock") {
  const ScratchDir scratch;
  Child child([&] { return take_for_good(scratch.path(), socket_of_this_test()); });
  const auto second = take_place(scratch.path(), socket_of_this_test() + "-other");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kBusy);
  CHECK(second.error().message == "another agent holds this machine: pid " + std::to_string(child.pid()) + " (" +
                                      own_command() + "), lock " + scratch.path("redan.pid") + "; stop it first");
  CHECK(std::filesystem::exists(scratch.path("redan.pid")));
}

TEST_CASE("the second one with another run directory is told who holds the socket") {
  const ScratchDir scratch;
  const std::string socket = socket_of_this_test();
  Child child([&] { return take_for_good(scratch.path("first"), socket); });
  const auto second = take_place(scratch.path("second"), socket);
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().code == ErrorCode::kBusy);
  CHECK(second.error().message == "another agent holds this machine: pid " + std::to_string(child.pid()) + " (" +
                                      own_command() + "), socket @" + socket + "; stop it first");
  CHECK_FALSE(std::filesystem::exists(scratch.path("second/redan.pid")));
}

TEST_CASE("a killed agent holds nothing") {
  const ScratchDir scratch;
  Child child([&] { return take_for_good(scratch.path(), socket_of_this_test()); });
  child.kill();
  REQUIRE(std::filesystem::exists(scratch.path("redan.pid")));
  const auto place = take_place(scratch.path(), socket_of_this_test());
  REQUIRE(place.ok());
  CHECK(place->warning() == "");
  CHECK(read_whole(place->pid_file()) == std::to_string(::getpid()) + "\n");
}

TEST_CASE("a longer stale pid leaves nothing behind") {
  const ScratchDir scratch;
  scratch.write("redan.pid", "99999999999999999999 nonsense\n");
  const auto place = take_place(scratch.path(), socket_of_this_test());
  REQUIRE(place.ok());
  CHECK(read_whole(place->pid_file()) == std::to_string(::getpid()) + "\n");
}

TEST_CASE("a child that a forked agent leaves behind does not remove the file") {
  const ScratchDir scratch;
  auto place = take_place(scratch.path(), socket_of_this_test());
  REQUIRE(place.ok());
  const pid_t pid = ::fork();
  if (pid == 0) {
    { const Place taken_along = std::move(*place); }
    ::_exit(0);
  }
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
  CHECK(std::filesystem::exists(scratch.path("redan.pid")));
}

TEST_CASE("a stranger's socket is a warning and no obstacle") {
  if (::geteuid() != 0) {
    MESSAGE("skipped: needs root to become somebody else");
    return;
  }
  const ScratchDir scratch;
  const std::string socket = socket_of_this_test();
  Child child([&] {
    if (::setuid(65534) != 0) return false;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path + 1, socket.data(), socket.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + socket.size());
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), length) == 0 && ::listen(fd, 1) == 0;
  });
  const auto place = take_place(scratch.path(), socket);
  REQUIRE(place.ok());
  CHECK(place->warning().starts_with("socket @" + socket + " is held by pid " + std::to_string(child.pid()) + " (" +
                                     own_command() + "), user 65534, which is no agent"));
}

TEST_CASE("visitors are turned away, and later ones still find out") {
  const ScratchDir scratch;
  const std::string socket = socket_of_this_test();
  auto place = take_place(scratch.path("first"), socket);
  REQUIRE(place.ok());
  for (int i = 0; i < 3; ++i) {
    CHECK(take_place(scratch.path("second"), socket).error().code == ErrorCode::kBusy);
    place->turn_away_visitors();
  }
}

TEST_CASE("a place that cannot be taken says why") {
  const ScratchDir scratch;
  scratch.write("file", "");
  const auto in_file = take_place(scratch.path("file"), socket_of_this_test());
  REQUIRE_FALSE(in_file.ok());
  CHECK(in_file.error().message ==
        "open " + scratch.path("file/redan.pid") + ": Not a directory; choose another --run-dir");

  std::filesystem::create_symlink(scratch.path("file"), scratch.path("redan.pid"));
  CHECK(take_place(scratch.path(), socket_of_this_test()).error().message.find("Too many levels of symbolic links") !=
        std::string::npos);

  if (::geteuid() != 0) {
    const auto denied = take_place("/redan-test", socket_of_this_test());
    CHECK(denied.error().code == ErrorCode::kPrivilege);
    CHECK(denied.error().message ==
          "create directory /redan-test: Permission denied; run as root (sudo) or choose another --run-dir");
  }
}

}  // namespace redan::agent
