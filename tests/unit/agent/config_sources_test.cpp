// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "agent/config.h"
#include "unit/agent/option_examples.h"
#include "unit/agent/scratch_dir.h"

namespace redan::agent {
namespace {

// Everything that configure() reads, kept alive for the views.
struct Sources {
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> flags = {{"config", ""}};  // not that of this machine

  Result<Configuration> configure() const {
    std::vector<EnvironmentView::Variable> variables;
    for (const auto& [name, value] : environment) variables.emplace_back(name, value);
    std::vector<Flag> given;
    for (const auto& [name, text] : flags) given.push_back({find_option(name), text});
    return agent::configure(EnvironmentView(std::move(variables)), given);
  }

  std::string error() const {
    const auto result = configure();
    return result ? "" : result.error().message;
  }
};

std::string value(const Result<Configuration>& configuration, std::string_view name) {
  REQUIRE(configuration.ok());
  return option_value(*find_option(name), configuration->options);
}

std::string source(const Result<Configuration>& configuration, std::string_view name) {
  REQUIRE(configuration.ok());
  return configuration->source(*find_option(name));
}

std::string variable_name(const OptionExample& example) { return environment_name(*find_option(example.name)); }

bool has_place_to_read(const OptionExample& example) {
  return example.name == "config" || example.name == "config-dir";
}

}  // namespace

TEST_CASE("every option can be set by its flag") {
  for (const OptionExample& example : option_examples()) {
    if (has_place_to_read(example)) continue;
    CAPTURE(example.name);
    const auto configured = Sources{.flags = {{"config", ""}, {example.name, example.text}}}.configure();
    CHECK(value(configured, example.name) == example.printed);
    CHECK(source(configured, example.name) == "--" + example.name);
  }
}

TEST_CASE("every option can be set by its environment variable, and refused values name it") {
  for (const OptionExample& example : option_examples()) {
    if (has_place_to_read(example)) continue;
    CAPTURE(example.name);
    const std::string variable = variable_name(example);
    const auto configured = Sources{.environment = {{variable, example.text}}}.configure();
    CHECK(value(configured, example.name) == example.printed);
    CHECK(source(configured, example.name) == variable);
    for (const std::string& bad : example.refused) {
      CAPTURE(bad);
      if (!bad.empty())
        CHECK(Sources{.environment = {{variable, bad}}}.error().starts_with("environment variable " + variable +
                                                                            ": found '"));
    }
  }
}

TEST_CASE("every option can be set by its file in the drop-in directory, and refused values name it") {
  for (const OptionExample& example : option_examples()) {
    if (has_place_to_read(example)) continue;
    CAPTURE(example.name);
    const ScratchDir scratch;
    const std::string file = scratch.write(example.name, "\n  " + example.text + " \n");
    const Sources sources{.flags = {{"config", ""}, {"config-dir", scratch.path()}}};
    const auto configured = sources.configure();
    CHECK(value(configured, example.name) == example.printed);
    CHECK(source(configured, example.name) == file);
    for (const std::string& bad : example.refused) {
      CAPTURE(bad);
      scratch.write(example.name, bad);
      CHECK(sources.error().starts_with(file + ": found '"));
    }
  }
}

TEST_CASE("an empty drop-in file empties text and lists") {
  const ScratchDir scratch;
  const std::string config =
      scratch.write("redan.yaml", "btf: x\nenable-ancestors: [base]\nfilter-environment-variables: A\n");
  for (const std::string name : {"btf", "enable-ancestors", "filter-environment-variables"})
    scratch.write("d/" + std::string(name), "\n");
  const auto configured = Sources{.flags = {{"config", config}, {"config-dir", scratch.path("d")}}}.configure();
  for (const std::string name : {"btf", "enable-ancestors", "filter-environment-variables"}) {
    CAPTURE(name);
    CHECK(value(configured, name).empty());
  }
}

TEST_CASE("each source beats the ones below it") {
  const ScratchDir scratch;
  const std::string config = scratch.write("redan.yaml", "cluster-name: file\nconfig-dir: " + scratch.path("d") + "\n");
  Sources sources{.flags = {{"config", config}}};
  CHECK(value(Sources{}.configure(), "cluster-name").empty());
  CHECK(source(Sources{}.configure(), "cluster-name") == "default");

  std::filesystem::create_directory(scratch.path("d"));
  CHECK(value(sources.configure(), "cluster-name") == "file");
  CHECK(source(sources.configure(), "cluster-name") == config + ":1:1");

  scratch.write("d/cluster-name", "directory\n");
  CHECK(value(sources.configure(), "cluster-name") == "directory");

  sources.environment.emplace_back("REDAN_CLUSTER_NAME", "environment");
  CHECK(value(sources.configure(), "cluster-name") == "environment");

  sources.flags.emplace_back("cluster-name", "flag");
  CHECK(value(sources.configure(), "cluster-name") == "flag");
  CHECK(source(sources.configure(), "cluster-name") == "--cluster-name");
}

TEST_CASE("the places of files follow the same order") {
  const ScratchDir scratch;
  const std::string low = scratch.write("low.yaml", "cluster-name: low\nconfig-dir: /nowhere\n");
  const std::string high = scratch.write("high.yaml", "cluster-name: high\n");
  scratch.write("d/btf", "from-directory");
  Sources sources{.environment = {{"REDAN_CONFIG", low}, {"REDAN_CONFIG_DIR", scratch.path("d")}}, .flags = {}};
  CHECK(value(sources.configure(), "cluster-name") == "low");
  CHECK(value(sources.configure(), "btf") == "from-directory");
  CHECK(source(sources.configure(), "config") == "REDAN_CONFIG");
  sources.flags = {{"config", high}, {"config-dir", ""}};
  CHECK(value(sources.configure(), "cluster-name") == "high");
  CHECK(value(sources.configure(), "btf").empty());
}

TEST_CASE("an empty environment variable counts as not set") {
  const auto configured = Sources{.environment = {{"REDAN_LOG_LEVEL", ""}, {"REDAN_EXPORT_FILENAME", ""}}}.configure();
  CHECK(source(configured, "log-level") == "default");
}

TEST_CASE("a configuration file that cannot be read is a clear error") {
  const ScratchDir scratch;
  const std::string missing = scratch.path("none.yaml");
  const Sources by_flag{.flags = {{"config", missing}}};
  CHECK(by_flag.error() ==
        "--config: " + missing + ": No such file or directory; allowed: a YAML file, or '' for none");
  CHECK(by_flag.configure().error().code == ErrorCode::kConfig);
  const Sources by_variable{.environment = {{"REDAN_CONFIG", missing}}, .flags = {}};
  CHECK(by_variable.error().starts_with("REDAN_CONFIG: " + missing + ": No such file"));
  const Sources directory{.flags = {{"config", scratch.path()}}};
  CHECK(directory.error().starts_with("--config: " + scratch.path() + ": Is a directory"));
  const std::string large = scratch.write("large.yaml", std::string((1 << 20) + 1, '#'));
  CHECK(Sources{.flags = {{"config", large}}}.error().starts_with("--config: " + large + ": larger than 1M"));
  CHECK(Sources{.flags = {{"config", "/dev/zero"}}}.error().starts_with("--config: /dev/zero: larger than 1M"));
  if (::geteuid() != 0) {
    const std::string secret = scratch.write("secret.yaml", "btf: x");
    REQUIRE(::chmod(secret.c_str(), 0) == 0);
    CHECK(Sources{.flags = {{"config", secret}}}.configure().error().code == ErrorCode::kPrivilege);
  }
}

TEST_CASE("a drop-in directory that cannot be read is a clear error") {
  const ScratchDir scratch;
  const std::string missing = scratch.path("none");
  CHECK(Sources{.flags = {{"config", ""}, {"config-dir", missing}}}.error() ==
        "--config-dir: " + missing + ": No such file or directory; allowed: a directory with one file per option");
  const std::string file = scratch.write("file", "");
  CHECK(Sources{.flags = {{"config", ""}, {"config-dir", file}}}.error().starts_with("--config-dir: " + file +
                                                                                     ": Not a directory"));
}

TEST_CASE("only files with names of options belong into the drop-in directory") {
  const ScratchDir scratch;
  const std::string target = scratch.write("elsewhere", "linked");
  scratch.write("d/.hidden", "x");
  scratch.write("d/..data/btf", "x");
  scratch.write("d/folder/btf", "x");
  std::filesystem::create_symlink(target, scratch.path("d/cluster-name"));
  std::filesystem::create_symlink(scratch.path("none"), scratch.path("d/dangling"));
  REQUIRE(::mkfifo(scratch.path("d/pipe").c_str(), 0600) == 0);
  const Sources sources{.flags = {{"config", ""}, {"config-dir", scratch.path("d")}}};
  CHECK(value(sources.configure(), "cluster-name") == "linked");

  scratch.write("d/export-filname", "x");
  scratch.write("d/config", "x");
  scratch.write("d/config-dir", "x");
  CHECK(sources.error() ==
        scratch.path("d/config") + ": only a flag (--config) or the environment (REDAN_CONFIG) can set this option\n" +
            scratch.path("d/config-dir") +
            ": only a flag (--config-dir) or the environment (REDAN_CONFIG_DIR) can set this option\n" +
            scratch.path("d/export-filname") + ": no option has this name; did you mean 'export-filename'?");
}

TEST_CASE("an unknown variable of ours is an error with a suggestion") {
  CHECK(Sources{.environment = {{"REDAN_EXPORT_FILNAME", "x"}}}.error() ==
        "environment variable REDAN_EXPORT_FILNAME: no option has this name; did you mean 'REDAN_EXPORT_FILENAME'?");
  CHECK(Sources{.environment = {{"REDAN_XYZ", ""}}}.error() ==
        "environment variable REDAN_XYZ: no option has this name");
  CHECK(Sources{.environment = {{"REDAN_", "x"}}}.error() == "environment variable REDAN_: no option has this name");
}

TEST_CASE("variables of scripts, of Kubernetes and of others are left alone") {
  const Sources sources{.environment = {{"REDAN_TEST_X", "1"},
                                        {"REDAN_RESULTS", "/x"},
                                        {"REDAN_KERNEL_VARIANT", "6.1"},
                                        {"REDAN_VM", "1"},
                                        {"REDAN_VM_CPUS", "2"},
                                        {"REDANT", "x"},
                                        {"XREDAN_Y", "x"},
                                        {"REDAN_SERVICE_HOST", "10.0.0.1"},
                                        {"REDAN_SERVICE_PORT", "2112"},
                                        {"REDAN_SERVICE_PORT_METRICS", "2112"},
                                        {"REDAN_PORT", "tcp://10.0.0.1:2112"},
                                        {"REDAN_PORT_2112_TCP", "tcp://10.0.0.1:2112"},
                                        {"REDAN_PORT_2112_TCP_PROTO", "tcp"},
                                        {"REDAN_PORT_2112_TCP_PORT", "2112"},
                                        {"REDAN_PORT_2112_TCP_ADDR", "10.0.0.1"},
                                        {"REDAN_METRICS_SERVICE_HOST", "10.0.0.2"}}};
  CHECK(sources.error().empty());
}

TEST_CASE("problems of all sources come in one run") {
  const ScratchDir scratch;
  const std::string config = scratch.write("redan.yaml", "lgo-level: info\n");
  scratch.write("d/btff", "x");
  const Sources sources{.environment = {{"REDAN_LOG_LEVEL", "loud"}},
                        .flags = {{"config", config}, {"config-dir", scratch.path("d")}}};
  CHECK(sources.error() ==
        config + ":1:1: key 'lgo-level': no such option; did you mean 'log-level'?\n" + scratch.path("d/btff") +
            ": no option has this name; did you mean 'btf'?\n" +
            "environment variable REDAN_LOG_LEVEL: found 'loud', allowed: trace, debug, info, warn or error");
}

TEST_CASE("ancestors of anything need base") {
  const Sources by_flag{.flags = {{"config", ""}, {"enable-ancestors", "kprobe"}}};
  CHECK(by_flag.error() == "--enable-ancestors: found 'kprobe', which does nothing without base; add base");
  CHECK(by_flag.configure().error().code == ErrorCode::kUsage);
  const Sources by_variable{.environment = {{"REDAN_ENABLE_ANCESTORS", "lsm,usdt"}}};
  CHECK(by_variable.error() ==
        "REDAN_ENABLE_ANCESTORS: enable-ancestors: found 'lsm,usdt', which does nothing without base; add base");
  CHECK(by_variable.configure().error().code == ErrorCode::kConfig);
}

TEST_CASE("the node is named by the first that knows") {
  Sources sources;
  CHECK(source(sources.configure(), "node-name") == "host name");
  CHECK_FALSE(value(sources.configure(), "node-name").empty());
  sources.environment = {{"NODE_NAME", "kubernetes"}};
  CHECK(value(sources.configure(), "node-name") == "kubernetes");
  sources.environment.emplace_back("HUBBLE_NODE_NAME", "hubble");
  CHECK(value(sources.configure(), "node-name") == "hubble");
  CHECK(source(sources.configure(), "node-name") == "HUBBLE_NODE_NAME");
  sources.environment.emplace_back("REDAN_NODE_NAME", "ours");
  CHECK(value(sources.configure(), "node-name") == "ours");
  CHECK(Sources{.environment = {{"NODE_NAME", std::string(256, 'n')}}}.error().starts_with(
      "environment variable NODE_NAME: found"));
}

TEST_CASE("offline, flags alone count") {
  const std::vector<Flag> flags = {{find_option("btf"), "x"}};
  const auto configured = configure_offline(flags);
  CHECK(value(configured, "btf") == "x");
  CHECK(value(configured, "node-name").empty());
}

TEST_CASE("an environment is read from what main() gets") {
  const char* const strings[] = {"A=1", "B=x=y", "C=", "nonsense", "A=2", nullptr};
  const EnvironmentView environment(strings);
  CHECK(environment.variables().size() == 4);
  CHECK(environment.find("A") == "1");
  CHECK(environment.find("B") == "x=y");
  CHECK_FALSE(environment.find("C"));
  CHECK_FALSE(environment.find("D"));
  CHECK(EnvironmentView(static_cast<const char* const*>(nullptr)).variables().empty());
}

TEST_CASE("the printed configuration names value and source of every option") {
  const auto configured =
      Sources{.environment = {{"REDAN_BTF", "/x"}}, .flags = {{"config", ""}, {"log-level", "debug"}}}.configure();
  REQUIRE(configured.ok());
  const std::string text = show_configuration(*configured);
  const auto line = [](std::string start, const std::string& who) {
    start.resize(56, ' ');
    return start + "# " + who + "\n";
  };
  for (const std::string& expected :
       {line("# config: ''", "--config"), line("btf: '/x'", "REDAN_BTF"), line("log-level: debug", "--log-level"),
        line("rb-size-total: 8M", "default"), line("enable-ancestors: []", "default")}) {
    CAPTURE(expected);
    CAPTURE(text);
    CHECK(text.find(expected) != std::string::npos);
  }
}

}  // namespace redan::agent
