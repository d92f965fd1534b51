// SPDX-License-Identifier: Apache-2.0
#pragma once
// The local control socket: how `redan policy add|delete|enable|disable|set-mode|list` reaches the running agent.
//
// One request per connection: a line of words, each without white space ("%20" for a space, and so on), and behind it, until the
// client shuts its side down, a text. One answer: the exit code as a digit and a newline, then text. Only root can connect (mode
// 0600). Replaced by gRPC later.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace redan::agent {

/// Longest request; a policy has a few KiB.
inline constexpr size_t kRequestMax = 4u << 20;

struct Request {
  std::vector<std::string> words;
  std::string text;
};

/// What a request is answered: text for the client, or an error.
using Answer = std::function<Result<std::string>(const Request&)>;

/// The agent's side. Belongs to one thread.
class Control {
 public:
  /// Listens on RUN_DIR/control.sock, replacing what a killed agent left.
  static Result<Control> listen(const std::string& run_dir);

  Control(Control&&) noexcept = default;
  Control& operator=(Control&&) = delete;
  /// Removes the socket.
  ~Control();

  /// Readable (poll, epoll) when somebody waits.
  int fd() const { return socket_.get(); }

  /// Answers one client. A client that dawdles is dropped after a tenth of a second: the caller has a ring to read.
  void serve(const Answer& answer) const;

 private:
  Control(Fd socket, std::string path) : socket_(std::move(socket)), path_(std::move(path)) {}

  Fd socket_;
  std::string path_;
};

/// The client's side: sends the request and returns the text of the answer. Errors: kRuntime, no agent listens there; what the
/// agent answers, with its code.
Result<std::string> ask_agent(const std::string& run_dir, const Request& request);

}  // namespace redan::agent
