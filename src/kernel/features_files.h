// SPDX-License-Identifier: Apache-2.0
#pragma once
// Probes that look at files of sysfs and procfs, and what other probes need to know from there.

#include <optional>
#include <string>

#include "kernel/features.h"

namespace redan::kernel {

/// The file with the kernel's own types.
std::string own_btf(const FeaturePlaces& places);

/// Those of CAP_BPF and CAP_PERFMON that this process lacks, as "CAP_BPF and CAP_PERFMON"; empty: none, or nobody knows.
std::string missing_capabilities(const FeaturePlaces& places);

/// Number of the event source for kprobes; nothing: the kernel has none.
std::optional<uint32_t> kprobe_event_source(const FeaturePlaces& places);

/// Whether programs at LSM hooks are asked at all: the kernel takes and attaches them even where BPF is not an active LSM.
FeatureFinding look_for_active_bpf_lsm(const FeaturePlaces& places);

FeatureFinding look_for_cgroup2(const ProbeContext& context);

/// Yes: tasks are not preempted while they run kernel code, but where they ask for it.
FeatureFinding look_for_limited_preemption(const ProbeContext& context);

}  // namespace redan::kernel
