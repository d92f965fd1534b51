// SPDX-License-Identifier: Apache-2.0
#pragma once
// IP addresses as text.

#include <cstddef>
#include <cstdint>

namespace redan::exporting {

inline constexpr size_t kMaxIpText = 45;  // "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"

/// Writes four bytes as "192.0.2.1" to `to`, where kMaxIpText bytes are free; returns its end.
char* write_ipv4(char* to, const uint8_t* address);

/// Writes 16 bytes as RFC 5952 recommends: the longest run of zeros as "::", IPv4-mapped addresses as "::ffff:192.0.2.1".
char* write_ipv6(char* to, const uint8_t* address);

}  // namespace redan::exporting
