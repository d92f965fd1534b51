// SPDX-License-Identifier: Apache-2.0
#include "policy/syscalls.h"

#include <algorithm>
#include <array>

namespace redan::policy {
namespace {

constexpr std::string_view kSys = "sys_";

// System calls whose function in the kernel has another name.
struct OtherName {
  std::string_view name, function;
};
constexpr std::array kOtherNames = {
    OtherName{"stat", "newstat"},   OtherName{"fstat", "newfstat"}, OtherName{"lstat", "newlstat"},
    OtherName{"uname", "newuname"}, OtherName{"umount2", "umount"}, OtherName{"sendfile", "sendfile64"},
};

// How a list may name an ABI, and the prefix of its symbols.
struct Abi {
  std::string_view name, prefix;
};
constexpr std::array kAbis = {
    Abi{"x64", kX64Prefix},
    Abi{"i386", kI386Prefix},
    Abi{"arm64", kArm64Prefix},
    Abi{"arm32", kArm64Prefix},
};

std::optional<uint64_t> number_of(std::span<const SyscallName> table, std::string_view name) {
  const auto find = [&](std::string_view wanted) { return std::ranges::find(table, wanted, &SyscallName::name); };
  auto found = find(name);
  const auto other = std::ranges::find(kOtherNames, name, &OtherName::function);
  if (found == table.end() && other != kOtherNames.end()) found = find(other->name);
  if (found == table.end()) return std::nullopt;
  return found->number;
}

}  // namespace

bool has_syscall_prefix(std::string_view symbol) {
  return std::ranges::any_of(kAbis, [&](const Abi& abi) { return symbol.starts_with(abi.prefix); });
}

std::string x64_symbol(std::string_view name) {
  const auto other = std::ranges::find(kOtherNames, name, &OtherName::name);
  return std::string(kX64Prefix) + std::string(kSys) + std::string(other == kOtherNames.end() ? name : other->function);
}

std::optional<ListedSyscall> parse_listed_syscall(std::string_view text) {
  std::string_view prefix;
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    const auto abi = std::ranges::find(kAbis, text.substr(0, slash), &Abi::name);
    if (abi == kAbis.end()) return std::nullopt;
    prefix = abi->prefix;
    text.remove_prefix(slash + 1);
  }
  const auto written = std::ranges::find_if(kAbis, [&](const Abi& abi) { return text.starts_with(abi.prefix); });
  if (written != kAbis.end()) {
    if (!prefix.empty() && prefix != written->prefix) return std::nullopt;
    prefix = written->prefix;
    text.remove_prefix(prefix.size());
  }
  if (prefix.empty()) prefix = kX64Prefix;
  if (!text.starts_with(kSys) || text.size() == kSys.size()) return std::nullopt;
  ListedSyscall listed;
  listed.is_i386 = prefix == kI386Prefix;
  listed.symbol = std::string(prefix) + std::string(text);
  text.remove_prefix(kSys.size());
  if (prefix == kX64Prefix) listed.number = number_of(x64_syscalls(), text);
  if (listed.is_i386)
    if (const auto number = number_of(i386_syscalls(), text)) listed.number = *number | kCompatBit;
  return listed;
}

}  // namespace redan::policy
