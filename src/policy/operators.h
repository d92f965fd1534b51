// SPDX-License-Identifier: Apache-2.0
#pragma once
// The operators of matchArgs, matchData and matchReturnArgs: one table (language reference, section 9).

#include <cstdint>
#include <span>
#include <string_view>

#include "abi/hook.h"

namespace redan::policy {

/// How the values of an operator are written, and hence who compiles them.
enum class OperatorFamily : uint8_t {
  kEqual,       ///< numbers, capability sets or whole texts
  kNumber,      ///< numbers or capability sets
  kRange,       ///< min:max
  kMap,         ///< numbers, min:max, list:NAME
  kText,        ///< beginnings and ends of texts
  kAddress,     ///< addresses and CIDRs
  kPort,        ///< numbers or min:max
  kPrivileged,  ///< none: ports below 1024
  kNamed,       ///< names, numbers or min:max
  kFileType,    ///< names
  kGained,      ///< none: two capability sets
  kSubString,   ///< texts
  kExpression,  ///< CEL
};

struct OperatorInfo {
  std::string_view name;
  OperatorFamily family;
  bool is_negated;
  redan_op op;        ///< kEqual: of numbers
  redan_field field;  ///< what of the argument is looked at
  uint16_t matching;  ///< enum Matching: types that the operator takes have one of these
};

/// All operators, the aliases GreaterThan and LessThan included.
std::span<const OperatorInfo> operators();

/// The row of `name`, or null. Rows live as long as the program.
const OperatorInfo* find_operator(std::string_view name);

}  // namespace redan::policy
