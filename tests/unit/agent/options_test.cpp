// SPDX-License-Identifier: Apache-2.0
#include "agent/options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include <doctest/doctest.h>

#include "unit/agent/option_examples.h"
#include "unit/agent/scratch_dir.h"

namespace redan::agent {

TEST_CASE("every option has an example in option_examples.h, in the order of the table") {
  const auto examples = option_examples();
  REQUIRE(examples.size() == options().size());
  for (size_t i = 0; i < examples.size(); ++i) CHECK(examples[i].name == options()[i].name);
}

TEST_CASE("names are unique, in lower case, and found") {
  std::set<std::string_view> names;
  for (const Option& option : options()) {
    CAPTURE(option.name);
    CHECK(names.insert(option.name).second);
    CHECK(std::ranges::all_of(option.name, [](char c) { return c == '-' || (c >= 'a' && c <= 'z'); }));
    CHECK(find_option(option.name) == &option);
    CHECK_FALSE(option.help.empty());
    CHECK_FALSE(option.help.ends_with('.'));
    CHECK(option.value_name.empty() == is_bool(option));
  }
  CHECK(find_option("") == nullptr);
  CHECK(find_option("no-such") == nullptr);
  CHECK(environment_name(*find_option("rb-size-total")) == "REDAN_RB_SIZE_TOTAL");
}

TEST_CASE("the defaults are allowed values and are printed as they are read") {
  for (const Option& option : options()) {
    CAPTURE(option.name);
    const AgentOptions defaults;
    AgentOptions set;
    CHECK(set_option(option, option_value(option, defaults), set).ok());
    CHECK(set == defaults);
  }
}

TEST_CASE("the defaults are those that people know") {
  struct Case {
    std::string name, value;
  };
  for (const Case& c :
       {Case{"config", "/etc/redan/redan.yaml"}, Case{"procfs", "/proc"}, Case{"log-level", "info"},
        Case{"log-format", "text"}, Case{"export-filename", ""}, Case{"export-file-perm", "600"},
        Case{"export-own-records", "true"}, Case{"event-queue-size", "10000"}, Case{"process-cache-size", "65536"},
        Case{"process-cache-gc-interval", "30s"}, Case{"enable-process-cred", "false"}, Case{"enable-ancestors", ""},
        Case{"username-metadata", "disabled"}, Case{"rb-size-total", "8M"}, Case{"arguments-max-size", "64K"},
        Case{"heartbeat-interval", "1m"}, Case{"run-dir", "/run/redan"}}) {
    CAPTURE(c.name);
    CHECK(option_value(*find_option(c.name), AgentOptions{}) == c.value);
  }
}

TEST_CASE("each option reads its text, prints it, and refuses what is outside of its limits") {
  for (const OptionExample& example : option_examples()) {
    CAPTURE(example.name);
    const Option& option = *find_option(example.name);
    AgentOptions set;
    REQUIRE(set_option(option, example.text, set).ok());
    CHECK(set != AgentOptions{});
    CHECK(option_value(option, set) == example.printed);

    for (const std::string& bad : example.refused) {
      CAPTURE(bad);
      AgentOptions untouched;
      const auto refused = set_option(option, bad, untouched);
      REQUIRE_FALSE(refused.ok());
      CHECK(refused.error().code == ErrorCode::kConfig);
      CHECK(refused.error().message.find("allowed: " + allowed_values(option)) != std::string::npos);
      CHECK(refused.error().message.starts_with("found '"));
      CHECK(untouched == AgentOptions{});
    }
  }
}

TEST_CASE("typed fields get the values") {
  AgentOptions set;
  for (const OptionExample& example : option_examples())
    REQUIRE(set_option(*find_option(example.name), example.text, set).ok());
  CHECK(set.rb_size_total == 2u << 20);  // 1025K, rounded up
  CHECK(set.log_level == LogLevel::kDebug);
  CHECK(set.log_format == LogFormat::kJson);
  CHECK(set.export_file_perm == 0640u);
  CHECK(set.process_cache_gc_interval == std::chrono::seconds(90));
  CHECK(set.username_metadata == UsernameMetadata::kUnix);
  CHECK(set.enable_ancestors == std::vector{AncestorKind::kBase, AncestorKind::kUsdt});
  CHECK(set.has_ancestors(AncestorKind::kBase));
  CHECK_FALSE(set.has_ancestors(AncestorKind::kKprobe));
  CHECK(set.filter_environment_variables == std::vector<std::string>{"PATH", "LD_PRELOAD"});
  CHECK_FALSE(set.export_own_records);
}

TEST_CASE("every word of an enumeration is the value of the same name") {
  AgentOptions set;
  const Option& ancestors = *find_option("enable-ancestors");
  REQUIRE(set_option(ancestors, "base,kprobe,tracepoint,loader,uprobe,lsm,usdt", set).ok());
  CHECK(set.enable_ancestors == std::vector{AncestorKind::kBase, AncestorKind::kKprobe, AncestorKind::kTracepoint,
                                            AncestorKind::kLoader, AncestorKind::kUprobe, AncestorKind::kLsm,
                                            AncestorKind::kUsdt});
  const auto level = [&](std::string_view word) {
    REQUIRE(set_option(*find_option("log-level"), word, set).ok());
    return set.log_level;
  };
  CHECK(level("trace") == LogLevel::kTrace);
  CHECK(level("info") == LogLevel::kInfo);
  CHECK(level("warn") == LogLevel::kWarn);
  CHECK(level("warning") == LogLevel::kWarn);
  CHECK(level("error") == LogLevel::kError);
}

TEST_CASE("a word of a list given twice counts once, and an empty list empties") {
  AgentOptions set;
  const Option& names = *find_option("filter-environment-variables");
  REQUIRE(set_option(names, "A,B,A", set).ok());
  CHECK(option_value(names, set) == "A,B");
  REQUIRE(set_option(names, "", set).ok());
  CHECK(set.filter_environment_variables.empty());
  CHECK_FALSE(set_option(names, std::vector<std::string>{"with,comma"}, set).ok());
  CHECK_FALSE(set_option(names, std::vector<std::string>{""}, set).ok());
  CHECK_FALSE(set_option(names, std::vector<std::string>{std::string("a\0b", 3)}, set).ok());
}

TEST_CASE("a wrong word is answered with the nearest one") {
  AgentOptions set;
  CHECK(set_option(*find_option("log-level"), "debgu", set).error().message ==
        "found 'debgu', allowed: trace, debug, info, warn or error; did you mean 'debug'?");
  CHECK(set_option(*find_option("enable-ancestors"), "base,kprob", set).error().message ==
        "found 'kprob', allowed: base, kprobe, tracepoint, loader, uprobe, lsm or usdt, separated by commas; did you "
        "mean "
        "'kprobe'?");
}

TEST_CASE("docs/options.md is what the table says") {
  const std::string path = REDAN_SOURCE_DIR "/docs/options.md";
  if (std::getenv("UPDATE_GOLDEN")) std::ofstream(path, std::ios::binary) << options_markdown();
  INFO("UPDATE_GOLDEN=1 rewrites it");
  CHECK(read_whole(path) == options_markdown());
}

}  // namespace redan::agent
