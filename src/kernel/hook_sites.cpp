// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_sites.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "kernel/instruction.h"

namespace redan::kernel {

bool is_same_site(const HookTarget& one, const HookTarget& other) {
  return one.attachment == other.attachment && one.name == other.name && one.subsystem == other.subsystem;
}

/// A stub and the hooks behind it, in their order.
struct HookChain {
  HookTarget target;
  Fd first;  ///< the map with the first hook's program
  Fd stub;   ///< program
  Fd event;  ///< of perf, where the stub is attached to one
  Fd link;   ///< closed before the event
  std::vector<ChainedHook*> hooks;
};

namespace {

/// The kernel follows 33 tail calls from one program (MAX_TAIL_CALL_CNT, include/linux/bpf.h); the first is the stub's.
constexpr size_t kMostHooks = 32;
constexpr uint32_t kOnly = 0;
constexpr const char* kKprobeType = "/sys/bus/event_source/devices/kprobe/type";

Result<void> point(int map, int program) {
  if (::bpf_map_update_elem(map, &kOnly, &program, BPF_ANY) == 0) return {};
  return errno_error("put a hook behind another one");
}

Error attach_error(const HookTarget& target, int error_number) {
  const bool full = error_number == E2BIG;  // BPF_MAX_TRAMP_LINKS, include/linux/bpf.h
  return Error{
      error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel,
      fmt::format("attach {}/{}: {}", hook_attachment_name(target.attachment), target.name,
                  full ? "the function has as many programs as it can take (38)" : std::strerror(error_number))};
}

/// bpf_tail_call(ctx, first, 0); return 0. With a constant index the JIT makes a direct jump of it.
Result<Fd> load_stub(int first, const LoadTarget& target) {
  const std::array code = {
      instruction(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_MAP_FD, first),
      instruction(0, 0, 0, 0),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0),
      instruction(BPF_JMP | BPF_CALL, 0, 0, BPF_FUNC_tail_call),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0),
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = target.attach_type;
  options.attach_btf_id = target.function.id;
  options.attach_btf_obj_fd = static_cast<uint32_t>(std::max(target.function.module.get(), 0));
  Fd stub(::bpf_prog_load(target.type, "hook_stub", "Dual BSD/GPL", code.data(), code.size(), &options));
  if (!stub) return errno_error("load a stub for hooks");
  return stub;
}

/// On every CPU, whatever CPU is asked for: programs are attached to what the event is of.
Fd open_event(perf_event_attr& attributes) {
  attributes.size = sizeof(attributes);
  return Fd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
}

Fd open_kprobe(const std::string& function) {
  perf_event_attr attributes{};
  std::ifstream(kKprobeType) >> attributes.type;
  if (attributes.type == 0) {
    errno = EOPNOTSUPP;
    return Fd();
  }
  attributes.config1 = reinterpret_cast<uintptr_t>(function.c_str());
  return open_event(attributes);
}

Fd open_tracepoint(const HookTarget& target, const KernelSymbols& symbols) {
  perf_event_attr attributes{};
  const auto id = symbols.tracepoint_id(target.subsystem, target.name);
  if (!id) {
    errno = ENOENT;
    return Fd();
  }
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = *id;
  return open_event(attributes);
}

Result<void> attach_stub(HookChain& chain, const LoadTarget& target, const KernelSymbols& symbols) {
  switch (chain.target.attachment) {
    case HookAttachment::kLsm:
    case HookAttachment::kFentry:
    case HookAttachment::kFexit:
      chain.link.reset(::bpf_link_create(chain.stub.get(), 0, target.attach_type, nullptr));
      break;
    case HookAttachment::kRawTracepoint:
      chain.link.reset(::bpf_raw_tracepoint_open(chain.target.name.c_str(), chain.stub.get()));
      break;
    case HookAttachment::kKprobe:
    case HookAttachment::kTracepoint:
      chain.event = chain.target.attachment == HookAttachment::kKprobe ? open_kprobe(chain.target.name)
                                                                       : open_tracepoint(chain.target, symbols);
      if (!chain.event) break;
      chain.link.reset(::bpf_link_create(chain.stub.get(), chain.event.get(), BPF_PERF_EVENT, nullptr));
      if (chain.link && ::ioctl(chain.event.get(), PERF_EVENT_IOC_ENABLE, 0) != 0) chain.link.reset();
      break;
  }
  return chain.link ? Result<void>() : attach_error(chain.target, errno);
}

/// struct bpf_link_info of 6.7 and later, which the headers of libbpf 1.1 do not have: what a kprobe missed.
struct KprobeLinkInfo {
  uint32_t type, id, program, pad0;
  uint32_t event_type, pad1;
  uint64_t function;
  uint32_t function_len, offset;
  uint64_t address, missed;
};

uint64_t missed_by_kprobe(int link) {
  union {
    KprobeLinkInfo kprobe;
    bpf_link_info any;
  } info{};
  uint32_t size = sizeof(info);
  return ::bpf_obj_get_info_by_fd(link, &info, &size) == 0 ? info.kprobe.missed : 0;
}

}  // namespace

/// Destroyed in reverse order: chains first.
struct HookSites::State {
  const KernelSymbols& symbols;
  Fd inner, outer;  ///< maps for wait_for_runs()
  std::vector<std::unique_ptr<HookChain>> chains;

  Result<HookChain*> chain_with_room(const HookTarget& target);
  Result<std::unique_ptr<HookChain>> open_chain(const HookTarget& target) const;

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

Result<HookSites> HookSites::make(const KernelSymbols& symbols) {
  auto state = std::unique_ptr<State>(new State{.symbols = symbols, .inner = Fd(), .outer = Fd(), .chains = {}});
  state->inner.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "hook_wait", 4, 4, 1, nullptr));
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.inner_map_fd = static_cast<uint32_t>(state->inner.get());
  state->outer.reset(::bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "hook_wait", 4, 4, 1, &options));
  if (!state->inner || !state->outer) return errno_error("make a map for hooks");
  return HookSites(std::move(state));
}

Result<std::unique_ptr<HookChain>> HookSites::State::open_chain(const HookTarget& target) const {
  auto chain = std::make_unique<HookChain>();
  chain->target = target;
  chain->first.reset(::bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "hook_first", 4, 4, 1, nullptr));
  if (!chain->first) return errno_error("make a map for hooks");
  REDAN_ASSIGN(const LoadTarget load, load_target(target, symbols));
  REDAN_ASSIGN(chain->stub, load_stub(chain->first.get(), load));
  REDAN_TRY(attach_stub(*chain, load, symbols));
  return chain;
}

Result<HookChain*> HookSites::State::chain_with_room(const HookTarget& target) {
  const auto found = std::find_if(chains.begin(), chains.end(), [&](const auto& chain) {
    return is_same_site(chain->target, target) && chain->hooks.size() < kMostHooks;
  });
  if (found != chains.end()) return found->get();
  REDAN_ASSIGN(std::unique_ptr<HookChain> opened, open_chain(target));
  chains.push_back(std::move(opened));
  return chains.back().get();
}

Result<void> HookSites::add(ChainedHook& hook, const HookTarget& target) {
  REDAN_ASSIGN(HookChain * chain, state_->chain_with_room(target));
  const int before = chain->hooks.empty() ? chain->first.get() : chain->hooks.back()->next;
  if (Result<void> done = point(before, hook.program); !done) {
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
  if (has_successor) REDAN_TRY(point(hook.next, (*(at + 1))->program));
  REDAN_TRY(point(at == chain.hooks.begin() ? chain.first.get() : (*(at - 1))->next, hook.program));
  *at = &hook;
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
  const int before = at == chain->hooks.begin() ? chain->first.get() : (*(at - 1))->next;
  const bool has_successor = at + 1 != chain->hooks.end();
  // Neither fails: both maps are as wide as one entry, and the program has been in such a map.
  if (has_successor) {
    (void)point(before, (*(at + 1))->program);
  } else {
    (void)::bpf_map_delete_elem(before, &kOnly);
  }
  chain->hooks.erase(at);
  if (has_successor) state_->forget_successor(hook);
}

uint64_t HookSites::missed(const HookChain& chain) {
  bpf_prog_info info{};
  uint32_t size = sizeof(info);
  uint64_t sum = ::bpf_obj_get_info_by_fd(chain.stub.get(), &info, &size) == 0 ? info.recursion_misses : 0;
  if (chain.target.attachment == HookAttachment::kKprobe) sum += missed_by_kprobe(chain.link.get());
  return sum;
}

Result<LoadTarget> load_target(const HookTarget& target, const KernelSymbols& symbols) {
  const auto at = [&](bpf_prog_type type, bpf_attach_type attach_type,
                      const std::string& function) -> Result<LoadTarget> {
    REDAN_ASSIGN(AttachType found, symbols.attach_type(function));
    return LoadTarget{.type = type, .attach_type = attach_type, .function = std::move(found)};
  };
  switch (target.attachment) {
    case HookAttachment::kLsm: return at(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, fmt::format("bpf_lsm_{}", target.name));
    case HookAttachment::kFentry: return at(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, target.name);
    case HookAttachment::kFexit: return at(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, target.name);
    case HookAttachment::kKprobe: return LoadTarget{.type = BPF_PROG_TYPE_KPROBE, .attach_type = {}, .function = {}};
    case HookAttachment::kTracepoint:
      return LoadTarget{.type = BPF_PROG_TYPE_TRACEPOINT, .attach_type = {}, .function = {}};
    case HookAttachment::kRawTracepoint:
      return LoadTarget{.type = BPF_PROG_TYPE_RAW_TRACEPOINT, .attach_type = {}, .function = {}};
  }
  return Error{ErrorCode::kKernel, "a kind of hook that there is not"};
}

}  // namespace redan::kernel
