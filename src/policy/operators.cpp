// SPDX-License-Identifier: Apache-2.0
#include "policy/operators.h"

#include <algorithm>
#include <array>

#include "policy/arg_types.h"

namespace redan::policy {
namespace {

using F = OperatorFamily;

constexpr uint16_t kNumeric = kMatchNumber | kMatchCapabilities;

// clang-format off
constexpr std::array kOperators = {
    OperatorInfo{"Equal",        F::kEqual,   false, REDAN_OP_EQUAL,   REDAN_FIELD_VALUE, kNumeric | kMatchText},
    OperatorInfo{"NotEqual",     F::kEqual,   true,  REDAN_OP_EQUAL,   REDAN_FIELD_VALUE, kNumeric | kMatchText},
    OperatorInfo{"Prefix",       F::kText,    false, REDAN_OP_PREFIX,  REDAN_FIELD_VALUE, kMatchText},
    OperatorInfo{"NotPrefix",    F::kText,    true,  REDAN_OP_PREFIX,  REDAN_FIELD_VALUE, kMatchText},
    OperatorInfo{"Postfix",      F::kText,    false, REDAN_OP_POSTFIX, REDAN_FIELD_VALUE, kMatchPostfix},
    OperatorInfo{"NotPostfix",   F::kText,    true,  REDAN_OP_POSTFIX, REDAN_FIELD_VALUE, kMatchPostfix},
    OperatorInfo{"GreaterThan",  F::kNumber,  false, REDAN_OP_GREATER, REDAN_FIELD_VALUE, kNumeric},
    OperatorInfo{"LessThan",     F::kNumber,  false, REDAN_OP_LESS,    REDAN_FIELD_VALUE, kNumeric},
    OperatorInfo{"GT",           F::kNumber,  false, REDAN_OP_GREATER, REDAN_FIELD_VALUE, kNumeric},
    OperatorInfo{"LT",           F::kNumber,  false, REDAN_OP_LESS,    REDAN_FIELD_VALUE, kNumeric},
    OperatorInfo{"Mask",         F::kNumber,  false, REDAN_OP_MASK,    REDAN_FIELD_VALUE, kNumeric},
    OperatorInfo{"SPort",        F::kPort,    false, REDAN_OP_RANGE,   REDAN_FIELD_SPORT, kMatchSource},
    OperatorInfo{"NotSPort",     F::kPort,    true,  REDAN_OP_RANGE,   REDAN_FIELD_SPORT, kMatchSource},
    OperatorInfo{"SPortPriv",    F::kPrivileged, false, REDAN_OP_RANGE, REDAN_FIELD_SPORT, kMatchSource},
    OperatorInfo{"NotSportPriv", F::kPrivileged, true, REDAN_OP_RANGE, REDAN_FIELD_SPORT, kMatchSource},
    OperatorInfo{"DPort",        F::kPort,    false, REDAN_OP_RANGE,   REDAN_FIELD_DPORT, kMatchDestination},
    OperatorInfo{"NotDPort",     F::kPort,    true,  REDAN_OP_RANGE,   REDAN_FIELD_DPORT, kMatchDestination},
    OperatorInfo{"DPortPriv",    F::kPrivileged, false, REDAN_OP_RANGE, REDAN_FIELD_DPORT, kMatchDestination},
    OperatorInfo{"NotDPortPriv", F::kPrivileged, true, REDAN_OP_RANGE, REDAN_FIELD_DPORT, kMatchDestination},
    OperatorInfo{"SAddr",        F::kAddress, false, REDAN_OP_ADDRESS, REDAN_FIELD_SADDR, kMatchSource},
    OperatorInfo{"NotSAddr",     F::kAddress, true,  REDAN_OP_ADDRESS, REDAN_FIELD_SADDR, kMatchSource},
    // The destination is "the address" of the record.
    OperatorInfo{"DAddr",        F::kAddress, false, REDAN_OP_ADDRESS, REDAN_FIELD_VALUE, kMatchDestination},
    OperatorInfo{"NotDAddr",     F::kAddress, true,  REDAN_OP_ADDRESS, REDAN_FIELD_VALUE, kMatchDestination},
    OperatorInfo{"Protocol",     F::kNamed,   false, REDAN_OP_RANGE,   REDAN_FIELD_PROTOCOL, kMatchProtocol},
    OperatorInfo{"Family",       F::kNamed,   false, REDAN_OP_RANGE,   REDAN_FIELD_FAMILY, kMatchFamily},
    OperatorInfo{"State",        F::kNamed,   false, REDAN_OP_RANGE,   REDAN_FIELD_STATE, kMatchState},
    OperatorInfo{"InMap",        F::kMap,     false, REDAN_OP_RANGE,   REDAN_FIELD_VALUE, kMatchNumber},
    OperatorInfo{"NotInMap",     F::kMap,     true,  REDAN_OP_RANGE,   REDAN_FIELD_VALUE, kMatchNumber},
    OperatorInfo{"CapabilitiesGained", F::kGained, false, REDAN_OP_GAINED, REDAN_FIELD_VALUE, kMatchCapabilities},
    OperatorInfo{"InRange",      F::kRange,   false, REDAN_OP_RANGE,   REDAN_FIELD_VALUE, kMatchNumber},
    OperatorInfo{"NotInRange",   F::kRange,   true,  REDAN_OP_RANGE,   REDAN_FIELD_VALUE, kMatchNumber},
    OperatorInfo{"SubString",    F::kSubString, false, REDAN_OP_NONE,  REDAN_FIELD_VALUE, kMatchText},
    OperatorInfo{"SubStringIgnCase", F::kSubString, false, REDAN_OP_NONE, REDAN_FIELD_VALUE, kMatchText},
    OperatorInfo{"CelExpr",      F::kExpression, false, REDAN_OP_NONE, REDAN_FIELD_VALUE, kMatchNumber},
    OperatorInfo{"FileType",     F::kFileType, false, REDAN_OP_EQUAL,  REDAN_FIELD_FILE_TYPE, kMatchFileType},
    OperatorInfo{"NotFileType",  F::kFileType, true, REDAN_OP_EQUAL,   REDAN_FIELD_FILE_TYPE, kMatchFileType},
};
// clang-format on

static_assert(kOperators.size() == 36);

}  // namespace

std::span<const OperatorInfo> operators() { return kOperators; }

const OperatorInfo* find_operator(std::string_view name) {
  const auto found = std::ranges::find(kOperators, name, &OperatorInfo::name);
  return found == kOperators.end() ? nullptr : &*found;
}

}  // namespace redan::policy
