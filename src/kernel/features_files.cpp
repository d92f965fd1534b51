// SPDX-License-Identifier: Apache-2.0
#include "kernel/features_files.h"

#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include <fmt/format.h>

namespace redan::kernel {
namespace {

// Files of procfs and sysfs have no size, so they are read until they end. Sets errno.
std::optional<std::string> read_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string file_error(const std::string& path) { return fmt::format("{}: {}", path, ::strerror(errno)); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

/// The last word `key`=… of the kernel's command line, which is the one that counts.
std::optional<std::string> boot_parameter(const FeaturePlaces& places, const std::string& key) {
  std::optional<std::string> value;
  for (const std::string& word : split(read_file(places.procfs + "/cmdline").value_or(""), ' ')) {
    if (word.starts_with(key + "=")) value = word.substr(key.size() + 1);
  }
  return value;
}

/// The kernel's list is that of lsm= and what is active whatever lsm= says.
std::string lsm_parameter_with_bpf(const std::vector<std::string>& active) {
  constexpr std::array<std::string_view, 4> kAlwaysActive = {"capability", "ima", "evm", "integrity"};
  std::string list;
  for (const std::string& name : active) {
    if (std::ranges::find(kAlwaysActive, name) == kAlwaysActive.end()) list += name + ",";
  }
  return "lsm=" + list + "bpf";
}

FeatureFinding preemption(const std::string& model) {
  // With lazy, too, the timer preempts a task that has run for long.
  const bool limited = model == "none" || model == "voluntary";
  const std::string detail = "the model is " + model;
  return limited ? FeatureFinding::yes(detail) : FeatureFinding::no(detail);
}

}  // namespace

std::string own_btf(const FeaturePlaces& places) { return places.sysfs + "/kernel/btf/vmlinux"; }

std::string missing_capabilities(const FeaturePlaces& places) {
  std::ifstream status(places.procfs + "/self/status");
  for (std::string line; std::getline(status, line);) {
    constexpr std::string_view kKey = "CapEff:\t";
    if (!line.starts_with(kKey)) continue;
    uint64_t effective = 0;
    const char* end = line.data() + line.size();
    const auto [stop, error] = std::from_chars(line.data() + kKey.size(), end, effective, 16);
    if (error != std::errc() || stop != end) return "";
    const auto has = [&](unsigned int capability) { return (effective >> capability & 1) != 0; };
    if (has(CAP_SYS_ADMIN)) return "";
    if (!has(CAP_BPF)) return has(CAP_PERFMON) ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON";
    return has(CAP_PERFMON) ? "" : "CAP_PERFMON";
  }
  return "";
}

std::optional<uint32_t> kprobe_event_source(const FeaturePlaces& places) {
  const auto text = read_file(places.sysfs + "/bus/event_source/devices/kprobe/type");
  if (!text) return std::nullopt;
  uint32_t type = 0;
  const auto [stop, error] = std::from_chars(text->data(), text->data() + text->size(), type);
  if (error != std::errc() || stop != text->data() + text->size()) return std::nullopt;
  return type;
}

FeatureFinding look_for_active_bpf_lsm(const FeaturePlaces& places) {
  const std::string path = places.sysfs + "/kernel/security/lsm";
  const auto list = read_file(path);
  if (!list) {
    return FeatureFinding::unknown(file_error(path) +
                                   "; it tells whether BPF LSM is active: mount -t securityfs securityfs " +
                                   places.sysfs + "/kernel/security");
  }
  const std::vector<std::string> active = split(*list, ',');
  if (std::ranges::find(active, "bpf") != active.end()) return FeatureFinding::yes();
  return FeatureFinding::no("not among the active LSMs: boot with " + lsm_parameter_with_bpf(active));
}

FeatureFinding look_for_cgroup2(const ProbeContext& context) {
  const std::string path = context.places.procfs + "/self/mounts";
  const auto mounts = read_file(path);
  if (!mounts) return FeatureFinding::unknown(file_error(path));
  std::string mounted_at;
  bool has_version_1 = false;
  for (const std::string& line : split(*mounts, '\n')) {
    const std::vector<std::string> fields = split(line, ' ');
    if (fields.size() < 3) continue;
    if (fields[2] == "cgroup") has_version_1 = true;
    if (fields[2] == "cgroup2" && mounted_at.empty()) mounted_at = fields[1];
  }
  if (mounted_at.empty()) {
    return FeatureFinding::no("not mounted: boot with systemd.unified_cgroup_hierarchy=1, which containers then use");
  }
  if (!has_version_1) return FeatureFinding::yes(mounted_at);
  return FeatureFinding::yes(mounted_at +
                             ", beside version 1: containers that are in version 1 alone are not told apart");
}

FeatureFinding look_for_limited_preemption(const ProbeContext& context) {
  // "none (voluntary) full": the one in force stands in parentheses.
  const std::string path = context.places.sysfs + "/kernel/debug/sched/preempt";
  const auto models = read_file(path);
  std::string not_told = models ? path + ": nothing is in parentheses" : file_error(path);
  if (!models && errno == ENOENT) not_told += "; mount -t debugfs debugfs " + context.places.sysfs + "/kernel/debug";
  if (models) {
    const size_t open = models->find('(');
    const size_t close = models->find(')', open);
    if (close != std::string::npos) return preemption(models->substr(open + 1, close - open - 1));
  }

  const std::string version_path = context.places.procfs + "/version";
  const auto version = read_file(version_path);
  if (!version) return FeatureFinding::unknown(file_error(version_path));
  const std::vector<std::string> words = split(*version, ' ');
  const auto says = [&](std::string_view word) { return std::ranges::find(words, word) != words.end(); };
  if (says("PREEMPT_RT")) return preemption("rt");
  if (says("PREEMPT_LAZY")) return preemption("lazy");
  if (says("PREEMPT")) return preemption("full");
  if (!says("PREEMPT_DYNAMIC")) return FeatureFinding::yes("the model is none or voluntary");
  if (const auto model = boot_parameter(context.places, "preempt")) return preemption(*model);
  return FeatureFinding::unknown("the model is the built-in default, unknown: " + not_told);
}

}  // namespace redan::kernel
