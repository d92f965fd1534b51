// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace redan {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// The encoding of a code point by the bit layout alone, for any value below 2^21.
std::string encode(uint32_t code_point) {
  const auto byte = [](uint32_t value) { return static_cast<char>(value); };
  const auto tail = [&](uint32_t shift) { return byte(0x80U | (code_point >> shift & 0x3FU)); };
  if (code_point < 0x80) return {byte(code_point)};
  if (code_point < 0x800) return {byte(0xC0U | code_point >> 6), tail(0)};
  if (code_point < 0x10000) return {byte(0xE0U | code_point >> 12), tail(6), tail(0)};
  return {byte(0xF0U | code_point >> 18), tail(12), tail(6), tail(0)};
}

bool is_scalar_value(uint32_t code_point) {
  return code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

/// How many bytes at the start of `in` are a valid sequence, decided by decoding without any check and encoding again:
/// it is valid if that gives the same bytes for a scalar value. 0 if there is none.
size_t reference_sequence(std::string_view in) {
  constexpr std::array<uint32_t, 5> kLeadBits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  for (size_t length = 1; length <= 4 && length <= in.size(); ++length) {
    uint32_t code_point = static_cast<uint8_t>(in[0]) & kLeadBits[length];
    for (size_t i = 1; i < length; ++i) code_point = code_point << 6 | (static_cast<uint8_t>(in[i]) & 0x3FU);
    if (is_scalar_value(code_point) && encode(code_point) == in.substr(0, length)) return length;
  }
  return 0;
}

/// Go's strings.ToValidUTF8(in, "\uFFFD"), slowly.
std::string reference(std::string_view in) {
  std::string out;
  bool in_run = false;
  while (!in.empty()) {
    const size_t length = reference_sequence(in);
    if (length > 0) {
      out += in.substr(0, length);
    } else if (!in_run) {
      out += kReplacement;
    }
    in_run = length == 0;
    in.remove_prefix(length > 0 ? length : 1);
  }
  return out;
}

std::string valid(std::string_view in) {
  std::string out;
  append_valid_utf8(out, in);
  return out;
}

std::string bytes(std::initializer_list<unsigned> values) {
  std::string out;
  for (const unsigned value : values) out += static_cast<char>(value);
  return out;
}

/// Compares with the reference, and reports the input in hexadecimal. Not a CHECK each: there are millions.
void expect_reference(const std::string& in) {
  if (valid(in) == reference(in)) return;
  std::string hex;
  for (const char c : in) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 0xF];
  }
  CAPTURE(hex);
  CHECK(valid(in) == reference(in));
}

}  // namespace

TEST_CASE("each run of invalid bytes becomes one replacement character") {
  struct Case {
    const char* name;
    std::string in;
    std::string out;
  };
  const std::array cases = {
      Case{"empty", "", ""},
      Case{"ascii", "ls -la /tmp", "ls -la /tmp"},
      Case{"NUL and controls", std::string("a\0b\n\x7F", 5), std::string("a\0b\n\x7F", 5)},
      Case{"all lengths", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x9D", "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x9D"},
      Case{"a replacement character of its own", "\xEF\xBF\xBD\xEF\xBF\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      Case{"one bad byte", "x\xFFy", "x\xEF\xBF\xBDy"},
      Case{"a run", "x\xFF\xFE\x80y", "x\xEF\xBF\xBDy"},
      Case{"two runs", "\xFFx\xFF", "\xEF\xBF\xBDx\xEF\xBF\xBD"},
      Case{"bad before a valid sequence", "\xC3\xC3\xA9", "\xEF\xBF\xBD\xC3\xA9"},
      Case{"bad beside a replacement character", "\xFF\xEF\xBF\xBD\xFF", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
      Case{"cut at the end", "abc\xE2\x82", "abc\xEF\xBF\xBD"},
      Case{"surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD"},
      Case{"overlong slash", "\xC0\xAF", "\xEF\xBF\xBD"},
      Case{"beyond U+10FFFF", "\xF4\x90\x80\x80", "\xEF\xBF\xBD"},
      Case{"bad byte in the ninth place", "12345678\xFF", "12345678\xEF\xBF\xBD"},
      Case{"long ascii after a bad byte", "\xFFzyxwvutsrqponmlk", "\xEF\xBF\xBDzyxwvutsrqponmlk"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(valid(c.in) == c.out);
    CHECK(reference(c.in) == c.out);
  }
}

TEST_CASE("text is appended to what is there") {
  std::string out = "x=";
  append_valid_utf8(out, "\xFFy");
  CHECK(out == "x=\xEF\xBF\xBDy");
}

TEST_CASE("every scalar value passes unchanged, every surrogate and what is above does not") {
  std::string all;
  for (uint32_t code_point = 0; code_point <= 0x10FFFF; ++code_point) {
    if (is_scalar_value(code_point)) all += encode(code_point);
  }
  CHECK(valid(all) == all);
  for (uint32_t code_point = 0xD800; code_point <= 0xDFFF; ++code_point) {
    if (valid(encode(code_point)) != kReplacement) FAIL_CHECK("surrogate passed: ", code_point);
  }
  for (uint32_t code_point = 0x110000; code_point < 0x200000; code_point += 0x101) {
    if (valid(encode(code_point)) != kReplacement) FAIL_CHECK("too large, but passed: ", code_point);
  }
}

TEST_CASE("every pair of bytes, with third and fourth bytes at their limits, is as the reference says") {
  constexpr std::array<unsigned, 4> kEdges = {0x7F, 0x80, 0xBF, 0xC0};
  for (unsigned lead = 0; lead <= 0xFF; ++lead) {
    expect_reference(bytes({lead}));
    for (unsigned second = 0; second <= 0xFF; ++second) {
      expect_reference(bytes({lead, second}));
      if (lead < 0xE0) continue;
      for (const unsigned third : kEdges) {
        expect_reference(bytes({lead, second, third}));
        for (const unsigned fourth : kEdges) expect_reference(bytes({lead, second, third, fourth}));
      }
    }
  }
}

TEST_CASE("random bytes, half of them likely in UTF-8, are as the reference says") {
  constexpr std::array<unsigned, 20> kLikely = {0x20, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0,
                                                0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5};
  std::mt19937 random(20240611);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int round = 0; round < 20'000; ++round) {
    std::string in;
    const size_t size = random() % 40;
    const bool ascii_stretches = random() % 4 == 0;
    while (in.size() < size) {
      const unsigned value = random() % 2 == 0 ? kLikely[random() % kLikely.size()] : random() % 256;
      in += static_cast<char>(value);
      if (ascii_stretches) in.append(random() % 20, 'x');
    }
    expect_reference(in);
  }
}

}  // namespace redan
