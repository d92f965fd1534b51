// SPDX-License-Identifier: Apache-2.0
#pragma once
// The one error type and Result<T>, the way every function that can fail says so.

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace redan {

/// What kind of thing went wrong; a closed set, each with one exit code (exit_code()).
enum class ErrorCode {
  kRuntime,    ///< something failed that normally works: I/O, memory, a system call
  kUsage,      ///< the command line
  kConfig,     ///< a configuration or policy file, or a value in one
  kKernel,     ///< the kernel lacks something that is needed
  kPrivilege,  ///< not permitted
  kBusy,       ///< another instance holds the place
  kCorrupt,    ///< bytes that are not what they should be, e.g. a recording
};

/// An error: its kind and one line that names the thing, where it is and what to do.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::kRuntime;
  std::string message;

  friend bool operator==(const Error&, const Error&) = default;
};

/// Exit code of the process: 1 runtime (corrupt input too), 2 usage, 3 config, 4 kernel, 5 privilege, 6 busy.
int exit_code(ErrorCode code);

/// The kind of error that has this exit code; kRuntime for codes that none has.
ErrorCode error_code_of(int exit_code);

/// "WHAT: strerror(error_number)", with kPrivilege for EPERM and EACCES, else kRuntime.
Error errno_error(std::string_view what, int error_number = errno);

/// A value or an Error. Accessing the one that is not there aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose, so that `return value;` and `return Error{…};` read as they should.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return ok() ? *std::get_if<0>(&state_) : (std::abort(), *std::get_if<0>(&state_)); }
  const T& value() const& { return ok() ? *std::get_if<0>(&state_) : (std::abort(), *std::get_if<0>(&state_)); }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return !ok() ? *std::get_if<1>(&state_) : (std::abort(), *std::get_if<1>(&state_)); }
  Error&& error() && {
    return !ok() ? std::move(*std::get_if<1>(&state_)) : (std::abort(), std::move(*std::get_if<1>(&state_)));
  }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor): see above

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return error_ ? *error_ : (std::abort(), *error_); }
  Error&& error() && { return error_ ? std::move(*error_) : (std::abort(), std::move(*error_)); }

 private:
  std::optional<Error> error_;
};

}  // namespace redan

/// Returns the error of `expr` from the calling function; nothing otherwise.
#define REDAN_TRY(expr)                                                                                \
  do {                                                                                                 \
    if (auto redan_try_result = (expr); !redan_try_result) return std::move(redan_try_result).error(); \
  } while (false)

#define REDAN_CONCAT_(a, b) a##b
#define REDAN_CONCAT(a, b) REDAN_CONCAT_(a, b)

/// `REDAN_ASSIGN(auto fd, open_it());` declares fd from the value, or returns the error.
#define REDAN_ASSIGN(declaration, expr) REDAN_ASSIGN_(REDAN_CONCAT(redan_result_, __LINE__), declaration, expr)
// NOLINTBEGIN(bugprone-macro-parentheses): `declaration` is one, not an expression
#define REDAN_ASSIGN_(result, declaration, expr) \
  auto result = (expr);                          \
  if (!result) return std::move(result).error(); \
  declaration = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
