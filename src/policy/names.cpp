// SPDX-License-Identifier: Apache-2.0
#include "policy/names.h"

#include <algorithm>
#include <array>
#include <string>

#include "policy/numbers.h"

namespace redan::policy {
namespace {

constexpr std::array kProtocols = {
    NamedNumber{"IPPROTO_IP", 0},         NamedNumber{"IPPROTO_ICMP", 1},      NamedNumber{"IPPROTO_IGMP", 2},
    NamedNumber{"IPPROTO_IPIP", 4},       NamedNumber{"IPPROTO_TCP", 6},       NamedNumber{"IPPROTO_EGP", 8},
    NamedNumber{"IPPROTO_PUP", 12},       NamedNumber{"IPPROTO_UDP", 17},      NamedNumber{"IPPROTO_IDP", 22},
    NamedNumber{"IPPROTO_TP", 29},        NamedNumber{"IPPROTO_DCCP", 33},     NamedNumber{"IPPROTO_IPV6", 41},
    NamedNumber{"IPPROTO_RSVP", 46},      NamedNumber{"IPPROTO_GRE", 47},      NamedNumber{"IPPROTO_ESP", 50},
    NamedNumber{"IPPROTO_AH", 51},        NamedNumber{"IPPROTO_MTP", 92},      NamedNumber{"IPPROTO_BEETPH", 94},
    NamedNumber{"IPPROTO_ENCAP", 98},     NamedNumber{"IPPROTO_PIM", 103},     NamedNumber{"IPPROTO_COMP", 108},
    NamedNumber{"IPPROTO_SCTP", 132},     NamedNumber{"IPPROTO_UDPLITE", 136}, NamedNumber{"IPPROTO_MPLS", 137},
    NamedNumber{"IPPROTO_ETHERNET", 143}, NamedNumber{"IPPROTO_RAW", 255},     NamedNumber{"IPPROTO_MPTCP", 262},
};
constexpr std::array kFamilies = {
    NamedNumber{"AF_UNSPEC", 0},      NamedNumber{"AF_UNIX", 1},       NamedNumber{"AF_INET", 2},
    NamedNumber{"AF_AX25", 3},        NamedNumber{"AF_IPX", 4},        NamedNumber{"AF_APPLETALK", 5},
    NamedNumber{"AF_NETROM", 6},      NamedNumber{"AF_BRIDGE", 7},     NamedNumber{"AF_ATMPVC", 8},
    NamedNumber{"AF_X25", 9},         NamedNumber{"AF_INET6", 10},     NamedNumber{"AF_ROSE", 11},
    NamedNumber{"AF_DECnet", 12},     NamedNumber{"AF_NETBEUI", 13},   NamedNumber{"AF_SECURITY", 14},
    NamedNumber{"AF_KEY", 15},        NamedNumber{"AF_NETLINK", 16},   NamedNumber{"AF_PACKET", 17},
    NamedNumber{"AF_ASH", 18},        NamedNumber{"AF_ECONET", 19},    NamedNumber{"AF_ATMSVC", 20},
    NamedNumber{"AF_RDS", 21},        NamedNumber{"AF_SNA", 22},       NamedNumber{"AF_IRDA", 23},
    NamedNumber{"AF_PPPOX", 24},      NamedNumber{"AF_WANPIPE", 25},   NamedNumber{"AF_LLC", 26},
    NamedNumber{"AF_IB", 27},         NamedNumber{"AF_MPLS", 28},      NamedNumber{"AF_CAN", 29},
    NamedNumber{"AF_TIPC", 30},       NamedNumber{"AF_BLUETOOTH", 31}, NamedNumber{"AF_IUCV", 32},
    NamedNumber{"AF_RXRPC", 33},      NamedNumber{"AF_ISDN", 34},      NamedNumber{"AF_PHONET", 35},
    NamedNumber{"AF_IEEE802154", 36}, NamedNumber{"AF_CAIF", 37},      NamedNumber{"AF_ALG", 38},
    NamedNumber{"AF_NFC", 39},        NamedNumber{"AF_VSOCK", 40},     NamedNumber{"AF_KCM", 41},
    NamedNumber{"AF_QIPCRTR", 42},    NamedNumber{"AF_SMC", 43},       NamedNumber{"AF_XDP", 44},
    NamedNumber{"AF_MCTP", 45},       NamedNumber{"AF_LOCAL", 1},      NamedNumber{"AF_ROUTE", 16},
    NamedNumber{"AF_DECNET", 12},
};
constexpr std::array kStates = {
    NamedNumber{"TCP_ESTABLISHED", 1}, NamedNumber{"TCP_SYN_SENT", 2},   NamedNumber{"TCP_SYN_RECV", 3},
    NamedNumber{"TCP_FIN_WAIT1", 4},   NamedNumber{"TCP_FIN_WAIT2", 5},  NamedNumber{"TCP_TIME_WAIT", 6},
    NamedNumber{"TCP_CLOSE", 7},       NamedNumber{"TCP_CLOSE_WAIT", 8}, NamedNumber{"TCP_LAST_ACK", 9},
    NamedNumber{"TCP_LISTEN", 10},     NamedNumber{"TCP_CLOSING", 11},   NamedNumber{"TCP_NEW_SYN_RECV", 12},
};
constexpr std::array kFileTypes = {
    NamedNumber{"sock", 12}, NamedNumber{"socket", 12}, NamedNumber{"lnk", 10}, NamedNumber{"link", 10},
    NamedNumber{"reg", 8},   NamedNumber{"regular", 8}, NamedNumber{"blk", 6},  NamedNumber{"block", 6},
    NamedNumber{"dir", 4},   NamedNumber{"chr", 2},     NamedNumber{"char", 2}, NamedNumber{"fifo", 1},
    NamedNumber{"pipe", 1},
};
constexpr std::array kCapabilities = {
    NamedNumber{"CAP_CHOWN", 0},
    NamedNumber{"CAP_DAC_OVERRIDE", 1},
    NamedNumber{"CAP_DAC_READ_SEARCH", 2},
    NamedNumber{"CAP_FOWNER", 3},
    NamedNumber{"CAP_FSETID", 4},
    NamedNumber{"CAP_KILL", 5},
    NamedNumber{"CAP_SETGID", 6},
    NamedNumber{"CAP_SETUID", 7},
    NamedNumber{"CAP_SETPCAP", 8},
    NamedNumber{"CAP_LINUX_IMMUTABLE", 9},
    NamedNumber{"CAP_NET_BIND_SERVICE", 10},
    NamedNumber{"CAP_NET_BROADCAST", 11},
    NamedNumber{"CAP_NET_ADMIN", 12},
    NamedNumber{"CAP_NET_RAW", 13},
    NamedNumber{"CAP_IPC_LOCK", 14},
    NamedNumber{"CAP_IPC_OWNER", 15},
    NamedNumber{"CAP_SYS_MODULE", 16},
    NamedNumber{"CAP_SYS_RAWIO", 17},
    NamedNumber{"CAP_SYS_CHROOT", 18},
    NamedNumber{"CAP_SYS_PTRACE", 19},
    NamedNumber{"CAP_SYS_PACCT", 20},
    NamedNumber{"CAP_SYS_ADMIN", 21},
    NamedNumber{"CAP_SYS_BOOT", 22},
    NamedNumber{"CAP_SYS_NICE", 23},
    NamedNumber{"CAP_SYS_RESOURCE", 24},
    NamedNumber{"CAP_SYS_TIME", 25},
    NamedNumber{"CAP_SYS_TTY_CONFIG", 26},
    NamedNumber{"CAP_MKNOD", 27},
    NamedNumber{"CAP_LEASE", 28},
    NamedNumber{"CAP_AUDIT_WRITE", 29},
    NamedNumber{"CAP_AUDIT_CONTROL", 30},
    NamedNumber{"CAP_SETFCAP", 31},
    NamedNumber{"CAP_MAC_OVERRIDE", 32},
    NamedNumber{"CAP_MAC_ADMIN", 33},
    NamedNumber{"CAP_SYSLOG", 34},
    NamedNumber{"CAP_WAKE_ALARM", 35},
    NamedNumber{"CAP_BLOCK_SUSPEND", 36},
    NamedNumber{"CAP_AUDIT_READ", 37},
    NamedNumber{"CAP_PERFMON", 38},
    NamedNumber{"CAP_BPF", 39},
    NamedNumber{"CAP_CHECKPOINT_RESTORE", 40},
};

}  // namespace

std::span<const NamedNumber> protocol_names() { return kProtocols; }
std::span<const NamedNumber> family_names() { return kFamilies; }
std::span<const NamedNumber> state_names() { return kStates; }
std::span<const NamedNumber> file_type_names() { return kFileTypes; }
std::span<const NamedNumber> capability_names() { return kCapabilities; }

std::optional<uint32_t> find_number(std::span<const NamedNumber> names, std::string_view name) {
  const auto found = std::ranges::find(names, name, &NamedNumber::name);
  if (found == names.end()) return std::nullopt;
  return found->number;
}

std::optional<uint32_t> find_capability(std::string_view name) {
  std::string upper(trimmed(name));
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return find_number(kCapabilities, upper);
}

}  // namespace redan::policy
