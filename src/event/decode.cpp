// SPDX-License-Identifier: Apache-2.0
#include "event/decode.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace redan::event {
namespace {

template <typename T>
std::optional<T> fixed_part(Bytes frame) {
  if (frame.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, frame.data(), sizeof(T));  // a frame in a recording is not aligned
  return value;
}

/// Takes strings off the front of the bytes behind a fixed part.
class Strings {
 public:
  explicit Strings(Bytes rest) : rest_(rest) {}

  bool take(uint32_t length, uint32_t most, std::string_view& to) {
    if (length > most || length > rest_.size()) return false;
    to = std::string_view(reinterpret_cast<const char*>(rest_.data()), length);
    rest_ = rest_.subspan(length);
    return true;
  }

 private:
  Bytes rest_;
};

std::optional<FrameView> decode_exec(Bytes frame) {
  const auto fixed = fixed_part<redan_exec>(frame);
  if (!fixed) return std::nullopt;
  ExecView view{.fixed = *fixed, .cwd = {}, .filename = {}, .cgroup_name = {}, .args = {}, .environment = {}};
  Strings strings(frame.subspan(sizeof(redan_exec)));
  const bool whole = strings.take(fixed->cwd_len, REDAN_PATH_MAX, view.cwd) &&
                     strings.take(fixed->filename_len, REDAN_PATH_MAX, view.filename) &&
                     strings.take(fixed->cgroup_name_len, REDAN_CGROUP_NAME_MAX, view.cgroup_name) &&
                     strings.take(fixed->args_len, REDAN_ARGS_MAX, view.args) &&
                     strings.take(fixed->env_len, REDAN_ENV_MAX, view.environment);
  if (!whole) return std::nullopt;
  return view;
}

/// The lengths that the bytes of an argument may have.
struct ArgLength {
  uint32_t least = 0;
  uint32_t most = 0;
};

/// By enum redan_arg_type; numbers are eight bytes.
constexpr std::array<ArgLength, REDAN_ARG_TYPE_COUNT> kArgLengths = [] {
  std::array<ArgLength, REDAN_ARG_TYPE_COUNT> lengths{};
  lengths.fill({sizeof(__u64), sizeof(__u64)});
  for (const auto type :
       {REDAN_ARG_STRING, REDAN_ARG_FILENAME, REDAN_ARG_FILE, REDAN_ARG_PATH, REDAN_ARG_DENTRY, REDAN_ARG_FD,
        REDAN_ARG_KIOCB, REDAN_ARG_BINPRM, REDAN_ARG_SOCKADDR_UN, REDAN_ARG_NET_DEVICE, REDAN_ARG_DATA_LOC})
    lengths[type] = {0, REDAN_TEXT_MAX};
  for (const auto type : {REDAN_ARG_BYTES, REDAN_ARG_IOVEC, REDAN_ARG_IOV_ITER, REDAN_ARG_ARRAY})
    lengths[type] = {0, UINT32_MAX};  // a policy says how many
  for (const auto type : {REDAN_ARG_SOCK, REDAN_ARG_SOCKET, REDAN_ARG_SKB, REDAN_ARG_SOCKADDR})
    lengths[type] = {sizeof(redan_arg_socket), sizeof(redan_arg_socket)};
  for (const auto type : {REDAN_ARG_BPF_ATTR, REDAN_ARG_BPF_PROG, REDAN_ARG_BPF_MAP})
    lengths[type] = {sizeof(redan_arg_bpf), sizeof(redan_arg_bpf)};
  for (const auto type : {REDAN_ARG_MODULE, REDAN_ARG_LOAD_INFO})
    lengths[type] = {sizeof(redan_arg_module), sizeof(redan_arg_module)};
  lengths[REDAN_ARG_CRED] = {sizeof(redan_arg_cred), sizeof(redan_arg_cred)};
  lengths[REDAN_ARG_USER_NS] = {sizeof(redan_arg_user_ns), sizeof(redan_arg_user_ns)};
  lengths[REDAN_ARG_PERF_EVENT] = {sizeof(redan_arg_perf), sizeof(redan_arg_perf)};
  return lengths;
}();

/// Takes an argument off `rest`, and the bytes up to the next multiple of eight, which the last argument may lack.
bool take_arg(Bytes& rest, ArgView& to) {
  const auto fixed = fixed_part<redan_arg>(rest);
  if (!fixed || fixed->type == REDAN_ARG_NONE || fixed->type >= REDAN_ARG_TYPE_COUNT) return false;
  rest = rest.subspan(sizeof(redan_arg));
  const ArgLength& length = kArgLengths[fixed->type];
  const bool readable = (fixed->flags & REDAN_ARG_UNREADABLE) == 0;
  if (readable && (fixed->len < length.least || fixed->len > length.most)) return false;
  to.fixed = *fixed;
  if (!Strings(rest).take(fixed->len, UINT32_MAX, to.content)) return false;
  rest = rest.subspan(std::min<size_t>(rest.size(), (size_t{fixed->len} + 7) / 8 * 8));
  return true;
}

std::optional<FrameView> decode_hook(Bytes frame) {
  const auto fixed = fixed_part<redan_hook>(frame);
  if (!fixed || fixed->count > REDAN_HOOK_SLOTS || fixed->args_len > frame.size() - sizeof(redan_hook)) {
    return std::nullopt;
  }
  HookView view{.fixed = *fixed, .slots = {}};
  Bytes rest = frame.subspan(sizeof(redan_hook), fixed->args_len);
  for (uint8_t i = 0; i < fixed->count; ++i) {
    if (!take_arg(rest, view.slots[i])) return std::nullopt;
  }
  return view;
}

std::optional<FrameView> decode_text(Bytes frame) {
  const auto fixed = fixed_part<TextFrame>(frame);
  if (!fixed) return std::nullopt;
  TextView view{.hdr = fixed->hdr, .text = {}};
  if (!Strings(frame.subspan(sizeof(TextFrame))).take(fixed->length, UINT32_MAX, view.text)) return std::nullopt;
  return view;
}

template <typename View, typename Fixed>
std::optional<FrameView> decode_fixed(Bytes frame) {
  const auto fixed = fixed_part<Fixed>(frame);
  if (!fixed) return std::nullopt;
  return View{*fixed};
}

struct Row {
  uint16_t kind;
  std::optional<FrameView> (*decode)(Bytes);
};

constexpr std::array kRows = {
    Row{REDAN_KIND_EXEC, decode_exec},
    Row{REDAN_KIND_FORK, decode_fixed<ForkView, redan_fork>},
    Row{REDAN_KIND_EXIT, decode_fixed<ExitView, redan_exit>},
    Row{REDAN_KIND_HOOK, decode_hook},
    Row{kFrameStart, decode_text},
    Row{kFrameReady, decode_fixed<redan_record, redan_record>},
    Row{kFrameClock, decode_fixed<ClockFrame, ClockFrame>},
    Row{kFrameTick, decode_fixed<redan_record, redan_record>},
    Row{kFrameCounters, decode_fixed<CountersFrame, CountersFrame>},
    Row{kFrameUsers, decode_text},
    Row{kFrameScanBegin, decode_fixed<redan_record, redan_record>},
    Row{kFrameScanEnd, decode_fixed<redan_record, redan_record>},
    Row{kFrameStop, decode_fixed<CountersFrame, CountersFrame>},
    Row{kFrameHook, decode_text},
    Row{kFramePolicy, decode_text},
    Row{kFrameHookLoss, decode_text},
};

}  // namespace

uint16_t kind_of(Bytes frame) {
  const auto hdr = fixed_part<redan_record>(frame);
  return hdr ? hdr->kind : uint16_t{REDAN_KIND_NONE};
}

uint64_t time_of(Bytes frame) {
  const auto hdr = fixed_part<redan_record>(frame);
  return hdr ? hdr->time : 0;
}

std::optional<FrameView> decode(Bytes frame) {
  const uint16_t kind = kind_of(frame);
  for (const Row& row : kRows) {
    if (row.kind == kind) return row.decode(frame);
  }
  return std::nullopt;
}

std::string cwd_text(std::string_view leaf_first) {
  std::string path;
  path.reserve(leaf_first.size() + 1);
  while (!leaf_first.empty()) {
    leaf_first.remove_suffix(leaf_first.back() == '/' ? 1 : 0);
    const size_t slash = leaf_first.rfind('/');
    const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
    path += '/';
    path += leaf_first.substr(begin);
    leaf_first = leaf_first.substr(0, begin);
  }
  return path;
}

std::string cwd_leaf_first(std::string_view path) {
  std::string out;
  out.reserve(path.size() + 1);
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    if (!name.empty()) {
      out += name;
      out += '/';
    }
    path = path.substr(0, slash == std::string_view::npos ? 0 : slash);
  }
  return out;
}

}  // namespace redan::event
