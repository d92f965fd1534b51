// SPDX-License-Identifier: Apache-2.0
#pragma once
// Names of the kernel's numbers: protocols, address families, TCP states, file types, capabilities.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace redan::policy {

struct NamedNumber {
  std::string_view name;
  uint32_t number;
};

std::span<const NamedNumber> protocol_names();    ///< IPPROTO_*
std::span<const NamedNumber> family_names();      ///< AF_*
std::span<const NamedNumber> state_names();       ///< TCP_*
std::span<const NamedNumber> file_type_names();   ///< S_IFMT bits shifted right by 12
std::span<const NamedNumber> capability_names();  ///< CAP_*

/// The number of `name`, exactly spelled.
std::optional<uint32_t> find_number(std::span<const NamedNumber> names, std::string_view name);

/// The number of a capability; case and white space around it do not matter.
std::optional<uint32_t> find_capability(std::string_view name);

}  // namespace redan::policy
