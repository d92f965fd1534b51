// SPDX-License-Identifier: Apache-2.0
#pragma once
// What functions are called with, kept for hooks at their returns (bpf/lib/hook_entries.h).

#include <cstdint>
#include <memory>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/hook_maps.h"
#include "kernel/hook_template.h"

namespace redan::kernel {

/// Where a call returns to whose return the kernel has noted for a kretprobe; 0 if the kernel does not say. Reads all of its symbols, which
/// takes tens of milliseconds.
uint64_t return_trampoline();

/// A program at a function's entry, as long as this lives. Attached before the first hook at the return, gone after the last. Belongs to
/// one thread.
class EntryProbe {
 public:
  /// `place`: the function's, in the plans of its hooks. kPrivilege, kKernel: there is no such function, or it cannot be probed.
  static Result<std::unique_ptr<EntryProbe>> attach(const std::string& function, uint16_t place,
                                                    const HookTemplate& programs, HookMapMaker& maps);

  /// From now on calls whose return is not seen are counted as missed: it is hooked. `period`: not 0, and never given twice. `noted`:
  /// return_trampoline().
  Result<void> expect_returns(uint64_t period, uint64_t noted);

  /// Calls whose return the kernel had no room to note; and those whose return the kernel did not hand to the programs, as far as is known
  /// yet: they are found by the thread's next call at the same depth of the stack.
  uint64_t missed() const;

 private:
  EntryProbe() = default;

  uint16_t number_ = 0;
  Fd place_;    ///< map of one struct redan_entry_place
  Fd program_;  ///< closed after the link
  Fd event_;    ///< of perf
  Fd link_;     ///< closed before the event
};

}  // namespace redan::kernel
