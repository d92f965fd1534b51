// SPDX-License-Identifier: Apache-2.0
// The pieces that lines are made of: strings, numbers, times, ids.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "base/base64.h"
#include "export/exec_id.h"
#include "export/json_writer.h"
#include "export/timestamp.h"
#include "unit/export/builders.h"

namespace redan::exporting {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  JsonWriter writer(out);
  writer.put_escaped(text);
  writer.finish();
  return out;
}

std::string escaped_list(std::string_view text) {
  std::string out;
  JsonWriter writer(out);
  writer.put_escaped_list(text);
  writer.finish();
  return out;
}

/// What escaped() must give for ASCII, byte by byte.
std::string slowly_escaped(std::string_view text) {
  constexpr std::string_view kNames = "\b\f\n\r\t";
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (const size_t named = kNames.find(c); named != std::string_view::npos) {
      out += '\\';
      out += "bfnrt"[named];
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += "0123456789abcdef"[c >> 4];
      out += "0123456789abcdef"[c & 15];
    } else {
      out += c;
    }
  }
  return out;
}

std::string time_text(int64_t wall_ns) {
  char text[TimestampText::kMaxSize];
  TimestampText timestamp;
  return std::string(text, timestamp.write(wall_ns, text));
}

}  // namespace

TEST_CASE("strings: what is escaped and what is not") {
  struct Case {
    const char* name;
    std::string text;
    std::string json;
  };
  const Case cases[] = {
      {"empty", "", ""},
      {"plain", "/usr/bin/x86_64-linux-gnu-gcc-12", "/usr/bin/x86_64-linux-gnu-gcc-12"},
      {"quote and backslash", R"(say "hi" \o/)", R"(say \"hi\" \\o/)"},
      {"control characters with a letter", "\b\f\n\r\t", R"(\b\f\n\r\t)"},
      {"control characters without", bytes("\0\x01\x0b\x1b\x1f"), R"(\u0000\u0001\u000b\u001b\u001f)"},
      {"delete is literal", "\x7f", "\x7f"},
      {"markup is literal", "<a href='x'>&</a>", "<a href='x'>&</a>"},
      {"not ASCII is literal", "café 日本 🚀 \u2028", "café 日本 🚀 \u2028"},
      {"a control character between words that are not ASCII", "é\né", "é\\né"},
      {"invalid byte", "bad\xff", "bad\uFFFD"},
      {"a run of invalid bytes is one replacement", "bad\xff\xfe\x80 and \xc0\xaf.", "bad\uFFFD and \uFFFD."},
      {"cut sequence before a quote", "\xe6\x97\"", "\uFFFD\\\""},
      {"surrogate and overlong", "\xed\xa0\x80|\xe0\x80\x80", "\uFFFD|\uFFFD"},
      {"U+FFFD itself", "\uFFFD", "\uFFFD"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(escaped(c.text) == c.json);
  }
}

TEST_CASE("strings: every ASCII byte at every place of a word, whatever stands around it") {
  for (size_t size = 1; size <= 18; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 0x80; ++byte) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(byte);
        REQUIRE(escaped(text) == slowly_escaped(text));
        if (at > 0) text[at - 1] = ' ';  // next to a control character, for the borrow
        if (at + 1 < size) text[at + 1] = '#';
        REQUIRE(escaped(text) == slowly_escaped(text));
      }
    }
  }
}

TEST_CASE("strings: longer than the writer's buffer") {
  for (const size_t size : {4080u, 4087u, 4088u, 4089u, 4095u, 4096u, 4097u, 8192u, 65536u}) {
    CAPTURE(size);
    const std::string plain(size, 'a');
    CHECK(escaped(plain) == plain);
    std::string mixed = plain;
    for (size_t i = 0; i < size; i += 61) mixed[i] = '\n';
    CHECK(escaped(mixed) == slowly_escaped(mixed));
    CHECK(escaped(std::string(size, '\x01')) == slowly_escaped(std::string(size, '\x01')));
    CHECK(escaped(plain + "é" + plain) == plain + "é" + plain);
    CHECK(escaped_list(std::string(size, '\0')) == std::string(size, ' '));
  }
}

TEST_CASE("lists: NULs become spaces, all else is as in strings") {
  CHECK(escaped_list(bytes("a\0b\0\0c")) == "a b  c");
  CHECK(escaped_list(bytes("\0\0\0\0\0\0\0\0\0")) == "         ");
  CHECK(escaped_list(bytes("tab\there\0new\nline\0\x01\0caf\xc3\xa9\0\xff\xfe\0\xff")) ==
        "tab\\there new\\nline \\u0001 café \uFFFD \uFFFD");
}

TEST_CASE("numbers in decimal") {
  const auto text = [](auto number) {
    std::string out;
    JsonWriter writer(out);
    writer.put(number);
    writer.finish();
    return out;
  };
  CHECK(text(uint32_t{0}) == "0");
  CHECK(text(std::numeric_limits<uint32_t>::max()) == "4294967295");
  CHECK(text(std::numeric_limits<uint64_t>::max()) == "18446744073709551615");
  for (uint64_t power = 1; power < 1'000'000'000'000'000'000; power *= 10) {
    CHECK(text(power) == std::to_string(power));
    CHECK(text(power - 1) == std::to_string(power - 1));
    CHECK(text(power + 9) == std::to_string(power + 9));
  }
}

TEST_CASE("times: RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction") {
  struct Case {
    int64_t wall_ns;
    const char* text;
  };
  constexpr int64_t kSecond = 1'000'000'000;
  const Case cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {100'000'000, "1970-01-01T00:00:00.100Z"},
      {112'000'000, "1970-01-01T00:00:00.112Z"},
      {1'000'000, "1970-01-01T00:00:00.001Z"},
      {123'456'000, "1970-01-01T00:00:00.123456Z"},
      {1'000, "1970-01-01T00:00:00.000001Z"},
      {123'456'789, "1970-01-01T00:00:00.123456789Z"},
      {1, "1970-01-01T00:00:00.000000001Z"},
      {100, "1970-01-01T00:00:00.000000100Z"},
      {1'787'303'642'512'345'678, "2026-08-21T09:14:02.512345678Z"},
      {951'782'399 * kSecond, "2000-02-28T23:59:59Z"},
      {951'782'400 * kSecond, "2000-02-29T00:00:00Z"},
      {1'709'251'199 * kSecond, "2024-02-29T23:59:59Z"},
      {1'735'689'599 * kSecond + 999'000'000, "2024-12-31T23:59:59.999Z"},
      {4'107'542'400 * kSecond, "2100-03-01T00:00:00Z"},
      {-1, "1969-12-31T23:59:59.999999999Z"},
      {-kSecond, "1969-12-31T23:59:59Z"},
      {std::numeric_limits<int64_t>::max(), "2262-04-11T23:47:16.854775807Z"},
      {std::numeric_limits<int64_t>::min(), "1677-09-21T00:12:43.145224192Z"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.wall_ns);
    CHECK(time_text(c.wall_ns) == c.text);
  }
}

TEST_CASE("times: one writer for times of different seconds") {
  TimestampText timestamp;
  char text[TimestampText::kMaxSize];
  const auto written = [&](int64_t wall_ns) { return std::string(text, timestamp.write(wall_ns, text)); };
  CHECK(written(999'999'999) == "1970-01-01T00:00:00.999999999Z");
  CHECK(written(500'000'000) == "1970-01-01T00:00:00.500Z");
  CHECK(written(1'000'000'000) == "1970-01-01T00:00:01Z");
  CHECK(written(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(written(0) == "1970-01-01T00:00:00Z");
}

TEST_CASE("exec ids are base64 of node, time and pid") {
  const auto text = [](const ExecIdText& id, event::ImageKey key) {
    char tail[ExecIdText::kMaxTailSize];
    return std::string(id.head()) + std::string(tail, id.write_tail(key, tail));
  };
  CHECK(text(ExecIdText("edge-07"), {.tgid = 4120, .time = 81'230'045'512'345}) ==
        "ZWRnZS0wNzo4MTIzMDA0NTUxMjM0NTo0MTIw");
  CHECK(text(ExecIdText("edge-07"), {.tgid = 998, .time = 80'000'112'233'445}) ==
        "ZWRnZS0wNzo4MDAwMDExMjIzMzQ0NTo5OTg=");
  CHECK(text(ExecIdText("n"), {.tgid = 0, .time = 1}) == "bjoxOjA=");  // the pseudo process <kernel>

  // All lengths of the parts, against the plain encoder.
  std::string node;
  for (int length = 0; length < 8; ++length, node += static_cast<char>('a' + length)) {
    for (const uint64_t time : {uint64_t{0}, uint64_t{42}, uint64_t{123}, std::numeric_limits<uint64_t>::max()}) {
      for (const uint32_t tgid : {1u, 22u, 333u, 4'194'304u, std::numeric_limits<uint32_t>::max()}) {
        std::string expected;
        append_base64(expected, node + ":" + std::to_string(time) + ":" + std::to_string(tgid));
        CHECK(text(ExecIdText(node), {.tgid = tgid, .time = time}) == expected);
      }
    }
  }
}

}  // namespace redan::exporting
