// SPDX-License-Identifier: Apache-2.0
#include "event/hook_facts.h"

#include <array>
#include <charconv>
#include <string>
#include <string_view>

namespace redan::event {
namespace {

/// By HookSection.
constexpr std::array<std::string_view, 5> kSections = {"kprobes", "fentries", "tracepoints", "rawtracepoints",
                                                       "lsmhooks"};
static_assert(kSections.size() == static_cast<size_t>(HookSection::kLsmHooks) + 1);

// clang-format off
/// By ArgType.
constexpr std::array<std::string_view, 44> kArgTypes = {
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "size_t",
    "string", "char_buf", "char_iovec", "iov_iter", "filename", "file", "path", "dentry", "fd", "kiocb", "linux_binprm",
    "sock", "socket", "skb", "sockaddr", "sockaddr_un", "cred", "user_namespace", "capability",
    "kernel_cap_t", "cap_inheritable", "cap_permitted", "cap_effective",
    "bpf_attr", "bpf_prog", "bpf_map", "bpf_cmd", "perf_event", "module", "load_info", "net_device", "data_loc", "const_buf",
    "syscall64", "nop",
};
// clang-format on
static_assert(kArgTypes.size() == static_cast<size_t>(ArgType::kNop) + 1);

/// What an argument is to its event.
struct Role {
  std::string_view word;
  bool is_return;
  bool is_data;
};
constexpr std::array kRoles = {Role{"arg", false, false}, Role{"return", true, false}, Role{"data", false, true},
                               Role{"return+data", true, true}};

template <typename Enum, size_t N>
std::optional<Enum> parse_word(const std::array<std::string_view, N>& words, std::string_view word) {
  for (size_t i = 0; i < N; ++i) {
    if (words[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string_view take_word(std::string_view& text) {
  const size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

/// "SLOT TYPE ROLE LABEL"
std::string arg_text(const HookArg& arg) {
  std::string text = std::to_string(arg.slot) + ' ' + std::string(kArgTypes[static_cast<size_t>(arg.type)]) + ' ';
  for (const Role& role : kRoles) {
    if (role.is_return == arg.is_return && role.is_data == arg.is_data) text += role.word;
  }
  return text + ' ' + arg.label;
}

std::optional<HookArg> parse_arg(std::string_view text) {
  const auto slot = parse_number<uint8_t>(take_word(text));
  const auto type = parse_word<ArgType>(kArgTypes, take_word(text));
  const std::string_view word = take_word(text);
  if (!slot || !type) return std::nullopt;
  for (const Role& role : kRoles) {
    if (role.word != word) continue;
    return HookArg{
        .slot = *slot, .type = *type, .label = std::string(text), .is_return = role.is_return, .is_data = role.is_data};
  }
  return std::nullopt;
}

}  // namespace

Facts hook_facts(const HookInfo& hook) {
  Facts facts = {{"id", std::to_string(hook.id)},
                 {"section", std::string(kSections[static_cast<size_t>(hook.section)])},
                 {"name", hook.name},
                 {"subsystem", hook.subsystem},
                 {"policy", hook.policy},
                 {"message", hook.message}};
  for (const std::string& tag : hook.tags) facts.emplace_back("tag", tag);
  for (const HookArg& arg : hook.args) facts.emplace_back("arg", arg_text(arg));
  return facts;
}

std::optional<HookInfo> parse_hook(const Facts& facts) {
  const auto id = parse_number<uint32_t>(fact(facts, "id"));
  const auto section = parse_word<HookSection>(kSections, fact(facts, "section"));
  if (!id || !section) return std::nullopt;
  HookInfo hook{.id = *id,
                .section = *section,
                .name = std::string(fact(facts, "name")),
                .subsystem = std::string(fact(facts, "subsystem")),
                .policy = std::string(fact(facts, "policy")),
                .message = std::string(fact(facts, "message")),
                .tags = {},
                .args = {}};
  for (const auto& [key, value] : facts) {
    if (key == "tag") hook.tags.push_back(value);
    if (key != "arg") continue;
    std::optional<HookArg> arg = parse_arg(value);
    if (!arg) return std::nullopt;
    hook.args.push_back(std::move(*arg));
  }
  return hook;
}

}  // namespace redan::event
