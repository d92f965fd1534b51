// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where hooks are attached. A site is a place in the kernel (an LSM hook, a function's entry, a tracepoint …) with one small program,
// the stub, that jumps to the first hook of a chain; each hook jumps to its successor (bpf/lib/hook_chain.h). So that
//  - a function takes more hooks than the 38 programs that the kernel attaches to one;
//  - a hook is put in another's place by one write of a pointer, and no call is seen twice or not at all;
//  - adding and deleting neither loads a program nor attaches one, but for the first and the last.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/hook_load.h"
#include "kernel/hook_maps.h"
#include "kernel/hook_stub.h"
#include "kernel/hook_targets.h"
#include "kernel/hook_template.h"
#include "kernel/symbols.h"

namespace redan::kernel {

struct HookChain;

/// Whether hooks for the two targets are called one after the other.
bool is_same_site(const HookTarget& one, const HookTarget& other);

/// A hook as a member of a chain. Whoever owns it takes it out of its chain (HookSites::remove()) before it goes.
struct ChainedHook {
  int program = -1;
  int next = -1;                            ///< the map with the successor's program
  SystemCalls calls = every_system_call();  ///< at sys_enter: those that it looks at
  HookChain* chain = nullptr;               ///< null: not attached
};

/// Owns the chains. Belongs to one thread.
class HookSites {
 public:
  /// All three must outlive it.
  static Result<HookSites> make(const KernelSymbols& symbols, const HookTemplate& programs, HookMapMaker& maps);
  HookSites(HookSites&&) noexcept;
  ~HookSites();

  /// The function's number in plans of hooks that are kretprobes.
  Result<uint16_t> place_of(const std::string& function);

  /// The hook becomes the last one at its target. kPrivilege, kKernel: the kernel does not attach programs there.
  Result<void> add(ChainedHook& hook, const HookTarget& target);

  /// `hook` takes the place of `old`, which is out of the chain afterwards, at once: what old does not see any more, hook sees. Both
  /// were loaded for the same target.
  Result<void> replace(ChainedHook& old, ChainedHook& hook);

  /// Takes the hook out of its chain, if it is in one; its program and maps may go then. Takes as long as the kernel needs to see all
  /// running programs end (some ms).
  void remove(ChainedHook& hook);

  /// Events that the chain's hooks did not see, since it was made: the kernel skipped the stub, or of a return had no room to note it.
  static uint64_t missed(const HookChain& chain);

 private:
  struct State;
  explicit HookSites(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace redan::kernel
