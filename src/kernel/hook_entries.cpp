// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_entries.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include <bpf/bpf.h>

#include "abi/hook.h"
#include "kernel/hook_load.h"
#include "kernel/perf_event.h"

namespace redan::kernel {
namespace {

constexpr uint32_t kOnly = 0;

Result<void> write_place(int map, const redan_entry_place& place) {
  if (::bpf_map_update_elem(map, &kOnly, &place, BPF_ANY) == 0) return {};
  return errno_error("write what a program at an entry is for");
}

}  // namespace

uint64_t return_trampoline() {
  std::ifstream symbols("/proc/kallsyms");
  for (std::string line; std::getline(symbols, line);) {
    if (line.ends_with(" arch_rethook_trampoline")) return std::strtoull(line.c_str(), nullptr, 16);
  }
  return 0;
}

Result<std::unique_ptr<EntryProbe>> EntryProbe::attach(const std::string& function, uint16_t place,
                                                       const HookTemplate& programs, HookMapMaker& maps) {
  auto probe = std::unique_ptr<EntryProbe>(new EntryProbe);
  probe->number_ = place;
  REDAN_ASSIGN(EntryMaps made, maps.make_for_entry());
  REDAN_TRY(write_place(made.place.get(), {.number = place, .period = 0, .missed = 0, .noted = 0}));
  const HookTarget target{.attachment = HookAttachment::kKretprobe, .name = function, .subsystem = "", .parameters = 0};
  const LoadTarget at{.type = BPF_PROG_TYPE_KPROBE, .attach_type = {}, .function = {}};
  REDAN_ASSIGN(probe->program_, load_program(programs, kEntryProgram, target, at, made.all));
  probe->place_ = std::move(made.place);
  probe->event_ = open_kprobe(function, ProbedEnd::kEntry);
  if (probe->event_) probe->link_ = attach_to_event(probe->program_.get(), probe->event_.get());
  if (!probe->link_) return attach_error(target, errno);
  return probe;
}

Result<void> EntryProbe::expect_returns(uint64_t period, uint64_t noted) {
  return write_place(place_.get(), {.number = number_, .period = period, .missed = 0, .noted = noted});
}

uint64_t EntryProbe::missed() const {
  redan_entry_place place{};
  return ::bpf_map_lookup_elem(place_.get(), &kOnly, &place) == 0 ? place.missed : 0;
}

}  // namespace redan::kernel
