// SPDX-License-Identifier: Apache-2.0
// Arguments of hooks, one table of values and texts by hand from the API reference (3.3, 3.4, A.4).

#include "export/arg_json.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "export/json_writer.h"
#include "unit/export/hook_builders.h"

namespace redan::exporting {
namespace {

using event::ArgType;
using event::ArgValue;
using event::BufferArg;
using event::FileArg;

struct Case {
  ArgType type;
  ArgValue value;
  std::string text;
};

std::string text_of(ArgType type, const ArgValue& value, ArgStyle style = ArgStyle::kFull,
                    const std::string& label = {}) {
  std::string text;
  JsonWriter out(text);
  const bool put = put_argument({.type = type, .label = label}, value, style, "<", out);
  out.finish();
  CHECK(put == !text.empty());
  if (!put) return "nothing";
  REQUIRE(text.front() == '<');
  return text.substr(1);
}

void check(const std::vector<Case>& cases, ArgStyle style = ArgStyle::kFull) {
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(text_of(c.type, c.value, style) == c.text);
  }
}

redan_arg_socket socket_to_example() {
  redan_arg_socket socket = socket_of(2);
  socket.type = 1;
  socket.protocol = 6;
  socket.mark = 7;
  socket.priority = 3;
  socket.sport = 40112;
  socket.dport = 443;
  socket.cookie = 18446623359412310272U;
  socket.state = 2;
  socket.saddr[0] = 10;
  socket.saddr[3] = 5;
  socket.daddr[0] = 192;
  socket.daddr[2] = 2;
  socket.daddr[3] = 10;
  return socket;
}

redan_arg_bpf bpf_object(uint32_t type, const char* name) {
  redan_arg_bpf bpf{.type = type, .count = 2, .key_size = 4, .value_size = 8, .name = {}};
  std::memcpy(bpf.name, name, std::min(sizeof(bpf.name), std::strlen(name)));
  return bpf;
}

constexpr uint64_t number(int64_t value) { return static_cast<uint64_t>(value); }

}  // namespace

TEST_CASE("numbers: 32 bits as numbers, 64 as strings, zeros too") {
  check({{ArgType::kInt32, uint64_t{0}, R"({"int_arg":0})"},
         {ArgType::kInt32, number(-100), R"({"int_arg":-100})"},
         {ArgType::kInt32, number(INT32_MIN), R"({"int_arg":-2147483648})"},
         {ArgType::kInt16, number(-1), R"({"int_arg":-1})"},
         {ArgType::kInt8, number(-128), R"({"int_arg":-128})"},
         {ArgType::kUint32, uint64_t{UINT32_MAX}, R"({"uint_arg":4294967295})"},
         {ArgType::kUint16, uint64_t{65535}, R"({"uint_arg":65535})"},
         {ArgType::kUint8, uint64_t{0}, R"({"uint_arg":0})"},
         {ArgType::kInt64, number(INT64_MIN), R"({"long_arg":"-9223372036854775808"})"},
         {ArgType::kInt64, uint64_t{0}, R"({"long_arg":"0"})"},
         {ArgType::kUint64, UINT64_MAX, R"({"size_arg":"18446744073709551615"})"},
         {ArgType::kSize, uint64_t{4096}, R"({"size_arg":"4096"})"}});
}

TEST_CASE("texts") {
  for (const auto type : {ArgType::kString, ArgType::kFilename, ArgType::kNetDevice, ArgType::kDataLoc}) {
    check({{type, std::string("lo"), R"({"string_arg":"lo"})"},
           {type, std::string(), R"({"string_arg":""})"},
           {type, std::string("a\"\n\xff"), "{\"string_arg\":\"a\\\"\\n\uFFFD\"}"}});
  }
}

TEST_CASE("buffers: base64, with the whole size if they were cut") {
  for (const auto type : {ArgType::kCharBuf, ArgType::kCharIovec, ArgType::kIovIter}) {
    check(
        {{type, BufferArg{"tty-data\n", 9}, R"({"bytes_arg":"dHR5LWRhdGEK"})"},
         {type, BufferArg{"", 0}, R"({"bytes_arg":""})"},
         {type, BufferArg{"hello\n", 9000}, R"({"truncated_bytes_arg":{"bytes_arg":"aGVsbG8K","orig_size":"9000"}})"}});
    CHECK(text_of(type, BufferArg{"hello\n", 9000}, ArgStyle::kTracepoint) == R"({"bytes_arg":"aGVsbG8K"})");
    CHECK(text_of(type, event::UnreadableArg{}) == R"({"bytes_arg":"Q2hhckJ1ZkVycm9yUGFnZUZhdWx0"})");
  }
}

TEST_CASE("files: permissions as ls shows them") {
  const auto permission_of = [](uint32_t mode) { return text_of(ArgType::kFile, FileArg{.path = "/f", .mode = mode}); };
  const auto with = [](const std::string& permission) {
    return R"({"file_arg":{"path":"/f","permission":")" + permission + "\"}}";
  };
  CHECK(permission_of(0100644) == with("-rw-r--r--"));
  CHECK(permission_of(0040755) == with("drwxr-xr-x"));
  CHECK(permission_of(0120777) == with("lrwxrwxrwx"));
  CHECK(permission_of(0140777) == with("srwxrwxrwx"));
  CHECK(permission_of(0020600) == with("crw-------"));
  CHECK(permission_of(0060660) == with("brw-rw----"));
  CHECK(permission_of(0010600) == with("prw-------"));
  CHECK(permission_of(0000600) == with("rw-------"));
  CHECK(permission_of(0) == with("---------"));
  CHECK(permission_of(0104755) == with("-rwsr-xr-x"));
  CHECK(permission_of(0102755) == with("-rwxr-sr-x"));
  CHECK(permission_of(0041777) == with("drwxrwxrwt"));
  CHECK(permission_of(0107666) == with("-rwSrwSrwT"));
}

TEST_CASE("files: the key of each type, and what may be missing") {
  const FileArg file{.path = "/a b", .mode = 0100600, .unresolved = true};
  const std::string text = R"({"path":"/a b","flags":"unresolvedPathComponents","permission":"-rw-------"})";
  check({{ArgType::kFile, file, R"({"file_arg":)" + text + "}"},
         {ArgType::kFd, file, R"({"file_arg":)" + text + "}"},
         {ArgType::kKiocb, file, R"({"file_arg":)" + text + "}"},
         {ArgType::kPath, file, R"({"path_arg":)" + text + "}"},
         {ArgType::kDentry, file, R"({"path_arg":)" + text + "}"},
         {ArgType::kBinprm, file, R"({"linux_binprm_arg":)" + text + "}"},
         {ArgType::kFile, FileArg{.mode = 0140777}, R"({"file_arg":{"permission":"srwxrwxrwx"}})"}});
}

TEST_CASE("sockets") {
  const redan_arg_socket socket = socket_to_example();
  for (const auto type : {ArgType::kSock, ArgType::kSocket}) {
    CHECK(
        text_of(type, socket) ==
        R"({"sock_arg":{"family":"AF_INET","type":"SOCK_STREAM","protocol":"IPPROTO_TCP","mark":7,"priority":3,"saddr":"10.0.0.5")"
        R"(,"daddr":"192.0.2.10","sport":40112,"dport":443,"cookie":"18446623359412310272","state":"TCP_SYN_SENT"}})");
  }
  redan_arg_socket raw = socket_of(2);
  raw.cookie = 1;
  redan_arg_socket ipv6 = socket_of(10);
  ipv6.daddr[15] = 1;
  redan_arg_socket odd = socket_of(99);
  odd.type = 99;
  odd.protocol = 99;
  odd.state = 99;
  check(
      {{ArgType::kSock, raw,
        R"({"sock_arg":{"family":"AF_INET","type":"0","protocol":"IPPROTO_IP","saddr":"0.0.0.0","daddr":"0.0.0.0","cookie":"1","state":"0"}})"},
       {ArgType::kSock, ipv6,
        R"({"sock_arg":{"family":"AF_INET6","type":"0","protocol":"IPPROTO_IP","saddr":"::","daddr":"::1","state":"0"}})"},
       {ArgType::kSock, odd,
        R"({"sock_arg":{"family":"99","type":"99","protocol":"99","saddr":"invalid IP","daddr":"invalid IP","state":"99"}})"}});
}

TEST_CASE("packets and addresses of sockets") {
  redan_arg_socket skb = socket_to_example();
  skb.protocol = 17;
  skb.hash = 11;
  skb.len = 60;
  skb.sec_path_len = 1;
  skb.sec_path_olen = 2;
  check(
      {{ArgType::kSkb, skb,
        R"({"skb_arg":{"hash":11,"len":60,"priority":3,"mark":7,"saddr":"10.0.0.5","daddr":"192.0.2.10","sport":40112,"dport":443,"proto":17)"
        R"(,"sec_path_len":1,"sec_path_olen":2,"protocol":"IPPROTO_UDP","family":"AF_INET"}})"},
       {ArgType::kSkb, redan_arg_socket{}, R"({"skb_arg":{}})"},
       {ArgType::kSockaddr, skb, R"({"sockaddr_arg":{"family":"AF_INET","addr":"10.0.0.5","port":40112}})"},
       {ArgType::kSockaddr, socket_of(16), R"({"sockaddr_arg":{"family":"AF_NETLINK","addr":"invalid IP"}})"},
       {ArgType::kSockaddrUn, event::UnixAddressArg{1, "/run/s"},
        R"({"sockaddrun_arg":{"family":"AF_UNIX","path":"/run/s"}})"},
       {ArgType::kSockaddrUn, event::UnixAddressArg{1, bytes("\0a\0\0b\"\0\0")},
        R"({"sockaddrun_arg":{"family":"AF_UNIX","path":"@ab\""}})"},
       {ArgType::kSockaddrUn, event::UnixAddressArg{1, ""}, R"({"sockaddrun_arg":{"family":"AF_UNIX"}})"}});
}

TEST_CASE("credentials, user namespaces, capabilities") {
  redan_arg_cred cred{};
  cred.cred = {.uid = 1, .gid = 2, .securebits = 1, .permitted = 2};
  cred.user_ns = {.level = 1, .owner = 1000, .group = 100, .inum = 4026532000};
  check({{ArgType::kCred, cred,
          R"({"process_credentials_arg":{"uid":1,"gid":2,"euid":0,"egid":0,"suid":0,"sgid":0,"fsuid":0,"fsgid":0)"
          R"(,"securebits":["SecBitNoRoot"],"caps":{"permitted":["DAC_OVERRIDE"]})"
          R"(,"user_ns":{"level":1,"uid":1000,"gid":100,"ns":{"inum":4026532000}}}})"},
         {ArgType::kUserNamespace, redan_arg_user_ns{.level = 0, .owner = 0, .group = 0, .inum = 4026531837},
          R"({"user_ns_arg":{"level":0,"uid":0,"gid":0,"ns":{"inum":4026531837,"is_host":true}}})"},
         {ArgType::kCapability, uint64_t{0}, R"({"capability_arg":{"value":0,"name":"CAP_CHOWN"}})"},
         {ArgType::kCapability, uint64_t{21}, R"({"capability_arg":{"value":21,"name":"CAP_SYS_ADMIN"}})"},
         {ArgType::kCapability, uint64_t{60}, R"({"capability_arg":{"value":60,"name":"60"}})"},
         {ArgType::kKernelCap, uint64_t{0}, R"({"kernel_cap_t_arg":"0000000000000000"})"},
         {ArgType::kCapEffective, uint64_t{0x1ffffffdfff}, R"({"cap_effective_arg":"000001ffffffdfff"})"},
         {ArgType::kCapPermitted, UINT64_MAX, R"({"cap_permitted_arg":"ffffffffffffffff"})"},
         {ArgType::kCapInheritable, uint64_t{1}, R"({"cap_inheritable_arg":"0000000000000001"})"}});
}

TEST_CASE("objects of BPF and perf, modules, system calls") {
  check(
      {{ArgType::kBpfAttr, bpf_object(1, "prog"),
        R"({"bpf_attr_arg":{"ProgType":"BPF_PROG_TYPE_SOCKET_FILTER","InsnCnt":2,"ProgName":"prog"}})"},
       {ArgType::kBpfProg, bpf_object(32, "sixteen letters!"),
        R"({"bpf_prog_arg":{"ProgType":"BPF_PROG_TYPE_NETFILTER","InsnCnt":2,"ProgName":"sixteen letters!"}})"},
       {ArgType::kBpfProg, bpf_object(77, ""), R"({"bpf_prog_arg":{"ProgType":"77","InsnCnt":2}})"},
       {ArgType::kBpfMap, bpf_object(27, "m"),
        R"({"bpf_map_arg":{"MapType":"BPF_MAP_TYPE_RINGBUF","KeySize":4,"ValueSize":8,"MaxEntries":2,"MapName":"m"}})"},
       {ArgType::kBpfCmd, uint64_t{0}, R"({"bpf_cmd_arg":"BPF_MAP_CREATE"})"},
       {ArgType::kBpfCmd, uint64_t{36}, R"({"bpf_cmd_arg":"BPF_TOKEN_CREATE"})"},
       {ArgType::kBpfCmd, uint64_t{37}, R"({"bpf_cmd_arg":37})"},
       {ArgType::kBpfCmd, number(-1), R"({"bpf_cmd_arg":-1})"},
       {ArgType::kPerfEvent, event::PerfEventArg{.config = 9, .type = 1},
        R"({"perf_event_arg":{"Type":"PERF_TYPE_SOFTWARE","Config":"9"}})"},
       {ArgType::kPerfEvent, event::PerfEventArg{.probe_offset = 4, .type = 8, .function = "f"},
        R"({"perf_event_arg":{"KprobeFunc":"f","Type":"8","ProbeOffset":"4"}})"},
       {ArgType::kModule, event::ModuleArg{.taints = 4097, .signature_ok = true, .name = "m"},
        R"({"module_arg":{"name":"m","tainted":["TAINT_PROPRIETARY_MODULE","TAINT_OUT_OF_TREE_MODULE"]}})"},
       {ArgType::kModule, event::ModuleArg{.taints = uint64_t{1} << 40, .name = "m"}, R"({"module_arg":{"name":"m"}})"},
       {ArgType::kLoadInfo, event::ModuleArg{.name = "m"}, R"({"module_arg":{"name":"m","signature_ok":false}})"}});
#if defined(__x86_64__)
  check({{ArgType::kSyscall64, uint64_t{257}, R"({"syscall_id":{"id":257,"abi":"x64"}})"},
         {ArgType::kSyscall64, uint64_t{0}, R"({"syscall_id":{"abi":"x64"}})"},
         {ArgType::kSyscall64, uint64_t{0x80000005}, R"({"syscall_id":{"id":5,"abi":"i386"}})"}});
#endif
}

TEST_CASE("arrays: an argument for each long") {
  const BufferArg array{bytes("\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0"), 19};
  CHECK(text_of(ArgType::kConstBuf, array, ArgStyle::kTracepoint) ==
        R"({"size_arg":"1"},{"size_arg":"18446744073709551615"})");
  CHECK(text_of(ArgType::kConstBuf, BufferArg{"abc", 3}) == "nothing");
}

TEST_CASE("what is not there, cannot be read, or is of another kind") {
  const std::string error = R"({"error_arg":{"Message":"Bad address for basic type"}})";
  for (size_t i = 0; i < static_cast<size_t>(ArgType::kNop); ++i) {
    const auto type = static_cast<ArgType>(i);
    CAPTURE(i);
    CHECK(text_of(type, {}) == "nothing");
    const bool is_buffer = type == ArgType::kCharBuf || type == ArgType::kCharIovec || type == ArgType::kIovIter;
    if (type == ArgType::kConstBuf || is_buffer) continue;
    CHECK(text_of(type, event::UnreadableArg{}) == error);
    CHECK(text_of(type, BufferArg{"abc", 3}) == error);
  }
  CHECK(text_of(ArgType::kCharBuf, uint64_t{1}) == error);
  CHECK(text_of(ArgType::kNop, uint64_t{1}) == "nothing");
}

TEST_CASE("labels: not of tracepoints, not of addresses") {
  CHECK(text_of(ArgType::kInt32, uint64_t{1}, ArgStyle::kFull, "a \"b\"") == R"({"int_arg":1,"label":"a \"b\""})");
  CHECK(text_of(ArgType::kInt32, uint64_t{1}, ArgStyle::kTracepoint, "l") == R"({"int_arg":1})");
  CHECK(text_of(ArgType::kSockaddr, socket_of(2), ArgStyle::kFull, "l") ==
        R"({"sockaddr_arg":{"family":"AF_INET","addr":"0.0.0.0"}})");
  CHECK(text_of(ArgType::kString, event::UnreadableArg{}, ArgStyle::kFull, "l") ==
        R"({"error_arg":{"Message":"Bad address for basic type"},"label":"l"})");
}

TEST_CASE("families: events of tracepoints name the three common ones") {
  const auto family = [](uint16_t number, ArgStyle style) {
    return member(text_of(ArgType::kSockaddr, socket_of(number), style), "sockaddr_arg", "family");
  };
  for (const uint16_t common : {uint16_t{1}, uint16_t{2}, uint16_t{10}}) {
    CHECK(family(common, ArgStyle::kTracepoint) == family(common, ArgStyle::kFull));
    CHECK(family(common, ArgStyle::kTracepoint).has_value());
  }
  CHECK(family(16, ArgStyle::kFull) == "\"AF_NETLINK\"");
  CHECK_FALSE(family(16, ArgStyle::kTracepoint).has_value());
  CHECK_FALSE(family(999, ArgStyle::kTracepoint).has_value());
}

}  // namespace redan::exporting
