// SPDX-License-Identifier: Apache-2.0
#pragma once
// System calls of x86-64: their numbers in both ABIs, and the kernel's symbols for them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace redan::policy {

struct SyscallName {
  std::string_view name;  ///< without "sys_"
  uint32_t number;
};

std::span<const SyscallName> x64_syscalls();
std::span<const SyscallName> i386_syscalls();

/// Set in the number of a system call that a 32-bit task makes.
constexpr uint64_t kCompatBit = uint64_t{1} << 31;

/// Prefixes of the symbols of system calls. arm64's are known so that they are not prefixed again.
constexpr std::string_view kX64Prefix = "__x64_";
constexpr std::string_view kI386Prefix = "__ia32_";
constexpr std::string_view kArm64Prefix = "__arm64_";

/// Whether a symbol has one of the prefixes.
bool has_syscall_prefix(std::string_view symbol);

/// A system call of a list.
struct ListedSyscall {
  bool is_i386 = false;
  std::string symbol;              ///< "__x64_sys_dup"
  std::optional<uint64_t> number;  ///< with kCompatBit; nothing if the ABI has no such call, or is not of this machine
};

/// Reads "sys_dup", "__ia32_sys_dup", "i386/sys_dup". Nothing if it is none of these spellings.
std::optional<ListedSyscall> parse_listed_syscall(std::string_view text);

/// The symbols that implement an x86-64 system call; more than one name is tried because some are called otherwise
/// ("stat": "__x64_sys_newstat").
std::string x64_symbol(std::string_view name);

}  // namespace redan::policy
