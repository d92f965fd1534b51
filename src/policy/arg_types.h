// SPDX-License-Identifier: Apache-2.0
#pragma once
// The types of arguments: one table for the parser, the compiler and the documentation (language reference, section 5).

#include <cstdint>
#include <span>
#include <string_view>

#include "event/hook.h"

namespace redan::policy {

/// What operators can be used on a type; a set of them is an or.
enum Matching : uint16_t {
  kMatchNothing = 0,
  kMatchNumber = 1 << 0,
  kMatchCapabilities = 1 << 1,
  kMatchText = 1 << 2,
  kMatchPostfix = 1 << 3,
  kMatchFileType = 1 << 4,
  kMatchSource = 1 << 5,       ///< address and port
  kMatchDestination = 1 << 6,  ///< address and port
  kMatchProtocol = 1 << 7,
  kMatchFamily = 1 << 8,
  kMatchState = 1 << 9,
};

/// Sections in which a type may be used; a set of them is an or.
enum TypeSections : uint8_t {
  kInFunctions = 1 << 0,    ///< kprobes, fentries
  kInTracepoints = 1 << 1,  ///< classic ones
  kInRaw = 1 << 2,
  kInLsm = 1 << 3,
  kInUser = 1 << 4,  ///< uprobes, usdts
  kInAll = kInFunctions | kInTracepoints | kInRaw | kInLsm | kInUser,
};

/// One row of the table.
struct ArgTypeInfo {
  std::string_view name;
  event::ArgType type;
  redan_arg_type extraction;
  uint8_t size;  ///< numbers and capability sets: bytes; else 0
  bool is_signed;
  uint16_t matching;  ///< enum Matching
  uint8_t sections;   ///< enum TypeSections
  /// Types of the kernel that fit, separated by '|', as KernelFacts::signature() writes them; empty: any.
  std::string_view kernel_types;

  bool is_number() const { return extraction == REDAN_ARG_NUMBER; }
  bool is_auto() const { return name == "auto"; }
};

/// All types, aliases included, in the order of the reference.
std::span<const ArgTypeInfo> arg_types();

/// The row of `name`, or null. Rows live as long as the program.
const ArgTypeInfo* find_arg_type(std::string_view name);

/// The row of `auto`.
const ArgTypeInfo& auto_type();

}  // namespace redan::policy
