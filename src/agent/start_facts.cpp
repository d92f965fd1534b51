// SPDX-License-Identifier: Apache-2.0
#include "agent/start_facts.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include <fmt/format.h>

#include "export/timestamp.h"
#include "generated/version.h"

namespace redan::agent {
namespace {

constexpr std::string_view kOptionPrefix = "option.";
constexpr std::string_view kNamespacePrefix = "host_namespace.";

/// Options that say where something is on the machine of the recording, not what the events are.
constexpr std::array<std::string_view, 6> kLocalOptions = {"config",           "config-dir", "export-filename",
                                                           "export-file-perm", "run-dir",    "procfs"};

bool is_local(const Option& option) { return std::ranges::find(kLocalOptions, option.name) != kLocalOptions.end(); }

template <typename Number>
Result<Number> parse_number(const event::Facts& facts, std::string_view key) {
  const std::string_view text = event::fact(facts, key);
  Number value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || stop != text.data() + text.size() || text.empty()) {
    return Error{ErrorCode::kCorrupt,
                 fmt::format("the start frame has no good '{}': found '{}', wanted a number", key, text)};
  }
  return value;
}

std::string timestamp_text(int64_t wall_ns) {
  exporting::TimestampText timestamp;
  std::array<char, exporting::TimestampText::kMaxSize> text{};
  return {text.data(), timestamp.write(wall_ns, text.data())};
}

uint64_t nanoseconds(std::chrono::nanoseconds duration) { return static_cast<uint64_t>(duration.count()); }

/// What was set to something else than the default, as people write it.
std::string changed_options(const AgentOptions& options) {
  const AgentOptions defaults;
  std::string text;
  for (const Option& option : agent::options()) {
    const std::string value = option_value(option, options);
    if (value == option_value(option, defaults) || is_local(option) || option.name == "node-name") continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("--{}={}", option.name, value);
  }
  return text;
}

}  // namespace

event::Facts start_facts(const Start& start) {
  event::Facts facts = {
      {"version", REDAN_VERSION},
      {"commit", REDAN_COMMIT},
      {"kernel", start.host.kernel_release},
      {"boot_id", start.host.boot_id},
      {"machine_id", start.host.machine_id},
      {"wall_offset_ns", std::to_string(start.wall_offset_ns)},
      {"kernel_reads", start.kernel_reads ? "1" : "0"},
  };
  if (start.predecessor) {
    facts.emplace_back("predecessor_pid", std::to_string(start.predecessor->pid));
    facts.emplace_back("predecessor_last_alive", std::to_string(start.predecessor->last_alive));
    facts.emplace_back("started", std::to_string(start.wall_time));
  }
  for (size_t i = 0; i < std::size(start.host.namespaces.inum); ++i) {
    facts.emplace_back(fmt::format("{}{}", kNamespacePrefix, i), std::to_string(start.host.namespaces.inum[i]));
  }
  for (const Option& option : agent::options()) {
    if (is_local(option)) continue;
    facts.emplace_back(fmt::format("{}{}", kOptionPrefix, option.name), option_value(option, start.options));
  }
  return facts;
}

Result<Start> parse_start_facts(const event::Facts& facts) {
  Start start;
  start.host.kernel_release = event::fact(facts, "kernel");
  start.host.boot_id = event::fact(facts, "boot_id");
  start.host.machine_id = event::fact(facts, "machine_id");
  REDAN_ASSIGN(start.wall_offset_ns, parse_number<int64_t>(facts, "wall_offset_ns"));
  REDAN_ASSIGN(const auto kernel_reads, parse_number<uint32_t>(facts, "kernel_reads"));
  start.kernel_reads = kernel_reads != 0;
  if (!event::fact(facts, "predecessor_pid").empty()) {
    start.predecessor.emplace();
    REDAN_ASSIGN(start.predecessor->pid, parse_number<uint64_t>(facts, "predecessor_pid"));
    REDAN_ASSIGN(start.predecessor->last_alive, parse_number<int64_t>(facts, "predecessor_last_alive"));
    REDAN_ASSIGN(start.wall_time, parse_number<int64_t>(facts, "started"));
  }
  for (size_t i = 0; i < std::size(start.host.namespaces.inum); ++i) {
    REDAN_ASSIGN(start.host.namespaces.inum[i],
                 parse_number<uint32_t>(facts, fmt::format("{}{}", kNamespacePrefix, i)));
  }
  for (const auto& [key, value] : facts) {
    if (!key.starts_with(kOptionPrefix)) continue;
    const Option* option = find_option(std::string_view(key).substr(kOptionPrefix.size()));
    if (option == nullptr) {
      return Error{ErrorCode::kCorrupt,
                   fmt::format("the start frame names an option that this redan does not have: '{}'", key)};
    }
    if (const auto set = set_option(*option, value, start.options); !set) {
      return Error{ErrorCode::kCorrupt, fmt::format("the start frame has a bad '{}': {}", key, set.error().message)};
    }
  }
  return start;
}

engine::EngineOptions engine_options(const Start& start) {
  const AgentOptions& options = start.options;
  engine::EngineOptions engine;
  engine.tree.capacity = options.process_cache_size;
  engine.tree.grace_ns = nanoseconds(options.process_cache_gc_interval);
  engine.ancestors = options.has_ancestors(AncestorKind::kBase);
  engine.heartbeat_ns = nanoseconds(options.heartbeat_interval);
  engine.host_namespaces = start.host.namespaces;
  engine.start_notice = {
      {"version", REDAN_VERSION},
      {"commit", REDAN_COMMIT},
      {"schema_version", std::to_string(kSchemaVersion)},
      {"kernel", start.host.kernel_release},
      {"boot_id", start.host.boot_id},
      {"machine_id", start.host.machine_id},
      {"options", changed_options(options)},
  };
  if (!start.kernel_reads) engine.start_notice.emplace_back("not_readable", "cwd, cgroup name (kernel lockdown)");
  if (start.predecessor) {
    engine.gap_notice = {
        {"cause", "agent_killed"},
        {"pid", std::to_string(start.predecessor->pid)},
        {"last_alive", timestamp_text(start.predecessor->last_alive)},
        {"milliseconds", std::to_string((start.wall_time - start.predecessor->last_alive) / 1'000'000)},
    };
  }
  return engine;
}

exporting::JsonOptions json_options(const Start& start) {
  const AgentOptions& options = start.options;
  exporting::JsonOptions json;
  json.node_name = options.node_name;
  json.cluster_name = options.cluster_name;
  json.process.credentials = options.enable_process_cred;
  json.process.namespaces = options.enable_process_ns;
  json.process.environment = options.enable_process_environment_variables;
  json.process.environment_filter = options.filter_environment_variables;
  json.process.host_namespaces = start.host.namespaces;
  return json;
}

}  // namespace redan::agent
