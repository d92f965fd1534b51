// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words of the export format: names that stand for bits and numbers, as constexpr tables in the order of the API
// reference.

#include <array>
#include <cstdint>
#include <string_view>

#include "event/process.h"

namespace redan::exporting {

/// A word that stands for a bit (or several) of a mask.
struct BitWord {
  uint32_t bit;
  std::string_view word;
};

/// Words of `flags`, in the order in which they are printed (API reference 2.6: not quite that of the bits).
inline constexpr std::array kFlagWords = {
    BitWord{0x1, "execve"},
    BitWord{0x4, "procFS"},
    BitWord{0x8, "errorEnvs"},
    BitWord{0x10, "truncArgs"},
    BitWord{0x40, "miss"},
    BitWord{0x100, "errorFilename"},
    BitWord{0x200, "errorArgs"},
    BitWord{0x800, "nocwd"},
    BitWord{0x1000, "rootcwd"},
    BitWord{0x2000, "errorCWD"},
    BitWord{0x4000, "clone"},
    BitWord{0x10000, "errorCgroupName"},
    BitWord{0x200000, "errorCgroupID"},
    BitWord{0x40000, "errorCgroupSubsysCgrp"},
    BitWord{0x80000, "errorCgroupSubsys"},
    BitWord{0x100000, "errorCgroups"},
    BitWord{0x400000, "errorPathResolutionCwd"},
    BitWord{0x800000, "dataFilename"},
    BitWord{0x1000000, "dataArgs"},
    BitWord{0x2000000, "inInitTree"},
};

/// enum SecureBitsType (linux/securebits.h). Bits without a name are left out.
inline constexpr std::array kSecureBits = {
    BitWord{1, "SecBitNoRoot"},
    BitWord{2, "SecBitNoRootLocked"},
    BitWord{4, "SecBitNoSetUidFixup"},
    BitWord{8, "SecBitNoSetUidFixupLocked"},
    BitWord{16, "SecBitKeepCaps"},
    BitWord{32, "SecBitKeepCapsLocked"},
    BitWord{64, "SecBitNoCapAmbientRaise"},
    BitWord{128, "SecBitNoCapAmbientRaiseLocked"},
};

/// enum CapabilitiesType: the name of each capability by its number. Number 1 has no prefix upstream, so it has none
/// here.
// clang-format off
inline constexpr std::array<std::string_view, 41> kCapabilities = {
    "CAP_CHOWN",           "DAC_OVERRIDE",         "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
    "CAP_FSETID",          "CAP_KILL",             "CAP_SETGID",          "CAP_SETUID",
    "CAP_SETPCAP",         "CAP_LINUX_IMMUTABLE",  "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",       "CAP_NET_RAW",          "CAP_IPC_LOCK",        "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",      "CAP_SYS_RAWIO",        "CAP_SYS_CHROOT",      "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",       "CAP_SYS_ADMIN",        "CAP_SYS_BOOT",        "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",    "CAP_SYS_TIME",         "CAP_SYS_TTY_CONFIG",  "CAP_MKNOD",
    "CAP_LEASE",           "CAP_AUDIT_WRITE",      "CAP_AUDIT_CONTROL",   "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",    "CAP_MAC_ADMIN",        "CAP_SYSLOG",          "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",   "CAP_AUDIT_READ",       "CAP_PERFMON",         "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
// clang-format on

/// Members of message Namespaces, by enum redan_ns.
inline constexpr std::array<std::string_view, REDAN_NS_COUNT> kNamespaces = {
    "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user",
};

/// Members of message ProcessCredentials that are ids, in proto order.
struct CredentialWord {
  std::string_view name;
  uint32_t redan_credentials::*id;
};
// clang-format off
inline constexpr std::array kCredentials = {
    CredentialWord{"uid", &redan_credentials::uid},     CredentialWord{"gid", &redan_credentials::gid},
    CredentialWord{"euid", &redan_credentials::euid},   CredentialWord{"egid", &redan_credentials::egid},
    CredentialWord{"suid", &redan_credentials::suid},   CredentialWord{"sgid", &redan_credentials::sgid},
    CredentialWord{"fsuid", &redan_credentials::fsuid}, CredentialWord{"fsgid", &redan_credentials::fsgid},
};
// clang-format on

/// enum ProcessPrivilegesChanged and what says so.
struct PrivilegeWord {
  bool event::BinaryProperties::*raised;
  std::string_view word;
};
inline constexpr std::array kPrivileges = {
    PrivilegeWord{&event::BinaryProperties::raised_file_caps, "PRIVILEGES_RAISED_EXEC_FILE_CAP"},
    PrivilegeWord{&event::BinaryProperties::raised_setuid, "PRIVILEGES_RAISED_EXEC_FILE_SETUID"},
    PrivilegeWord{&event::BinaryProperties::raised_setgid, "PRIVILEGES_RAISED_EXEC_FILE_SETGID"},
};

/// Names of signals by number (x86 and arm64). 0 is no signal; real-time signals have no name.
inline constexpr std::array<std::string_view, 32> kSignals = {
    "",          "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
    "SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
    "SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
    "SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

}  // namespace redan::exporting
