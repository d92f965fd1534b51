// SPDX-License-Identifier: Apache-2.0
#include "property/production.h"

#include <algorithm>
#include <cstring>

#include <doctest/doctest.h>

#include "kernel/hook_sets.h"
#include "kernel/hook_shortcuts.h"
#include "property/host_maps.h"
#include "property/matching.h"

namespace redan::test {

using policy::Hook;
using policy::Observation;
using policy::Observed;

namespace {

constexpr size_t kRoom = 4096 + 64;  // behind a string, so that a read of a whole buffer is one of memory of ours

matching_process process_of(const policy::ObservedProcess& from, bool is_compat) {
  matching_process process{};
  for (size_t i = 0; i < from.levels.size(); ++i) {
    process.pids[i] = from.levels[i].pid;
    process.ns_pids[i] = from.levels[i].ns_pid;
  }
  process.effective = from.effective;
  process.inheritable = from.inheritable;
  process.permitted = from.permitted;
  process.namespaces = process.kept_namespaces = from.namespaces;
  for (size_t i = 0; i < REDAN_NS_COUNT; ++i)
    if ((from.namespace_changes >> i & 1) != 0) process.kept_namespaces.inum[i] += 100;
  process.kept_effective = from.effective ^ from.effective_changes;
  process.kept_inheritable = from.inheritable ^ from.inheritable_changes;
  process.kept_permitted = from.permitted ^ from.permitted_changes;
  process.is_in_other_user_ns = from.is_in_other_user_ns ? 1 : 0;
  process.is_compat = is_compat ? 1 : 0;
  process.binary = from.binary ? from.binary->c_str() : nullptr;
  return process;
}

redan_arg_socket socket_of(const policy::ObservedSocket& from) {
  redan_arg_socket socket{};
  socket.family = static_cast<__u16>(from.family);
  socket.protocol = static_cast<__u16>(from.protocol);
  socket.state = static_cast<__u8>(from.state);
  socket.sport = static_cast<__u16>(from.sport);
  socket.dport = static_cast<__u16>(from.dport);
  std::copy(from.saddr.begin(), from.saddr.end(), socket.saddr);
  std::copy(from.daddr.begin(), from.daddr.end(), socket.daddr);
  return socket;
}

// struct sockaddr_in, sockaddr_in6 or sockaddr_un.
uint64_t sockaddr_of(const Observed& value, bool is_un) {
  char bytes[128] = {};
  const auto family = static_cast<uint16_t>(value.socket.family);
  const auto port = static_cast<uint16_t>(value.socket.sport);
  std::memcpy(bytes, &family, sizeof(family));
  bytes[2] = static_cast<char>(port >> 8);
  bytes[3] = static_cast<char>(port & 0xff);
  std::memcpy(bytes + (family == 2 ? 4 : 8), value.socket.saddr.data(), family == 2 ? 4 : 16);
  if (is_un) std::memcpy(bytes + 2, value.text.data(), value.text.size());
  return matching_bytes(bytes, sizeof(bytes), kRoom);
}

// A word that a function would be called with to have this argument.
uint64_t pointer_of(redan_arg_type type, const Observed& value, uint64_t salt) {
  const redan_arg_socket socket = socket_of(value.socket);
  const char* text = value.text.c_str();
  switch (type) {
    case REDAN_ARG_STRING: return matching_bytes(text, value.text.size(), kRoom);
    case REDAN_ARG_BYTES: return matching_bytes(value.text.data(), value.text.size(), kRoom);
    case REDAN_ARG_FILENAME: return matching_filename(text);
    case REDAN_ARG_FILE: return matching_file(text, value.file_type);
    case REDAN_ARG_PATH: return matching_path(text, value.file_type);
    case REDAN_ARG_DENTRY: return matching_dentry(text);
    case REDAN_ARG_KIOCB: return matching_kiocb(text);
    case REDAN_ARG_BINPRM: return matching_binprm(text);
    case REDAN_ARG_SOCK: return matching_sock(&socket);
    case REDAN_ARG_SOCKET: return matching_socket(&socket);
    case REDAN_ARG_SKB: return matching_skb(&socket, salt & 1);
    case REDAN_ARG_SOCKADDR: return sockaddr_of(value, false);
    case REDAN_ARG_SOCKADDR_UN: return sockaddr_of(value, true);
    case REDAN_ARG_NET_DEVICE: return matching_net_device(text);
    case REDAN_ARG_CAP_SET: return matching_bytes(&value.number, sizeof(value.number), 0);
    default: break;
  }
  FAIL("an argument of type " << int{type} << " cannot be made");
  return 0;
}

uint64_t word_of(const policy::ArgTypeInfo& type, const Observed& value, uint64_t salt) {
  // Of a register that holds a narrow number the other bits are anything.
  const uint64_t garbage = salt * 0x9e3779b97f4a7c15;
  if (type.extraction == REDAN_ARG_SYSCALL) return value.number & ~(uint64_t{1} << 31);
  if (type.is_number()) return type.size == 8 ? value.number : value.number ^ (garbage << (8 * type.size));
  if (type.extraction == REDAN_ARG_FD) {
    if (!value.is_readable) return 77;
    matching_set_fd(value.text.c_str());
    return MATCHING_FD | garbage << 32;
  }
  return value.is_readable ? pointer_of(type.extraction, value, salt) : MATCHING_UNREADABLE;
}

// A classic tracepoint's record: eight words behind the common ones, then dynamic strings.
struct Record {
  std::vector<char> bytes = std::vector<char>(6 * kRoom);
  size_t end = 80;

  void put(uint16_t offset, uint64_t word) { std::memcpy(bytes.data() + offset, &word, sizeof(word)); }
  void put_text(uint16_t offset, const std::string& text) {
    put(offset, end | (text.size() + 1) << 16);
    std::memcpy(bytes.data() + end, text.c_str(), text.size() + 1);
    end += text.size() + 1;
  }
};

template <typename Key>
void insert_text(matching_set set, Key key, const std::string& bytes) {
  REQUIRE(bytes.size() <= sizeof(key.bytes));
  std::copy(bytes.begin(), bytes.end(), key.bytes);
  matching_insert(set, &key);
}

void insert_affix(matching_set set, const event::SetText& text, const std::string& bytes) {
  redan_prefix_key key{};
  key.prefix_len = static_cast<__u32>(8 * (sizeof(key.set) + bytes.size()));
  key.set = text.set;
  insert_text(set, key, bytes);
}

void insert_address(const event::SetAddress& address) {
  const __u32 bits = 32U + address.prefix_bits;
  if (address.v6) {
    redan_address6_key key{.prefix_len = bits, .set = address.set, .address = {}};
    std::copy(address.address.begin(), address.address.end(), key.address);
    return matching_insert(MATCHING_ADDRESSES6, &key);
  }
  redan_address4_key key{.prefix_len = bits, .set = address.set, .address = {}};
  std::copy_n(address.address.begin(), sizeof(key.address), key.address);
  matching_insert(MATCHING_ADDRESSES4, &key);
}

}  // namespace

ProductionHook::ProductionHook(const event::HookPlan& plan, bool with_shortcuts) : plan_(plan) {
  matching_load(&plan_.program);
  const redan_hook_shortcuts shortcuts = kernel::make_shortcuts(plan_);
  if (with_shortcuts) matching_set_shortcuts(&shortcuts);
  for (const event::SetNumber& number : plan.numbers) {
    const redan_number_key key{.value = number.value, .set = number.set, .pad0 = 0};
    matching_insert(MATCHING_NUMBERS, &key);
  }
  for (const event::SetText& text : plan.texts)
    if (text.bytes.size() <= REDAN_EQUAL_SHORT)
      insert_text(MATCHING_TEXTS,
                  redan_text_key{.set = text.set, .len = static_cast<__u32>(text.bytes.size()), .bytes = {}},
                  text.bytes);
  for (const kernel::TextPiece& piece : kernel::text_pieces(plan)) matching_insert_piece(&piece.key, piece.next);
  for (const event::SetText& text : plan.prefixes) insert_affix(MATCHING_PREFIXES, text, text.bytes);
  for (const event::SetText& text : plan.postfixes)
    insert_affix(MATCHING_POSTFIXES, text, {text.bytes.rbegin(), text.bytes.rend()});
  for (const event::SetAddress& address : plan.addresses) insert_address(address);
}

Verdict ProductionHook::run(const Hook& hook, const Observation& call) {
  std::array<__u64, 6> parameters{};
  Record record;
  bool is_compat = false;
  for (size_t i = 0; i < hook.args.size(); ++i) {
    const policy::Arg& arg = hook.args[i];
    const policy::ArgTypeInfo& type = **arg.type;
    const uint16_t offset = plan_.program.args[i].offset;
    if (type.extraction == REDAN_ARG_SYSCALL) is_compat = (call.args[i].number >> 31 & 1) != 0;
    if (type.extraction == REDAN_ARG_DATA_LOC) {
      record.put_text(offset, call.args[i].text);
      continue;
    }
    const uint64_t word = word_of(type, call.args[i], i + call.args[i].number);
    const bool is_field = plan_.program.args[i].source == REDAN_SOURCE_FIELD;
    if (is_field)
      record.put(offset, word);
    else
      parameters[*arg.index] = word;
    const uint8_t size = plan_.program.args[i].size_slot;
    if (size == 0) continue;
    const redan_hook_arg& size_arg = plan_.program.args[size - 1];
    if (is_field)
      record.put(size_arg.offset, call.args[i].text.size());
    else
      parameters[size_arg.index] = call.args[i].text.size();
  }
  const uint64_t returned = hook.return_arg ? word_of(**hook.return_arg->type, call.returned, 3) : 0;
  const matching_process process = process_of(call.process, is_compat);
  const bool is_tracepoint = hook.section == policy::Section::kTracepoints && !*hook.raw;

  const redan_hook_counters before = matching_counters();
  matching_run(&process, parameters.data(), returned, is_tracepoint ? record.bytes.data() : nullptr);
  return counted_verdict(before, matching_counters());
}

}  // namespace redan::test
