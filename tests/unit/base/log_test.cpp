// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

namespace redan {
namespace {

/// What a log with these options writes for one message at level info.
std::string line_of(Log::Options options, std::string_view message) {
  std::ostringstream stream;
  options.stream = &stream;
  Log log(options);
  log.info("{}", message);
  return stream.str();
}

}  // namespace

TEST_CASE("messages below the level are not written") {
  struct Case {
    LogLevel level;
    std::string_view lines;
  };
  constexpr std::array kCases = {
      Case{LogLevel::kTrace,
           "level=trace msg=1\nlevel=debug msg=2\nlevel=info msg=3\nlevel=warning msg=4\nlevel=error msg=5\n"},
      Case{LogLevel::kDebug, "level=debug msg=2\nlevel=info msg=3\nlevel=warning msg=4\nlevel=error msg=5\n"},
      Case{LogLevel::kInfo, "level=info msg=3\nlevel=warning msg=4\nlevel=error msg=5\n"},
      Case{LogLevel::kWarn, "level=warning msg=4\nlevel=error msg=5\n"},
      Case{LogLevel::kError, "level=error msg=5\n"},
  };
  for (const Case& c : kCases) {
    std::ostringstream stream;
    Log log({.timestamps = false, .stream = &stream});
    log.set_level(c.level);
    CHECK(log.level() == c.level);
    log.trace("{}", 1);
    log.debug("{}", 2);
    log.info("{}", 3);
    log.warn("{}", 4);
    log.error("{}", 5);
    CHECK(stream.str() == c.lines);
  }
}

TEST_CASE("a message is one line, whatever is in it") {
  struct Case {
    const char* name;
    std::string_view message;
    std::string_view text;
    std::string_view json;
  };
  constexpr std::array kCases = {
      Case{"plain", "loaded 4 programs", "loaded 4 programs", "loaded 4 programs"},
      Case{"empty", "", "", ""},
      Case{"line breaks", "a\nb\r\n", R"(a\nb\u000d\n)", R"(a\nb\u000d\n)"},
      Case{"quotes and backslashes", R"(a"b\c)", R"(a"b\c)", R"(a\"b\\c)"},
      Case{"terminal escapes", "\x1B[31mred\x7F", R"(\u001b[31mred\u007f)", R"(\u001b[31mred\u007f)"},
      Case{"invalid UTF-8", "\xFF\xC3\xA9", "\xEF\xBF\xBD\xC3\xA9", "\xEF\xBF\xBD\xC3\xA9"},
      Case{"what looks like a pattern", "100%v {}", "100%v {}", "100%v {}"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.name);
    CHECK(line_of({.timestamps = false}, c.message) == "level=info msg=" + std::string(c.text) + "\n");
    CHECK(line_of({.format = LogFormat::kJson, .timestamps = false}, c.message) ==
          R"({"level":"info","msg":")" + std::string(c.json) + "\"}\n");
  }
}

TEST_CASE("times are UTC with microseconds") {
  const auto digits_masked = [](std::string line) {
    std::ranges::replace_if(
        line, [](char c) { return c >= '0' && c <= '9'; }, '#');
    return line;
  };
  CHECK(digits_masked(line_of({}, "x")) == "time=####-##-##T##:##:##.######Z level=info msg=x\n");
  CHECK(digits_masked(line_of({.format = LogFormat::kJson}, "x")) ==
        "{\"time\":\"####-##-##T##:##:##.######Z\",\"level\":\"info\",\"msg\":\"x\"}\n");
}

TEST_CASE("a moved log goes on") {
  std::ostringstream stream;
  Log first({.timestamps = false, .stream = &stream});
  Log second = std::move(first);
  second.info("still here");
  CHECK(stream.str() == "level=info msg=still here\n");
}

TEST_CASE("level names are those of the conventions, and no others") {
  struct Case {
    std::string_view text;
    std::optional<LogLevel> level;
  };
  constexpr std::array kCases = {
      Case{"trace", LogLevel::kTrace}, Case{"debug", LogLevel::kDebug},  Case{"info", LogLevel::kInfo},
      Case{"warn", LogLevel::kWarn},   Case{"warning", LogLevel::kWarn}, Case{"error", LogLevel::kError},
      Case{"", std::nullopt},          Case{"Info", std::nullopt},       Case{"fatal", std::nullopt},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    CHECK(parse_log_level(c.text) == c.level);
  }
}

}  // namespace redan
