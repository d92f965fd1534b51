// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_maps.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "generated/hook.skel.h"
#include "kernel/hook_sets.h"
#include "kernel/hook_shortcuts.h"

namespace redan::kernel {
namespace {

using Plan = hook::hook__rodata;
using Counters = hook::hook__data_hook;

// Both objects map their .bss to the same page of counters.
static_assert(sizeof(std::declval<hook>().bss->counters) == sizeof(redan_counters));

bool has_type(const redan_hook_plan& plan, std::initializer_list<int> types) {
  return std::any_of(std::begin(plan.args), std::end(plan.args), [&](const redan_hook_arg& arg) {
    return std::find(types.begin(), types.end(), arg.type) != types.end();
  });
}

bool has_rate_limit(const redan_hook_plan& plan) {
  return std::any_of(std::begin(plan.selectors), std::end(plan.selectors),
                     [](const redan_selector& selector) { return selector.rate_ms != 0; });
}

/// Whether the plan has a use for a pool. Tracking needs an argument or a returned value that is a socket.
bool uses_pool(std::string_view name, const redan_hook_plan& plan) {
  if (name == "hook_sockets") return has_type(plan, {REDAN_ARG_SOCK, REDAN_ARG_SOCKET});
  if (name == "hook_rates") return has_rate_limit(plan);
  if (name == "hook_entries") return plan.place != 0;
  return true;
}

/// Entries of a map of the hook's own; nothing: the plan has no use for it.
std::optional<uint32_t> own_entries(const HookMapShape& shape, const event::HookPlan& plan) {
  if (shape.name == "hook_binaries") {
    if ((plan.program.fields & (1u << REDAN_FIELD_BINARY)) == 0) return std::nullopt;
    return shape.max_entries;
  }
  if (is_hook_set(shape.name)) return hook_set_entries(shape.name, plan);
  return shape.max_entries;
}

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

__u64 load(__u64& counter) { return std::atomic_ref<__u64>(counter).load(std::memory_order_relaxed); }

}  // namespace

// --- HookCounters ---

HookCounters::HookCounters(HookCounters&& other) noexcept
    : page_(std::exchange(other.page_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HookCounters& HookCounters::operator=(HookCounters&& other) noexcept {
  std::swap(page_, other.page_);
  std::swap(size_, other.size_);
  return *this;
}

HookCounters::~HookCounters() {
  if (page_ != nullptr) ::munmap(page_, size_);
}

Result<HookCounters> HookCounters::map(int fd, size_t size) {
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return errno_error("map a hook's counters");
  HookCounters counters;
  counters.page_ = page;
  counters.size_ = size;
  return counters;
}

redan_hook_counters HookCounters::counters() const {
  redan_hook_counters& shared = static_cast<Counters*>(page_)->hook_counters;
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
  copy.unpaired = load(shared.unpaired);
  return copy;
}

uint64_t HookCounters::runs() const {
  uint64_t sum = 0;
  for (redan_hook_lane& lane : static_cast<Counters*>(page_)->hook_lanes) sum += load(lane.runs);
  return sum;
}

uint64_t HookCounters::nanoseconds() const {
  double sum = 0;
  for (redan_hook_lane& lane : static_cast<Counters*>(page_)->hook_lanes) {
    const uint64_t runs = load(lane.runs);
    const uint64_t timed = (runs + REDAN_HOOK_TIMED_RUNS - 1) / REDAN_HOOK_TIMED_RUNS;
    if (timed == 0) continue;
    sum += static_cast<double>(load(lane.nanoseconds)) * static_cast<double>(runs) / static_cast<double>(timed);
  }
  return static_cast<uint64_t>(sum);
}

// --- HookMapMaker ---

Result<Fd> HookMapMaker::create(const HookMapShape& shape, uint32_t max_entries) const {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = shape.flags;
  // The plan is only ever read as a whole, by programs.
  if (shape.role == HookMapRole::kPlan) options.map_flags &= ~uint32_t{BPF_F_MMAPABLE};
  if (shape.type == BPF_MAP_TYPE_TASK_STORAGE) {
    options.btf_fd = static_cast<uint32_t>(template_.types.get());
    options.btf_key_type_id = shape.key_type;
    options.btf_value_type_id = shape.value_type;
  }
  // The kernel takes letters, digits, '_' and '.', 15 of them.
  const std::string name = shape.name.substr(0, BPF_OBJ_NAME_LEN - 1);
  Fd fd(::bpf_map_create(static_cast<bpf_map_type>(shape.type), name.c_str(), shape.key_size, shape.value_size,
                         max_entries, &options));
  if (!fd) return errno_error(fmt::format("make the map {} of a hook", shape.name));
  return fd;
}

Result<int> HookMapMaker::pool(const HookMapShape& shape) {
  auto found = pools_.find(shape.name);
  if (found == pools_.end()) {
    const uint32_t entries = shape.name == "hook_scratches" ? scratch_entries_ : shape.max_entries;
    REDAN_ASSIGN(Fd fd, create(shape, entries));
    found = pools_.emplace(shape.name, std::move(fd)).first;
  }
  return found->second.get();
}

/// Frozen before the program is loaded: only then are its contents constant to the verifier.
Result<Fd> HookMapMaker::create_plan(const HookMapShape& shape, const event::HookPlan& plan,
                                     const redan_hook_plan& program, const redan_settings& settings,
                                     const redan_hook_settings& own_settings) const {
  REDAN_ASSIGN(Fd fd, create(shape, 1));
  std::vector<std::byte> image = template_.plan;
  static_assert(std::is_trivially_copyable_v<Plan>);
  const auto put = [&image](size_t offset, const auto& value) {
    std::memcpy(image.data() + offset, &value, sizeof(value));
  };
  put(offsetof(Plan, plan), program);
  put(offsetof(Plan, shortcuts), make_shortcuts(plan));
  put(offsetof(Plan, settings), settings);
  put(offsetof(Plan, hook_settings), own_settings);
  const uint32_t key = 0;
  if (::bpf_map_update_elem(fd.get(), &key, image.data(), 0) != 0 || ::bpf_map_freeze(fd.get()) != 0) {
    return errno_error("write a hook's plan");
  }
  return fd;
}

Result<void> HookMapMaker::add(HookMaps& maps, size_t index, const event::HookPlan& plan) {
  const HookMapShape& shape = template_.maps[index];
  const std::optional<uint32_t> entries = own_entries(shape, plan);
  if (!entries) return {};
  REDAN_ASSIGN(maps.own[index], create(shape, *entries));
  const int fd = maps.own[index].get();
  if (shape.name == "hook_next") maps.next = index;
  if (shape.role == HookMapRole::kCounters) {
    REDAN_ASSIGN(maps.counters, HookCounters::map(fd, shape.value_size));
  }
  return is_hook_set(shape.name) ? fill_hook_set(shape.name, plan, fd) : Result<void>();
}

Result<HookMaps> HookMapMaker::make(const event::HookPlan& plan, const redan_hook_plan& program,
                                    const redan_settings& settings, const redan_hook_settings& own_settings,
                                    int follow_marks) {
  HookMaps maps;
  maps.own.resize(template_.maps.size());
  maps.all.resize(template_.maps.size(), -1);
  for (size_t i = 0; i < template_.maps.size(); ++i) {
    const HookMapShape& shape = template_.maps[i];
    switch (shape.role) {
      case HookMapRole::kRing: maps.all[i] = sensor_.ring.get(); break;
      case HookMapRole::kTaskStates: maps.all[i] = sensor_.task_states.get(); break;
      case HookMapRole::kSensorCounters: maps.all[i] = sensor_.counters.get(); break;
      case HookMapRole::kFollowMarks: maps.all[i] = follow_marks; break;
      case HookMapRole::kPlace:
      case HookMapRole::kUnused: break;
      case HookMapRole::kPool: {
        if (!uses_pool(shape.name, program)) break;
        REDAN_ASSIGN(maps.all[i], pool(shape));
        break;
      }
      case HookMapRole::kPlan: {
        REDAN_ASSIGN(maps.own[i], create_plan(shape, plan, program, settings, own_settings));
        break;
      }
      case HookMapRole::kCounters:
      case HookMapRole::kOwn: REDAN_TRY(add(maps, i, plan)); break;
    }
    if (!maps.own[i]) continue;
    maps.all[i] = maps.own[i].get();
    maps.bytes += map_memory(maps.all[i]);
  }
  return maps;
}

Result<EntryMaps> HookMapMaker::make_for_entry() {
  EntryMaps maps;
  maps.all.resize(template_.maps.size(), -1);
  for (size_t i = 0; i < template_.maps.size(); ++i) {
    const HookMapShape& shape = template_.maps[i];
    if (shape.role == HookMapRole::kPlace) {
      REDAN_ASSIGN(maps.place, create(shape, shape.max_entries));
      maps.all[i] = maps.place.get();
    } else if (shape.name == "hook_entries") {
      REDAN_ASSIGN(maps.all[i], pool(shape));
    }
  }
  return maps;
}

}  // namespace redan::kernel
