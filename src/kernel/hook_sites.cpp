// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_sites.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "kernel/hook_entries.h"
#include "kernel/perf_event.h"

namespace redan::kernel {

bool is_same_site(const HookTarget& one, const HookTarget& other) {
  return one.attachment == other.attachment && one.name == other.name && one.subsystem == other.subsystem;
}

/// A stub and the hooks behind it, in their order.
struct HookChain {
  HookTarget target;
  std::unique_ptr<EntryProbe> entries;  ///< of a kretprobe; gone after all else
  HookStub stub;
  Fd event;  ///< of perf, where the stub is attached to one
  Fd link;   ///< closed before the event
  std::vector<ChainedHook*> hooks;

  /// Has the stub call for what its hooks ask for, and one that is to come.
  Result<void> call_for_hooks(const ChainedHook* coming = nullptr) const {
    SystemCalls calls = coming == nullptr ? SystemCalls{} : coming->calls;
    for (const ChainedHook* hook : hooks) {
      for (size_t i = 0; i < calls.size(); ++i) calls[i] |= hook->calls[i];
    }
    return stub.call_for(calls);
  }
};

namespace {

/// The kernel follows 33 tail calls from one program (MAX_TAIL_CALL_CNT, include/linux/bpf.h); the first is the stub's.
constexpr size_t kMostHooks = 32;
constexpr uint32_t kOnly = 0;

Result<void> point(int map, int program) {
  if (::bpf_map_update_elem(map, &kOnly, &program, BPF_ANY) == 0) return {};
  return errno_error("put a hook behind another one");
}

Fd open_event(const HookTarget& target, const KernelSymbols& symbols) {
  switch (target.attachment) {
    case HookAttachment::kKprobe: return open_kprobe(target.name, ProbedEnd::kEntry);
    case HookAttachment::kKretprobe: return open_kprobe(target.name, ProbedEnd::kReturn);
    default: break;
  }
  if (const auto id = symbols.tracepoint_id(target.subsystem, target.name)) return open_tracepoint(*id);
  errno = ENOENT;
  return Fd();
}

Result<void> attach_stub(HookChain& chain, const LoadTarget& target, const KernelSymbols& symbols) {
  switch (chain.target.attachment) {
    case HookAttachment::kLsm:
    case HookAttachment::kFentry:
    case HookAttachment::kFexit:
      chain.link.reset(::bpf_link_create(chain.stub.program.get(), 0, target.attach_type, nullptr));
      break;
    case HookAttachment::kRawTracepoint:
      chain.link.reset(::bpf_raw_tracepoint_open(chain.target.name.c_str(), chain.stub.program.get()));
      break;
    case HookAttachment::kKprobe:
    case HookAttachment::kKretprobe:
    case HookAttachment::kTracepoint:
      chain.event = open_event(chain.target, symbols);
      if (chain.event) chain.link = attach_to_event(chain.stub.program.get(), chain.event.get());
      break;
  }
  return chain.link ? Result<void>() : attach_error(chain.target, errno);
}

}  // namespace

/// Destroyed in reverse order: chains first.
struct HookSites::State {
  const KernelSymbols& symbols;
  const HookTemplate& programs;
  HookMapMaker& maps;
  std::vector<std::string>
      places;            ///< functions whose returns were hooked; their numbers are their places here, plus 1
  uint64_t periods = 0;  ///< of EntryProbe
  std::optional<uint64_t> trampoline;  ///< return_trampoline(), with the first kretprobe
  Fd inner, outer;                     ///< maps for wait_for_runs()
  std::vector<std::unique_ptr<HookChain>> chains;

  Result<HookChain*> chain_with_room(const HookTarget& target);
  Result<std::unique_ptr<HookChain>> open_chain(const HookTarget& target);
  Result<uint16_t> place_of(const std::string& function);

  /// Lets go of what the hook, out of its chain, is followed by. Not before its runs have found their way there.
  void forget_successor(const ChainedHook& hook) const {
    wait_for_runs();
    (void)::bpf_map_delete_elem(hook.next, &kOnly);
  }

  /// Waits until every program has ended that runs now: the kernel promises that of an update of a map of maps
  /// (kernel/bpf/syscall.c, maybe_wait_bpf_programs). membarrier(2) would not on kernels with nohz_full.
  void wait_for_runs() const {
    const int fd = inner.get();
    (void)::bpf_map_update_elem(outer.get(), &kOnly, &fd, BPF_ANY);
  }
};

HookSites::HookSites(std::unique_ptr<State> state) : state_(std::move(state)) {}
HookSites::HookSites(HookSites&&) noexcept = default;
HookSites::~HookSites() = default;

Result<HookSites> HookSites::make(const KernelSymbols& symbols, const HookTemplate& programs, HookMapMaker& maps) {
  auto state = std::unique_ptr<State>(new State{.symbols = symbols,
                                                .programs = programs,
                                                .maps = maps,
                                                .places = {},
                                                .trampoline = std::nullopt,
                                                .inner = Fd(),
                                                .outer = Fd(),
                                                .chains = {}});
  state->inner.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "hook_wait", 4, 4, 1, nullptr));
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.inner_map_fd = static_cast<uint32_t>(state->inner.get());
  state->outer.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hook_wait", 4, 4, 1, &options));
  if (!state->inner || !state->outer) return errno_error("make a map for hooks");
  return HookSites(std::move(state));
}

Result<std::unique_ptr<HookChain>> HookSites::State::open_chain(const HookTarget& target) {
  auto chain = std::make_unique<HookChain>();
  chain->target = target;
  REDAN_ASSIGN(const LoadTarget load, load_target(target, symbols));
  const bool is_sys_enter = target.attachment == HookAttachment::kRawTracepoint && target.name == "sys_enter";
  REDAN_ASSIGN(chain->stub, HookStub::load(load, is_sys_enter));
  if (target.attachment == HookAttachment::kKretprobe) {
    if (!trampoline) trampoline = return_trampoline();
    REDAN_ASSIGN(const uint16_t place, place_of(target.name));
    REDAN_ASSIGN(chain->entries, EntryProbe::attach(target.name, place, programs, maps));
  }
  REDAN_TRY(attach_stub(*chain, load, symbols));
  if (chain->entries) REDAN_TRY(chain->entries->expect_returns(++periods, *trampoline));
  return chain;
}

Result<HookChain*> HookSites::State::chain_with_room(const HookTarget& target) {
  for (const auto& chain : chains) {
    if (!is_same_site(chain->target, target)) continue;
    if (chain->hooks.size() < kMostHooks) return chain.get();
    // Which returns of a call were seen by another chain, nobody could tell.
    if (chain->entries) return attach_error(target, E2BIG);
  }
  REDAN_ASSIGN(std::unique_ptr<HookChain> opened, open_chain(target));
  chains.push_back(std::move(opened));
  return chains.back().get();
}

Result<uint16_t> HookSites::State::place_of(const std::string& function) {
  auto found = std::find(places.begin(), places.end(), function);
  if (found == places.end()) {
    if (places.size() == UINT16_MAX)
      return Error{ErrorCode::kKernel, "the returns of 65,535 functions were hooked, that is the most"};
    found = places.insert(places.end(), function);
  }
  return static_cast<uint16_t>(found - places.begin() + 1);
}

Result<uint16_t> HookSites::place_of(const std::string& function) { return state_->place_of(function); }

Result<void> HookSites::add(ChainedHook& hook, const HookTarget& target) {
  REDAN_ASSIGN(HookChain * chain, state_->chain_with_room(target));
  const int before = chain->hooks.empty() ? chain->stub.first.get() : chain->hooks.back()->next;
  Result<void> done = chain->call_for_hooks(&hook);
  if (done) done = point(before, hook.program);
  if (!done) {
    std::erase_if(state_->chains, [](const auto& it) { return it->hooks.empty(); });
    return done;
  }
  chain->hooks.push_back(&hook);
  hook.chain = chain;
  return {};
}

Result<void> HookSites::replace(ChainedHook& old, ChainedHook& hook) {
  HookChain& chain = *old.chain;
  const auto at = std::find(chain.hooks.begin(), chain.hooks.end(), &old);
  const bool has_successor = at + 1 != chain.hooks.end();
  REDAN_TRY(chain.call_for_hooks(&hook));
  if (has_successor) REDAN_TRY(point(hook.next, (*(at + 1))->program));
  REDAN_TRY(point(at == chain.hooks.begin() ? chain.stub.first.get() : (*(at - 1))->next, hook.program));
  *at = &hook;
  (void)chain.call_for_hooks();  // what is called for in vain is no mistake
  hook.chain = &chain;
  old.chain = nullptr;
  if (has_successor) state_->forget_successor(old);
  return {};
}

void HookSites::remove(ChainedHook& hook) {
  HookChain* chain = std::exchange(hook.chain, nullptr);
  if (chain == nullptr) return;
  if (chain->hooks.size() == 1) {
    std::erase_if(state_->chains, [chain](const auto& it) { return it.get() == chain; });
    return;
  }
  const auto at = std::find(chain->hooks.begin(), chain->hooks.end(), &hook);
  const int before = at == chain->hooks.begin() ? chain->stub.first.get() : (*(at - 1))->next;
  const bool has_successor = at + 1 != chain->hooks.end();
  // Neither fails: both maps are as wide as one entry, and the program has been in such a map.
  if (has_successor) {
    (void)point(before, (*(at + 1))->program);
  } else {
    (void)::bpf_map_delete_elem(before, &kOnly);
  }
  chain->hooks.erase(at);
  (void)chain->call_for_hooks();
  if (has_successor) state_->forget_successor(hook);
}

uint64_t HookSites::missed(const HookChain& chain) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  uint64_t sum = ::bpf_obj_get_info_by_fd(chain.stub.program.get(), &info, &size) == 0 ? info.recursion_misses : 0;
  const bool is_probe =
      chain.target.attachment == HookAttachment::kKprobe || chain.target.attachment == HookAttachment::kKretprobe;
  if (is_probe) sum += missed_by_kprobe(chain.link.get());
  // The kernel's count is the better one, where it has one.
  return chain.entries ? std::max(sum, chain.entries->missed()) : sum;
}

}  // namespace redan::kernel
