// SPDX-License-Identifier: Apache-2.0
#pragma once
// The options of the agent: what they are called, what they may be, and where their values go. One table; flags,
// environment, files, --help and docs/options.md all read it.

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/log.h"
#include "base/result.h"

namespace redan::agent {

/// Where user names in events come from.
enum class UsernameMetadata { kDisabled, kUnix };

/// The kinds of events that ancestors can be asked for.
enum class AncestorKind { kBase, kKprobe, kTracepoint, kLoader, kUprobe, kLsm, kUsdt };

/// The value of every option; a default-constructed one holds the defaults. Field names are option names with `_`.
/// Values that come out of configure() are within the limits of the table.
struct AgentOptions {
  std::string config = "/etc/redan/redan.yaml";  ///< empty: none
  std::string config_dir;                        ///< empty: none
  std::string cluster_name;
  std::string node_name;  ///< never empty after configure(); empty after configure_offline() unless given
  std::string procfs = "/proc";
  std::string run_dir = "/run/redan";
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;

  std::string btf;                            ///< empty: the kernel's own
  uint64_t rb_size_total = 8ULL << 20;        ///< bytes, a power of two
  uint64_t arguments_max_size = 64ULL << 10;  ///< bytes
  uint64_t process_cache_size = 65536;        ///< processes
  std::chrono::nanoseconds process_cache_gc_interval = std::chrono::seconds(30);

  std::vector<std::string> tracing_policy;                         ///< files; all are read
  std::string tracing_policy_dir = "/etc/redan/tracing-policy.d";  ///< absolute; empty: none

  bool enable_process_cred = false;
  bool enable_process_ns = false;
  std::vector<AncestorKind> enable_ancestors;  ///< holds kBase if it holds anything
  bool enable_process_environment_variables = false;
  std::vector<std::string> filter_environment_variables;  ///< empty: all
  UsernameMetadata username_metadata = UsernameMetadata::kDisabled;

  std::string export_filename;  ///< empty: none; "-": standard output
  uint64_t export_file_perm = 0600;
  bool export_own_records = true;
  uint64_t event_queue_size = 10000;                                      ///< events
  std::chrono::nanoseconds heartbeat_interval = std::chrono::minutes(1);  ///< 0: off

  bool has_ancestors(AncestorKind kind) const;
  friend bool operator==(const AgentOptions&, const AgentOptions&) = default;
};

/// The commands that take options; a set of them is an or of these.
enum VerbSet : uint16_t {
  kAgent = 1 << 0,
  kRecord = 1 << 1,
  kReplay = 1 << 2,
  kFeatures = 1 << 3,
  kPolicyCheck = 1 << 4,
  kPolicyExplain = 1 << 5,
  kPolicyAdd = 1 << 6,
  kPolicyDelete = 1 << 7,
  kPolicyEnable = 1 << 8,
  kPolicyDisable = 1 << 9,
  kPolicySetMode = 1 << 10,
  kPolicyList = 1 << 11,
};

/// The commands that ask the running agent.
inline constexpr uint16_t kPolicyClients =
    kPolicyAdd | kPolicyDelete | kPolicyEnable | kPolicyDisable | kPolicySetMode | kPolicyList;

enum class OptionGroup { kConfiguration, kGeneral, kKernel, kPolicy, kContent, kExport };

/// Where an option can be set.
enum class Settable {
  kAnywhere,
  kNotInDirectory,  ///< flag, environment and configuration file: says where the drop-in directory is
  kNotInFiles,      ///< flag and environment: says where the configuration file is
};

/// How an option is written and which field it sets: one struct per kind of option.
struct BoolField {
  bool AgentOptions::*field;
};
struct UintField {
  uint64_t AgentOptions::*field;
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
};
struct SizeField {
  uint64_t AgentOptions::*field;
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
  bool power_of_two = false;  ///< rounded up to one
};
struct DurationField {
  std::chrono::nanoseconds AgentOptions::*field;
  std::chrono::nanoseconds least{0};
  std::chrono::nanoseconds most = std::chrono::hours(720);
  bool zero_is_off = false;  ///< 0 is allowed beside least..most
};
struct ModeField {
  uint64_t AgentOptions::*field;
};
struct StringField {
  std::string AgentOptions::*field;
  size_t most = 4095;  ///< bytes
  bool may_be_empty = true;
};
struct ListField {
  std::vector<std::string> AgentOptions::*field;
  std::string_view forbidden = "";  ///< bytes that no item has
};
struct WordField {
  std::span<const std::string_view> words;  ///< in the order of the enum
  void (*set)(AgentOptions&, size_t index);
  size_t (*get)(const AgentOptions&);
  std::string_view synonym = "";  ///< is read as `meant`, one of the words, and not printed
  std::string_view meant = "";
};
struct WordListField {
  std::span<const std::string_view> words;  ///< in the order of the enum
  void (*set)(AgentOptions&, const std::vector<size_t>& indexes);
  std::vector<size_t> (*get)(const AgentOptions&);
};
using OptionField = std::variant<BoolField, UintField, SizeField, DurationField, ModeField, StringField, ListField,
                                 WordField, WordListField>;

/// One row of the table.
struct Option {
  std::string_view name;  ///< as in --NAME
  OptionGroup group;
  OptionField field;
  std::string_view value_name;  ///< what --help calls the value; empty for those that need none
  std::string_view help;        ///< one sentence or two, no full stop at the end
  uint16_t verbs = kAgent | kRecord;
  Settable settable = Settable::kAnywhere;
  std::string_view default_note = "";  ///< said instead of the default value
};

/// The table, in the order in which --help shows it.
std::span<const Option> options();

/// Null if there is none of that name.
const Option* find_option(std::string_view name);

/// All names, in the order of the table.
std::vector<std::string_view> option_names();

/// "Export" and so on.
std::string_view group_title(OptionGroup group);

/// REDAN_ and the name in upper case with - as _.
std::string environment_name(const Option& option);

bool is_bool(const Option& option);
bool is_list(const Option& option);

/// Sets the option from its text. The error (kConfig) is "found 'TEXT', allowed: …", without the option's name.
/// A list replaces what was there.
Result<void> set_option(const Option& option, std::string_view text, AgentOptions& into);

/// The same for a list that is there item by item. Precondition: is_list(option).
Result<void> set_option(const Option& option, const std::vector<std::string>& items, AgentOptions& into);

/// The value, in the form that set_option() reads.
std::string option_value(const Option& option, const AgentOptions& from);

/// "true or false", "a whole number from 1 to 9": completes "allowed: …".
std::string allowed_values(const Option& option);

/// The default as people are told it: the value, or what is done when there is none; empty for an empty one.
std::string default_text(const Option& option);

/// docs/options.md: the whole reference, generated.
std::string options_markdown();

}  // namespace redan::agent
