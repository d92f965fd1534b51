// SPDX-License-Identifier: Apache-2.0
// The table of options. To add one: a field in AgentOptions, a row here, UPDATE_GOLDEN=1 for docs/options.md.
#include <array>

#include "agent/options.h"

namespace redan::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr uint64_t kKiB = 1ULL << 10;
constexpr uint64_t kGiB = 1ULL << 30;
constexpr size_t kLongestName = 255;

constexpr std::array<std::string_view, 5> kLogLevels = {"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> kLogFormats = {"text", "json"};
constexpr std::array<std::string_view, 2> kUsernameSources = {"disabled", "unix"};
constexpr std::array<std::string_view, 7> kAncestorKinds = {"base",   "kprobe", "tracepoint", "loader",
                                                            "uprobe", "lsm",    "usdt"};

template <auto Member>
constexpr WordField word_field(std::span<const std::string_view> words, std::string_view synonym = "",
                               std::string_view meant = "") {
  using Enum = std::remove_cvref_t<decltype(std::declval<AgentOptions>().*Member)>;
  return {.words = words,
          .set = [](AgentOptions& into, size_t index) { into.*Member = static_cast<Enum>(index); },
          .get = [](const AgentOptions& from) { return static_cast<size_t>(from.*Member); },
          .synonym = synonym,
          .meant = meant};
}

template <auto Member>
constexpr WordListField word_list_field(std::span<const std::string_view> words) {
  using Enum = typename std::remove_cvref_t<decltype(std::declval<AgentOptions>().*Member)>::value_type;
  return {.words = words,
          .set =
              [](AgentOptions& into, const std::vector<size_t>& indexes) {
                (into.*Member).clear();
                for (size_t index : indexes) (into.*Member).push_back(static_cast<Enum>(index));
              },
          .get =
              [](const AgentOptions& from) {
                std::vector<size_t> indexes;
                for (Enum value : from.*Member) indexes.push_back(static_cast<size_t>(value));
                return indexes;
              }};
}

constexpr uint16_t kLive = kAgent | kRecord | kFeatures;                   // on a running kernel
constexpr uint16_t kConfigured = kLive | kPolicyExplain | kPolicyClients;  // reads configuration files
constexpr uint16_t kEverywhere = kLive | kReplay;

constexpr std::array kOptions = {
    Option{.name = "config",
           .group = OptionGroup::kConfiguration,
           .field = StringField{&AgentOptions::config},
           .value_name = "FILE",
           .help = "YAML file of NAME: VALUE lines, where NAME is any of these options. The default one may be absent; "
                   "empty reads none",
           .verbs = kConfigured,
           .settable = Settable::kNotInFiles},
    Option{.name = "config-dir",
           .group = OptionGroup::kConfiguration,
           .field = StringField{&AgentOptions::config_dir},
           .value_name = "DIR",
           .help = "Directory with one file per option, named like the option, holding its value (as a mounted "
                   "ConfigMap does)",
           .verbs = kConfigured,
           .settable = Settable::kNotInDirectory},

    Option{.name = "log-level",
           .group = OptionGroup::kGeneral,
           .field = word_field<&AgentOptions::log_level>(kLogLevels, "warning", "warn"),
           .value_name = "LEVEL",
           .help = "The least important messages that the agent's own log shows",
           .verbs = kEverywhere},
    Option{.name = "log-format",
           .group = OptionGroup::kGeneral,
           .field = word_field<&AgentOptions::log_format>(kLogFormats),
           .value_name = "FORMAT",
           .help = "How the agent's own log is written to standard error",
           .verbs = kEverywhere},
    Option{.name = "cluster-name",
           .group = OptionGroup::kGeneral,
           .field = StringField{.field = &AgentOptions::cluster_name, .most = kLongestName},
           .value_name = "NAME",
           .help = "cluster_name of every event"},
    Option{.name = "node-name",
           .group = OptionGroup::kGeneral,
           .field = StringField{.field = &AgentOptions::node_name, .most = kLongestName},
           .value_name = "NAME",
           .help = "node_name of every event, and part of every exec_id",
           .verbs = kAgent | kRecord | kReplay,
           .default_note = "$HUBBLE_NODE_NAME, else $NODE_NAME, else the host name"},
    Option{.name = "run-dir",
           .group = OptionGroup::kGeneral,
           .field = StringField{.field = &AgentOptions::run_dir, .may_be_empty = false},
           .value_name = "DIR",
           .help =
               "Directory of the pid file that keeps a second agent from starting, and of the socket for redan policy; "
               "made if missing",
           .verbs = kAgent | kPolicyClients},

    Option{.name = "procfs",
           .group = OptionGroup::kKernel,
           .field = StringField{.field = &AgentOptions::procfs, .may_be_empty = false},
           .value_name = "DIR",
           .help = "Where the host's proc file system is mounted",
           .verbs = kLive | kPolicyExplain},
    Option{.name = "btf",
           .group = OptionGroup::kKernel,
           .field = StringField{&AgentOptions::btf},
           .value_name = "FILE",
           .help = "Type information (BTF) of the running kernel, for kernels that do not carry it",
           .verbs = kLive | kPolicyExplain,
           .default_note = "/sys/kernel/btf/vmlinux"},
    Option{.name = "rb-size-total",
           .group = OptionGroup::kKernel,
           .field =
               SizeField{.field = &AgentOptions::rb_size_total, .least = 64 * kKiB, .most = kGiB, .power_of_two = true},
           .value_name = "SIZE",
           .help = "Size of the process ring between kernel and agent, rounded up to a power of two. A larger one "
                   "survives longer bursts"},
    Option{.name = "arguments-max-size",
           .group = OptionGroup::kKernel,
           .field = SizeField{.field = &AgentOptions::arguments_max_size, .least = kKiB, .most = 64 * kKiB},
           .value_name = "SIZE",
           .help = "How much of a program's arguments is kept; what is cut is flagged with the full length"},
    Option{.name = "process-cache-size",
           .group = OptionGroup::kKernel,
           .field = UintField{.field = &AgentOptions::process_cache_size, .least = 1024, .most = 16777216},
           .value_name = "COUNT",
           .help = "How many processes the agent keeps in mind; beyond, the oldest ended ones are evicted and counted"},
    Option{.name = "process-cache-gc-interval",
           .group = OptionGroup::kKernel,
           .field = DurationField{.field = &AgentOptions::process_cache_gc_interval, .least = nanoseconds(1)},
           .value_name = "DURATION",
           .help = "How long an ended process is still kept for events that arrive late"},

    Option{.name = "tracing-policy",
           .group = OptionGroup::kPolicy,
           .field = ListField{.field = &AgentOptions::tracing_policy},
           .value_name = "FILES",
           .help = "TracingPolicy files. A file that cannot be used is told in the log and in the stream, and the "
                   "others are used"},
    Option{.name = "tracing-policy-dir",
           .group = OptionGroup::kPolicy,
           .field = StringField{&AgentOptions::tracing_policy_dir},
           .value_name = "DIR",
           .help =
               "Directory of TracingPolicy files (*.yaml, *.yml), watched: what is put there, changed or taken away is "
               "added, replaced or deleted. May be absent; empty watches none"},

    Option{.name = "enable-process-cred",
           .group = OptionGroup::kContent,
           .field = BoolField{&AgentOptions::enable_process_cred},
           .value_name = "",
           .help = "Credentials, capabilities and binary_properties in events"},
    Option{.name = "enable-process-ns",
           .group = OptionGroup::kContent,
           .field = BoolField{&AgentOptions::enable_process_ns},
           .value_name = "",
           .help = "Namespaces in events"},
    Option{.name = "enable-ancestors",
           .group = OptionGroup::kContent,
           .field = word_list_field<&AgentOptions::enable_ancestors>(kAncestorKinds),
           .value_name = "KINDS",
           .help = "Kinds of events that list the ancestors of their process; base (exec and exit) must be among them"},
    Option{.name = "enable-process-environment-variables",
           .group = OptionGroup::kContent,
           .field = BoolField{&AgentOptions::enable_process_environment_variables},
           .value_name = "",
           .help = "Environment variables in exec events. They often hold secrets"},
    Option{.name = "filter-environment-variables",
           .group = OptionGroup::kContent,
           .field = ListField{.field = &AgentOptions::filter_environment_variables, .forbidden = "="},
           .value_name = "NAMES",
           .help = "Only these environment variables, if any are named"},
    Option{.name = "username-metadata",
           .group = OptionGroup::kContent,
           .field = word_field<&AgentOptions::username_metadata>(kUsernameSources),
           .value_name = "SOURCE",
           .help = "Where user names in events come from: unix is the host's /etc/passwd"},

    Option{.name = "export-filename",
           .group = OptionGroup::kExport,
           .field = StringField{&AgentOptions::export_filename},
           .value_name = "FILE",
           .help = "File that events are appended to, one JSON object a line; - is standard output",
           .verbs = kAgent | kRecord | kReplay},
    Option{.name = "export-file-perm",
           .group = OptionGroup::kExport,
           .field = ModeField{&AgentOptions::export_file_perm},
           .value_name = "MODE",
           .help = "Mode of the export file, in octal",
           .verbs = kAgent | kRecord | kReplay},
    Option{.name = "export-own-records",
           .group = OptionGroup::kExport,
           .field = BoolField{&AgentOptions::export_own_records},
           .value_name = "",
           .help = "Redan's own records (start, loss, heartbeat) among the events; turn off for readers that stop at "
                   "unknown kinds such as `tetra getevents -o compact`",
           .verbs = kAgent | kRecord | kReplay},
    Option{.name = "event-queue-size",
           .group = OptionGroup::kExport,
           .field = UintField{.field = &AgentOptions::event_queue_size, .least = 1, .most = 16777216},
           .value_name = "COUNT",
           .help = "How many events wait for a slow export before some are dropped and counted",
           .verbs = kAgent},
    Option{
        .name = "heartbeat-interval",
        .group = OptionGroup::kExport,
        .field =
            DurationField{.field = &AgentOptions::heartbeat_interval, .least = milliseconds(100), .zero_is_off = true},
        .value_name = "DURATION",
        .help = "How often a heartbeat with the counters is among Redan's own records"},
};

constexpr std::array<std::string_view, 6> kGroupTitles = {
    "Configuration", "General", "Kernel side and process tree", "Policies", "Content of events", "Export"};

}  // namespace

std::span<const Option> options() { return kOptions; }

std::string_view group_title(OptionGroup group) { return kGroupTitles[static_cast<size_t>(group)]; }

}  // namespace redan::agent
