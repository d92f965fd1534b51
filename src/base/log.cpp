// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>

#include "base/utf8.h"

namespace redan {
namespace {

struct LevelRow {
  LogLevel level;
  spdlog::level::level_enum spdlog_level;
  std::string_view name;
  std::string_view other_name;
};
constexpr std::array kLevels = {
    LevelRow{LogLevel::kTrace, spdlog::level::trace, "trace", "trace"},
    LevelRow{LogLevel::kDebug, spdlog::level::debug, "debug", "debug"},
    LevelRow{LogLevel::kInfo, spdlog::level::info, "info", "info"},
    LevelRow{LogLevel::kWarn, spdlog::level::warn, "warn", "warning"},
    LevelRow{LogLevel::kError, spdlog::level::err, "error", "error"},
};

spdlog::level::level_enum to_spdlog(LogLevel level) { return kLevels.at(static_cast<size_t>(level)).spdlog_level; }

/// The message as it goes between the quotes of a JSON string or after `msg=`: no control characters, valid UTF-8.
std::string one_line(std::string_view message, LogFormat format) {
  std::string valid;
  append_valid_utf8(valid, message);
  std::string line;
  line.reserve(valid.size());
  for (const char c : valid) {
    if (format == LogFormat::kJson && (c == '"' || c == '\\')) {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (static_cast<uint8_t>(c) < 0x20 || c == 0x7F) {
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      line += c;
    }
  }
  return line;
}

/// spdlog's pattern of a line; %v is the message, which never holds a quote that is not escaped where one would matter.
std::string pattern(const Log::Options& options) {
  constexpr std::string_view kTime = "%Y-%m-%dT%H:%M:%S.%fZ";
  if (options.format == LogFormat::kJson) {
    const std::string time = options.timestamps ? fmt::format(R"("time":"{}",)", kTime) : "";
    return fmt::format(R"({{{}"level":"%l","msg":"%v"}})", time);
  }
  return fmt::format("{}level=%l msg=%v", options.timestamps ? fmt::format("time={} ", kTime) : "");
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  const auto row =
      std::ranges::find_if(kLevels, [&](const LevelRow& r) { return text == r.name || text == r.other_name; });
  if (row == kLevels.end()) return std::nullopt;
  return row->level;
}

Log::Log() : Log(Options{}) {}

Log::Log(const Options& options) : format_(options.format) {
  std::ostream& stream = options.stream != nullptr ? *options.stream : std::cerr;
  // A logger of our own: spdlog's registry and its default logger are never touched.
  logger_ = std::make_unique<spdlog::logger>("redan", std::make_shared<spdlog::sinks::ostream_sink_mt>(stream));
  logger_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern(options), spdlog::pattern_time_type::utc, "\n"));
  logger_->set_level(to_spdlog(options.level));
  logger_->set_error_handler([](const std::string&) {});
}

Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;
Log::~Log() = default;

void Log::set_level(LogLevel level) { logger_->set_level(to_spdlog(level)); }

LogLevel Log::level() const {
  const auto* row = std::ranges::find(kLevels, logger_->level(), &LevelRow::spdlog_level);
  return row->level;
}

void Log::write(LogLevel level, fmt::string_view format, fmt::format_args args) {
  const auto spdlog_level = to_spdlog(level);
  if (!logger_->should_log(spdlog_level)) return;
  logger_->log(spdlog_level, spdlog::string_view_t(one_line(fmt::vformat(format, args), format_)));
}

}  // namespace redan
