// SPDX-License-Identifier: Apache-2.0
// Numbers, patterns, escapes, system calls: the small readers.
#include <doctest/doctest.h>

#include "policy/go_quote.h"
#include "policy/numbers.h"
#include "policy/regex.h"
#include "policy/syscalls.h"

namespace redan::policy {

TEST_CASE("integers are read with sign and base") {
  struct Case {
    std::string_view text;
    std::optional<int64_t> value;
  };
  for (const Case& c : {Case{"0", 0},
                        Case{"-0", 0},
                        Case{"42", 42},
                        Case{"+42", 42},
                        Case{"-42", -42},
                        Case{"0x1F", 31},
                        Case{"0b101", 5},
                        Case{"0o17", 15},
                        Case{"017", 15},
                        Case{"1_000", 1000},
                        Case{"0x_f", 15},
                        Case{"9223372036854775807", INT64_MAX},
                        Case{"-9223372036854775808", INT64_MIN},
                        Case{"", {}},
                        Case{"-", {}},
                        Case{"0x", {}},
                        Case{"08", {}},
                        Case{"1__0", {}},
                        Case{"1_", {}},
                        Case{"_1", {}},
                        Case{"1 ", {}},
                        Case{"1a", {}},
                        Case{"18446744073709551616", {}},
                        Case{"-9223372036854775809", {}}}) {
    CAPTURE(c.text);
    const auto number = parse_integer(c.text);
    CHECK((number ? number->as<int64_t>() : std::nullopt) == c.value);
  }
  CHECK(parse_integer("18446744073709551615")->as<uint64_t>() == UINT64_MAX);
  CHECK_FALSE(parse_integer("-1")->as<uint64_t>());
  CHECK(parse_decimal("010")->magnitude == 10);
  CHECK_FALSE(parse_decimal("0x10"));
}

TEST_CASE("addresses are read with their length, and bits behind it do not count") {
  const auto block = parse_cidr("10.1.2.3/9");
  REQUIRE(block);
  CHECK(block->bits == 9);
  CHECK(block->address[1] == 0);
  CHECK(parse_cidr("2001:db8::1")->bits == 128);
  for (std::string_view bad :
       {"", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/08", "::1/129", "::1%lo", "1.2.3.4 "}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_cidr(bad));
  }
}

TEST_CASE("rate limits are seconds unless they say otherwise") {
  CHECK(parse_rate_limit("5") == 5000);
  CHECK(parse_rate_limit("5S") == 5000);
  CHECK(parse_rate_limit("2m") == 120000);
  CHECK(parse_rate_limit("1H") == 3600000);
  CHECK(parse_rate_limit("99999999999h") == UINT32_MAX);
  for (std::string_view bad : {"", "m", "5d", "-5", "5.5", "99999999999999999999"}) CHECK_FALSE(parse_rate_limit(bad));
}

TEST_CASE("patterns find what they say") {
  struct Case {
    std::string_view pattern, text;
    bool found;
  };
  for (const Case& c : {Case{"^ksys_*", "ksys_read", true},
                        Case{"^ksys_*", "__ksys", false},
                        Case{"^ksys_*", "ksys", true},
                        Case{"a|bc|d$", "xbcx", true},
                        Case{"a|bc|d$", "xdx", false},
                        Case{"a|bc|d$", "xd", true},
                        Case{"^(a|b)+$", "abba", true},
                        Case{"^(a|b)+$", "abca", false},
                        Case{"^a{2,3}$", "aa", true},
                        Case{"^a{2,3}$", "aaaa", false},
                        Case{"^a{2}$", "aaa", false},
                        Case{"^a{2,}$", "aaaaa", true},
                        Case{"^(ab){2}c$", "ababc", true},
                        Case{"^a{0}b$", "b", true},
                        Case{"^[a-c_]+$", "a_b", true},
                        Case{"[^a-c]", "abc", false},
                        Case{"[]x]", "]", true},
                        Case{"\\d+\\.\\w", "a12.b", true},
                        Case{"^.?.?$", "ab", true},
                        Case{"^.?.?$", "abc", false},
                        Case{"", "x", true},
                        Case{"x*?y", "y", true},
                        Case{"^(?:a|)b$", "b", true},
                        Case{"a{,2}", "a{,2}", true},
                        Case{"^(a*)*$", "aaab", false},
                        Case{"^(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", false}}) {
    CAPTURE(c.pattern);
    CAPTURE(c.text);
    const auto regex = Regex::compile(c.pattern);
    REQUIRE(regex.ok());
    CHECK(regex->search(c.text) == c.found);
  }
  for (std::string_view bad : {"(", ")", "a)", "[", "[z-a]", "*", "a**", "\\", "\\q", "a{2,1}", "a{1001}", "(?i)a",
                               "[[:alpha:]]", "((a{100}){100}){100}"}) {
    CAPTURE(bad);
    CHECK_FALSE(Regex::compile(bad).ok());
  }
  CHECK_FALSE(Regex::compile(std::string(200, '(') + std::string(200, ')')).ok());
}

TEST_CASE("texts are escaped as Go quotes them") {
  CHECK(go_quoted("plain text, ümlaut") == "plain text, ümlaut");
  CHECK(go_quoted("\"\\\a\b\f\n\r\t\v") == R"(\"\\\a\b\f\n\r\t\v)");
  CHECK(go_quoted(std::string_view("\0\x1f\x7f", 3)) == R"(\x00\x1f\x7f)");
  CHECK(go_quoted("\xff\xc3") == R"(\xff\xc3)");
  CHECK(go_quoted("\xc2\xa0\xe2\x80\x8b") == "\\u00a0\\u200b");
  CHECK(go_quoted("\xed\xa0\x80") == R"(\xed\xa0\x80)");
  CHECK(go_quoted("😀") == "😀");
}

TEST_CASE("system calls of lists are known by all their spellings") {
  CHECK(parse_listed_syscall("sys_dup")->symbol == "__x64_sys_dup");
  CHECK(parse_listed_syscall("sys_dup")->number == 32);
  CHECK(parse_listed_syscall("__ia32_sys_dup")->number == (kCompatBit | 41));
  CHECK(parse_listed_syscall("i386/sys_dup")->symbol == "__ia32_sys_dup");
  CHECK(parse_listed_syscall("sys_newstat")->number == 4);
  CHECK(parse_listed_syscall("arm32/sys_dup")->symbol == "__arm64_sys_dup");
  CHECK_FALSE(parse_listed_syscall("sys_nothing")->number);
  for (std::string_view bad : {"dup", "sys_", "x64/i386/sys_dup", "x64/__ia32_sys_dup", "mips/sys_dup", ""})
    CHECK_FALSE(parse_listed_syscall(bad));
  CHECK(x64_symbol("stat") == "__x64_sys_newstat");
}

}  // namespace redan::policy
