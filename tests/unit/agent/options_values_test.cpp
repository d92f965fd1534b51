// SPDX-License-Identifier: Apache-2.0
#include "agent/options_values.h"

#include <chrono>
#include <limits>

#include <doctest/doctest.h>

namespace redan::agent {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST_CASE("whole numbers are decimal digits and nothing else") {
  CHECK(parse_uint("0") == 0u);
  CHECK(parse_uint("007") == 7u);
  CHECK(parse_uint("18446744073709551615") == std::numeric_limits<uint64_t>::max());
  for (const std::string text :
       {"", " ", "-1", "+1", "1 ", " 1", "1x", "0x10", "1.0", "1e3", "1_000", "18446744073709551616", "٣"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_uint(text));
  }
}

TEST_CASE("sizes take K, M and G") {
  CHECK(parse_size("0") == 0u);
  CHECK(parse_size("65536") == 65536u);
  CHECK(parse_size("64K") == 65536u);
  CHECK(parse_size("8M") == 8u << 20);
  CHECK(parse_size("1G") == 1u << 30);
  CHECK(parse_size("17179869183G") == 17179869183ULL << 30);
  for (const std::string text : {"", "K", "8m", "8k", "8g", "8MB", "8MiB", "8 M", "-8M", "+8M", "1.5M", "M8", "8MM",
                                 "17179869184G", "18446744073709551616", "99999999999999999999999K"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("sizes are printed in the largest unit that loses nothing") {
  struct Case {
    uint64_t bytes;
    std::string text;
  };
  for (const Case& c :
       {Case{0ULL, "0"}, Case{1ULL, "1"}, Case{1023ULL, "1023"}, Case{1024ULL, "1K"}, Case{1025ULL, "1025"},
        Case{65536ULL, "64K"}, Case{8ULL << 20, "8M"}, Case{(1ULL << 30) + 1024, "1048577K"}, Case{2ULL << 30, "2G"}}) {
    CAPTURE(c.text);
    CHECK(format_size(c.bytes) == c.text);
    CHECK(parse_size(c.text) == c.bytes);
  }
}

TEST_CASE("durations are those of Go") {
  struct Case {
    std::string text;
    nanoseconds value;
  };
  for (const Case& c : {Case{"0", nanoseconds(0)},
                        Case{"0s", nanoseconds(0)},
                        Case{"-0", nanoseconds(0)},
                        Case{"5ns", nanoseconds(5)},
                        Case{"3us", nanoseconds(3000)},
                        Case{"3µs", nanoseconds(3000)},
                        Case{"3μs", nanoseconds(3000)},
                        Case{"250ms", nanoseconds(250'000'000)},
                        Case{"30s", seconds(30)},
                        Case{"1m30s", seconds(90)},
                        Case{"1m", minutes(1)},
                        Case{"1.5h", minutes(90)},
                        Case{".5s", nanoseconds(500'000'000)},
                        Case{"1.s", seconds(1)},
                        Case{"+2s", seconds(2)},
                        Case{"-2s", seconds(-2)},
                        Case{"1h0m0s", hours(1)},
                        Case{"1s1s", seconds(2)},
                        Case{"0.000000001s", nanoseconds(1)},
                        Case{"0.0000000001s", nanoseconds(0)},
                        Case{"9223372036854775807ns", nanoseconds::max()},
                        Case{"0.33333333333333333333s", nanoseconds(333333333)},
                        Case{"2562047h47m16.854775807s", nanoseconds::max()}}) {
    CAPTURE(c.text);
    CHECK(parse_duration(c.text) == c.value);
  }
  for (const std::string text : {"",
                                 " ",
                                 "s",
                                 "1",
                                 "30",
                                 "30 s",
                                 "s30",
                                 "1x",
                                 "1M",
                                 "1S",
                                 "--1s",
                                 "+-1s",
                                 ".s",
                                 ".",
                                 "1..5s",
                                 "1d",
                                 "1s ",
                                 "1m 30s",
                                 "30sec",
                                 "9223372036854775808ns",
                                 "2562048h",
                                 "99999999999999999999s",
                                 "1h99999999999999999999s",
                                 "-",
                                 "+",
                                 "1e3s",
                                 "5µ",
                                 "\xc2"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("durations are printed without parts that are 0") {
  struct Case {
    nanoseconds value;
    std::string text;
  };
  for (const Case& c :
       {Case{nanoseconds(0), "0s"}, Case{seconds(30), "30s"}, Case{minutes(1), "1m"}, Case{seconds(90), "1m30s"},
        Case{hours(720), "720h"}, Case{nanoseconds(250'000'000), "250ms"}, Case{nanoseconds(1), "1ns"},
        Case{nanoseconds(1'500'000'000), "1s500ms"}, Case{seconds(-90), "-1m30s"}}) {
    CAPTURE(c.text);
    CHECK(format_duration(c.value) == c.text);
    CHECK(parse_duration(c.text) == c.value);
  }
  CHECK(format_duration(nanoseconds::min()) == "-2562047h47m16s854ms775us808ns");
}

TEST_CASE("modes are octal") {
  CHECK(parse_octal("600") == 0600u);
  CHECK(parse_octal("0600") == 0600u);
  CHECK(parse_octal("0o640") == 0640u);
  CHECK(parse_octal("0") == 0u);
  for (const std::string text :
       {"", "0o", "8", "688", "-600", "0x1ff", "rw", "6 0", "o600", "7777777777777777777777777"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_octal(text));
  }
  CHECK(format_octal(0600) == "600");
  CHECK(format_octal(0) == "0");
}

TEST_CASE("true and false as in Go's flags") {
  for (const std::string text : {"true", "True", "TRUE", "t", "T", "1"}) CHECK(parse_bool(text) == true);
  for (const std::string text : {"false", "False", "FALSE", "f", "F", "0"}) CHECK(parse_bool(text) == false);
  for (const std::string text : {"", "yes", "no", "on", "off", "tRUE", " true", "2", "-1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_bool(text));
  }
}

TEST_CASE("lists are separated by commas or white space") {
  using List = std::vector<std::string>;
  CHECK(parse_list("") == List{});
  CHECK(parse_list(" \n") == List{});
  CHECK(parse_list("a") == List{"a"});
  CHECK(parse_list("a,b") == List{"a", "b"});
  CHECK(parse_list(" a , b\tc\nd ") == List{"a", "b", "c", "d"});
  for (const std::string text : {",", "a,", ",a", "a,,b", "a, ,b", "a b,"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_list(text));
  }
  CHECK(format_list({"a", "b"}) == "a,b");
  CHECK(format_list({}).empty());
}

TEST_CASE("quoted text is one line of bounded length") {
  CHECK(in_quotes("plain") == "'plain'");
  CHECK(in_quotes("") == "''");
  CHECK(in_quotes(std::string_view("a\0b\n\x1b\x7f", 6)) == "'a\\x00b\\x0a\\x1b\\x7f'");
  CHECK(in_quotes("grün") == "'grün'");
  CHECK(in_quotes(std::string(80, 'x')) == "'" + std::string(80, 'x') + "'");
  CHECK(in_quotes(std::string(81, 'x')) == "'" + std::string(80, 'x') + "…'");
  CHECK(in_quotes(std::string(79, 'x') + "üü") == "'" + std::string(79, 'x') + "…'");
}

TEST_CASE("white space is trimmed at both ends") {
  CHECK(trimmed(" \t a b\r\n") == "a b");
  CHECK(trimmed("") == "");
  CHECK(trimmed(" \n") == "");
}

}  // namespace redan::agent
