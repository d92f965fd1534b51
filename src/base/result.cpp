// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

namespace redan {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kRuntime: return 1;
    case ErrorCode::kCorrupt: return 1;
    case ErrorCode::kUsage: return 2;
    case ErrorCode::kConfig: return 3;
    case ErrorCode::kKernel: return 4;
    case ErrorCode::kPrivilege: return 5;
    case ErrorCode::kBusy: return 6;
  }
  std::abort();
}

ErrorCode error_code_of(int code) {
  using enum ErrorCode;
  for (const ErrorCode kind : {kRuntime, kUsage, kConfig, kKernel, kPrivilege, kBusy}) {
    if (exit_code(kind) == code) return kind;
  }
  return kRuntime;
}

Error errno_error(std::string_view what, int error_number) {
  const bool denied = error_number == EPERM || error_number == EACCES;
  return Error{denied ? ErrorCode::kPrivilege : ErrorCode::kRuntime,
               std::string(what) + ": " + ::strerror(error_number)};
}

}  // namespace redan
