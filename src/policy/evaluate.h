// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a policy means, as plainly as possible: the reference that the compiler and the kernel programs are compared with.
// Reads the document, not what the compiler made of it.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policy/document.h"

namespace redan::policy {

/// A socket, packet or address. Addresses of IPv4 are the first four bytes.
struct ObservedSocket {
  uint32_t family = 0, protocol = 0, state = 0, sport = 0, dport = 0;
  std::array<uint8_t, 16> saddr{}, daddr{};
};

/// The value of an argument; what counts depends on its type.
struct Observed {
  bool is_readable = true;
  uint64_t number = 0;     ///< sign-extended if the type is signed; capability sets
  std::string text;        ///< strings, bytes, paths
  uint32_t file_type = 0;  ///< S_IFMT bits shifted right by 12
  ObservedSocket socket;
};

struct ObservedProcess {
  struct Level {
    uint32_t pid = 0, ns_pid = 0;  ///< ns_pid 0: in the initial namespace
  };
  std::vector<Level> levels;          ///< the process, its parent, and so on; at least one
  std::optional<std::string> binary;  ///< nothing: could not be read
  std::vector<std::string> descent;   ///< binaries that it, or one that it descends from, ran before
  uint64_t effective = 0, inheritable = 0, permitted = 0;
  bool is_in_other_user_ns = false;
  redan_namespaces namespaces{};
  /// What differs from the record kept of the process: bit n for redan_ns n; for each set, the capabilities.
  uint64_t namespace_changes = 0;
  uint64_t effective_changes = 0, inheritable_changes = 0, permitted_changes = 0;
};

/// A call of a hooked function.
struct Observation {
  ObservedProcess process;
  std::vector<Observed> args;  ///< in the order of the hook's args
  Observed returned;
  redan_namespaces host{};  ///< namespaces of pid 1
};

/// Number of the first selector whose filters all hold at the entry; nothing if none. A hook without selectors matches with
/// 0. Of `document`, whose macros are expanded and which compile() takes, lists are used.
std::optional<size_t> matching_selector(const Document& document, const Hook& hook, const Observation& observation);

/// The same at the return, for a call that matched with selector `entered`.
std::optional<size_t> returning_selector(const Document& document, const Hook& hook, const Observation& observation,
                                         size_t entered);

}  // namespace redan::policy
