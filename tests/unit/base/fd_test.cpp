// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>

#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

namespace redan {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int open_something() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  return fd;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<Fd> && !std::is_copy_assignable_v<Fd>);
static_assert(std::is_nothrow_move_constructible_v<Fd> && std::is_nothrow_move_assignable_v<Fd>);

TEST_CASE("an Fd closes its descriptor at the end of its scope") {
  const int raw = open_something();
  {
    const Fd fd(raw);
    CHECK(fd);
    CHECK(fd.get() == raw);
    CHECK(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("a failed open is owned by nobody") {
  for (const int failed : {-1, -2}) {
    Fd fd(failed);
    CHECK_FALSE(fd);
    CHECK(fd.get() == -1);
    CHECK(fd.release() == -1);
  }
}

TEST_CASE("moving hands the descriptor over and closes what the target had") {
  const int first = open_something();
  const int second = open_something();
  Fd from(first);
  Fd to(second);
  to = std::move(from);
  CHECK(to.get() == first);
  CHECK(from.get() == -1);  // NOLINT(bugprone-use-after-move): what a moved-from Fd holds is a promise
  CHECK(is_open(first));
  CHECK_FALSE(is_open(second));

  const Fd constructed(std::move(to));
  CHECK(constructed.get() == first);
  CHECK_FALSE(to);  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("moving to itself changes nothing") {
  const int raw = open_something();
  Fd fd(raw);
  Fd& alias = fd;
  fd = std::move(alias);
  CHECK(fd.get() == raw);
  CHECK(is_open(raw));
}

TEST_CASE("release gives up without closing, reset closes") {
  const int raw = open_something();
  Fd fd(raw);
  CHECK(fd.release() == raw);
  CHECK_FALSE(fd);
  CHECK(is_open(raw));

  fd.reset(raw);
  fd.reset(raw);  // already owned: stays open
  CHECK(is_open(raw));
  fd.reset();
  CHECK_FALSE(is_open(raw));
}

}  // namespace redan
