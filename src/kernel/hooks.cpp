// SPDX-License-Identifier: Apache-2.0
#include "kernel/hooks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "generated/hook.skel.h"
#include "kernel/hook_sets.h"
#include "kernel/hook_targets.h"
#include "kernel/libbpf_messages.h"
#include "kernel/symbols.h"

namespace redan::kernel {
namespace {

constexpr uint32_t kScratchEntriesMost = 64;
constexpr uint32_t kScratchEntriesLeast = 8;

struct DestroySkeleton {
  void operator()(hook* skeleton) const { hook__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { ::bpf_link__destroy(link); }
};
using Skeleton = std::unique_ptr<hook, DestroySkeleton>;
using Link = std::unique_ptr<bpf_link, DestroyLink>;

// Both objects map their .bss to the same page of counters.
static_assert(sizeof(std::declval<hook>().bss->counters) == sizeof(redan_counters));

bpf_program* program_of(const hook& skeleton, HookAttachment attachment) {
  switch (attachment) {
    case HookAttachment::kLsm: return skeleton.progs.hook_lsm;
    case HookAttachment::kFentry: return skeleton.progs.hook_fentry;
    case HookAttachment::kFexit: return skeleton.progs.hook_fexit;
    case HookAttachment::kKprobe: return skeleton.progs.hook_kprobe;
    case HookAttachment::kTracepoint: return skeleton.progs.hook_tracepoint;
    case HookAttachment::kRawTracepoint: return skeleton.progs.hook_raw_tracepoint;
  }
  return nullptr;
}

/// Whether the program names its target when it is loaded, not when it is attached.
bool has_load_target(HookAttachment attachment) {
  return attachment == HookAttachment::kLsm || attachment == HookAttachment::kFentry ||
         attachment == HookAttachment::kFexit;
}

bool has_type(const redan_hook_plan& plan, std::initializer_list<int> types) {
  return std::any_of(std::begin(plan.args), std::end(plan.args), [&](const redan_hook_arg& arg) {
    return std::find(types.begin(), types.end(), arg.type) != types.end();
  });
}

bool has_rate_limit(const redan_hook_plan& plan) {
  return std::any_of(std::begin(plan.selectors), std::end(plan.selectors),
                     [](const redan_selector& selector) { return selector.rate_ms != 0; });
}

/// Tracking needs an argument or a returned value that is a socket.
bool uses_sockets(const redan_hook_plan& plan) { return has_type(plan, {REDAN_ARG_SOCK, REDAN_ARG_SOCKET}); }

bool uses_binary(const redan_hook_plan& plan) { return (plan.fields & (1u << REDAN_FIELD_BINARY)) != 0; }

/// What the kernel accounts for a map (fs/fdinfo); 0 if it does not say.
uint64_t map_memory(int fd) {
  std::ifstream file(fmt::format("/proc/self/fdinfo/{}", fd));
  std::string word;
  uint64_t bytes = 0;
  while (file >> word) {
    if (word == "memlock:") file >> bytes;
  }
  return bytes;
}

Result<bpf_prog_info> program_info(int fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return errno_error("ask for facts about a hook");
  return info;
}

__u64 load(__u64& counter) { return std::atomic_ref<__u64>(counter).load(std::memory_order_relaxed); }

Error refusal(const HookTarget& target, int error_number, const LibbpfMessages& messages) {
  const ErrorCode code = error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel;
  return Error{code,
               fmt::format("the kernel did not take the hook {}/{}: {} ({})", hook_attachment_name(target.attachment),
                           target.name, messages.summary(), std::strerror(error_number))};
}

}  // namespace

std::string_view hook_attachment_name(HookAttachment attachment) {
  switch (attachment) {
    case HookAttachment::kLsm: return "lsm";
    case HookAttachment::kFentry: return "fentry";
    case HookAttachment::kFexit: return "fexit";
    case HookAttachment::kKprobe: return "kprobe";
    case HookAttachment::kTracepoint: return "tracepoint";
    case HookAttachment::kRawTracepoint: return "raw_tracepoint";
  }
  return "";
}

// --- LoadedHook ---

struct LoadedHook::State {
  Skeleton skeleton;
  Link link;
  HookFacts facts;
  std::string subsystem;  ///< of a tracepoint

  bpf_program* program() const { return program_of(*skeleton, facts.attachment); }
};

LoadedHook::LoadedHook(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedHook::~LoadedHook() = default;

Result<void> LoadedHook::attach() {
  const LibbpfMessages messages;
  const char* target = state_->facts.target.c_str();
  bpf_link* link = nullptr;
  switch (state_->facts.attachment) {
    case HookAttachment::kLsm: link = ::bpf_program__attach_lsm(state_->program()); break;
    case HookAttachment::kFentry:
    case HookAttachment::kFexit: link = ::bpf_program__attach_trace(state_->program()); break;
    case HookAttachment::kKprobe: link = ::bpf_program__attach_kprobe(state_->program(), false, target); break;
    case HookAttachment::kTracepoint:
      link = ::bpf_program__attach_tracepoint(state_->program(), state_->subsystem.c_str(), target);
      break;
    case HookAttachment::kRawTracepoint: link = ::bpf_program__attach_raw_tracepoint(state_->program(), target); break;
  }
  if (link == nullptr) {
    const int error = errno;
    const bool full = error == E2BIG;  // BPF_MAX_TRAMP_LINKS, include/linux/bpf.h
    return Error{error == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel,
                 fmt::format("attach {}/{}: {}", hook_attachment_name(state_->facts.attachment), target,
                             full ? "the function has as many programs as it can take (38)" : std::strerror(error))};
  }
  state_->link.reset(link);
  return {};
}

void LoadedHook::detach() { state_->link.reset(); }

const HookFacts& LoadedHook::facts() const { return state_->facts; }

redan_hook_counters LoadedHook::counters() const {
  redan_hook_counters& shared = state_->skeleton->data_hook->hook_counters;
  redan_hook_counters copy{};
  for (size_t i = 0; i < REDAN_HOOK_SELECTORS; ++i) {
    copy.matched[i] = load(shared.matched[i]);
    copy.posted[i] = load(shared.posted[i]);
  }
  copy.not_posted = load(shared.not_posted);
  copy.rate_limited = load(shared.rate_limited);
  copy.lost = load(shared.lost);
  copy.no_scratch = load(shared.no_scratch);
  copy.unreadable = load(shared.unreadable);
  copy.no_task_storage = load(shared.no_task_storage);
  return copy;
}

Result<HookRuns> LoadedHook::runs() const {
  REDAN_ASSIGN(const bpf_prog_info info, program_info(::bpf_program__fd(state_->program())));
  return HookRuns{.count = info.run_cnt, .nanoseconds = info.run_time_ns, .missed = info.recursion_misses};
}

int LoadedHook::program_fd() const { return ::bpf_program__fd(state_->program()); }

// --- HookLoader ---

struct HookLoader::State {
  Fd ring, task_states, counters;
  uint64_t ring_bytes = 0;
  redan_settings settings{};
  std::string btf;
  HookingFacts facts;
  KernelSymbols symbols;
  uint32_t scratch_entries = kScratchEntriesMost;
  std::map<std::string, Fd> pools;  ///< maps that all hooks share, made with the first hook that needs them

  Result<Skeleton> open(const event::HookPlan& plan, const HookTarget& target);
  Result<void> share_maps(const event::HookPlan& plan, hook& skeleton);
  Result<void> share_pool(bpf_map* map, bool used);
  Result<void> keep_pools(const hook& skeleton);
  Result<Skeleton> load_program(const event::HookPlan& plan, const HookTarget& target);
  Result<HookFacts> facts_of(const hook& skeleton, const HookTarget& target) const;
};

namespace {

std::array<bpf_map*, 3> pool_maps(const hook& skeleton) {
  return {skeleton.maps.hook_scratches, skeleton.maps.hook_sockets, skeleton.maps.hook_rates};
}

/// The maps that a hook has for itself.
bool is_own_map(const hook& skeleton, const bpf_map* map) {
  const auto pools = pool_maps(skeleton);
  return std::find(pools.begin(), pools.end(), map) == pools.end() && map != skeleton.maps.bss &&
         map != skeleton.maps.process_ring && map != skeleton.maps.task_states;
}

Result<void> reuse(bpf_map* map, int fd) {
  if (const int error = ::bpf_map__reuse_fd(map, fd); error != 0) {
    return errno_error(fmt::format("share {}", ::bpf_map__name(map)), -error);
  }
  return {};
}

}  // namespace

Result<void> HookLoader::State::share_pool(bpf_map* map, bool used) {
  if (!used) {
    ::bpf_map__set_autocreate(map, false);
    return {};
  }
  const auto found = pools.find(::bpf_map__name(map));
  return found == pools.end() ? Result<void>() : reuse(map, found->second.get());
}

Result<void> HookLoader::State::keep_pools(const hook& skeleton) {
  for (const bpf_map* map : pool_maps(skeleton)) {
    if (!::bpf_map__autocreate(map) || pools.contains(::bpf_map__name(map))) continue;
    Fd fd(::fcntl(::bpf_map__fd(map), F_DUPFD_CLOEXEC, 3));
    if (!fd) return errno_error("keep a map");
    pools.emplace(::bpf_map__name(map), std::move(fd));
  }
  return {};
}

Result<void> HookLoader::State::share_maps(const event::HookPlan& plan, hook& skeleton) {
  REDAN_TRY(reuse(skeleton.maps.process_ring, ring.get()));
  REDAN_TRY(reuse(skeleton.maps.task_states, task_states.get()));
  REDAN_TRY(reuse(skeleton.maps.bss, counters.get()));
  // Part of task_state.h, of use to the sensor only.
  ::bpf_map__set_autocreate(skeleton.maps.leaderless_states, false);
  ::bpf_map__set_max_entries(skeleton.maps.hook_scratches, scratch_entries);
  REDAN_TRY(share_pool(skeleton.maps.hook_scratches, true));
  REDAN_TRY(share_pool(skeleton.maps.hook_sockets, uses_sockets(plan.program)));
  REDAN_TRY(share_pool(skeleton.maps.hook_rates, has_rate_limit(plan.program)));
  ::bpf_map__set_autocreate(skeleton.maps.hook_binaries, uses_binary(plan.program));
  return {};
}

Result<Skeleton> HookLoader::State::open(const event::HookPlan& plan, const HookTarget& target) {
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.btf_custom_path = btf.empty() ? nullptr : btf.c_str();
  Skeleton skeleton(hook__open_opts(&options));
  if (skeleton == nullptr) return errno_error("open a hook's object");

  // The skeleton types .rodata as constant, which it becomes when it is loaded.
  const_cast<redan_settings&>(skeleton->rodata->settings) = settings;
  auto& own_settings = const_cast<redan_hook_settings&>(skeleton->rodata->hook_settings);
  own_settings.ring_limit = static_cast<uint32_t>(ring_bytes / 2);
  own_settings.scratch_entries = scratch_entries;
  auto& program_plan = const_cast<redan_hook_plan&>(skeleton->rodata->plan);
  program_plan = plan.program;
  program_plan.parameters = target.parameters;

  bpf_program* wanted = program_of(*skeleton, target.attachment);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton->obj)::bpf_program__set_autoload(program, program == wanted);
  if (has_load_target(target.attachment)) {
    if (const int error = ::bpf_program__set_attach_target(wanted, 0, target.name.c_str()); error != 0) {
      return errno_error(fmt::format("{}/{}", hook_attachment_name(target.attachment), target.name), -error);
    }
  }
  size_hook_sets(plan, *skeleton);
  REDAN_TRY(share_maps(plan, *skeleton));
  return skeleton;
}

Result<Skeleton> HookLoader::State::load_program(const event::HookPlan& plan, const HookTarget& target) {
  const LibbpfMessages messages;
  REDAN_ASSIGN(Skeleton skeleton, open(plan, target));
  if (const int error = hook__load(skeleton.get()); error != 0) return refusal(target, -error, messages);
  REDAN_TRY(keep_pools(*skeleton));
  REDAN_TRY(fill_hook_sets(plan, *skeleton));
  return skeleton;
}

Result<HookFacts> HookLoader::State::facts_of(const hook& skeleton, const HookTarget& target) const {
  REDAN_ASSIGN(const bpf_prog_info info, program_info(::bpf_program__fd(program_of(skeleton, target.attachment))));
  HookFacts told{.attachment = target.attachment,
                 .target = target.name,
                 .instructions = static_cast<uint32_t>(info.xlated_prog_len / sizeof(bpf_insn)),
                 .verified_instructions = info.verified_insns};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton.obj) {
    if (::bpf_map__autocreate(map) && is_own_map(skeleton, map)) told.map_bytes += map_memory(::bpf_map__fd(map));
  }
  return told;
}

HookLoader::HookLoader(std::unique_ptr<State> state) : state_(std::move(state)) {}
HookLoader::~HookLoader() = default;

Result<std::unique_ptr<HookLoader>> HookLoader::make(const SensorParts& sensor) {
  REDAN_ASSIGN(KernelSymbols symbols, KernelSymbols::load(sensor.btf));
  const int cpus = ::libbpf_num_possible_cpus();
  const auto wanted = std::bit_ceil(4u * static_cast<uint32_t>(std::max(cpus, 1)));
  auto state = std::unique_ptr<State>(new State{
      .ring = Fd(::fcntl(sensor.ring, F_DUPFD_CLOEXEC, 3)),
      .task_states = Fd(::fcntl(sensor.task_states, F_DUPFD_CLOEXEC, 3)),
      .counters = Fd(::fcntl(sensor.counters, F_DUPFD_CLOEXEC, 3)),
      .ring_bytes = sensor.ring_bytes,
      .settings = sensor.settings,
      .btf = sensor.btf,
      .facts = HookingFacts::look_up(),
      .symbols = std::move(symbols),
      .scratch_entries = std::clamp(wanted, kScratchEntriesLeast, kScratchEntriesMost),
  });
  if (!state->ring || !state->task_states || !state->counters) return errno_error("share the sensor's maps");
  return std::unique_ptr<HookLoader>(new HookLoader(std::move(state)));
}

Result<std::unique_ptr<LoadedHook>> HookLoader::load(const event::HookPlan& plan) {
  REDAN_ASSIGN(const std::vector<HookTarget> targets, hook_targets(plan, state_->symbols, state_->facts));
  std::optional<Error> first_refusal;
  for (const HookTarget& target : targets) {
    Result<Skeleton> skeleton = state_->load_program(plan, target);
    if (!skeleton) {
      // What the best way was refused for says most; the others are substitutes.
      if (!first_refusal) first_refusal = std::move(skeleton).error();
      continue;
    }
    REDAN_ASSIGN(HookFacts facts, state_->facts_of(**skeleton, target));
    auto loaded = std::make_unique<LoadedHook::State>();
    loaded->skeleton = std::move(skeleton).value();
    loaded->facts = std::move(facts);
    loaded->subsystem = plan.info->subsystem;
    return std::unique_ptr<LoadedHook>(new LoadedHook(std::move(loaded)));
  }
  return std::move(*first_refusal);
}

}  // namespace redan::kernel
