// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events of perf that programs are attached to: kprobes, kretprobes, classic tracepoints.

#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/hook_targets.h"

namespace redan::kernel {

enum class ProbedEnd : uint8_t { kEntry, kReturn };

/// None, and errno: the kernel has no such function, or does not let it be probed.
Fd open_kprobe(const std::string& function, ProbedEnd end);
/// `id`: KernelSymbols::tracepoint_id().
Fd open_tracepoint(uint32_t id);

/// A link, to be closed before the event; none, and errno, if the kernel does not take the program there.
Fd attach_to_event(int program, int event);

/// What the kernel did not hand to the programs of a link to a kprobe or kretprobe, since it was made. 0 before 6.7.
uint64_t missed_by_kprobe(int link);

/// Says that programs could not be attached to the target.
Error attach_error(const HookTarget& target, int error_number);

}  // namespace redan::kernel
