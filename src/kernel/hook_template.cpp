// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_template.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "generated/hook.skel.h"
#include "kernel/libbpf_messages.h"

namespace redan::kernel {
namespace {

struct DestroySkeleton {
  void operator()(hook* skeleton) const { hook__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<hook, DestroySkeleton>;

struct Kind {
  const char* section;
  bpf_prog_type type;
  bpf_attach_type attach_type;
};
/// In the order of HookTemplate::programs.
constexpr std::array<Kind, kHookAttachments + 1> kKinds = {{
    {"hook/lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC},
    {"hook/fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY},
    {"hook/fexit", BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT},
    {"hook/kprobe", BPF_PROG_TYPE_KPROBE, bpf_attach_type{}},
    {"hook/tracepoint", BPF_PROG_TYPE_TRACEPOINT, bpf_attach_type{}},
    {"hook/raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, bpf_attach_type{}},
    {"hook/kretprobe", BPF_PROG_TYPE_KPROBE, bpf_attach_type{}},
    {"hook/entry", BPF_PROG_TYPE_KPROBE, bpf_attach_type{}},
}};

std::vector<std::byte> copy_of(const void* begin, size_t size) {
  const auto* bytes = static_cast<const std::byte*>(begin);
  return {bytes, bytes + size};
}

/// What the programs' handler needs while libbpf loads the object.
struct Capture {
  HookTemplate* to = nullptr;
  const bpf_object* object = nullptr;
  std::vector<int> fds;  ///< of to->maps, by index; there are none before the object is being loaded

  /// The map behind a 64-bit load; nothing: it loads something else.
  std::optional<uint32_t> map_of(const bpf_insn& insn) const {
    if (insn.code != (BPF_LD | BPF_IMM | BPF_DW)) return std::nullopt;
    if (insn.src_reg != BPF_PSEUDO_MAP_FD && insn.src_reg != BPF_PSEUDO_MAP_VALUE) return std::nullopt;
    const auto found = std::find(fds.begin(), fds.end(), insn.imm);
    if (found == fds.end()) return std::nullopt;
    return static_cast<uint32_t>(found - fds.begin());
  }
};

void find_map_uses(HookProgram& program, const Capture& capture) {
  for (uint32_t i = 0; i < program.instructions.size(); ++i) {
    if (const auto map = capture.map_of(program.instructions[i])) {
      program.map_uses.push_back({.instruction = i, .map = *map});
    }
    // The second half of a 64-bit load is no instruction.
    if (program.instructions[i].code == (BPF_LD | BPF_IMM | BPF_DW)) ++i;
  }
}

/// libbpf's callback of a section, when the program is about to be loaded: keeps it, and has "return 0" loaded in its place.
int keep_program(bpf_program* program, bpf_prog_load_opts* options, long cookie) {
  auto& capture = *reinterpret_cast<Capture*>(cookie);
  const char* section = ::bpf_program__section_name(program);
  const auto* kind =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& it) { return !std::strcmp(it.section, section); });
  if (kind == kKinds.end()) return -EINVAL;
  HookProgram& kept = capture.to->programs[static_cast<size_t>(kind - kKinds.begin())];
  const bpf_insn* begin = ::bpf_program__insns(program);
  kept.type = kind->type;
  kept.attach_type = kind->attach_type;
  kept.instructions.assign(begin, begin + ::bpf_program__insn_cnt(program));
  kept.function_size = options->func_info_rec_size;
  kept.functions = copy_of(options->func_info, size_t{options->func_info_cnt} * options->func_info_rec_size);
  kept.line_size = options->line_info_rec_size;
  kept.lines = copy_of(options->line_info, size_t{options->line_info_cnt} * options->line_info_rec_size);
  if (!capture.to->types) capture.to->types.reset(::fcntl(static_cast<int>(options->prog_btf_fd), F_DUPFD_CLOEXEC, 3));
  if (capture.fds.empty()) {
    const bpf_map* map = nullptr;
    bpf_object__for_each_map(map, capture.object) capture.fds.push_back(::bpf_map__fd(map));
  }
  find_map_uses(kept, capture);

  bpf_insn nothing[2]{};
  nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  nothing[1].code = BPF_JMP | BPF_EXIT;
  options->prog_btf_fd = 0;
  options->func_info_cnt = options->line_info_cnt = 0;
  return ::bpf_program__set_insns(program, nothing, std::size(nothing));
}

/// While it lives, libbpf hands programs of sections that it does not know to keep_program(). Not a handler for each section: libbpf
/// 1.1 frees its table of those twice when it was empty in between.
class Handler {
 public:
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  explicit Handler(Capture& capture) {
    libbpf_prog_handler_opts options{};
    options.sz = sizeof(options);
    options.cookie = reinterpret_cast<long>(&capture);
    options.prog_prepare_load_fn = keep_program;
    // Of a type that needs no target: what is loaded returns 0.
    id_ = ::libbpf_register_prog_handler(nullptr, BPF_PROG_TYPE_SOCKET_FILTER, bpf_attach_type{}, &options);
  }
  ~Handler() {
    if (id_ >= 0) ::libbpf_unregister_prog_handler(id_);
  }
  int id() const { return id_; }

 private:
  int id_;
};

HookMapRole role_of(const hook& skeleton, const bpf_map* map) {
  const auto& maps = skeleton.maps;
  if (map == maps.rodata) return HookMapRole::kPlan;
  if (map == maps.data_hook) return HookMapRole::kCounters;
  if (map == maps.bss) return HookMapRole::kSensorCounters;
  if (map == maps.process_ring) return HookMapRole::kRing;
  if (map == maps.task_states) return HookMapRole::kTaskStates;
  if (map == maps.follow_marks) return HookMapRole::kFollowMarks;
  if (map == maps.leaderless_states) return HookMapRole::kUnused;
  if (map == maps.hook_place) return HookMapRole::kPlace;
  if (map == maps.hook_scratches || map == maps.hook_sockets || map == maps.hook_rates || map == maps.hook_entries) {
    return HookMapRole::kPool;
  }
  return HookMapRole::kOwn;
}

HookMapShape shape_of(const hook& skeleton, const bpf_map* map) {
  return {.name = ::bpf_map__name(map),
          .role = role_of(skeleton, map),
          .type = ::bpf_map__type(map),
          .key_size = ::bpf_map__key_size(map),
          .value_size = ::bpf_map__value_size(map),
          .max_entries = ::bpf_map__max_entries(map),
          .flags = ::bpf_map__map_flags(map),
          .key_type = ::bpf_map__btf_key_type_id(map),
          .value_type = ::bpf_map__btf_value_type_id(map)};
}

/// The object's own maps are only there to be told apart.
void make_small(bpf_map* map) {
  const bpf_map_type type = ::bpf_map__type(map);
  if (type == BPF_MAP_TYPE_RINGBUF) {
    ::bpf_map__set_max_entries(map, 4096);
  } else if (type != BPF_MAP_TYPE_TASK_STORAGE) {
    ::bpf_map__set_max_entries(map, 1);
  }
}

Error refusal(int error_number, const LibbpfMessages& messages) {
  return Error{error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel,
               fmt::format("libbpf cannot prepare the programs of hooks: {} ({})", messages.summary(),
                           std::strerror(error_number))};
}

}  // namespace

Result<HookTemplate> HookTemplate::make(const std::string& btf) {
  const LibbpfMessages messages;
  HookTemplate made;
  Capture capture{.to = &made, .object = nullptr, .fds = {}};
  const Handler handler(capture);
  if (handler.id() < 0) return errno_error("libbpf_register_prog_handler", -handler.id());

  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.btf_custom_path = btf.empty() ? nullptr : btf.c_str();
  const Skeleton skeleton(hook__open_opts(&options));
  if (skeleton == nullptr) return refusal(errno, messages);
  size_t plan_size = 0;
  const void* plan = ::bpf_map__initial_value(skeleton->maps.rodata, &plan_size);
  made.plan = copy_of(plan, plan_size);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    made.maps.push_back(shape_of(*skeleton, map));
    make_small(map);
  }
  capture.object = skeleton->obj;
  if (const int error = hook__load(skeleton.get()); error != 0) return refusal(-error, messages);
  if (!made.types) return Error{ErrorCode::kKernel, "this kernel does not take the types (BTF) of BPF programs"};
  return made;
}

}  // namespace redan::kernel
