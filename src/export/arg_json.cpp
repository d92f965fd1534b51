// SPDX-License-Identifier: Apache-2.0
#include "export/arg_json.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include "export/credentials_json.h"
#include "export/hook_words.h"
#include "export/ip_text.h"
#include "export/json_writer.h"

namespace redan::exporting {
namespace {

using event::ArgType;
using event::ArgValue;

constexpr uint16_t kFamilyUnix = 1;  // linux/socket.h
constexpr uint16_t kFamilyInet = 2;
constexpr uint16_t kFamilyInet6 = 10;

/// Messages of upstream for what could not be read. Consumers compare them.
constexpr std::string_view kUnreadable = "Bad address for basic type";
constexpr std::string_view kUnreadableBuffer = "CharBufErrorPageFault";

/// The members of a message that are not zero.
class Members {
 public:
  explicit Members(JsonWriter& out) : out_(out) {}

  /// Puts `"key":`; the value is to follow.
  void key(std::string_view key) {
    out_.put(std::exchange(open_, ','));
    out_.put('"');
    out_.put(key);
    out_.put("\":");
  }
  template <std::unsigned_integral T>
  void number(std::string_view name, T value) {
    if (value == 0) return;
    key(name);
    out_.put(value);
  }
  void number64(std::string_view name, uint64_t value) {
    if (value == 0) return;
    key(name);
    out_.put('"');
    out_.put(value);
    out_.put('"');
  }
  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    out_.put_string(value);
  }
  /// A word, or without one the number.
  void word(std::string_view name, std::string_view word, uint64_t number) {
    key(name);
    out_.put('"');
    if (word.empty()) {
      out_.put(number);
    } else {
      out_.put(word);
    }
    out_.put('"');
  }
  void family(uint16_t family, ArgStyle style) {
    const bool is_common = family == kFamilyUnix || family == kFamilyInet || family == kFamilyInet6;
    if (style == ArgStyle::kTracepoint && !is_common) return;
    word("family", word_of(kFamilies, family), family);
  }
  void address(std::string_view name, uint16_t family, const uint8_t* address) {
    key(name);
    if (family != kFamilyInet && family != kFamilyInet6) return out_.put(R"("invalid IP")");
    out_.put('"');
    char* const to = out_.reserve(kMaxIpText);
    out_.commit(family == kFamilyInet ? write_ipv4(to, address) : write_ipv6(to, address));
    out_.put('"');
  }
  void close() {
    if (open_ == '{') out_.put('{');
    out_.put('}');
  }

 private:
  JsonWriter& out_;
  char open_ = '{';  // what stands before the next member
};

// --- values, each behind its key ------------------------------------------------------------------------------------

template <typename T>
void put_number(const uint64_t& number, ArgStyle, JsonWriter& out) {
  out.put(static_cast<T>(number));
}

template <typename T>
void put_number64(const uint64_t& number, ArgStyle, JsonWriter& out) {
  out.put('"');
  out.put(static_cast<T>(number));
  out.put('"');
}

void put_text(const std::string& text, ArgStyle, JsonWriter& out) { out.put_string(text); }

void put_file(const event::FileArg& file, ArgStyle, JsonWriter& out) {
  char permission[10];
  char* to = permission;
  if (const char type = kFileTypes[file.mode >> 12 & 0xf]; type != 0) *to++ = type;
  struct Special {
    uint32_t bit;
    char letter;
  };
  constexpr Special kSpecials[] = {{04000, 's'}, {02000, 's'}, {01000, 't'}};
  for (unsigned i = 0; i < 3; ++i) {  // owner, group, others
    const uint32_t bits = file.mode >> (6 - 3 * i);
    const bool may_run = (bits & 1) != 0;
    *to++ = (bits & 4) != 0 ? 'r' : '-';
    *to++ = (bits & 2) != 0 ? 'w' : '-';
    *to++ = may_run ? 'x' : '-';
    const char letter = kSpecials[i].letter;
    if ((file.mode & kSpecials[i].bit) != 0) to[-1] = may_run ? letter : static_cast<char>(letter - 'a' + 'A');
  }
  Members members(out);
  members.text("path", file.path);
  members.text("flags", file.unresolved ? "unresolvedPathComponents" : "");
  members.text("permission", {permission, static_cast<size_t>(to - permission)});
  members.close();
}

void put_sock(const redan_arg_socket& socket, ArgStyle style, JsonWriter& out) {
  Members members(out);
  members.family(socket.family, style);
  members.word("type", word_of(kSocketTypes, socket.type), socket.type);
  members.word("protocol", protocol_word(socket.protocol), socket.protocol);
  members.number("mark", socket.mark);
  members.number("priority", socket.priority);
  members.address("saddr", socket.family, socket.saddr);
  members.address("daddr", socket.family, socket.daddr);
  members.number("sport", socket.sport);
  members.number("dport", socket.dport);
  members.number64("cookie", socket.cookie);
  members.word("state", word_of(kTcpStates, socket.state), socket.state);
  members.close();
}

void put_skb(const redan_arg_socket& skb, ArgStyle style, JsonWriter& out) {
  const bool is_ip = skb.family == kFamilyInet || skb.family == kFamilyInet6;
  Members members(out);
  members.number("hash", skb.hash);
  members.number("len", skb.len);
  members.number("priority", skb.priority);
  members.number("mark", skb.mark);
  if (is_ip) {
    members.address("saddr", skb.family, skb.saddr);
    members.address("daddr", skb.family, skb.daddr);
    members.number("sport", skb.sport);
    members.number("dport", skb.dport);
    members.number("proto", skb.protocol);
  }
  members.number("sec_path_len", skb.sec_path_len);
  members.number("sec_path_olen", skb.sec_path_olen);
  if (is_ip) {
    members.word("protocol", protocol_word(skb.protocol), skb.protocol);
    members.family(skb.family, style);
  }
  members.close();
}

void put_sockaddr(const redan_arg_socket& socket, ArgStyle style, JsonWriter& out) {
  Members members(out);
  members.family(socket.family, style);
  members.address("addr", socket.family, socket.saddr);
  members.number("port", socket.sport);
  members.close();
}

void put_sockaddr_un(const event::UnixAddressArg& address, ArgStyle style, JsonWriter& out) {
  Members members(out);
  members.family(static_cast<uint16_t>(address.family), style);
  std::string_view rest = address.name;
  if (rest.starts_with('\0')) {  // abstract: shown as @ and the name without its NULs
    members.key("path");
    out.put("\"@");
    while (!rest.empty()) {
      const size_t size = std::min(rest.find('\0'), rest.size());
      out.put_escaped(rest.substr(0, size));
      rest.remove_prefix(std::min(size + 1, rest.size()));
    }
    out.put('"');
  } else {
    members.text("path", rest);
  }
  members.close();
}

void put_user_ns(const redan_arg_user_ns& user_ns, ArgStyle, JsonWriter& out) {
  Members members(out);
  const auto put_id = [&](std::string_view name, uint32_t id) {
    members.key(name);
    out.put(id);
  };
  put_id("level", user_ns.level);
  put_id("uid", user_ns.owner);
  put_id("gid", user_ns.group);
  members.key("ns");
  Members ns(out);
  ns.number("inum", user_ns.inum);
  if (user_ns.level == 0) {  // there is one such
    ns.key("is_host");
    out.put("true");
  }
  ns.close();
  members.close();
}

void put_cred(const redan_arg_cred& cred, ArgStyle style, JsonWriter& out) {
  put_credential_members(cred.cred, out);
  out.put(R"(,"caps":)");
  put_capability_sets(cred.cred, out);
  out.put(R"(,"user_ns":)");
  put_user_ns(cred.user_ns, style, out);
  out.put('}');
}

void put_capability(const uint64_t& number, ArgStyle, JsonWriter& out) {
  Members members(out);
  members.key("value");
  out.put(static_cast<int32_t>(number));
  members.word("name", word_of(kCapabilities, number), number);
  members.close();
}

void put_capability_set(const uint64_t& mask, ArgStyle, JsonWriter& out) {
  out.put('"');
  out.put_hex(mask);
  out.put('"');
}

std::string_view name_of(const redan_arg_bpf& bpf) {
  const std::string_view name(bpf.name, sizeof(bpf.name));
  return name.substr(0, name.find('\0'));
}

void put_bpf_program(const redan_arg_bpf& program, ArgStyle, JsonWriter& out) {
  Members members(out);
  members.word("ProgType", word_of(kBpfProgramTypes, program.type), program.type);
  members.number("InsnCnt", program.count);
  members.text("ProgName", name_of(program));
  members.close();
}

void put_bpf_map(const redan_arg_bpf& map, ArgStyle, JsonWriter& out) {
  Members members(out);
  members.word("MapType", word_of(kBpfMapTypes, map.type), map.type);
  members.number("KeySize", map.key_size);
  members.number("ValueSize", map.value_size);
  members.number("MaxEntries", map.count);
  members.text("MapName", name_of(map));
  members.close();
}

void put_bpf_command(const uint64_t& number, ArgStyle, JsonWriter& out) {
  const auto command = static_cast<int32_t>(number);
  const std::string_view word = command < 0 ? "" : word_of(kBpfCommands, static_cast<uint64_t>(command));
  if (word.empty()) return out.put(command);
  out.put_string(word);
}

void put_perf_event(const event::PerfEventArg& perf, ArgStyle, JsonWriter& out) {
  Members members(out);
  members.text("KprobeFunc", perf.function);
  members.word("Type", word_of(kPerfTypes, perf.type), perf.type);
  members.number64("Config", perf.config);
  members.number64("ProbeOffset", perf.probe_offset);
  members.close();
}

template <bool with_signature>
void put_module(const event::ModuleArg& module, ArgStyle, JsonWriter& out) {
  Members members(out);
  members.text("name", module.name);
  if (with_signature) {
    members.key("signature_ok");
    out.put(std::string_view(module.signature_ok ? "true" : "false"));
  }
  char open = '[';
  for (const BitWord& taint : kTaints) {
    if ((module.taints & taint.bit) == 0) continue;
    if (open == '[') members.key("tainted");
    out.put(std::exchange(open, ','));
    out.put_string(taint.word);
  }
  if (open == ',') out.put(']');
  members.close();
}

void put_syscall(const uint64_t& number, ArgStyle, JsonWriter& out) {
  constexpr uint32_t kCompat = 1u << 31;
  const auto id = static_cast<uint32_t>(number);
  Members members(out);
  members.number("id", id & ~kCompat);
  members.text("abi", kSyscallAbis[(id & kCompat) != 0]);
  members.close();
}

// --- the table ------------------------------------------------------------------------------------------------------

/// How arguments of a type are shown: a member of the oneof and its value. False: the record has a value of another kind.
struct ArgRow {
  std::string_view key;
  bool (*put)(std::string_view key, const ArgValue&, ArgStyle, JsonWriter&);
};

void put_key(std::string_view key, JsonWriter& out) {
  out.put("{\"");
  out.put(key);
  out.put("\":");
}

/// A row for what `put_value` writes, a function of one of the alternatives of ArgValue.
template <auto put_value, typename T>
bool put_as(std::string_view key, const ArgValue& value, ArgStyle style, JsonWriter& out) {
  const T* const held = std::get_if<T>(&value);
  if (held == nullptr) return false;
  put_key(key, out);
  put_value(*held, style, out);
  return true;
}

template <typename T>
using Put = void (*)(const T&, ArgStyle, JsonWriter&);

template <typename T>
T value_of(Put<T>);

template <auto put_value>
constexpr ArgRow row(std::string_view key) {
  return {key, put_as<put_value, decltype(value_of(put_value))>};
}

bool put_buffer(std::string_view key, const ArgValue& value, ArgStyle style, JsonWriter& out) {
  if (std::holds_alternative<event::UnreadableArg>(value)) {
    put_key(key, out);
    out.put('"');
    out.put_base64(kUnreadableBuffer);
    out.put('"');
    return true;
  }
  const auto* const buffer = std::get_if<event::BufferArg>(&value);
  if (buffer == nullptr) return false;
  const bool is_cut = buffer->whole > buffer->bytes.size() && style != ArgStyle::kTracepoint;
  if (is_cut) put_key("truncated_bytes_arg", out);
  put_key(key, out);
  out.put('"');
  out.put_base64(buffer->bytes);
  out.put('"');
  if (is_cut) {
    out.put(R"(,"orig_size":")");
    out.put(buffer->whole);
    out.put("\"}");
  }
  return true;
}

constexpr size_t kArgTypes = static_cast<size_t>(ArgType::kNop) + 1;

/// By ArgType. Without a row are those that put_argument() treats for itself.
constexpr std::array<ArgRow, kArgTypes> kArgRows = [] {
  std::array<ArgRow, kArgTypes> rows{};
  const auto set = [&](ArgType type, ArgRow row) { rows[static_cast<size_t>(type)] = row; };
  for (const auto type : {ArgType::kInt8, ArgType::kInt16, ArgType::kInt32})
    set(type, row<put_number<int32_t>>("int_arg"));
  for (const auto type : {ArgType::kUint8, ArgType::kUint16, ArgType::kUint32})
    set(type, row<put_number<uint32_t>>("uint_arg"));
  for (const auto type : {ArgType::kUint64, ArgType::kSize}) set(type, row<put_number64<uint64_t>>("size_arg"));
  for (const auto type : {ArgType::kString, ArgType::kFilename, ArgType::kNetDevice, ArgType::kDataLoc})
    set(type, row<put_text>("string_arg"));
  for (const auto type : {ArgType::kCharBuf, ArgType::kCharIovec, ArgType::kIovIter})
    set(type, {"bytes_arg", put_buffer});
  for (const auto type : {ArgType::kFile, ArgType::kFd, ArgType::kKiocb}) set(type, row<put_file>("file_arg"));
  for (const auto type : {ArgType::kPath, ArgType::kDentry}) set(type, row<put_file>("path_arg"));
  for (const auto type : {ArgType::kSock, ArgType::kSocket}) set(type, row<put_sock>("sock_arg"));
  set(ArgType::kInt64, row<put_number64<int64_t>>("long_arg"));
  set(ArgType::kBinprm, row<put_file>("linux_binprm_arg"));
  set(ArgType::kSkb, row<put_skb>("skb_arg"));
  set(ArgType::kSockaddr, row<put_sockaddr>("sockaddr_arg"));
  set(ArgType::kSockaddrUn, row<put_sockaddr_un>("sockaddrun_arg"));
  set(ArgType::kCred, row<put_cred>("process_credentials_arg"));
  set(ArgType::kUserNamespace, row<put_user_ns>("user_ns_arg"));
  set(ArgType::kCapability, row<put_capability>("capability_arg"));
  set(ArgType::kKernelCap, row<put_capability_set>("kernel_cap_t_arg"));
  set(ArgType::kCapInheritable, row<put_capability_set>("cap_inheritable_arg"));
  set(ArgType::kCapPermitted, row<put_capability_set>("cap_permitted_arg"));
  set(ArgType::kCapEffective, row<put_capability_set>("cap_effective_arg"));
  set(ArgType::kBpfAttr, row<put_bpf_program>("bpf_attr_arg"));
  set(ArgType::kBpfProg, row<put_bpf_program>("bpf_prog_arg"));
  set(ArgType::kBpfMap, row<put_bpf_map>("bpf_map_arg"));
  set(ArgType::kBpfCmd, row<put_bpf_command>("bpf_cmd_arg"));
  set(ArgType::kPerfEvent, row<put_perf_event>("perf_event_arg"));
  set(ArgType::kModule, row<put_module<false>>("module_arg"));
  set(ArgType::kLoadInfo, row<put_module<true>>("module_arg"));
  set(ArgType::kSyscall64, row<put_syscall>("syscall_id"));
  return rows;
}();

/// An array of longs: an argument for each, as upstream shows the arguments of a system call's tracepoint.
bool put_array(const ArgValue& value, std::string_view before, JsonWriter& out) {
  const auto* const buffer = std::get_if<event::BufferArg>(&value);
  if (buffer == nullptr) return false;
  for (size_t at = 0; at + sizeof(uint64_t) <= buffer->bytes.size(); at += sizeof(uint64_t)) {
    uint64_t number;
    std::memcpy(&number, buffer->bytes.data() + at, sizeof(number));
    out.put(at == 0 ? before : ",");
    out.put(R"({"size_arg":")");
    out.put(number);
    out.put("\"}");
  }
  return buffer->bytes.size() >= sizeof(uint64_t);
}

}  // namespace

bool put_argument(const event::HookArg& arg, const ArgValue& value, ArgStyle style, std::string_view before,
                  JsonWriter& out) {
  if (std::holds_alternative<std::monostate>(value) || arg.type == ArgType::kNop) return false;
  if (arg.type == ArgType::kConstBuf) return put_array(value, before, out);
  out.put(before);
  const ArgRow& row = kArgRows[static_cast<size_t>(arg.type)];
  if (!row.put(row.key, value, style, out)) {
    out.put(R"({"error_arg":{"Message":)");
    out.put_string(kUnreadable);
    out.put('}');
  }
  const bool has_label = style == ArgStyle::kFull && arg.type != ArgType::kSockaddr && !arg.label.empty();
  if (has_label) {
    out.put(R"(,"label":)");
    out.put_string(arg.label);
  }
  out.put('}');
  return true;
}

}  // namespace redan::exporting
