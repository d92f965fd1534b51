// SPDX-License-Identifier: Apache-2.0
#include "property/words.h"

#include <algorithm>

#include <fmt/format.h>

#include "property/generator.h"

namespace redan::test {

std::string yaml_quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const bool is_plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    out += is_plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out + "\"";
}

std::string address_text(const std::array<uint8_t, 16>& a, bool is_v6) {
  if (!is_v6) return fmt::format("{}.{}.{}.{}", a[0], a[1], a[2], a[3]);
  std::string text;
  for (size_t i = 0; i < a.size(); i += 2)
    text += fmt::format("{}{:x}", i == 0 ? "" : ":", static_cast<unsigned>(a[i] << 8 | a[i + 1]));
  return text;
}

bool is_path_type(redan_arg_type type) {
  constexpr std::array kPaths = {REDAN_ARG_FILE, REDAN_ARG_PATH,  REDAN_ARG_DENTRY,
                                 REDAN_ARG_FD,   REDAN_ARG_KIOCB, REDAN_ARG_BINPRM};
  return std::ranges::find(kPaths, type) != kPaths.end();
}

namespace {

std::string possible_path(const std::string& text) {
  constexpr std::string_view kDeleted = " (deleted)";
  constexpr size_t kLongestName = 255;
  std::string path;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = std::min(text.find('/', at), text.size());
    if (end > at) path += "/" + text.substr(at, std::min(end - at, kLongestName));
    at = end + 1;
  }
  const std::string nameless = "/" + std::string(kDeleted);
  if (path.ends_with(nameless)) path.resize(path.size() - nameless.size());
  return path;
}

}  // namespace

std::string possible_text(redan_arg_type type, std::string text) {
  constexpr size_t kDeviceName = 15, kSocketName = 107, kLongest = 4095;
  if (text.size() > kLongest) text.resize(kLongest);
  if (type == REDAN_ARG_BYTES) return text;
  if (type == REDAN_ARG_SOCKADDR_UN && (text.empty() || text[0] == '\0')) {
    text.resize(kSocketName + 1);
    return text;
  }
  text.resize(std::min(text.find('\0'), text.size()));
  if (is_path_type(type)) return possible_path(text);
  if (type == REDAN_ARG_NET_DEVICE) text.resize(std::min(text.size(), kDeviceName));
  if (type == REDAN_ARG_SOCKADDR_UN) text.resize(std::min(text.size(), kSocketName));
  return text;
}

std::string describe(const policy::Observation& call) {
  std::string text;
  for (const policy::ObservedProcess::Level& level : call.process.levels)
    text += fmt::format("pid {} ns_pid {}; ", level.pid, level.ns_pid);
  text += fmt::format(
      "binary {}; capabilities {:#x} {:#x} {:#x}; other user ns {}; namespaces {}; changes {:#x} {:#x} {:#x} {:#x}\n",
      call.process.binary ? yaml_quoted(*call.process.binary) : "none", call.process.effective,
      call.process.inheritable, call.process.permitted, call.process.is_in_other_user_ns,
      fmt::join(call.process.namespaces.inum, " "), call.process.namespace_changes, call.process.effective_changes,
      call.process.inheritable_changes, call.process.permitted_changes);
  const auto add = [&](const std::string& name, const policy::Observed& value) {
    const policy::ObservedSocket& socket = value.socket;
    text += fmt::format(
        "{}: {}number {:#x} text {} file type {} family {} protocol {} state {} from {} {} or {} to {} {} or {}\n",
        name, value.is_readable ? "" : "unreadable; ", value.number, yaml_quoted(value.text), value.file_type,
        socket.family, socket.protocol, socket.state, socket.sport, address_text(socket.saddr, false),
        address_text(socket.saddr, true), socket.dport, address_text(socket.daddr, false),
        address_text(socket.daddr, true));
  };
  for (size_t i = 0; i < call.args.size(); ++i) add(fmt::format("argument {}", i), call.args[i]);
  add("returned", call.returned);
  return text;
}

}  // namespace redan::test
