// SPDX-License-Identifier: Apache-2.0
#pragma once
// The words of the arguments of hooks: names that stand for numbers, as constexpr tables. What has no word is shown as the number.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "export/json_words.h"

namespace redan::exporting {

/// The word at `number` of a table, "" if it has none.
template <size_t N>
constexpr std::string_view word_of(const std::array<std::string_view, N>& words, uint64_t number) {
  return number < N ? words[number] : std::string_view();
}

// clang-format off
/// enum KprobeAction.
inline constexpr std::array<std::string_view, 16> kActions = {
    "KPROBE_ACTION_UNKNOWN", "KPROBE_ACTION_POST", "KPROBE_ACTION_FOLLOWFD", "KPROBE_ACTION_SIGKILL",
    "KPROBE_ACTION_UNFOLLOWFD", "KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_COPYFD", "KPROBE_ACTION_GETURL",
    "KPROBE_ACTION_DNSLOOKUP", "KPROBE_ACTION_NOPOST", "KPROBE_ACTION_SIGNAL", "KPROBE_ACTION_TRACKSOCK",
    "KPROBE_ACTION_UNTRACKSOCK", "KPROBE_ACTION_NOTIFYENFORCER", "KPROBE_ACTION_CLEANUPENFORCERNOTIFICATION",
    "KPROBE_ACTION_SET",
};

/// Address families (linux/socket.h).
inline constexpr std::array<std::string_view, 46> kFamilies = {
    "AF_UNSPEC", "AF_UNIX", "AF_INET", "AF_AX25", "AF_IPX", "AF_APPLETALK", "AF_NETROM", "AF_BRIDGE", "AF_ATMPVC",
    "AF_X25", "AF_INET6", "AF_ROSE", "AF_DECnet", "AF_NETBEUI", "AF_SECURITY", "AF_KEY", "AF_NETLINK", "AF_PACKET",
    "AF_ASH", "AF_ECONET", "AF_ATMSVC", "AF_RDS", "AF_SNA", "AF_IRDA", "AF_PPPOX", "AF_WANPIPE", "AF_LLC", "AF_IB",
    "AF_MPLS", "AF_CAN", "AF_TIPC", "AF_BLUETOOTH", "AF_IUCV", "AF_RXRPC", "AF_ISDN", "AF_PHONET", "AF_IEEE802154",
    "AF_CAIF", "AF_ALG", "AF_NFC", "AF_VSOCK", "AF_KCM", "AF_QIPCRTR", "AF_SMC", "AF_XDP", "AF_MCTP",
};

/// Types of sockets (linux/net.h).
inline constexpr std::array<std::string_view, 11> kSocketTypes = {
    "", "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_DCCP", "", "", "", "SOCK_PACKET",
};

/// States of sockets (net/tcp_states.h), also of those that are not TCP.
inline constexpr std::array<std::string_view, 14> kTcpStates = {
    "", "TCP_ESTABLISHED", "TCP_SYN_SENT", "TCP_SYN_RECV", "TCP_FIN_WAIT1", "TCP_FIN_WAIT2", "TCP_TIME_WAIT",
    "TCP_CLOSE", "TCP_CLOSE_WAIT", "TCP_LAST_ACK", "TCP_LISTEN", "TCP_CLOSING", "TCP_NEW_SYN_RECV",
    "TCP_BOUND_INACTIVE",
};

/// A word for a number of a sparse table.
struct NumberWord {
  uint64_t number;
  std::string_view word;
};

/// Protocols (linux/in.h, linux/in6.h), ascending.
inline constexpr std::array kProtocols = {
    NumberWord{0, "IPPROTO_IP"}, NumberWord{1, "IPPROTO_ICMP"}, NumberWord{2, "IPPROTO_IGMP"},
    NumberWord{4, "IPPROTO_IPIP"}, NumberWord{6, "IPPROTO_TCP"}, NumberWord{8, "IPPROTO_EGP"},
    NumberWord{12, "IPPROTO_PUP"}, NumberWord{17, "IPPROTO_UDP"}, NumberWord{22, "IPPROTO_IDP"},
    NumberWord{29, "IPPROTO_TP"}, NumberWord{33, "IPPROTO_DCCP"}, NumberWord{41, "IPPROTO_IPV6"},
    NumberWord{43, "IPPROTO_ROUTING"}, NumberWord{44, "IPPROTO_FRAGMENT"}, NumberWord{46, "IPPROTO_RSVP"},
    NumberWord{47, "IPPROTO_GRE"}, NumberWord{50, "IPPROTO_ESP"}, NumberWord{51, "IPPROTO_AH"},
    NumberWord{58, "IPPROTO_ICMPV6"}, NumberWord{59, "IPPROTO_NONE"}, NumberWord{60, "IPPROTO_DSTOPTS"},
    NumberWord{92, "IPPROTO_MTP"}, NumberWord{94, "IPPROTO_BEETPH"}, NumberWord{98, "IPPROTO_ENCAP"},
    NumberWord{103, "IPPROTO_PIM"}, NumberWord{108, "IPPROTO_COMP"}, NumberWord{115, "IPPROTO_L2TP"},
    NumberWord{132, "IPPROTO_SCTP"}, NumberWord{135, "IPPROTO_MH"}, NumberWord{136, "IPPROTO_UDPLITE"},
    NumberWord{137, "IPPROTO_MPLS"}, NumberWord{143, "IPPROTO_ETHERNET"}, NumberWord{255, "IPPROTO_RAW"},
    NumberWord{256, "IPPROTO_SMC"}, NumberWord{262, "IPPROTO_MPTCP"},
};
static_assert(std::ranges::is_sorted(kProtocols, {}, &NumberWord::number));

constexpr std::string_view protocol_word(uint64_t protocol) {
  const auto* const found = std::ranges::lower_bound(kProtocols, protocol, {}, &NumberWord::number);
  return found != kProtocols.end() && found->number == protocol ? found->word : std::string_view();
}

/// enum BpfCmd.
inline constexpr std::array<std::string_view, 37> kBpfCommands = {
    "BPF_MAP_CREATE", "BPF_MAP_LOOKUP_ELEM", "BPF_MAP_UPDATE_ELEM", "BPF_MAP_DELETE_ELEM", "BPF_MAP_GET_NEXT_KEY",
    "BPF_PROG_LOAD", "BPF_OBJ_PIN", "BPF_OBJ_GET", "BPF_PROG_ATTACH", "BPF_PROG_DETACH", "BPF_PROG_TEST_RUN",
    "BPF_PROG_GET_NEXT_ID", "BPF_MAP_GET_NEXT_ID", "BPF_PROG_GET_FD_BY_ID", "BPF_MAP_GET_FD_BY_ID",
    "BPF_OBJ_GET_INFO_BY_FD", "BPF_PROG_QUERY", "BPF_RAW_TRACEPOINT_OPEN", "BPF_BTF_LOAD", "BPF_BTF_GET_FD_BY_ID",
    "BPF_TASK_FD_QUERY", "BPF_MAP_LOOKUP_AND_DELETE_ELEM", "BPF_MAP_FREEZE", "BPF_BTF_GET_NEXT_ID",
    "BPF_MAP_LOOKUP_BATCH", "BPF_MAP_LOOKUP_AND_DELETE_BATCH", "BPF_MAP_UPDATE_BATCH", "BPF_MAP_DELETE_BATCH",
    "BPF_LINK_CREATE", "BPF_LINK_UPDATE", "BPF_LINK_GET_FD_BY_ID", "BPF_LINK_GET_NEXT_ID", "BPF_ENABLE_STATS",
    "BPF_ITER_CREATE", "BPF_LINK_DETACH", "BPF_PROG_BIND_MAP", "BPF_TOKEN_CREATE",
};

/// enum BpfProgramType.
inline constexpr std::array<std::string_view, 33> kBpfProgramTypes = {
    "BPF_PROG_TYPE_UNSPEC", "BPF_PROG_TYPE_SOCKET_FILTER", "BPF_PROG_TYPE_KPROBE", "BPF_PROG_TYPE_SCHED_CLS",
    "BPF_PROG_TYPE_SCHED_ACT", "BPF_PROG_TYPE_TRACEPOINT", "BPF_PROG_TYPE_XDP", "BPF_PROG_TYPE_PERF_EVENT",
    "BPF_PROG_TYPE_CGROUP_SKB", "BPF_PROG_TYPE_CGROUP_SOCK", "BPF_PROG_TYPE_LWT_IN", "BPF_PROG_TYPE_LWT_OUT",
    "BPF_PROG_TYPE_LWT_XMIT", "BPF_PROG_TYPE_SOCK_OPS", "BPF_PROG_TYPE_SK_SKB", "BPF_PROG_TYPE_CGROUP_DEVICE",
    "BPF_PROG_TYPE_SK_MSG", "BPF_PROG_TYPE_RAW_TRACEPOINT", "BPF_PROG_TYPE_CGROUP_SOCK_ADDR",
    "BPF_PROG_TYPE_LWT_SEG6LOCAL", "BPF_PROG_TYPE_LIRC_MODE2", "BPF_PROG_TYPE_SK_REUSEPORT",
    "BPF_PROG_TYPE_FLOW_DISSECTOR", "BPF_PROG_TYPE_CGROUP_SYSCTL", "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE",
    "BPF_PROG_TYPE_CGROUP_SOCKOPT", "BPF_PROG_TYPE_TRACING", "BPF_PROG_TYPE_STRUCT_OPS", "BPF_PROG_TYPE_EXT",
    "BPF_PROG_TYPE_LSM", "BPF_PROG_TYPE_SK_LOOKUP", "BPF_PROG_TYPE_SYSCALL", "BPF_PROG_TYPE_NETFILTER",
};

/// enum bpf_map_type (linux/bpf.h).
inline constexpr std::array<std::string_view, 34> kBpfMapTypes = {
    "BPF_MAP_TYPE_UNSPEC", "BPF_MAP_TYPE_HASH", "BPF_MAP_TYPE_ARRAY", "BPF_MAP_TYPE_PROG_ARRAY",
    "BPF_MAP_TYPE_PERF_EVENT_ARRAY", "BPF_MAP_TYPE_PERCPU_HASH", "BPF_MAP_TYPE_PERCPU_ARRAY",
    "BPF_MAP_TYPE_STACK_TRACE", "BPF_MAP_TYPE_CGROUP_ARRAY", "BPF_MAP_TYPE_LRU_HASH", "BPF_MAP_TYPE_LRU_PERCPU_HASH",
    "BPF_MAP_TYPE_LPM_TRIE", "BPF_MAP_TYPE_ARRAY_OF_MAPS", "BPF_MAP_TYPE_HASH_OF_MAPS", "BPF_MAP_TYPE_DEVMAP",
    "BPF_MAP_TYPE_SOCKMAP", "BPF_MAP_TYPE_CPUMAP", "BPF_MAP_TYPE_XSKMAP", "BPF_MAP_TYPE_SOCKHASH",
    "BPF_MAP_TYPE_CGROUP_STORAGE", "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY", "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE",
    "BPF_MAP_TYPE_QUEUE", "BPF_MAP_TYPE_STACK", "BPF_MAP_TYPE_SK_STORAGE", "BPF_MAP_TYPE_DEVMAP_HASH",
    "BPF_MAP_TYPE_STRUCT_OPS", "BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_INODE_STORAGE", "BPF_MAP_TYPE_TASK_STORAGE",
    "BPF_MAP_TYPE_BLOOM_FILTER", "BPF_MAP_TYPE_USER_RINGBUF", "BPF_MAP_TYPE_CGRP_STORAGE", "BPF_MAP_TYPE_ARENA",
};

/// enum perf_type_id (linux/perf_event.h). Types that the kernel gives out at run time have no name.
inline constexpr std::array<std::string_view, 6> kPerfTypes = {
    "PERF_TYPE_HARDWARE", "PERF_TYPE_SOFTWARE", "PERF_TYPE_TRACEPOINT", "PERF_TYPE_HW_CACHE", "PERF_TYPE_RAW",
    "PERF_TYPE_BREAKPOINT",
};

/// enum TaintedBitsType. Bits without a name are left out.
inline constexpr std::array kTaints = {
    BitWord{1, "TAINT_PROPRIETARY_MODULE"}, BitWord{2, "TAINT_FORCED_MODULE"}, BitWord{4, "TAINT_FORCED_UNLOAD_MODULE"},
    BitWord{1024, "TAINT_STAGED_MODULE"}, BitWord{4096, "TAINT_OUT_OF_TREE_MODULE"}, BitWord{8192, "TAINT_UNSIGNED_MODULE"},
    BitWord{32768, "TAINT_KERNEL_LIVE_PATCH_MODULE"}, BitWord{262144, "TAINT_TEST_MODULE"},
};

/// The first letter of a mode, by S_IFMT >> 12; NUL: a file of no type, whose mode is shown without.
inline constexpr std::array<char, 16> kFileTypes = {
    0, 'p', 'c', 0, 'd', 0, 'b', 0, '-', 0, 'l', 0, 's', 0, 0, 0,
};

/// SyscallId.abi: native, and that of 32-bit tasks.
#if defined(__x86_64__)
inline constexpr std::array<std::string_view, 2> kSyscallAbis = {"x64", "i386"};
#elif defined(__aarch64__)
inline constexpr std::array<std::string_view, 2> kSyscallAbis = {"arm64", "arm32"};
#else
inline constexpr std::array<std::string_view, 2> kSyscallAbis = {"unknown", "unknown"};
#endif
// clang-format on

}  // namespace redan::exporting
