// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program that the kernel starts at a place where hooks are: it jumps to the first of them.

#include <array>
#include <cstdint>

#include "abi/hook.h"
#include "base/fd.h"
#include "base/result.h"
#include "kernel/hook_load.h"

namespace redan::kernel {

/// Numbers of system calls below REDAN_BITSET_NUMBERS, of both kinds of calls; bit n % 64 of word n / 64. The numbers above always count
/// as members.
using SystemCalls = std::array<uint64_t, REDAN_BITSET_NUMBERS / 64>;

constexpr SystemCalls every_system_call() {
  SystemCalls all{};
  all.fill(~uint64_t{0});
  return all;
}

/// Its descriptors. A stub at sys_enter looks up first whether some hook asks for the call: every call of every process pays for it.
struct HookStub {
  Fd first;  ///< the map with the first hook's program
  Fd program;
  Fd called;  ///< the map with SystemCalls; empty: the stub does not ask

  /// Without hooks, not attached. kPrivilege, kKernel.
  static Result<HookStub> load(const LoadTarget& target, bool is_sys_enter);

  /// From now on the hooks see these calls. Those of a hook that comes are named before it does.
  Result<void> call_for(const SystemCalls& calls) const;
};

}  // namespace redan::kernel
