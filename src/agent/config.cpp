// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "agent/options_values.h"
#include "base/fd.h"
#include "base/suggest.h"

namespace redan::agent {
namespace {

constexpr std::string_view kPrefix = "REDAN_";

// Far above any configuration; a log or a device given by mistake is found out before it fills the memory.
constexpr size_t kLargestFile = 1 << 20;

// What went wrong in files and the environment, one line each.
class Problems {
 public:
  void add(std::string line, ErrorCode code = ErrorCode::kConfig) {
    code_ = lines_.empty() || code_ == code ? code : ErrorCode::kConfig;
    lines_ += (lines_.empty() ? "" : "\n") + std::move(line);
  }
  bool empty() const { return lines_.empty(); }
  Error error() const { return Error{code_, lines_}; }

 private:
  ErrorCode code_ = ErrorCode::kConfig;
  std::string lines_;
};

ErrorCode code_of_errno(int error_number) {
  return error_number == EACCES || error_number == EPERM ? ErrorCode::kPrivilege : ErrorCode::kConfig;
}

struct FileContent {
  int error_number = 0;  // 0: text holds the whole file; EFBIG: larger than kLargestFile
  std::string text;
};

FileContent read_file(const std::string& path) {
  FileContent content;
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return {.error_number = errno};
  std::array<char, 16384> buffer;
  while (true) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {.error_number = errno};
    if (count == 0) return content;
    content.text.append(buffer.data(), static_cast<size_t>(count));
    if (content.text.size() > kLargestFile) return {.error_number = EFBIG};
  }
}

std::string read_failure(int error_number) {
  if (error_number == EFBIG) return "larger than 1M, so not a configuration";
  return ::strerror(error_number);
}

const Flag* find_flag(std::span<const Flag> flags, const Option& option) {
  const auto flag = std::ranges::find(flags, &option, &Flag::option);
  return flag == flags.end() ? nullptr : &*flag;
}

Result<void> apply_flag(const Flag& flag, Configuration& into) {
  REDAN_TRY(set_option(*flag.option, flag.text, into.options));
  into.set_source(*flag.option, "--" + std::string(flag.option->name));
  return {};
}

Result<void> apply_variable(const EnvironmentView& environment, const Option& option, Configuration& into) {
  const std::string name = environment_name(option);
  const auto value = environment.find(name);
  if (!value) return {};
  if (auto set = set_option(option, *value, into.options); !set)
    return Error{ErrorCode::kConfig, "environment variable " + name + ": " + set.error().message};
  into.set_source(option, name);
  return {};
}

// An option that says where others are: needed before its turn. What is wrong with it is reported when its turn comes.
void apply_early(std::string_view name, const EnvironmentView& environment, std::span<const Flag> flags,
                 Configuration& into) {
  const Option& option = *find_option(name);
  (void)apply_variable(environment, option, into);
  if (const Flag* flag = find_flag(flags, option)) (void)apply_flag(*flag, into);
}

void apply_file(Configuration& into, Problems& problems) {
  const std::string path = into.options.config;
  const std::string& source = into.source(*find_option("config"));
  const bool is_default = source == kDefaultSource;
  if (path.empty()) return;
  const FileContent content = read_file(path);
  if (content.error_number == ENOENT && is_default) return;
  if (content.error_number != 0) {
    const std::string who = is_default ? "" : source + ": ";
    return problems.add(
        who + path + ": " + read_failure(content.error_number) + "; allowed: a YAML file, or '' for none",
        code_of_errno(content.error_number));
  }
  if (const auto applied = apply_yaml(content.text, path, into); !applied) problems.add(applied.error().message);
}

void apply_directory_entry(const std::filesystem::path& path, Configuration& into, Problems& problems) {
  const std::string name = path.filename().string();
  const Option* option = find_option(name);
  if (!option) return problems.add(path.string() + ": no option has this name" + did_you_mean(name, option_names()));
  if (option->settable != Settable::kAnywhere)
    return problems.add(path.string() + ": only a flag (--" + name + ") or the environment (" +
                        environment_name(*option) + ") can set this option");
  const FileContent content = read_file(path);
  if (content.error_number != 0)
    return problems.add(path.string() + ": " + read_failure(content.error_number), code_of_errno(content.error_number));
  if (const auto set = set_option(*option, trimmed(content.text), into.options); !set)
    return problems.add(path.string() + ": " + set.error().message);
  into.set_source(*option, path.string());
}

// Regular files, links to them included; hidden ones are not settings (..data of a ConfigMap, .gitkeep).
void apply_directory(Configuration& into, Problems& problems) {
  namespace fs = std::filesystem;
  if (into.options.config_dir.empty()) return;
  const std::string who = into.source(*find_option("config-dir")) + ": ";
  const fs::path directory = into.options.config_dir;

  std::error_code error;
  std::vector<fs::path> paths;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown_type;  // a dangling link is no regular file
    const bool is_setting = entry->is_regular_file(unknown_type) && !entry->path().filename().native().starts_with('.');
    if (is_setting) paths.push_back(entry->path());
  }
  if (error)
    return problems.add(
        who + directory.string() + ": " + error.message() + "; allowed: a directory with one file per option",
        code_of_errno(error.value()));
  std::ranges::sort(paths);
  for (const fs::path& path : paths) apply_directory_entry(path, into, problems);
}

// What Kubernetes sets in every pod beside a service that is called redan or redan-….
bool is_service_variable(std::string_view name, std::string_view value) {
  constexpr std::array<std::string_view, 3> kSchemes = {"tcp://", "udp://", "sctp://"};
  constexpr std::array<std::string_view, 8> kParts = {"_SERVICE_HOST", "_SERVICE_PORT", "_TCP_P",    "_UDP_P",
                                                      "_SCTP_P",       "_TCP_ADDR",     "_UDP_ADDR", "_SCTP_ADDR"};
  return std::ranges::any_of(kSchemes, [value](std::string_view scheme) { return value.starts_with(scheme); }) ||
         std::ranges::any_of(kParts, [name](std::string_view part) { return name.find(part) != name.npos; });
}

// Redan's tests and scripts have variables of their own.
bool is_script_variable(std::string_view name) {
  constexpr std::array<std::string_view, 2> kNames = {"REDAN_RESULTS", "REDAN_KERNEL_VARIANT"};
  return name.starts_with("REDAN_TEST_") || name.starts_with("REDAN_VM") ||
         std::ranges::find(kNames, name) != kNames.end();
}

void apply_environment(const EnvironmentView& environment, Configuration& into, Problems& problems) {
  for (const Option& option : options())
    if (auto applied = apply_variable(environment, option, into); !applied) problems.add(applied.error().message);

  const auto is_option = [](std::string_view name) {
    return std::ranges::any_of(options(), [&](const Option& option) { return environment_name(option) == name; });
  };
  for (const auto& variable : environment.variables()) {
    const std::string_view name = variable.first;
    if (!name.starts_with(kPrefix) || is_option(name) || is_script_variable(name) ||
        is_service_variable(name, variable.second))
      continue;
    const auto meant = nearest(name.substr(kPrefix.size()), option_names());
    problems.add("environment variable " + std::string(name) + ": no option has this name" +
                 (meant ? "; did you mean '" + environment_name(*find_option(*meant)) + "'?" : ""));
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  // The last byte stays 0: gethostname() does not promise one when it cuts.
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  return name.data();
}

void name_node(const EnvironmentView& environment, Configuration& into, Problems& problems) {
  if (!into.options.node_name.empty()) return;
  const Option& option = *find_option("node-name");
  for (const std::string_view name : {"HUBBLE_NODE_NAME", "NODE_NAME"}) {
    const auto value = environment.find(name);
    if (!value) continue;
    if (const auto set = set_option(option, *value, into.options); !set)
      return problems.add("environment variable " + std::string(name) + ": " + set.error().message);
    return into.set_source(option, std::string(name));
  }
  into.options.node_name = host_name();
  into.set_source(option, "host name");
}

void check_together(const Configuration& configuration, Problems& problems) {
  const AgentOptions& options = configuration.options;
  if (options.enable_ancestors.empty() || options.has_ancestors(AncestorKind::kBase)) return;
  const Option& option = *find_option("enable-ancestors");
  const std::string& source = configuration.source(option);
  const bool is_flag = source.starts_with("--");
  problems.add(source + ": " + (is_flag ? "" : "enable-ancestors: ") + "found " +
                   in_quotes(option_value(option, options)) + ", which does nothing without base; add base",
               is_flag ? ErrorCode::kUsage : ErrorCode::kConfig);
}

}  // namespace

EnvironmentView::EnvironmentView(const char* const* envp) {
  for (; envp && *envp; ++envp) {
    const std::string_view entry = *envp;
    const size_t equals = entry.find('=');
    if (equals != entry.npos) variables_.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
}

std::optional<std::string_view> EnvironmentView::find(std::string_view name) const {
  const auto found = std::ranges::find(variables_, name, &Variable::first);
  if (found == variables_.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

Configuration::Configuration() : sources_(redan::agent::options().size(), std::string(kDefaultSource)) {}

const std::string& Configuration::source(const Option& option) const {
  return sources_[static_cast<size_t>(&option - redan::agent::options().data())];
}

void Configuration::set_source(const Option& option, std::string source) {
  sources_[static_cast<size_t>(&option - redan::agent::options().data())] = std::move(source);
}

Result<Configuration> configure(const EnvironmentView& environment, std::span<const Flag> flags) {
  Configuration configuration;
  Problems problems;
  apply_early("config", environment, flags, configuration);
  apply_file(configuration, problems);
  apply_early("config-dir", environment, flags, configuration);
  apply_directory(configuration, problems);
  apply_environment(environment, configuration, problems);
  for (const Flag& flag : flags) REDAN_TRY(apply_flag(flag, configuration));
  name_node(environment, configuration, problems);
  if (problems.empty()) check_together(configuration, problems);
  if (!problems.empty()) return problems.error();
  return configuration;
}

Result<Configuration> configure_offline(std::span<const Flag> flags) {
  Configuration configuration;
  for (const Flag& flag : flags) REDAN_TRY(apply_flag(flag, configuration));
  return configuration;
}

}  // namespace redan::agent
