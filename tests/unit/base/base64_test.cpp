// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace redan {
namespace {

std::string encoded(std::string_view in) {
  std::string out;
  append_base64(out, in);
  return out;
}

/// The inverse, one bit at a time.
std::string decoded(std::string_view in) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned byte = 0;
  unsigned bits = 0;
  for (const char c : in) {
    if (c == '=') break;
    const size_t value = kAlphabet.find(c);
    REQUIRE(value != std::string_view::npos);
    for (int bit = 5; bit >= 0; --bit) {
      byte = byte << 1 | (value >> bit & 1);
      if (++bits % 8 == 0) out += static_cast<char>(byte & 0xFF);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("base64 of the examples in RFC 4648 and of an exec id") {
  struct Case {
    std::string_view in;
    std::string_view out;
  };
  constexpr std::array kCases = {
      Case{"", ""},
      Case{"f", "Zg=="},
      Case{"fo", "Zm8="},
      Case{"foo", "Zm9v"},
      Case{"foob", "Zm9vYg=="},
      Case{"fooba", "Zm9vYmE="},
      Case{"foobar", "Zm9vYmFy"},
      Case{"\xFF\xFE\xFD", "//79"},
      Case{"\xFB\xEF\xBE", "++++"},
      Case{"node:1234567890:42", "bm9kZToxMjM0NTY3ODkwOjQy"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.out);
    CHECK(encoded(c.in) == c.out);
  }
}

TEST_CASE("base64 is appended to what is there") {
  std::string out = "id=";
  append_base64(out, "fo");
  CHECK(out == "id=Zm8=");
}

TEST_CASE("base64 decodes to what it was, for every byte and any length") {
  std::string all;
  for (int value = 0; value < 256; ++value) all += static_cast<char>(value);
  CHECK(decoded(encoded(all)) == all);

  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (size_t size = 0; size < 100; ++size) {
    std::string in;
    while (in.size() < size) in += static_cast<char>(random() & 0xFF);
    const std::string out = encoded(in);
    CHECK(out.size() == (size + 2) / 3 * 4);
    CHECK(decoded(out) == in);
  }
}

}  // namespace redan
