// SPDX-License-Identifier: Apache-2.0
#include "kernel/features_trials.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "base/fd.h"
#include "kernel/features_files.h"
#include "kernel/instruction.h"
#include "kernel/libbpf_messages.h"
#include "kernel/lockdown.h"

namespace redan::kernel {
namespace {

using enum FeatureState;

/// Of the sensor's ring while it is tried.
constexpr uint64_t kTrialRingBytes = 64u << 10;

constexpr bpf_insn set(uint8_t reg, int32_t value) { return instruction(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, value); }
constexpr bpf_insn call(int32_t helper) { return instruction(BPF_JMP | BPF_CALL, 0, 0, helper); }
constexpr bpf_insn leave() { return instruction(BPF_JMP | BPF_EXIT, 0, 0, 0); }

constexpr std::array kReturnZero = {set(BPF_REG_0, 0), leave()};

struct TrialProgram {
  bpf_prog_type type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  bpf_attach_type attach_type = {};
  uint32_t target = 0;  ///< number of a type of the kernel
  uint32_t flags = 0;
  std::span<const bpf_insn> instructions = kReturnZero;
};

struct Trial {
  Fd program;
  int error = 0;
  std::string log;  ///< the verifier's
};

Trial load(const TrialProgram& program) {
  Trial trial;
  std::array<char, 16384> log{};
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = program.attach_type;
  options.attach_btf_id = program.target;
  options.prog_flags = program.flags;
  options.log_buf = log.data();
  options.log_size = log.size();
  trial.program.reset(::bpf_prog_load(program.type, "redan_trial", "GPL", program.instructions.data(),
                                      program.instructions.size(), &options));
  if (!trial.program) trial.error = errno;
  trial.log = log.data();
  return trial;
}

/// The line before "processed N insns" is where the verifier says what it minds.
std::string_view complaint(std::string_view log) {
  log = log.substr(0, log.find("\nprocessed "));
  return log.substr(log.rfind('\n') + 1);
}

/// A program that is as simple as these is refused for what it is, not for what it does.
std::string refusal(const Trial& trial) {
  if (trial.log.empty()) return fmt::format("the kernel refuses such programs: {}", ::strerror(trial.error));
  return fmt::format("the kernel refuses such programs: {} ({})", complaint(trial.log), ::strerror(trial.error));
}

FeatureFinding finding(const Trial& trial) {
  return trial.program ? FeatureFinding::yes() : FeatureFinding::no(refusal(trial));
}

/// Whether programs of that type may call the helper. It is called with whatever the registers hold, which the verifier
/// minds only after it has found the helper. For not finding it, it has other words on 6.1 than on 6.12.
FeatureFinding helper(bpf_prog_type type, int32_t number, std::string_view since) {
  const std::array instructions = {call(number), leave()};
  const Trial trial = load({.type = type, .instructions = instructions});
  if (trial.program) return FeatureFinding::yes();
  if (trial.log.empty()) return FeatureFinding::unknown(::strerror(trial.error));
  for (const std::string_view words : {"invalid func ", "unknown func ", "cannot use helper "}) {
    if (trial.log.find(words) != std::string::npos) {
      return FeatureFinding::no(fmt::format("{}: the kernel is older than {}", complaint(trial.log), since));
    }
  }
  return FeatureFinding::yes();
}

/// A program on a kernel function; nothing ever calls it, for it is not attached.
FeatureFinding on_function(const ProbeContext& context, TrialProgram program, const std::string& function,
                           std::string_view setting) {
  if (context.types == nullptr) return FeatureFinding::no("the kernel has no types of its own (btf)");
  program.target = context.types->function(function);
  if (program.target == 0) {
    return FeatureFinding::no(fmt::format("the kernel has no {}(): built without {}", function, setting));
  }
  return finding(load(program));
}

FeatureFinding map(bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t max_entries, uint32_t flags) {
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = flags;
  const Fd fd(::bpf_map_create(type, "redan_trial", key_size, value_size, max_entries, &options));
  return fd ? FeatureFinding::yes()
            : FeatureFinding::no(fmt::format("the kernel refuses such maps: {}", ::strerror(errno)));
}

}  // namespace

void KernelTypes::Free::operator()(btf* types) const { ::btf__free(types); }

Result<KernelTypes> KernelTypes::load(const std::string& path) {
  const LibbpfMessages quiet;
  std::unique_ptr<btf, Free> types(::btf__parse(path.c_str(), nullptr));
  if (types == nullptr) {
    const int error = errno;  // libbpf's own, too, which strerror() does not know
    if (error < __LIBBPF_ERRNO__START) return errno_error(path);
    return Error{ErrorCode::kRuntime, path + ": not BTF"};
  }
  return KernelTypes(std::move(types));
}

uint32_t KernelTypes::function(const std::string& name) const {
  const int id = ::btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_FUNC);
  return id > 0 ? static_cast<uint32_t>(id) : 0;
}

uint32_t KernelTypes::tracepoint(const std::string& name) const {
  const int id = ::btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  return id > 0 ? static_cast<uint32_t>(id) : 0;
}

FeatureFinding try_bpf(const ProbeContext&) {
  const Trial trial = load({});
  if (trial.error == ENOSYS)
    return FeatureFinding::no("there is no bpf(2): the kernel was built without CONFIG_BPF_SYSCALL");
  return FeatureFinding::yes();
}

FeatureFinding try_permission(const ProbeContext& context) {
  const Trial trial = load({});
  if (trial.program) return FeatureFinding::yes();
  if (trial.error != EPERM && trial.error != EACCES) return FeatureFinding::unknown(refusal(trial));
  const std::string missing = missing_capabilities(context.places);
  if (!missing.empty()) return FeatureFinding::no(fmt::format("{}: {} missing", ::strerror(trial.error), missing));
  return FeatureFinding::no(
      fmt::format("{}, for all capabilities: forbidden by a user namespace, a seccomp filter (containers) or an LSM",
                  ::strerror(trial.error)));
}

FeatureFinding try_btf(const ProbeContext& context) {
  const std::string& given = context.places.btf;
  const auto types = KernelTypes::load(given.empty() ? own_btf(context.places) : given);
  if (!types && given.empty()) {
    return FeatureFinding::no(types.error().message + "; take a kernel that was built with CONFIG_DEBUG_INFO_BTF=y");
  }
  if (!types) return FeatureFinding::no(types.error().message + "; --btf must name this kernel's BTF, or nothing");
  if (context.types == nullptr)
    return FeatureFinding::no("the kernel has no types of its own, which --btf cannot make up for");
  return FeatureFinding::yes(given);
}

FeatureFinding try_ring_buffer(const ProbeContext&) {
  return map(BPF_MAP_TYPE_RINGBUF, 0, 0, static_cast<uint32_t>(::sysconf(_SC_PAGESIZE)), 0);
}

FeatureFinding try_task_storage(const ProbeContext&) {
  // These maps exist with types of their keys and values only.
  const LibbpfMessages quiet;
  const std::unique_ptr<btf, decltype(&::btf__free)> types(::btf__new_empty(), ::btf__free);
  if (types == nullptr) return FeatureFinding::unknown(::strerror(errno));
  const int number = ::btf__add_int(types.get(), "int", sizeof(int), BTF_INT_SIGNED);
  if (number < 0 || ::btf__load_into_kernel(types.get()) != 0) {
    return FeatureFinding::no(fmt::format("the kernel refuses types of maps: {}", ::strerror(errno)));
  }
  bpf_map_create_opts options{};
  options.sz = sizeof(options);
  options.map_flags = BPF_F_NO_PREALLOC;
  options.btf_fd = static_cast<uint32_t>(::btf__fd(types.get()));
  options.btf_key_type_id = static_cast<uint32_t>(number);
  options.btf_value_type_id = static_cast<uint32_t>(number);
  const Fd fd(::bpf_map_create(BPF_MAP_TYPE_TASK_STORAGE, "redan_trial", sizeof(int), sizeof(int), 0, &options));
  return fd ? FeatureFinding::yes()
            : FeatureFinding::no(fmt::format("the kernel refuses such maps: {}", ::strerror(errno)));
}

FeatureFinding try_hash_without_preallocation(const ProbeContext&) {
  return map(BPF_MAP_TYPE_HASH, sizeof(uint32_t), sizeof(uint64_t), 1, BPF_F_NO_PREALLOC);
}

FeatureFinding try_bpf_loop(const ProbeContext&) { return helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, "5.17"); }

FeatureFinding try_ring_dynptr(const ProbeContext&) {
  return helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_ringbuf_reserve_dynptr, "5.19");
}

FeatureFinding try_tp_btf(const ProbeContext& context) {
  for (const std::string name : {"sched_process_exec", "sched_process_fork", "sched_process_exit"}) {
    const uint32_t target = context.types->tracepoint(name);
    if (target == 0) return FeatureFinding::no(fmt::format("the kernel has no tracepoint {}", name));
    const Trial trial = load({.type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_TRACE_RAW_TP, .target = target});
    if (!trial.program) return FeatureFinding::no(fmt::format("{}: {}", name, refusal(trial)));
  }
  return FeatureFinding::yes();
}

FeatureFinding try_task_iterator(const ProbeContext& context) {
  return on_function(context, {.type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_TRACE_ITER}, "bpf_iter_task",
                     "BPF iterators (5.8)");
}

FeatureFinding try_sensor(const ProbeContext& context) {
  const auto kernel = BpfKernel::load({.ring_bytes = kTrialRingBytes, .btf = context.places.btf});
  if (!kernel) {
    // The error of an agent that starts sends people here.
    const std::string& message = kernel.error().message;
    return FeatureFinding::no(message.substr(0, message.find("; 'redan features'")));
  }
  auto programs = (*kernel)->programs();
  if (!programs) return FeatureFinding::yes(programs.error().message);
  return {.state = kYes, .detail = "", .programs = std::move(*programs)};
}

FeatureFinding try_kernel_reads(const ProbeContext& context) {
  const auto allowed = kernel_reads_allowed();
  if (!allowed) return FeatureFinding::unknown(allowed.error().message);
  if (*allowed) return FeatureFinding::yes();
  const std::string mode = lockdown_mode(context.places.sysfs + "/kernel/security/lockdown");
  if (mode == "confidentiality")
    return FeatureFinding::no("refused by lockdown=confidentiality: boot with lockdown=integrity or none");
  return FeatureFinding::no("bpf_probe_read_kernel() is refused");
}

FeatureFinding try_bpf_lsm(const ProbeContext& context) {
  FeatureFinding loads = on_function(context, {.type = BPF_PROG_TYPE_LSM, .attach_type = BPF_LSM_MAC},
                                     "bpf_lsm_file_open", "CONFIG_BPF_LSM");
  return loads.state == kYes ? look_for_active_bpf_lsm(context.places) : loads;
}

FeatureFinding try_sleepable_bpf_lsm(const ProbeContext& context) {
  FeatureFinding loads =
      on_function(context, {.type = BPF_PROG_TYPE_LSM, .attach_type = BPF_LSM_MAC, .flags = BPF_F_SLEEPABLE},
                  "bpf_lsm_file_open", "CONFIG_BPF_LSM");
  if (loads.state != kYes) return loads;
  const FeatureState active = look_for_active_bpf_lsm(context.places).state;
  return active == kYes ? FeatureFinding::yes()
                        : FeatureFinding{.state = active, .detail = "as bpf-lsm", .programs = {}};
}

FeatureFinding try_kprobe(const ProbeContext& context) {
  const auto source = kprobe_event_source(context.places);
  if (!source) return FeatureFinding::no("the kernel was built without CONFIG_KPROBE_EVENTS");
  // At an address where no function is: the kernel minds the address after it has found kprobes permitted.
  perf_event_attr attributes{};
  attributes.type = *source;
  attributes.size = sizeof(attributes);
  attributes.kprobe_addr = 1;
  const Fd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (fd || errno == ENOENT || errno == EINVAL) return FeatureFinding::yes();
  const int error = errno;
  const std::string mode = lockdown_mode(context.places.sysfs + "/kernel/security/lockdown");
  if (mode == "confidentiality")
    return FeatureFinding::no("refused by lockdown=confidentiality: boot with lockdown=integrity or none");
  return FeatureFinding::no(fmt::format("perf_event_open: {}", ::strerror(error)));
}

FeatureFinding try_kprobe_multi(const ProbeContext&) {
  const Trial trial = load({.type = BPF_PROG_TYPE_KPROBE, .attach_type = BPF_TRACE_KPROBE_MULTI});
  if (!trial.program) return FeatureFinding::no(refusal(trial));
  // To a function that there is not: a kernel that looks for it could have attached.
  const char* symbol = "redan_no_such_function";
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.kprobe_multi.syms = &symbol;
  options.kprobe_multi.cnt = 1;
  const Fd link(::bpf_link_create(trial.program.get(), 0, BPF_TRACE_KPROBE_MULTI, &options));
  if (link || errno == ESRCH || errno == ENOENT) return FeatureFinding::yes();
  if (errno == EOPNOTSUPP) return FeatureFinding::no("the kernel was built without CONFIG_FPROBE");
  return FeatureFinding::no(fmt::format("the kernel refuses such links (they came with 5.18): {}", ::strerror(errno)));
}

FeatureFinding try_fentry(const ProbeContext& context) {
  return on_function(context, {.type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_TRACE_FENTRY}, "security_file_open",
                     "CONFIG_SECURITY");
}

FeatureFinding try_fmod_ret(const ProbeContext& context) {
  return on_function(context, {.type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_MODIFY_RETURN}, "security_file_open",
                     "CONFIG_SECURITY");
}

FeatureFinding try_override_return(const ProbeContext&) {
  const std::array instructions = {set(BPF_REG_2, 0), call(BPF_FUNC_override_return), leave()};
  const Trial trial = load({.type = BPF_PROG_TYPE_KPROBE, .instructions = instructions});
  if (trial.program) return FeatureFinding::yes();
  if (trial.log.find("bpf_override_return") == std::string::npos) return FeatureFinding::no(refusal(trial));
  return FeatureFinding::no("the kernel was built without CONFIG_BPF_KPROBE_OVERRIDE, as those of most distributions");
}

FeatureFinding look_for_error_injection(const ProbeContext& context) {
  if (context.types->function("within_error_injection_list") != 0) return FeatureFinding::yes();
  return FeatureFinding::no("the kernel was built without CONFIG_FUNCTION_ERROR_INJECTION");
}

}  // namespace redan::kernel
