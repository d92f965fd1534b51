// SPDX-License-Identifier: Apache-2.0
#include "export/ip_text.h"

#include <arpa/inet.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>

#include <doctest/doctest.h>

namespace redan::exporting {
namespace {

using Address = std::array<uint8_t, 16>;

std::string ipv6(const Address& address) {
  char text[kMaxIpText];
  return {text, write_ipv6(text, address.data())};
}

std::string ipv4(const std::array<uint8_t, 4>& address) {
  char text[kMaxIpText];
  return {text, write_ipv4(text, address.data())};
}

}  // namespace

TEST_CASE("IPv4 addresses") {
  CHECK(ipv4({0, 0, 0, 0}) == "0.0.0.0");
  CHECK(ipv4({192, 0, 2, 1}) == "192.0.2.1");
  CHECK(ipv4({255, 255, 255, 255}) == "255.255.255.255");
}

TEST_CASE("IPv6 addresses: those with a form of their own") {
  for (const char* text : {"::", "::1", "1::", "2001:db8::1", "fe80::1:0:0:1", "2001:db8:0:1:1:1:1:1", "1:0:0:2::3",
                           "1::2:0:0:3", "1:2:3:4:5:6:7:8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                           "::ffff:192.0.2.1", "::ffff:255.255.255.255", "0:1::", "1:2:3:4:5:6::"}) {
    Address address;
    REQUIRE(::inet_pton(AF_INET6, text, address.data()) == 1);
    CHECK(ipv6(address) == text);
  }
  // The C library shows these as IPv4; the format does not.
  CHECK(ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}) == "::102:304");
}

TEST_CASE("IPv6 addresses: the C library reads back what was written") {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    Address address;
    const unsigned zeros = static_cast<unsigned>(random());
    for (size_t byte = 0; byte < address.size(); ++byte)
      address[byte] = (zeros >> byte / 2 & 1) != 0 ? uint8_t{0} : static_cast<uint8_t>(random());
    Address back;
    const std::string text = ipv6(address);
    REQUIRE(::inet_pton(AF_INET6, text.c_str(), back.data()) == 1);
    REQUIRE(back == address);
  }
}

}  // namespace redan::exporting
