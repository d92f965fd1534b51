// SPDX-License-Identifier: Apache-2.0
#pragma once
// Ownership of a file descriptor.

#include <unistd.h>

#include <utility>

namespace redan {

/// Owns at most one file descriptor and closes it when it goes out of scope. Move-only; errors of close(2) are ignored,
/// so whoever must know that written bytes arrived calls fsync(2) first. Not thread-safe.
class Fd {
 public:
  /// Owns nothing.
  Fd() = default;
  /// Takes over `fd`; a negative one (a failed open) means that nothing is owned.
  explicit Fd(int fd) : fd_(fd < 0 ? kNone : fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  /// Gives the descriptor up without closing it; -1 if there is none.
  [[nodiscard]] int release() { return std::exchange(fd_, kNone); }

  /// Closes what is owned and takes over `fd` instead.
  void reset(int fd = kNone) {
    const int old = std::exchange(fd_, fd < 0 ? kNone : fd);
    // close(2) is not repeated after EINTR: Linux has freed the number by then, and another thread may already have it.
    if (old >= 0 && old != fd_) ::close(old);
  }

  /// The descriptor, still owned; -1 if there is none.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  static constexpr int kNone = -1;

  int fd_ = kNone;
};

}  // namespace redan
