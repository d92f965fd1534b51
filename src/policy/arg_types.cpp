// SPDX-License-Identifier: Apache-2.0
#include "policy/arg_types.h"

#include <algorithm>
#include <array>

namespace redan::policy {
namespace {

using event::ArgType;

constexpr uint16_t kPathLike = kMatchText | kMatchPostfix;
constexpr uint16_t kAnyText = kMatchText | kMatchPostfix;
constexpr uint16_t kSocketLike = kMatchSource | kMatchDestination | kMatchProtocol | kMatchFamily | kMatchState;
constexpr uint8_t kAll = kInAll;
constexpr uint8_t kFn = kInFunctions;
constexpr uint8_t kTp = kInTracepoints;
constexpr uint8_t kNotClassic = kInAll & ~kInTracepoints;

// clang-format off
constexpr std::array kTypes = {
    ArgTypeInfo{"auto",      ArgType::kNop,    REDAN_ARG_NONE,   0, false, kMatchNothing, kTp,  ""},
    ArgTypeInfo{"int",       ArgType::kInt32,  REDAN_ARG_NUMBER, 4, true,  kMatchNumber, kAll,
                "int|unsigned int|long|unsigned long|uid_t|gid_t|u32|s32"},
    ArgTypeInfo{"sint8",     ArgType::kInt8,   REDAN_ARG_NUMBER, 1, true,  kMatchNumber, kAll, "char|char *|const char *|s8|signed char"},
    ArgTypeInfo{"int8",      ArgType::kInt8,   REDAN_ARG_NUMBER, 1, true,  kMatchNumber, kAll, "char|char *|const char *|s8|signed char"},
    ArgTypeInfo{"uint8",     ArgType::kUint8,  REDAN_ARG_NUMBER, 1, false, kMatchNumber, kAll, "u8|unsigned char|bool"},
    ArgTypeInfo{"sint16",    ArgType::kInt16,  REDAN_ARG_NUMBER, 2, true,  kMatchNumber, kAll, "s16|short|short int"},
    ArgTypeInfo{"int16",     ArgType::kInt16,  REDAN_ARG_NUMBER, 2, true,  kMatchNumber, kAll, "s16|short|short int"},
    ArgTypeInfo{"uint16",    ArgType::kUint16, REDAN_ARG_NUMBER, 2, false, kMatchNumber, kAll,
                "u16|unsigned short|short unsigned int|umode_t"},
    ArgTypeInfo{"uint32",    ArgType::kUint32, REDAN_ARG_NUMBER, 4, false, kMatchNumber, kAll, "unsigned int|u32"},
    ArgTypeInfo{"sint32",    ArgType::kInt32,  REDAN_ARG_NUMBER, 4, true,  kMatchNumber, kAll, "s32|int"},
    ArgTypeInfo{"int32",     ArgType::kInt32,  REDAN_ARG_NUMBER, 4, true,  kMatchNumber, kAll, "s32|int"},
    ArgTypeInfo{"ulong",     ArgType::kUint64, REDAN_ARG_NUMBER, 8, false, kMatchNumber, kAll,
                "u64|void *|unsigned long|long unsigned int"},
    ArgTypeInfo{"uint64",    ArgType::kUint64, REDAN_ARG_NUMBER, 8, false, kMatchNumber, kAll,
                "u64|void *|unsigned long|long unsigned int"},
    ArgTypeInfo{"size_t",    ArgType::kSize,   REDAN_ARG_NUMBER, 8, false, kMatchNumber, kAll, "size_t"},
    ArgTypeInfo{"long",      ArgType::kInt64,  REDAN_ARG_NUMBER, 8, true,  kMatchNumber, kAll, "s64|long|long int|loff_t"},
    ArgTypeInfo{"sint64",    ArgType::kInt64,  REDAN_ARG_NUMBER, 8, true,  kMatchNumber, kAll, "s64|long|long int|loff_t"},
    ArgTypeInfo{"int64",     ArgType::kInt64,  REDAN_ARG_NUMBER, 8, true,  kMatchNumber, kAll, "s64|long|long int|loff_t"},
    ArgTypeInfo{"char_buf",  ArgType::kCharBuf, REDAN_ARG_BYTES, 0, false, kAnyText, kAll, "char *|const char *|void *|const void *"},
    ArgTypeInfo{"char_iovec", ArgType::kCharIovec, REDAN_ARG_IOVEC, 0, false, kMatchNothing, kNotClassic,
                "struct iovec *|const struct iovec *"},
    ArgTypeInfo{"skb",       ArgType::kSkb,    REDAN_ARG_SKB,    0, false, kSocketLike, kAll, "struct sk_buff *"},
    ArgTypeInfo{"sock",      ArgType::kSock,   REDAN_ARG_SOCK,   0, false, kSocketLike, kAll, "struct sock *|const struct sock *"},
    ArgTypeInfo{"sockaddr",  ArgType::kSockaddr, REDAN_ARG_SOCKADDR, 0, false, kMatchSource | kMatchFamily, kAll, "struct sockaddr *"},
    ArgTypeInfo{"socket",    ArgType::kSocket, REDAN_ARG_SOCKET, 0, false, kSocketLike, kAll, "struct socket *"},
    ArgTypeInfo{"sockaddr_un", ArgType::kSockaddrUn, REDAN_ARG_SOCKADDR_UN, 0, false, kMatchText | kMatchFamily, kNotClassic,
                "struct sockaddr_un *|struct sockaddr *"},
    ArgTypeInfo{"string",    ArgType::kString, REDAN_ARG_STRING, 0, false, kAnyText, kAll, "char|char *|const char *"},
    ArgTypeInfo{"fd",        ArgType::kFd,     REDAN_ARG_FD,     0, false, kPathLike, kNotClassic, "int|unsigned int|long|unsigned long"},
    ArgTypeInfo{"file",      ArgType::kFile,   REDAN_ARG_FILE,   0, false, kPathLike | kMatchFileType, kNotClassic, "struct file *|const struct file *"},
    ArgTypeInfo{"filename",  ArgType::kFilename, REDAN_ARG_FILENAME, 0, false, kPathLike, kNotClassic, "struct filename *"},
    ArgTypeInfo{"path",      ArgType::kPath,   REDAN_ARG_PATH,   0, false, kPathLike | kMatchFileType, kNotClassic, "struct path *|const struct path *"},
    ArgTypeInfo{"nop",       ArgType::kNop,    REDAN_ARG_NONE,   0, false, kMatchNothing, kAll, ""},
    ArgTypeInfo{"bpf_attr",  ArgType::kBpfAttr, REDAN_ARG_BPF_ATTR, 0, false, kMatchNothing, kNotClassic, "union bpf_attr *"},
    ArgTypeInfo{"perf_event", ArgType::kPerfEvent, REDAN_ARG_PERF_EVENT, 0, false, kMatchNothing, kNotClassic, "struct perf_event *"},
    ArgTypeInfo{"bpf_map",   ArgType::kBpfMap, REDAN_ARG_BPF_MAP, 0, false, kMatchNothing, kNotClassic, "struct bpf_map *"},
    ArgTypeInfo{"user_namespace", ArgType::kUserNamespace, REDAN_ARG_USER_NS, 0, false, kMatchNothing, kNotClassic,
                "struct user_namespace *|const struct user_namespace *"},
    ArgTypeInfo{"capability", ArgType::kCapability, REDAN_ARG_CAPABILITY, 4, true, kMatchNothing, kNotClassic, "int"},
    ArgTypeInfo{"kiocb",     ArgType::kKiocb,  REDAN_ARG_KIOCB,  0, false, kPathLike, kNotClassic, "struct kiocb *"},
    ArgTypeInfo{"iov_iter",  ArgType::kIovIter, REDAN_ARG_IOV_ITER, 0, false, kMatchNothing, kNotClassic, "struct iov_iter *"},
    ArgTypeInfo{"cred",      ArgType::kCred,   REDAN_ARG_CRED,   0, false, kMatchNothing, kNotClassic, "struct cred *|const struct cred *"},
    ArgTypeInfo{"const_buf", ArgType::kConstBuf, REDAN_ARG_ARRAY, 0, false, kMatchNothing, 0, ""},
    ArgTypeInfo{"load_info", ArgType::kLoadInfo, REDAN_ARG_LOAD_INFO, 0, false, kMatchNothing, kNotClassic, "struct load_info *"},
    ArgTypeInfo{"module",    ArgType::kModule, REDAN_ARG_MODULE, 0, false, kMatchNothing, kNotClassic, "struct module *"},
    ArgTypeInfo{"syscall64", ArgType::kSyscall64, REDAN_ARG_SYSCALL, 8, false, kMatchNumber, kTp, ""},
    ArgTypeInfo{"kernel_cap_t", ArgType::kKernelCap, REDAN_ARG_CAP_SET, 8, false, kMatchCapabilities, kNotClassic,
                "kernel_cap_t *|const kernel_cap_t *"},
    ArgTypeInfo{"cap_inheritable", ArgType::kCapInheritable, REDAN_ARG_CAP_SET, 8, false, kMatchCapabilities, kNotClassic,
                "kernel_cap_t *|const kernel_cap_t *"},
    ArgTypeInfo{"cap_permitted", ArgType::kCapPermitted, REDAN_ARG_CAP_SET, 8, false, kMatchCapabilities, kNotClassic,
                "kernel_cap_t *|const kernel_cap_t *"},
    ArgTypeInfo{"cap_effective", ArgType::kCapEffective, REDAN_ARG_CAP_SET, 8, false, kMatchCapabilities, kNotClassic,
                "kernel_cap_t *|const kernel_cap_t *"},
    ArgTypeInfo{"linux_binprm", ArgType::kBinprm, REDAN_ARG_BINPRM, 0, false, kPathLike, kNotClassic,
                "struct linux_binprm *|const struct linux_binprm *"},
    ArgTypeInfo{"data_loc",  ArgType::kDataLoc, REDAN_ARG_DATA_LOC, 0, false, kAnyText, kTp, ""},
    ArgTypeInfo{"net_device", ArgType::kNetDevice, REDAN_ARG_NET_DEVICE, 0, false, kAnyText, kNotClassic, "struct net_device *"},
    ArgTypeInfo{"bpf_cmd",   ArgType::kBpfCmd, REDAN_ARG_NUMBER, 4, true,  kMatchNumber, kFn, "int|enum bpf_cmd"},
    ArgTypeInfo{"dentry",    ArgType::kDentry, REDAN_ARG_DENTRY, 0, false, kPathLike, kNotClassic, "struct dentry *"},
    ArgTypeInfo{"bpf_prog",  ArgType::kBpfProg, REDAN_ARG_BPF_PROG, 0, false, kMatchNothing, kNotClassic, "struct bpf_prog *"},
};
// clang-format on

static_assert(kTypes.size() == 52);

}  // namespace

std::span<const ArgTypeInfo> arg_types() { return kTypes; }

const ArgTypeInfo* find_arg_type(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &ArgTypeInfo::name);
  return found == kTypes.end() ? nullptr : &*found;
}

const ArgTypeInfo& auto_type() { return kTypes[0]; }

}  // namespace redan::policy
