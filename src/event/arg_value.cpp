// SPDX-License-Identifier: Apache-2.0
#include "event/arg_value.h"

#include <array>
#include <cstring>
#include <string_view>

#include "event/decode.h"

namespace redan::event {
namespace {

/// Up to the first NUL, or all of it.
std::string_view until_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

template <size_t N>
std::string name_of(const char (&name)[N]) {
  return std::string(until_nul({name, N}));
}

/// The decoder has seen to the length.
template <typename T>
T content_as(const ArgView& view) {
  T value;
  std::memcpy(&value, view.content.data(), sizeof(T));
  return value;
}

template <typename T>
ArgValue plain_value(const ArgView& view) {
  return content_as<T>(view);
}

ArgValue text_value(const ArgView& view) { return std::string(until_nul(view.content)); }

ArgValue buffer_value(const ArgView& view) {
  const auto kept = static_cast<uint32_t>(view.content.size());
  const bool cut = (view.fixed.flags & REDAN_ARG_CUT) != 0 && view.fixed.aux > kept;
  return BufferArg{.bytes = std::string(view.content), .whole = cut ? view.fixed.aux : kept};
}

ArgValue file_value(const ArgView& view) {
  FileArg file{.path = {}, .mode = view.fixed.aux, .unresolved = (view.fixed.flags & REDAN_ARG_UNRESOLVED) != 0};
  if ((view.fixed.flags & REDAN_ARG_NO_PATH) != 0) return file;
  file.path = view.content;
  if (file.path.empty()) file.path = '/';  // a path of which nothing could be had, as upstream shows it
  if ((view.fixed.flags & REDAN_ARG_DELETED) != 0) file.path += " (deleted)";
  return file;
}

ArgValue unix_address_value(const ArgView& view) {
  const bool is_abstract = view.content.starts_with('\0');
  return UnixAddressArg{.family = view.fixed.aux,
                        .name = std::string(is_abstract ? view.content : until_nul(view.content))};
}

ArgValue perf_event_value(const ArgView& view) {
  const auto perf = content_as<redan_arg_perf>(view);
  return PerfEventArg{
      .config = perf.config, .probe_offset = perf.probe_offset, .type = perf.type, .function = name_of(perf.function)};
}

ArgValue module_value(const ArgView& view) {
  const auto module = content_as<redan_arg_module>(view);
  return ModuleArg{.taints = module.taints, .signature_ok = module.signature_ok != 0, .name = name_of(module.name)};
}

ArgValue no_value(const ArgView&) { return {}; }

using MakeValue = ArgValue (*)(const ArgView&);

/// By enum redan_arg_type. The decoder lets none of another type pass.
constexpr std::array<MakeValue, REDAN_ARG_TYPE_COUNT> kMakers = [] {
  std::array<MakeValue, REDAN_ARG_TYPE_COUNT> makers{};
  makers.fill(no_value);
  for (const auto type : {REDAN_ARG_NUMBER, REDAN_ARG_CAPABILITY, REDAN_ARG_CAP_SET, REDAN_ARG_SYSCALL})
    makers[type] = plain_value<uint64_t>;
  for (const auto type : {REDAN_ARG_STRING, REDAN_ARG_FILENAME, REDAN_ARG_NET_DEVICE, REDAN_ARG_DATA_LOC})
    makers[type] = text_value;
  for (const auto type : {REDAN_ARG_BYTES, REDAN_ARG_IOVEC, REDAN_ARG_IOV_ITER, REDAN_ARG_ARRAY})
    makers[type] = buffer_value;
  for (const auto type :
       {REDAN_ARG_FILE, REDAN_ARG_PATH, REDAN_ARG_DENTRY, REDAN_ARG_FD, REDAN_ARG_KIOCB, REDAN_ARG_BINPRM})
    makers[type] = file_value;
  for (const auto type : {REDAN_ARG_SOCK, REDAN_ARG_SOCKET, REDAN_ARG_SKB, REDAN_ARG_SOCKADDR})
    makers[type] = plain_value<redan_arg_socket>;
  for (const auto type : {REDAN_ARG_BPF_ATTR, REDAN_ARG_BPF_PROG, REDAN_ARG_BPF_MAP})
    makers[type] = plain_value<redan_arg_bpf>;
  for (const auto type : {REDAN_ARG_MODULE, REDAN_ARG_LOAD_INFO}) makers[type] = module_value;
  makers[REDAN_ARG_SOCKADDR_UN] = unix_address_value;
  makers[REDAN_ARG_CRED] = plain_value<redan_arg_cred>;
  makers[REDAN_ARG_USER_NS] = plain_value<redan_arg_user_ns>;
  makers[REDAN_ARG_PERF_EVENT] = perf_event_value;
  return makers;
}();

}  // namespace

ArgValue arg_value(const ArgView& view) {
  if ((view.fixed.flags & REDAN_ARG_UNREADABLE) != 0) return UnreadableArg{};
  return kMakers[view.fixed.type](view);
}

}  // namespace redan::event
