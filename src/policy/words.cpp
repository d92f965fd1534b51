// SPDX-License-Identifier: Apache-2.0
#include "policy/words.h"

#include <array>

namespace redan::policy {
namespace {

constexpr std::array kKinds = {
    Word<PolicyKind>{"TracingPolicy", PolicyKind::kCluster},
    Word<PolicyKind>{"TracingPolicyNamespaced", PolicyKind::kNamespaced},
};
constexpr std::array kInOperators = {
    Word<InOperator>{"In", InOperator::kIn},
    Word<InOperator>{"NotIn", InOperator::kNotIn},
};
constexpr std::array kBinaryOperators = {
    Word<BinaryOperator>{"In", BinaryOperator::kIn},
    Word<BinaryOperator>{"NotIn", BinaryOperator::kNotIn},
    Word<BinaryOperator>{"Prefix", BinaryOperator::kPrefix},
    Word<BinaryOperator>{"NotPrefix", BinaryOperator::kNotPrefix},
    Word<BinaryOperator>{"Postfix", BinaryOperator::kPostfix},
    Word<BinaryOperator>{"NotPostfix", BinaryOperator::kNotPostfix},
};
constexpr std::array kCapabilityTypes = {
    Word<CapabilityType>{"Effective", CapabilityType::kEffective},
    Word<CapabilityType>{"Inheritable", CapabilityType::kInheritable},
    Word<CapabilityType>{"Permitted", CapabilityType::kPermitted},
};
constexpr std::array kListTypes = {
    Word<ListType>{"", ListType::kPlain},
    Word<ListType>{"syscalls", ListType::kSyscalls},
    Word<ListType>{"generated_syscalls", ListType::kGeneratedSyscalls},
    Word<ListType>{"generated_ftrace", ListType::kGeneratedFtrace},
};
constexpr std::array kActions = {
    Word<ActionKind>{"Post", ActionKind::kPost},
    Word<ActionKind>{"Sigkill", ActionKind::kSigkill},
    Word<ActionKind>{"Override", ActionKind::kOverride},
    Word<ActionKind>{"GetUrl", ActionKind::kGetUrl},
    Word<ActionKind>{"DnsLookup", ActionKind::kDnsLookup},
    Word<ActionKind>{"NoPost", ActionKind::kNoPost},
    Word<ActionKind>{"Signal", ActionKind::kSignal},
    Word<ActionKind>{"TrackSock", ActionKind::kTrackSock},
    Word<ActionKind>{"UntrackSock", ActionKind::kUntrackSock},
    Word<ActionKind>{"NotifyEnforcer", ActionKind::kNotifyEnforcer},
    Word<ActionKind>{"CleanupEnforcerNotification", ActionKind::kCleanupEnforcerNotification},
    Word<ActionKind>{"Set", ActionKind::kSet},
};
constexpr std::array kNamespaces = {
    Word<redan_ns>{"Uts", REDAN_NS_UTS},
    Word<redan_ns>{"Ipc", REDAN_NS_IPC},
    Word<redan_ns>{"Mnt", REDAN_NS_MNT},
    Word<redan_ns>{"Pid", REDAN_NS_PID},
    Word<redan_ns>{"PidForChildren", REDAN_NS_PID_FOR_CHILDREN},
    Word<redan_ns>{"Net", REDAN_NS_NET},
    Word<redan_ns>{"Time", REDAN_NS_TIME},
    Word<redan_ns>{"TimeForChildren", REDAN_NS_TIME_FOR_CHILDREN},
    Word<redan_ns>{"Cgroup", REDAN_NS_CGROUP},
    Word<redan_ns>{"User", REDAN_NS_USER},
};
static_assert(kNamespaces.size() == REDAN_NS_COUNT);

}  // namespace

std::span<const Word<PolicyKind>> words_of(PolicyKind) { return kKinds; }
std::span<const Word<InOperator>> words_of(InOperator) { return kInOperators; }
std::span<const Word<BinaryOperator>> words_of(BinaryOperator) { return kBinaryOperators; }
std::span<const Word<CapabilityType>> words_of(CapabilityType) { return kCapabilityTypes; }
std::span<const Word<ListType>> words_of(ListType) { return kListTypes; }
std::span<const Word<ActionKind>> words_of(ActionKind) { return kActions; }
std::span<const Word<redan_ns>> words_of(redan_ns) { return kNamespaces; }

std::string one_of(std::span<const std::string_view> candidates) {
  std::string text;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0) text += i + 1 == candidates.size() ? " or " : ", ";
    text += candidates[i].empty() ? "''" : candidates[i];
  }
  return text;
}

}  // namespace redan::policy
