// SPDX-License-Identifier: Apache-2.0
#pragma once
// Policy hooks as values: what the policy compiler makes of a hook, what the loader needs of it, what its events are called.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "abi/hook.h"

namespace redan::event {

/// The section of a policy that a hook stands in.
enum class HookSection : uint8_t { kKprobes, kFentries, kTracepoints, kRawTracepoints, kLsmHooks };

/// How an argument is called in a policy and hence shown in an event (language reference, section 5).
enum class ArgType : uint8_t {
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kSize,
  kString,
  kCharBuf,
  kCharIovec,
  kIovIter,
  kFilename,
  kFile,
  kPath,
  kDentry,
  kFd,
  kKiocb,
  kBinprm,
  kSock,
  kSocket,
  kSkb,
  kSockaddr,
  kSockaddrUn,
  kCred,
  kUserNamespace,
  kCapability,
  kKernelCap,
  kCapInheritable,
  kCapPermitted,
  kCapEffective,
  kBpfAttr,
  kBpfProg,
  kBpfMap,
  kBpfCmd,
  kPerfEvent,
  kModule,
  kLoadInfo,
  kNetDevice,
  kDataLoc,
  kConstBuf,
  kSyscall64,
  kNop,
};

/// An argument as events show it, in the order in which the policy lists them.
struct HookArg {
  uint8_t slot = 0;
  ArgType type = ArgType::kNop;
  std::string label;
  bool is_return = false;
  bool is_data = false;
};

/// What is the same in all events of one hook. Immutable; shared by them.
struct HookInfo {
  uint32_t id = 0;
  HookSection section = HookSection::kKprobes;
  std::string name;       ///< function, LSM hook, or the event of a tracepoint
  std::string subsystem;  ///< tracepoints only
  std::string policy;
  std::string message;            ///< escaped as events show it
  std::vector<std::string> tags;  ///< likewise
  std::vector<HookArg> args;
};

/// Members of the hook's value sets; `set` is redan_filter.set.
struct SetText {
  uint16_t set = 0;
  std::string bytes;  ///< postfixes, too, in the order of the policy
};
struct SetNumber {
  uint16_t set = 0;
  uint64_t value = 0;
};
struct SetAddress {
  uint16_t set = 0;
  bool v6 = false;
  uint8_t prefix_bits = 0;
  std::array<uint8_t, 16> address{};  ///< IPv4: the first four
};

/// A compiled hook. `program` is whole but for `parameters`, which depends on how it is attached.
struct HookPlan {
  std::shared_ptr<const HookInfo> info;
  std::string symbol;           ///< what to attach to: function, LSM hook without prefix, event of a tracepoint
  bool syscall = false;         ///< the symbol is a system call's entry: arguments lie in its registers
  bool may_be_missing = false;  ///< ignore.callNotFound
  redan_hook_plan program{};
  std::vector<SetText> texts;
  std::vector<SetText> prefixes;
  std::vector<SetText> postfixes;
  std::vector<SetNumber> numbers;
  std::vector<SetAddress> addresses;
  std::vector<SetText> followed;  ///< binaries of REDAN_OP_FOLLOWED
};

}  // namespace redan::event
