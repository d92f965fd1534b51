// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cerrno>
#include <memory>
#include <string>

#include <doctest/doctest.h>

namespace redan {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{ErrorCode::kUsage, "odd"};
  return n / 2;
}

Result<void> check_half(int n) {
  REDAN_TRY(half(n));
  return {};
}

Result<std::unique_ptr<int>> boxed_quarter(int n) {
  REDAN_ASSIGN(const int once, half(n));
  REDAN_ASSIGN(const int twice, half(once));
  return std::make_unique<int>(twice);
}

}  // namespace

TEST_CASE("a result holds a value or an error, and both macros hand errors up") {
  struct Case {
    const char* name;
    int input;
    bool half_ok;
    bool quarter_ok;
  };
  for (const Case& c : {Case{"both divisions", 8, true, true}, Case{"second fails", 6, true, false},
                        Case{"first fails", 5, false, false}}) {
    CAPTURE(c.name);
    CHECK(check_half(c.input).ok() == c.half_ok);
    const auto quarter = boxed_quarter(c.input);
    REQUIRE(quarter.ok() == c.quarter_ok);
    if (quarter) {
      CHECK(**quarter == c.input / 4);
    } else {
      CHECK(quarter.error() == Error{ErrorCode::kUsage, "odd"});
    }
  }
}

TEST_CASE("a value that can only be moved comes out of a temporary result") {
  const std::unique_ptr<int> box = boxed_quarter(12).value();
  REQUIRE(box != nullptr);
  CHECK(*box == 3);
}

TEST_CASE("errno_error names the thing and tells a refusal from a failure") {
  CHECK(errno_error("open /x", ENOENT) == Error{ErrorCode::kRuntime, "open /x: No such file or directory"});
  CHECK(errno_error("open /x", EACCES) == Error{ErrorCode::kPrivilege, "open /x: Permission denied"});
  CHECK(errno_error("bpf", EPERM).code == ErrorCode::kPrivilege);
  errno = ENOSPC;
  CHECK(errno_error("write").message == "write: No space left on device");
}

TEST_CASE("exit codes are those of the conventions") {
  struct Case {
    ErrorCode code;
    int exit;
  };
  for (const Case& c : {Case{ErrorCode::kRuntime, 1}, Case{ErrorCode::kCorrupt, 1}, Case{ErrorCode::kUsage, 2},
                        Case{ErrorCode::kConfig, 3}, Case{ErrorCode::kKernel, 4}, Case{ErrorCode::kPrivilege, 5},
                        Case{ErrorCode::kBusy, 6}}) {
    CHECK(exit_code(c.code) == c.exit);
  }
}

}  // namespace redan
