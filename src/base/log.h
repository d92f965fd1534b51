// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the agent tells its operator: one line per message on standard error. Events do not go here.

#include <iosfwd>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace spdlog {
class logger;
}

namespace redan {

/// From the most to the least talkative.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

/// How a line looks: `time=… level=info msg=…`, or a JSON object with the same names.
enum class LogFormat { kText, kJson };

/// "trace", "debug", "info", "warn" or "warning", "error"; nothing for any other text.
std::optional<LogLevel> parse_log_level(std::string_view text);

/// Writes messages of a level and above. Passed by reference to whoever has something to say; there is no global one.
/// A message is one line whatever is in it: control characters are escaped and invalid UTF-8 is replaced. Each line is
/// one write; failures to write are ignored. All functions: any thread.
class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kText;
    bool timestamps = true;          ///< UTC, microseconds; off where journald adds its own
    std::ostream* stream = nullptr;  ///< null: standard error; must outlive the log
  };

  /// Information and above as text on standard error.
  Log();
  explicit Log(const Options& options);
  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;
  ~Log();

  template <typename... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kTrace, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kDebug, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kInfo, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kWarn, format, fmt::make_format_args(args...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kError, format, fmt::make_format_args(args...));
  }

  /// Changes the least level that is written.
  void set_level(LogLevel level);
  LogLevel level() const;

 private:
  void write(LogLevel level, fmt::string_view format, fmt::format_args args);

  LogFormat format_ = LogFormat::kText;
  std::unique_ptr<spdlog::logger> logger_;
};

}  // namespace redan
