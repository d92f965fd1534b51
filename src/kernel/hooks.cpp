// SPDX-License-Identifier: Apache-2.0
#include "kernel/hooks.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "kernel/follow.h"
#include "kernel/hook_load.h"
#include "kernel/hook_maps.h"
#include "kernel/hook_shortcuts.h"
#include "kernel/hook_sites.h"
#include "kernel/hook_targets.h"
#include "kernel/hook_template.h"
#include "kernel/libbpf_messages.h"
#include "kernel/symbols.h"

namespace redan::kernel {
namespace {

constexpr uint32_t kScratchEntriesMost = 64;
constexpr uint32_t kScratchEntriesLeast = 8;
constexpr rlim_t kFilesMost = 65536;

Result<bpf_prog_info> program_info(int fd) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  if (::bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return errno_error("ask for facts about a hook");
  return info;
}

/// A hook holds two descriptors open, and up to four more at a place of its own. As many as the process may have without asking
/// (often 1,024) are too few for a policy on all system calls.
void allow_more_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kFilesMost);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // a hook that finds none left says so
}

}  // namespace

// --- State ---

namespace {

/// A hook's program for one target, and of its maps what must be open: there can be hundreds of hooks.
struct HookBody {
  HookTarget target;
  Fd next;
  HookCounters counters;
  Fd program;
  HookFacts facts;
  std::vector<std::shared_ptr<FollowedBinaries>> followed;  ///< by filters of the plan
  SystemCalls calls{};
};

/// Those of which the plan can tell that it asks for no others.
SystemCalls system_calls(const event::HookPlan& plan) {
  const redan_hook_shortcuts shortcuts = make_shortcuts(plan);
  SystemCalls calls = every_system_call();
  if (shortcuts.guarded != 0) std::copy(std::begin(shortcuts.guard), std::end(shortcuts.guard), calls.begin());
  return calls;
}

/// Finds out which marks the plan's filters look for.
Result<std::vector<std::shared_ptr<FollowedBinaries>>> follow_binaries(const event::HookPlan& plan,
                                                                       redan_hook_plan& program, Follower& follower) {
  std::vector<std::shared_ptr<FollowedBinaries>> followed;
  for (redan_selector& selector : program.selectors) {
    for (redan_filter& filter : selector.process) {
      if (filter.op != REDAN_OP_FOLLOWED) continue;
      BinaryPaths paths;
      for (const event::SetText& binary : plan.followed) {
        if (binary.set == filter.set) paths.push_back(binary.bytes);
      }
      REDAN_ASSIGN(std::shared_ptr<FollowedBinaries> set, follower.follow(std::move(paths)));
      filter.values[0][0] = set->mark();
      followed.push_back(std::move(set));
    }
  }
  return followed;
}

}  // namespace

struct HookLoader::State {
  SensorParts sensor;
  HookingFacts facts;
  KernelSymbols symbols;
  Follower follower;
  uint32_t scratch_entries = kScratchEntriesMost;
  SensorMaps sensor_maps;
  std::optional<HookTemplate> prepared;  ///< with the first hook, as what follows
  std::optional<HookMapMaker> maker;
  std::optional<HookSites> sites;

  Result<void> prepare();
  Result<HookBody> load(const event::HookPlan& plan, const HookTarget& target);
  /// The first of the targets that the kernel takes, which are removed from the list up to and with it.
  Result<HookBody> load_first(const event::HookPlan& plan, std::vector<HookTarget>& targets);
};

Result<void> HookLoader::State::prepare() {
  if (prepared) return {};
  REDAN_ASSIGN(prepared, HookTemplate::make(sensor.btf));
  maker.emplace(*prepared, std::move(sensor_maps), scratch_entries);
  REDAN_ASSIGN(HookSites made, HookSites::make(symbols, *prepared, *maker));
  sites.emplace(std::move(made));
  return {};
}

Result<HookBody> HookLoader::State::load(const event::HookPlan& plan, const HookTarget& target) {
  const LibbpfMessages quiet;
  REDAN_ASSIGN(const LoadTarget at, load_target(target, symbols));
  redan_hook_plan program_plan = plan.program;
  program_plan.parameters = target.parameters;
  if (target.attachment == HookAttachment::kKretprobe) {
    REDAN_ASSIGN(program_plan.place, sites->place_of(target.name));
  }
  const redan_hook_settings own_settings{.ring_limit = static_cast<uint32_t>(sensor.ring_bytes / 2),
                                         .scratch_entries = scratch_entries};
  REDAN_ASSIGN(auto followed, follow_binaries(plan, program_plan, follower));
  const int marks = followed.empty() ? -1 : followed.front()->marks_fd();
  REDAN_ASSIGN(HookMaps maps, maker->make(plan, program_plan, sensor.settings, own_settings, marks));
  REDAN_ASSIGN(Fd fd, load_program(*prepared, static_cast<size_t>(target.attachment), target, at, maps.all));
  REDAN_ASSIGN(const bpf_prog_info info, program_info(fd.get()));
  HookFacts told{.attachment = target.attachment,
                 .target = target.name,
                 .instructions = static_cast<uint32_t>(info.xlated_prog_len / sizeof(bpf_insn)),
                 .verified_instructions = info.verified_insns,
                 .map_bytes = maps.bytes};
  return HookBody{.target = target,
                  .next = std::move(maps.own[maps.next]),
                  .counters = std::move(maps.counters),
                  .program = std::move(fd),
                  .facts = std::move(told),
                  .followed = std::move(followed),
                  .calls = system_calls(plan)};
}

Result<HookBody> HookLoader::State::load_first(const event::HookPlan& plan, std::vector<HookTarget>& targets) {
  std::optional<Error> first_refusal;
  while (!targets.empty()) {
    const HookTarget target = std::move(targets.front());
    targets.erase(targets.begin());
    Result<HookBody> body = load(plan, target);
    if (body) return body;
    // What the best way was refused for says most; the others are substitutes.
    if (!first_refusal) first_refusal = std::move(body).error();
  }
  return std::move(*first_refusal);
}

// --- LoadedHook ---

struct LoadedHook::State {
  HookLoader::State& loader;
  HookBody body;
  ChainedHook chained;
  uint64_t missed_before = 0;  ///< of the chain, when the hook joined it
  uint64_t missed = 0;         ///< of chains that it has left
  /// Other ways to attach it, and what is needed to go one; nothing once it has been attached.
  std::vector<HookTarget> others;
  std::optional<event::HookPlan> plan;

  void take_body(HookBody now) {
    body = std::move(now);
    chained = {.program = body.program.get(), .next = body.next.get(), .calls = body.calls, .chain = nullptr};
  }
  /// The marks that the hook looks for are there before it runs.
  Result<void> cover() const {
    for (const std::shared_ptr<FollowedBinaries>& set : body.followed) REDAN_TRY(set->cover());
    return {};
  }
  void joined() { missed_before = HookSites::missed(*chained.chain); }
  void leaves() {
    if (chained.chain != nullptr) missed += HookSites::missed(*chained.chain) - missed_before;
  }
};

LoadedHook::LoadedHook(std::unique_ptr<State> state) : state_(std::move(state)) {}
LoadedHook::~LoadedHook() { detach(); }

Result<void> LoadedHook::attach() {
  if (state_->chained.chain != nullptr) return {};
  REDAN_TRY(state_->cover());
  Result<void> done = state_->loader.sites->add(state_->chained, state_->body.target);
  while (!done && state_->plan && !state_->others.empty()) {
    Result<HookBody> other = state_->loader.load_first(*state_->plan, state_->others);
    if (!other) break;
    HookBody before = std::exchange(state_->body, HookBody{});
    state_->take_body(std::move(*other));
    if (state_->loader.sites->add(state_->chained, state_->body.target)) {
      done = {};
    } else {
      state_->take_body(std::move(before));
    }
  }
  if (!done) return done;
  state_->joined();
  state_->others.clear();
  state_->plan.reset();
  return {};
}

Result<void> LoadedHook::attach_in_place_of(Hook& old) {
  auto* other = dynamic_cast<LoadedHook*>(&old);
  State& mine = *state_;
  const bool is_same = other != nullptr && other->state_->chained.chain != nullptr && mine.chained.chain == nullptr &&
                       is_same_site(other->state_->body.target, mine.body.target);
  if (!is_same) {
    REDAN_TRY(attach());
    old.detach();
    return {};
  }
  REDAN_TRY(mine.cover());
  other->state_->leaves();
  REDAN_TRY(mine.loader.sites->replace(other->state_->chained, mine.chained));
  mine.joined();
  return {};
}

void LoadedHook::detach() {
  state_->leaves();
  state_->loader.sites->remove(state_->chained);
}

const HookFacts& LoadedHook::facts() const { return state_->body.facts; }

int LoadedHook::program_fd() const { return state_->body.program.get(); }

redan_hook_counters LoadedHook::counters() const { return state_->body.counters.counters(); }

Result<HookRuns> LoadedHook::runs() const {
  const HookCounters& counters = state_->body.counters;
  const HookChain* chain = state_->chained.chain;
  return HookRuns{.count = counters.runs(),
                  .nanoseconds = counters.nanoseconds(),
                  .missed = state_->missed + counters.counters().unpaired +
                            (chain == nullptr ? 0 : HookSites::missed(*chain) - state_->missed_before)};
}

// --- HookLoader ---

HookLoader::HookLoader(std::unique_ptr<State> state) : state_(std::move(state)) {}
HookLoader::~HookLoader() = default;

Result<std::unique_ptr<HookLoader>> HookLoader::make(const SensorParts& sensor) {
  allow_more_files();
  REDAN_ASSIGN(KernelSymbols symbols, KernelSymbols::load(sensor.btf));
  const int cpus = ::libbpf_num_possible_cpus();
  const auto wanted = std::bit_ceil(4u * static_cast<uint32_t>(std::max(cpus, 1)));
  const auto share = [](int fd) { return Fd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); };
  auto state = std::unique_ptr<State>(new State{
      .sensor = sensor,
      .facts = HookingFacts::look_up(),
      .symbols = std::move(symbols),
      .follower = Follower(sensor.counters, sensor.settings, sensor.btf),
      .scratch_entries = std::clamp(wanted, kScratchEntriesLeast, kScratchEntriesMost),
      .sensor_maps = {.ring = share(sensor.ring),
                      .task_states = share(sensor.task_states),
                      .counters = share(sensor.counters)},
      .prepared = std::nullopt,
      .maker = std::nullopt,
      .sites = std::nullopt,
  });
  const SensorMaps& maps = state->sensor_maps;
  if (!maps.ring || !maps.task_states || !maps.counters) return errno_error("share the sensor's maps");
  return std::unique_ptr<HookLoader>(new HookLoader(std::move(state)));
}

void HookLoader::assume(const HookingFacts& facts) { state_->facts = facts; }

Result<std::unique_ptr<LoadedHook>> HookLoader::load(const event::HookPlan& plan) {
  REDAN_ASSIGN(std::vector<HookTarget> targets, hook_targets(plan, state_->symbols, state_->facts));
  REDAN_TRY(state_->prepare());
  REDAN_ASSIGN(HookBody body, state_->load_first(plan, targets));
  auto loaded = std::unique_ptr<LoadedHook::State>(new LoadedHook::State{
      .loader = *state_, .body = HookBody{}, .chained = {}, .others = std::move(targets), .plan = std::nullopt});
  if (!loaded->others.empty()) loaded->plan = plan;
  loaded->take_body(std::move(body));
  return std::unique_ptr<LoadedHook>(new LoadedHook(std::move(loaded)));
}

}  // namespace redan::kernel
