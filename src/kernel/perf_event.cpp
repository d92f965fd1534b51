// SPDX-License-Identifier: Apache-2.0
#include "kernel/perf_event.h"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include <bpf/bpf.h>
#include <fmt/format.h>

namespace redan::kernel {
namespace {

constexpr const char* kKprobeType = "/sys/bus/event_source/devices/kprobe/type";
constexpr uint64_t kReturnBit = 1;  // of attr.config (/sys/bus/event_source/devices/kprobe/format/retprobe)

/// On every CPU, whatever CPU is asked for: programs are attached to what the event is of.
Fd open_event(perf_event_attr& attributes) {
  attributes.size = sizeof(attributes);
  return Fd(static_cast<int>(::syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
}

/// struct bpf_link_info of 6.7 and later, which the headers of libbpf 1.1 do not have: what a kprobe missed.
struct KprobeLinkInfo {
  uint32_t type, id, program, pad0;
  uint32_t event_type, pad1;
  uint64_t function;
  uint32_t function_len, offset;
  uint64_t address, missed;
};

}  // namespace

Fd open_kprobe(const std::string& function, ProbedEnd end) {
  perf_event_attr attributes{};
  std::ifstream(kKprobeType) >> attributes.type;
  if (attributes.type == 0) {
    errno = EOPNOTSUPP;
    return Fd();
  }
  if (end == ProbedEnd::kReturn) attributes.config = kReturnBit;
  attributes.config1 = reinterpret_cast<uintptr_t>(function.c_str());
  return open_event(attributes);
}

Fd open_tracepoint(uint32_t id) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.config = id;
  return open_event(attributes);
}

Fd attach_to_event(int program, int event) {
  Fd link(::bpf_link_create(program, event, BPF_PERF_EVENT, nullptr));
  if (link && ::ioctl(event, PERF_EVENT_IOC_ENABLE, 0) != 0) link.reset();
  return link;
}

uint64_t missed_by_kprobe(int link) {
  union {
    KprobeLinkInfo kprobe;
    bpf_link_info any;
  } info{};
  uint32_t size = sizeof(info);
  return ::bpf_obj_get_info_by_fd(link, &info, &size) == 0 ? info.kprobe.missed : 0;
}

Error attach_error(const HookTarget& target, int error_number) {
  const bool full = error_number == E2BIG;  // BPF_MAX_TRAMP_LINKS, include/linux/bpf.h
  return Error{
      error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kKernel,
      fmt::format("attach {}/{}: {}", hook_attachment_name(target.attachment), target.name,
                  full ? "the function has as many programs as it can take (38)" : std::strerror(error_number))};
}

}  // namespace redan::kernel
