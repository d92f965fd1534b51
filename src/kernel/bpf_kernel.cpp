// SPDX-License-Identifier: Apache-2.0
#include "kernel/bpf_kernel.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "base/fd.h"
#include "generated/probes.skel.h"
#include "kernel/libbpf_messages.h"
#include "kernel/lockdown.h"

namespace redan::kernel {
namespace {

struct DestroySkeleton {
  void operator()(probes* skeleton) const { probes__destroy(skeleton); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { ::bpf_link__destroy(link); }
};
struct FreeRing {
  void operator()(ring_buffer* ring) const { ::ring_buffer__free(ring); }
};
using Link = std::unique_ptr<bpf_link, DestroyLink>;

/// What one consume() call needs while libbpf calls back.
struct Consuming {
  const RecordSink* sink = nullptr;
  size_t left = 0;
};

/// Stops libbpf's loop; not an errno that it could come up with itself.
constexpr int kEnough = -ECANCELED;

int on_record(void* context, void* data, size_t size) {
  auto* consuming = static_cast<Consuming*>(context);
  (*consuming->sink)({static_cast<const std::byte*>(data), size});
  return --consuming->left == 0 ? kEnough : 0;
}

bool is_iterator(const bpf_program* program) {
  return std::string_view(::bpf_program__section_name(program)).starts_with("iter/");
}

/// What the kernel refused, as one line: the last things libbpf said, without the verifier's log.
Error load_error(int error_number, const LibbpfMessages& messages) {
  // EACCES is how the verifier refuses a program; only EPERM is about who asks.
  const ErrorCode code = error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel;
  return Error{code, fmt::format("the kernel did not take the sensor: {} ({}); 'redan features' says what it lacks",
                                 messages.summary(), ::strerror(error_number))};
}

/// Whether some filter compares what a process has with what it had.
bool looks_at_changes(const redan_hook_plan& plan) {
  constexpr uint32_t kFields = 1u << REDAN_FIELD_NAMESPACE_CHANGES | 1u << REDAN_FIELD_EFFECTIVE_CHANGES |
                               1u << REDAN_FIELD_INHERITABLE_CHANGES | 1u << REDAN_FIELD_PERMITTED_CHANGES;
  return (plan.fields & kFields) != 0;
}

}  // namespace

/// Members are destroyed in reverse order: ring, links, skeleton.
struct BpfKernel::State {
  std::unique_ptr<probes, DestroySkeleton> skeleton;
  std::vector<Link> links;
  Link iterator;
  Consuming consuming;
  std::unique_ptr<ring_buffer, FreeRing> ring;
  bool kernel_reads = true;
  uint64_t ring_bytes = 0;
  std::string btf;
  std::unique_ptr<HookLoader> hooks;  ///< made with the first hook
};

BpfKernel::BpfKernel(std::unique_ptr<State> state) : state_(std::move(state)) {}
BpfKernel::~BpfKernel() = default;

namespace {

struct FreeBtf {
  void operator()(btf* types) const { ::btf__free(types); }
};

Result<void> check_btf(const std::string& path) {
  if (path.empty()) return {};
  const LibbpfMessages quiet;
  const std::unique_ptr<btf, FreeBtf> types(::btf__parse(path.c_str(), nullptr));
  if (types != nullptr) return {};
  return Error{ErrorCode::kKernel,
               fmt::format("--btf: '{}' has no BTF (the kernel's types): {}; leave --btf out to use the "
                           "running kernel's own",
                           path, errno < 4000 ? ::strerror(errno) : "not a BTF or ELF file")};
}

}  // namespace

Result<std::unique_ptr<BpfKernel>> BpfKernel::load(const BpfKernelOptions& options) {
  REDAN_TRY(check_btf(options.btf));
  REDAN_ASSIGN(const bool kernel_reads, kernel_reads_allowed());
  std::optional<UserReadsKept> user_reads;
  if (!kernel_reads) {
    REDAN_ASSIGN(UserReadsKept kept, UserReadsKept::make());
    user_reads.emplace(std::move(kept));
  }

  LibbpfMessages messages;
  auto state = std::make_unique<State>();
  state->kernel_reads = kernel_reads;
  state->ring_bytes = options.ring_bytes;
  state->btf = options.btf;
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof(open_options);
  open_options.btf_custom_path = options.btf.empty() ? nullptr : options.btf.c_str();
  state->skeleton.reset(probes__open_opts(&open_options));
  if (state->skeleton == nullptr) return load_error(errno, messages);
  probes& skeleton = *state->skeleton;

  ::bpf_map__set_max_entries(skeleton.maps.process_ring, static_cast<uint32_t>(options.ring_bytes));
  // The skeleton types .rodata as constant, which it becomes when it is loaded.
  auto& settings = const_cast<redan_settings&>(skeleton.rodata->settings);
  settings.kernel_reads = kernel_reads ? 1 : 0;
  settings.environment = options.environment ? 1 : 0;
  settings.args_max = options.args_max;
  settings.wakeup_level = static_cast<uint32_t>(options.ring_bytes / 4);

  if (user_reads) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton.obj) {
      const std::string_view section = ::bpf_program__section_name(program);
      if (is_iterator(program)) continue;
      const std::string target(section.substr(section.find('/') + 1));
      if (const int error = ::bpf_program__set_attach_target(program, 0, target.c_str()); error != 0) {
        return load_error(-error, messages);
      }
    }
  }
  if (const int error = probes__load(&skeleton); error != 0) return load_error(-error, messages);

  std::unique_ptr<BpfKernel> kernel(new BpfKernel(std::move(state)));
  State& loaded = *kernel->state_;
  loaded.ring.reset(
      ::ring_buffer__new(::bpf_map__fd(skeleton.maps.process_ring), on_record, &loaded.consuming, nullptr));
  if (loaded.ring == nullptr) return errno_error("map the process ring");
  loaded.iterator.reset(::bpf_program__attach_iter(skeleton.progs.process_tasks, nullptr));
  if (loaded.iterator == nullptr) return errno_error("attach iter/task");
  return kernel;
}

Result<void> BpfKernel::attach() {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->skeleton->obj) {
    if (is_iterator(program)) continue;
    Link link(::bpf_program__attach_trace(program));
    if (link == nullptr) return errno_error(fmt::format("attach {}", ::bpf_program__section_name(program)));
    state_->links.push_back(std::move(link));
  }
  return {};
}

void BpfKernel::detach() { state_->links.clear(); }

Result<size_t> BpfKernel::consume(const RecordSink& sink, size_t most) {
  state_->consuming = {.sink = &sink, .left = most};
  const int result = ::ring_buffer__consume(state_->ring.get());
  if (result < 0 && result != kEnough) return errno_error("read the process ring", -result);
  return most - state_->consuming.left;
}

int BpfKernel::wakeup_fd() const { return ::ring_buffer__epoll_fd(state_->ring.get()); }

void BpfKernel::want_wakeup(redan_wakeup wish) {
  // The page is shared with the sensor, which reads and clears the wish on other CPUs.
  std::atomic_ref<__u64>(state_->skeleton->bss->counters.wakeup).store(wish, std::memory_order_seq_cst);
}

redan_counters BpfKernel::counters() const {
  redan_counters& shared = state_->skeleton->bss->counters;
  redan_counters copy{};
  copy.seq = std::atomic_ref<__u64>(shared.seq).load(std::memory_order_relaxed);
  copy.wakeup = std::atomic_ref<__u64>(shared.wakeup).load(std::memory_order_relaxed);
  for (size_t i = 0; i < std::size(copy.lost); ++i) {
    copy.lost[i] = std::atomic_ref<__u64>(shared.lost[i]).load(std::memory_order_relaxed);
  }
  return copy;
}

Result<std::vector<redan_task>> BpfKernel::tasks() {
  const Fd fd(::bpf_iter_create(::bpf_link__fd(state_->iterator.get())));
  if (!fd) return errno_error("open the task iterator");
  std::vector<redan_task> tasks;
  std::vector<std::byte> buffer(256 * sizeof(redan_task));
  size_t held = 0;
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data() + held, buffer.size() - held);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return errno_error("read the task iterator");
    if (got == 0) return tasks;
    held += static_cast<size_t>(got);
    // The kernel's buffer ends where it ends, which may be within a task.
    const size_t whole = held / sizeof(redan_task);
    const size_t before = tasks.size();
    tasks.resize(before + whole);
    std::memcpy(tasks.data() + before, buffer.data(), whole * sizeof(redan_task));
    held -= whole * sizeof(redan_task);
    std::memmove(buffer.data(), buffer.data() + whole * sizeof(redan_task), held);
  }
}

Result<std::unique_ptr<Hook>> BpfKernel::load_hook(const event::HookPlan& plan) {
  if (state_->hooks == nullptr) {
    REDAN_ASSIGN(state_->hooks, make_hook_loader());
  }
  // From now on the sensor keeps what a process has when it is forked, too.
  if (looks_at_changes(plan.program)) {
    std::atomic_ref<__u64>(state_->skeleton->data_privileges->keep_privileges).store(1, std::memory_order_relaxed);
  }
  REDAN_ASSIGN(std::unique_ptr<LoadedHook> hook, state_->hooks->load(plan));
  return std::unique_ptr<Hook>(std::move(hook));
}

Result<std::unique_ptr<HookLoader>> BpfKernel::make_hook_loader() const {
  const probes& skeleton = *state_->skeleton;
  return HookLoader::make({.ring = ::bpf_map__fd(skeleton.maps.process_ring),
                           .task_states = ::bpf_map__fd(skeleton.maps.task_states),
                           .counters = ::bpf_map__fd(skeleton.maps.bss),
                           .ring_bytes = state_->ring_bytes,
                           .settings = const_cast<const redan_settings&>(skeleton.rodata->settings),
                           .btf = state_->btf});
}

bool BpfKernel::kernel_reads() const { return state_->kernel_reads; }

Result<std::vector<ProgramFacts>> BpfKernel::programs() const {
  std::vector<ProgramFacts> facts;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, state_->skeleton->obj) {
    bpf_prog_info info{};
    uint32_t size = sizeof(info);
    if (::bpf_obj_get_info_by_fd(::bpf_program__fd(program), &info, &size) != 0) {
      return errno_error(fmt::format("ask for facts about {}", ::bpf_program__name(program)));
    }
    facts.push_back({.name = ::bpf_program__name(program),
                     .verified_instructions = info.verified_insns,
                     .instructions = static_cast<uint32_t>(info.xlated_prog_len / sizeof(bpf_insn))});
  }
  return facts;
}

}  // namespace redan::kernel
