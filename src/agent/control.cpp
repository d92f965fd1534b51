// SPDX-License-Identifier: Apache-2.0
#include "agent/control.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include <fmt/format.h>

#include "base/path.h"

namespace redan::agent {
namespace {

constexpr int kWaiting = 16;
constexpr timeval kServePatience{.tv_sec = 0, .tv_usec = 100'000};
constexpr timeval kAskPatience{.tv_sec = 120, .tv_usec = 0};  // attaching a list of hundreds of hooks takes a while

std::string socket_path(const std::string& run_dir) { return join_path(clean_path(run_dir), "control.sock"); }

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kConfig, fmt::format("--run-dir: '{}' is longer than a socket's name can be ({} bytes)",
                                                 path, sizeof(address.sun_path) - 1)};
  }
  path.copy(address.sun_path, path.size());
  return address;
}

void set_patience(const Fd& fd, const timeval& patience) {
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

/// Everything up to the other side's end, or nothing if that does not come in time or is too long.
bool read_all(const Fd& fd, std::string& text) {
  std::array<char, 16384> buffer{};
  while (text.size() <= kRequestMax) {
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return false;
    if (got > 0) text.append(buffer.data(), static_cast<size_t>(got));
  }
  return false;
}

bool send_all(const Fd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

/// A word without white space.
std::string escape(std::string_view word) {
  std::string text;
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte <= ' ' || byte == '%' ? fmt::format("%{:02x}", byte) : std::string(1, c);
  }
  return text;
}

std::string unescape(std::string_view word) {
  std::string text;
  for (size_t i = 0; i < word.size(); ++i) {
    unsigned char byte = 0;
    const std::string_view digits = word.substr(i).substr(word[i] == '%' ? 1 : 0).substr(0, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    const bool is_escape = word[i] == '%' && error == std::errc() && end == digits.data() + 2;
    text += is_escape ? static_cast<char>(byte) : word[i];
    if (is_escape) i += 2;
  }
  return text;
}

Request parse_request(const std::string& bytes) {
  const size_t end = std::min(bytes.find('\n'), bytes.size());
  Request request;
  std::istringstream words(bytes.substr(0, end));
  for (std::string word; words >> word;) request.words.push_back(unescape(word));
  if (end < bytes.size()) request.text = bytes.substr(end + 1);
  return request;
}

}  // namespace

Result<Control> Control::listen(const std::string& run_dir) {
  const std::string path = socket_path(run_dir);
  REDAN_ASSIGN(const sockaddr_un address, address_of(path));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("make the control socket");
  // The place of the one agent is ours already: what lies here was left behind.
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(fmt::format("remove '{}'", path));
  const mode_t before = ::umask(0177);
  const int bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int why = errno;
  ::umask(before);
  if (bound != 0) return errno_error(fmt::format("make '{}'", path), why);
  if (::listen(fd.get(), kWaiting) != 0) return errno_error(fmt::format("listen on '{}'", path));
  return Control(std::move(fd), path);
}

Control::~Control() {
  if (socket_) ::unlink(path_.c_str());
}

void Control::serve(const Answer& answer) const {
  const Fd client(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!client) return;
  set_patience(client, kServePatience);
  std::string bytes;
  if (!read_all(client, bytes)) return;
  const Result<std::string> answered = answer(parse_request(bytes));
  const int code = answered ? 0 : exit_code(answered.error().code);
  (void)send_all(client, fmt::format("{}\n{}", code, answered ? *answered : answered.error().message));
}

Result<std::string> ask_agent(const std::string& run_dir, const Request& request) {
  const std::string path = socket_path(run_dir);
  REDAN_ASSIGN(const sockaddr_un address, address_of(path));
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("make a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return errno_error(fmt::format("no agent answers at '{}'; is one running, with the same --run-dir", path));
  }
  set_patience(fd, kAskPatience);
  std::string bytes;
  for (const std::string& word : request.words) bytes += (bytes.empty() ? "" : " ") + escape(word);
  bytes += '\n' + request.text;
  std::string reply;
  if (!send_all(fd, bytes) || ::shutdown(fd.get(), SHUT_WR) != 0 || !read_all(fd, reply) || reply.size() < 2) {
    return Error{ErrorCode::kRuntime, fmt::format("the agent at '{}' gave no answer; its log may say why", path)};
  }
  const std::string text = reply.substr(2);
  if (reply[0] == '0') return text;
  return Error{error_code_of(reply[0] - '0'), text};
}

}  // namespace redan::agent
