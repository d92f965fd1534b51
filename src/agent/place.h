// SPDX-License-Identifier: Apache-2.0
#pragma once
// One agent per machine.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace redan::agent {

/// The abstract socket that agents hold.
inline constexpr std::string_view kPlaceSocket = "redan-agent";

/// An agent that held the place and did not give it back: it was killed.
struct Predecessor {
  uint64_t pid = 0;        ///< as it wrote it; 0 if that is not readable
  int64_t last_alive = 0;  ///< wall clock, ns: its last show_life(), about a second before its end
};

/// That this process is the one agent of the machine, for as long as it lives. Held by two things, which the kernel lets go
/// when the process dies: a lock on RUN_DIR/redan.pid, and an abstract unix socket, which is also seen from other mount
/// namespaces (but not from other network namespaces). Move-only; one thread. A forked child holds both as well until
/// it execs; only the process that took the place removes the file.
class Place {
 public:
  Place(Place&& other) noexcept;
  Place& operator=(Place&&) = delete;
  Place(const Place&) = delete;
  /// Removes the pid file, then lets go.
  ~Place();

  const std::string& pid_file() const { return pid_file_; }

  /// What keeps the socket from doing its part, for the log; empty if all is well.
  const std::string& warning() const { return warning_; }

  const std::optional<Predecessor>& predecessor() const { return predecessor_; }

  /// Leaves a trace of the present moment in the pid file, for a successor to know until when this agent lived. To be called about
  /// once a second.
  void show_life();

  /// Closes the connections by which other agents found out that this one is here. To be called now and then (each
  /// heartbeat): once 4096 wait, later ones could not find out any more.
  void turn_away_visitors();

 private:
  friend Result<Place> take_place(const std::string& run_dir, std::string_view socket_name);
  Place(std::string pid_file, Fd lock);

  std::string pid_file_;
  pid_t owner_;
  Fd lock_;
  Fd socket_;
  std::string warning_;
  std::optional<Predecessor> predecessor_;
};

/// Takes the place of the machine's agent. Creates `run_dir` (0755) and its parents if missing. `socket_name` is for tests.
/// Errors: kBusy, naming the process that has the place and the file or socket it holds; kPrivilege or kRuntime when the
/// directory or the file cannot be made. A socket that a stranger holds (neither root nor our user: anybody can bind any
/// name) is no error but a warning(): it must not keep the agent from starting.
Result<Place> take_place(const std::string& run_dir, std::string_view socket_name = kPlaceSocket);

}  // namespace redan::agent
