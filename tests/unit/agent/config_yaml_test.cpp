// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include <doctest/doctest.h>

#include "agent/config.h"
#include "unit/agent/option_examples.h"

namespace redan::agent {
namespace {

// The error's text, or "" if all is well.
std::string problems_of(std::string_view text) {
  Configuration configuration;
  const auto applied = apply_yaml(text, "f.yaml", configuration);
  if (applied) return "";
  CHECK(applied.error().code == ErrorCode::kConfig);
  return applied.error().message;
}

Configuration configuration_of(std::string_view text) {
  Configuration configuration;
  const auto applied = apply_yaml(text, "f.yaml", configuration);
  INFO(std::string(text));
  REQUIRE(applied.ok());
  return configuration;
}

bool fits_in_files(const Option& option) { return option.settable != Settable::kNotInFiles; }

}  // namespace

TEST_CASE("every option can be set by its line, and the place is kept") {
  for (const OptionExample& example : option_examples()) {
    const Option& option = *find_option(example.name);
    if (!fits_in_files(option)) continue;
    CAPTURE(example.name);
    const auto configuration = configuration_of("# first line\n" + example.name + ": '" + example.text + "'\n");
    CHECK(option_value(option, configuration.options) == example.printed);
    CHECK(configuration.source(option) == "f.yaml:2:1");
    for (const Option& other : options())
      if (&other != &option) CHECK(configuration.source(other) == "default");
  }
}

TEST_CASE("every refused value is reported with its line and column") {
  for (const OptionExample& example : option_examples()) {
    const Option& option = *find_option(example.name);
    if (!fits_in_files(option)) continue;
    for (const std::string& bad : example.refused) {
      CAPTURE(example.name);
      CAPTURE(bad);
      const std::string text = example.name + ": '" + bad + "'\n";
      const std::string place = "f.yaml:1:" + std::to_string(example.name.size() + 3) + ": ";
      // yaml-cpp takes a NUL for the end of the file.
      if (bad.find('\0') != bad.npos)
        CHECK(problems_of(text).starts_with("f.yaml:1:"));
      else
        CHECK(problems_of(text).starts_with(place + "key '" + example.name + "': found '"));
    }
  }
}

TEST_CASE("values may be plain, quoted or lists") {
  CHECK(configuration_of("export-file-perm: 0640").options.export_file_perm == 0640u);
  CHECK(configuration_of("export-file-perm: \"640\"").options.export_file_perm == 0640u);
  CHECK(configuration_of("{log-level: debug, btf: x}").options.btf == "x");
  CHECK(configuration_of("enable-process-cred: true").options.enable_process_cred);
  CHECK(configuration_of("export-filename: '-'").options.export_filename == "-");
  CHECK(configuration_of("btf: ''").options.btf.empty());
  CHECK(configuration_of("btf: 'null'").options.btf == "null");
  const std::vector<AncestorKind> expected = {AncestorKind::kBase, AncestorKind::kLsm};
  CHECK(configuration_of("enable-ancestors: [base, lsm]").options.enable_ancestors == expected);
  CHECK(configuration_of("enable-ancestors:\n  - base\n  - lsm\n").options.enable_ancestors == expected);
  CHECK(configuration_of("enable-ancestors: base, lsm").options.enable_ancestors == expected);
  CHECK(configuration_of("enable-ancestors: []").options.enable_ancestors.empty());
}

TEST_CASE("a file without any entry is fine") {
  for (const std::string text : {"", "\n", "# comment\n", "---\n", "---\n...\n", "{}", "~", "\xef\xbb\xbf"}) {
    CAPTURE(text);
    CHECK(configuration_of(text).options == AgentOptions{});
  }
}

TEST_CASE("each mistake has its text") {
  struct Case {
    std::string text;
    std::string problems;
  };
  const Case cases[] = {
      {"export-filname: x", "f.yaml:1:1: key 'export-filname': no such option; did you mean 'export-filename'?"},
      {"\n  zzzzzzzz: x", "f.yaml:2:3: key 'zzzzzzzz': no such option"},
      {"process-cache-size: 12",
       "f.yaml:1:21: key 'process-cache-size': found '12', allowed: a whole number from 1024 to 16777216"},
      {"log-level: info\nprocfs: ~\nbtf:\nlog-format: text",
       "f.yaml:2:1: key 'procfs': found nothing, allowed: text of 1 to 4095 bytes; write '' for empty text\n"
       "f.yaml:3:1: key 'btf': found nothing, allowed: text of at most 4095 bytes; write '' for empty text"},
      {"btf: [a]", "f.yaml:1:6: key 'btf': found a list, allowed: text of at most 4095 bytes"},
      {"btf: {a: b}", "f.yaml:1:6: key 'btf': found a map, allowed: text of at most 4095 bytes"},
      {"enable-ancestors: {base: true}", "f.yaml:1:19: key 'enable-ancestors': found a map, allowed: base, kprobe, "
                                         "tracepoint, loader, uprobe, lsm or usdt, "
                                         "separated by commas"},
      {"filter-environment-variables: [A, [B], C]", "f.yaml:1:35: key 'filter-environment-variables': found a list "
                                                    "inside the list, allowed: words without =, separated "
                                                    "by commas"},
      {"filter-environment-variables: [A, {B: C}]", "f.yaml:1:35: key 'filter-environment-variables': found a map "
                                                    "inside the list, allowed: words without =, separated "
                                                    "by commas"},
      {"filter-environment-variables: [A, ~]",
       "f.yaml:1:35: key 'filter-environment-variables': found nothing, allowed: words without =, separated by commas; "
       "write '' for empty text"},
      {"btf:", "f.yaml:1:1: key 'btf': found nothing, allowed: text of at most 4095 bytes; write '' for empty text"},
      {"btf: x\nlog-level: info\nbtf: y",
       "f.yaml:3:1: key 'btf': given twice, the first time at line 1; keep one of them"},
      {"config: x", "f.yaml:1:1: key 'config': only a flag (--config) or the environment ($REDAN_CONFIG) can set it"},
      {"btf: &a x\nprocfs: *a", "f.yaml:2:9: key 'procfs': found an alias (*name), allowed: text of 1 to 4095 bytes"},
      {"[btf]: x", "f.yaml:1:1: found a list as a key, allowed: the name of an option"},
      {"? {a: b}\n: x\nlog-level: shout",
       "f.yaml:1:3: found a map as a key, allowed: the name of an option\n"
       "f.yaml:3:12: key 'log-level': found 'shout', allowed: trace, debug, info, warn or error"},
      {"? ~\n: x", "f.yaml:1:3: found nothing as a key, allowed: the name of an option"},
      {"- btf", "f.yaml:1:1: found a list, allowed: lines of NAME: VALUE"},
      {"just text", "f.yaml:1:1: found 'just text', allowed: lines of NAME: VALUE"},
      {"btf: x\n---\nprocfs: y", "f.yaml:2:1: found more after the end of the YAML document, allowed: one document"},
      {", btf", "f.yaml:1:1: found more after the end of the YAML document, allowed: one document"},
      {"btf: 'open", "f.yaml:1:11: not valid YAML: illegal EOF in scalar"},
      {"btf: x\n\tprocfs: y", "f.yaml:2:1: not valid YAML: illegal tab when looking for indentation"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(problems_of(c.text) == c.problems);
  }
}

TEST_CASE("all problems of a file are reported at once, and what is right is set") {
  Configuration configuration;
  const auto applied = apply_yaml("lgo-level: x\nprocess-cache-size: 0\nbtf: good\nrb-size-total: 1T\nbtf: bad\n: [\n",
                                  "f.yaml", configuration);
  REQUIRE_FALSE(applied.ok());
  const std::string& message = applied.error().message;
  for (const std::string place :
       {"f.yaml:1:1: key 'lgo-level'", "\nf.yaml:2:21: key 'process-cache-size'", "\nf.yaml:4:16: key 'rb-size-total'",
        "\nf.yaml:5:1: key 'btf': given twice", "\nf.yaml:7:1: not valid YAML"}) {
    CAPTURE(message);
    CAPTURE(place);
    CHECK(message.find(place) != std::string::npos);
  }
  CHECK(configuration.options.btf == "good");
}

TEST_CASE("what --show-config prints can be read again") {
  Configuration configuration;
  for (const OptionExample& example : option_examples())
    REQUIRE(set_option(*find_option(example.name), example.text, configuration.options).ok());
  configuration.options.cluster_name = "it's \"odd\"\\ # : \n\x01 ü";
  configuration.options.config = AgentOptions{}.config;
  CHECK(configuration_of(show_configuration(configuration)).options == configuration.options);
}

TEST_CASE("no bytes whatever upset the reader") {
  const std::string_view pieces[] = {"btf",
                                     ": ",
                                     ":",
                                     "\n",
                                     "\n  ",
                                     "- ",
                                     "[",
                                     "]",
                                     "{",
                                     "}",
                                     ",",
                                     "'",
                                     "\"",
                                     "\\",
                                     "#",
                                     "&a",
                                     "*a",
                                     "!",
                                     "!!s",
                                     "|",
                                     ">",
                                     "?",
                                     "? ",
                                     "~",
                                     "---",
                                     "...",
                                     "\t",
                                     "%",
                                     "@",
                                     "`",
                                     "\r",
                                     "\xff",
                                     "\xc2",
                                     "null",
                                     "true",
                                     "enable-ancestors: ",
                                     "base",
                                     "<<",
                                     "0",
                                     "-1",
                                     "\xef\xbb\xbf",
                                     "\xfe\xff",
                                     "\xe2\x80\xa8",
                                     "%YAML 1.1\n"};
  std::mt19937 random(20240607);  // NOLINT(cert-msc51-cpp): the same inputs on every machine
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t left = random() % 40; left > 0; --left) {
      if (random() % 8 == 0)
        text += static_cast<char>(random() % 256);
      else
        text += pieces[random() % std::size(pieces)];
    }
    Configuration configuration;
    const auto applied = apply_yaml(text, "f.yaml", configuration);
    if (!applied) CHECK(applied.error().message.starts_with("f.yaml:"));
  }
}

TEST_CASE("a file of nothing but mistakes is not reported in full") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "a:\n";
  const std::string problems = problems_of(text);
  CHECK(std::ranges::count(problems, '\n') == 99);
  CHECK(problems.ends_with("\nf.yaml:100:1: and so on; what else is wrong is not looked for"));
}

TEST_CASE("deep nesting is an error and not a crash") {
  for (const std::string_view opening : {"[", "{a: ", "- ", "? "}) {
    std::string text = "btf: ";
    for (int i = 0; i < 20000; ++i) text += opening;
    CAPTURE(opening);
    CHECK(problems_of(text).starts_with("f.yaml:1:"));
  }
  CHECK(problems_of("btf: " + std::string(20000, '[')).find("nested too deeply") != std::string::npos);
}

}  // namespace redan::agent
