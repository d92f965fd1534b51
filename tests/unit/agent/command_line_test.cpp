// SPDX-License-Identifier: Apache-2.0
#include "agent/command_line.h"

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>

#include <doctest/doctest.h>

#include "unit/agent/option_examples.h"
#include "unit/agent/scratch_dir.h"

namespace redan::agent {
namespace {

Result<Command> parse(const std::vector<std::string>& words, const EnvironmentView& environment = {}) {
  std::vector<const char*> argv = {"redan"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), environment);
}

// The same with a configuration that is not this machine's.
Result<Command> parse_alone(std::vector<std::string> words) {
  words.emplace_back("--config=");
  return parse(words);
}

template <typename T>
T as(const Result<Command>& command) {
  if (!command) FAIL(command.error().message);
  const T* wanted = std::get_if<T>(&*command);
  REQUIRE(wanted != nullptr);
  return *wanted;
}

AgentOptions agent_options(const std::vector<std::string>& words) {
  return as<AgentCommand>(parse_alone(words)).configuration.options;
}

std::string usage_error(const std::vector<std::string>& words) {
  const auto command = parse(words);
  if (command) return "";
  CHECK(command.error().code == ErrorCode::kUsage);
  return command.error().message;
}

}  // namespace

TEST_CASE("every option is a flag of the commands in its row, in both spellings") {
  for (const OptionExample& example : option_examples()) {
    const Option& option = *find_option(example.name);
    if (!(option.verbs & kAgent) || option.name.starts_with("config")) continue;
    CAPTURE(example.name);
    const auto joined = agent_options({"agent", "--" + example.name + "=" + example.text});
    CHECK(option_value(option, joined) == example.printed);
    if (is_bool(option)) continue;
    const auto apart = agent_options({"agent", "--" + example.name, example.text});
    CHECK(option_value(option, apart) == example.printed);
  }
}

TEST_CASE("a refused value names the flag, what was found and what is allowed") {
  for (const OptionExample& example : option_examples()) {
    const Option& option = *find_option(example.name);
    for (const std::string& bad : example.refused) {
      if (bad.find('\0') != bad.npos) continue;  // no argument holds one
      CAPTURE(example.name);
      CAPTURE(bad);
      const std::string message = usage_error({"agent", "--" + example.name + "=" + bad});
      CHECK(message.starts_with("redan agent: --" + example.name + ": found '"));
      CHECK(message.find("allowed: " + allowed_values(option)) != std::string::npos);
      CHECK(message.find('\n') == message.npos);
    }
  }
}

TEST_CASE("true or false: the flag alone is true") {
  CHECK(agent_options({"agent", "--enable-process-cred"}).enable_process_cred);
  CHECK(agent_options({"agent", "--enable-process-cred=true"}).enable_process_cred);
  CHECK_FALSE(agent_options({"agent", "--enable-process-cred=false"}).enable_process_cred);
  CHECK_FALSE(agent_options({"agent", "--export-own-records=false"}).export_own_records);
}

TEST_CASE("the last value counts, lists get longer") {
  CHECK(agent_options({"agent", "--btf=a", "--btf", "b"}).btf == "b");
  CHECK(agent_options({"agent", "--btf=a", "--btf="}).btf.empty());
  const auto names = [](std::vector<std::string> flags) {
    flags.insert(flags.begin(), "agent");
    return agent_options(flags).filter_environment_variables;
  };
  using List = std::vector<std::string>;
  const std::string flag = "--filter-environment-variables=";
  CHECK(names({flag + "A,B", flag + "C"}) == List{"A", "B", "C"});
  CHECK(names({flag, flag + "C"}) == List{"C"});
  CHECK(names({flag + "A", flag}) == List{"A"});
}

TEST_CASE("an empty value after = is a value") {
  const auto options = agent_options({"agent", "--btf=", "--log-level=debug"});
  CHECK(options.btf.empty());
  CHECK(options.log_level == LogLevel::kDebug);
}

TEST_CASE("each mistake has its line") {
  struct Case {
    std::vector<std::string> words;
    std::string message;
  };
  const Case cases[] = {
      {{"agent", "--export-filname", "x"},
       "redan agent: unknown flag '--export-filname'; did you mean '--export-filename'? see 'redan agent --help'"},
      {{"agent", "--export_filename=x"},
       "redan agent: unknown flag '--export_filename'; did you mean '--export-filename'? see 'redan agent --help'"},
      {{"agent", "--log-lev", "debug"},
       "redan agent: unknown flag '--log-lev'; did you mean '--log-level'? see 'redan agent --help'"},
      {{"agent", "--enable-process-environment=true"},
       "redan agent: unknown flag '--enable-process-environment'; did you mean "
       "'--enable-process-environment-variables'? see 'redan agent --help'"},
      {{"agent", "--="}, "redan agent: unknown flag '--'; see 'redan agent --help'"},
      {{"agent", "--zzzzzzzz"}, "redan agent: unknown flag '--zzzzzzzz'; see 'redan agent --help'"},
      {{"agent", "-x"}, "redan agent: unknown flag '-x'; see 'redan agent --help'"},
      {{"agent", "-hx"}, "redan agent: unknown flag '-hx'; see 'redan agent --help'"},
      {{"agent", "-o", "json"}, "redan agent: unknown flag '-o'; see 'redan agent --help'"},
      {{"agent", "--btf"}, "redan agent: --btf: found no value, allowed: text of at most 4095 bytes"},
      {{"agent", "--btf", "--log-level=debug"},
       "redan agent: --btf: found no value, allowed: text of at most 4095 bytes"},
      {{"record", "--btf", "--", "a"}, "redan record: --btf: found no value, allowed: text of at most 4095 bytes"},
      {{"agent", "--heartbeat-interval", "-1s"},
       "redan agent: --heartbeat-interval: found '-1s', allowed: a duration such as 30s or 1m30s, from 100ms to 720h, "
       "or 0 for off"},
      {{"agent", "file"}, "redan agent: unexpected word 'file'; see 'redan agent --help'"},
      {{"agent", "--", "--btf"}, "redan agent: unexpected word '--btf'; see 'redan agent --help'"},
      {{"agent", "--enable-process-cred", "false"},
       "redan agent: unexpected word 'false'; did you mean '--enable-process-cred=false'? see 'redan agent --help'"},
      {{"record", "a", "--enable-process-cred=true", "false"},
       "redan record: unexpected word 'false'; see 'redan record --help'"},
      {{"agent", "--duration", "1s"},
       "redan agent: '--duration' is a flag of redan record only; see 'redan agent --help'"},
      {{"agent", "--show-config=maybe"}, "redan agent: --show-config: found 'maybe', allowed: true or false"},
      {{"record"}, "redan record: found no FILE, allowed: the recording's path; see 'redan record --help'"},
      {{"record", ""}, "redan record: found no FILE, allowed: the recording's path; see 'redan record --help'"},
      {{"record", "a", "b"}, "redan record: unexpected word 'b'; see 'redan record --help'"},
      {{"record", "a", "--duration", "0"},
       "redan record: --duration: found '0', allowed: a duration such as 30s or 1m30s, above 0"},
      {{"record", "a", "--event-queue-size=5"},
       "redan record: '--event-queue-size' is a flag of redan agent only; see 'redan record --help'"},
      {{"replay"}, "redan replay: found no FILE, allowed: the recording's path; see 'redan replay --help'"},
      {{"replay", "a", "--btf=x"},
       "redan replay: '--btf' is a flag of redan agent, redan features, redan record, redan policy explain only; see "
       "'redan replay --help'"},
      {{"features", "-o", "xml"}, "redan features: -o: found 'xml', allowed: text or json"},
      {{"agent", "--duration"}, "redan agent: '--duration' is a flag of redan record only; see 'redan agent --help'"},
      {{"features", "-o"}, "redan features: -o: found no value, allowed: text or json"},
      {{"features", "-ho"}, "redan features: -o: found no value, allowed: text or json"},
      {{"features", "-o", "--btf=x"}, "redan features: -o: found no value, allowed: text or json"},
      {{"features", "--output"}, "redan features: --output: found no value, allowed: text or json"},
      {{"agent", "--config=", "--enable-ancestors=lsm"},
       "redan agent: --enable-ancestors: found 'lsm', which does nothing without base; add base"},
      {{"agnet"}, "redan: unknown command 'agnet'; did you mean 'agent'? see 'redan --help'"},
      {{"zzzzzzzz"}, "redan: unknown command 'zzzzzzzz'; see 'redan --help'"},
      {{""}, "redan: unknown command ''; see 'redan --help'"},
      {{"--log-level", "debug", "agent"},
       "redan: unknown flag '--log-level'; flags of a command go after it; see 'redan --help'"},
      {{"help", "agnet"}, "redan: unknown command 'agnet'; did you mean 'agent'? see 'redan --help'"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.message);
    CHECK(usage_error(c.words) == c.message);
  }
}

TEST_CASE("usage is checked before configuration is read") {
  const ScratchDir scratch;
  const std::string config = scratch.write("redan.yaml", "nonsense: 1\n");
  CHECK(usage_error({"agent", "--config", config, "--nonsense"}).starts_with("redan agent: unknown flag '--nonsense'"));
  const auto command = parse({"agent", "--config", config});
  REQUIRE_FALSE(command.ok());
  CHECK(command.error() == Error{ErrorCode::kConfig, config + ":1:1: key 'nonsense': no such option"});
}

TEST_CASE("agent takes files and environment into account") {
  const ScratchDir scratch;
  const std::string config = scratch.write("redan.yaml", "btf: file\ncluster-name: file\n");
  const char* const strings[] = {"REDAN_CLUSTER_NAME=environment", nullptr};
  const auto command =
      as<AgentCommand>(parse({"agent", "--config", config, "--node-name=flag"}, EnvironmentView(strings)));
  CHECK(command.configuration.options.btf == "file");
  CHECK(command.configuration.options.cluster_name == "environment");
  CHECK(command.configuration.options.node_name == "flag");
  CHECK(command.configuration.source(*find_option("btf")) == config + ":1:1");
}

TEST_CASE("record takes a file and perhaps a duration") {
  const auto plain = as<RecordCommand>(parse_alone({"record", "out.rec"}));
  CHECK(plain.file == "out.rec");
  CHECK_FALSE(plain.duration);
  const auto timed = as<RecordCommand>(parse_alone({"record", "--rb-size-total=1M", "--duration", "1m30s", "-"}));
  CHECK(timed.file == "-");
  CHECK(timed.duration == std::chrono::seconds(90));
  CHECK(timed.configuration.options.rb_size_total == 1u << 20);
  CHECK(as<RecordCommand>(parse({"record", "--config=", "--", "--odd-name"})).file == "--odd-name");
}

TEST_CASE("flags may stand after the file even where POSIXLY_CORRECT is set") {
  REQUIRE(::setenv("POSIXLY_CORRECT", "1", 1) == 0);
  const auto command = parse_alone({"record", "out.rec", "--duration", "1s"});
  REQUIRE(::unsetenv("POSIXLY_CORRECT") == 0);
  CHECK(as<RecordCommand>(command).duration == std::chrono::seconds(1));
}

TEST_CASE("record exports nothing, whatever files and environment say to the agent") {
  const ScratchDir scratch;
  const std::string config = scratch.write("redan.yaml", "export-filename: /x\nrun-dir: /x\nrb-size-total: 1M\n");
  const char* const strings[] = {"REDAN_EXPORT_FILENAME=/y", nullptr};
  const auto command = as<RecordCommand>(parse({"record", "--config", config, "out.rec"}, EnvironmentView(strings)));
  CHECK(command.configuration.options.export_filename.empty());
  CHECK(command.configuration.source(*find_option("export-filename")) == kDefaultSource);
  const auto exporting = as<RecordCommand>(parse_alone({"record", "a", "--export-filename=out"}));
  CHECK(exporting.configuration.options.export_filename == "out");
  CHECK(command.configuration.options.run_dir == "/run/redan");
  CHECK(command.configuration.options.rb_size_total == 1u << 20);
}

TEST_CASE("replay depends on nothing but its flags and writes to standard output") {
  const char* const strings[] = {"REDAN_EXPORT_FILENAME=/x", "REDAN_NONSENSE=1", "NODE_NAME=x", nullptr};
  const auto plain = as<ReplayCommand>(parse({"replay", "in.rec"}, EnvironmentView(strings)));
  CHECK(plain.file == "in.rec");
  CHECK(plain.options.export_filename == "-");
  CHECK(plain.options.node_name.empty());
  const auto flags = as<ReplayCommand>(
      parse({"replay", "in.rec", "--export-filename", "out", "--export-own-records=false", "--node-name=n"}));
  CHECK(flags.options.export_filename == "out");
  CHECK(flags.options.node_name == "n");
  CHECK_FALSE(flags.options.export_own_records);
}

TEST_CASE("features has a form for people and one for programs") {
  CHECK_FALSE(as<FeaturesCommand>(parse_alone({"features"})).json);
  CHECK_FALSE(as<FeaturesCommand>(parse_alone({"features", "-o", "text"})).json);
  for (const std::vector<std::string>& form :
       {std::vector<std::string>{"-o", "json"}, {"-ojson"}, {"-o=json"}, {"--output", "json"}, {"--output=json"}}) {
    std::vector<std::string> words = {"features", "--btf=/x"};
    words.insert(words.end(), form.begin(), form.end());
    const auto command = as<FeaturesCommand>(parse_alone(words));
    CHECK(command.json);
    CHECK(command.options.btf == "/x");
  }
}

TEST_CASE("policy check is a command of two words and takes several files") {
  using Files = std::vector<std::string>;
  CHECK(as<PolicyCheckCommand>(parse({"policy", "check", "a.yaml"})).files == Files{"a.yaml"});
  CHECK(as<PolicyCheckCommand>(parse({"policy", "check", "a.yaml", "b.yaml", "--", "--odd"})).files ==
        Files{"a.yaml", "b.yaml", "--odd"});
  const auto help = as<PrintText>(parse({"policy", "check", "--help"})).text;
  CHECK(help.starts_with("redan policy check - "));
  CHECK(as<PrintText>(parse({"help", "policy", "check"})).text == help);
  for (const auto& [words, said] :
       {std::pair<Files, std::string>{
            {"policy"}, "redan policy: found no second word, allowed: check, explain, add, delete, enable, disable,"},
        {{"policy", "chekc", "x"}, "redan: unknown command 'policy chekc'; did you mean 'policy check'?"},
        {{"policy", "check"}, "redan policy check: found no FILE…, allowed: the paths of policies"},
        {{"policy", "check", "a", ""}, "redan policy check: found no FILE…"}}) {
    const auto command = parse(words);
    REQUIRE_FALSE(command.ok());
    CHECK(command.error().code == ErrorCode::kUsage);
    CHECK(command.error().message.starts_with(said));
  }
}

TEST_CASE("what the running agent is asked is a command of two words, with names or files") {
  using Texts = std::vector<std::string>;
  struct Case {
    Texts words;
    VerbSet verb;
    Texts operands;
  };
  for (const Case& c :
       {Case{{"policy", "add", "a.yaml", "b c.yaml"}, kPolicyAdd, {"a.yaml", "b c.yaml"}},
        Case{{"policy", "delete", "x"}, kPolicyDelete, {"x"}}, Case{{"policy", "enable", "x"}, kPolicyEnable, {"x"}},
        Case{{"policy", "disable", "x"}, kPolicyDisable, {"x"}},
        Case{{"policy", "set-mode", "x", "monitor_only"}, kPolicySetMode, {"x", "monitor_only"}},
        Case{{"policy", "list"}, kPolicyList, {}}}) {
    const auto command = as<PolicyClientCommand>(parse_alone(c.words));
    CHECK(command.verb == c.verb);
    CHECK(command.operands == c.operands);
    CHECK_FALSE(command.json);
    CHECK(command.run_dir == "/run/redan");
  }
  const auto list = as<PolicyClientCommand>(parse_alone({"policy", "list", "-o", "json", "--run-dir=/x"}));
  CHECK(list.json);
  CHECK(list.run_dir == "/x");
  CHECK(as<PolicyClientCommand>(parse_alone({"policy", "add", "-m", "monitor", "a"})).mode == "monitor");
  const auto explain = as<PolicyExplainCommand>(parse_alone({"policy", "explain", "a", "b", "-o=json", "--btf=/b"}));
  CHECK(explain.files == Texts{"a", "b"});
  CHECK(explain.json);
  CHECK(explain.options.btf == "/b");
}

TEST_CASE("wrong words for the running agent are said with what is allowed") {
  using Texts = std::vector<std::string>;
  for (const auto& [words, said] :
       {std::pair<Texts, std::string>{{"policy", "delete"}, "redan policy delete: found no NAME, allowed: the name of"},
        {{"policy", "delete", "a", "b"}, "redan policy delete: unexpected word 'b'"},
        {{"policy", "set-mode", "a"}, "redan policy set-mode: found no NAME MODE, allowed: the name of a policy, and"},
        {{"policy", "set-mode", "a", "monitr"},
         "redan policy set-mode: found 'monitr', allowed: enforce, monitor or monitor_only; did you mean 'monitor'?"},
        {{"policy", "add", "a", "--mode=monitor_only"},
         "redan policy add: --mode: found 'monitor_only', allowed: enforce or monitor"},
        {{"policy", "list", "x"}, "redan policy list: unexpected word 'x'"},
        {{"policy", "add", "x", "--json"}, "redan policy add: unknown flag '--json'"},
        {{"policy", "add", "x", "-o", "json"}, "redan policy add: unknown flag '-o'"}}) {
    const auto command = parse_alone(words);
    REQUIRE_FALSE(command.ok());
    CHECK(command.error().code == ErrorCode::kUsage);
    CHECK_MESSAGE(command.error().message.starts_with(said), command.error().message);
  }
}

TEST_CASE("without a command there is help on standard error, and exit code 2") {
  const auto nothing = as<PrintText>(parse({}));
  CHECK(nothing.to_stderr);
  CHECK(nothing.exit_code == 2);
  CHECK(nothing.text.find("Usage: redan COMMAND") != std::string::npos);
  CHECK(as<PrintText>(parse_command_line(0, nullptr, {})).exit_code == 2);
}

TEST_CASE("help can be asked for in every way") {
  const auto general = as<PrintText>(parse({"--help"}));
  CHECK_FALSE(general.to_stderr);
  CHECK(general.exit_code == 0);
  CHECK(as<PrintText>(parse({"-h"})).text == general.text);
  CHECK(as<PrintText>(parse({"help"})).text == general.text);
  const auto agent = as<PrintText>(parse({"agent", "--help"})).text;
  CHECK(as<PrintText>(parse({"agent", "-h"})).text == agent);
  CHECK(as<PrintText>(parse({"help", "agent"})).text == agent);
  CHECK(as<PrintText>(parse({"record", "--help"})).text.find("Usage: redan record FILE") != std::string::npos);
}

TEST_CASE("help names every command, and every flag of the command with its default, in lines of 100 columns") {
  const auto general = as<PrintText>(parse({"--help"})).text;
  struct Case {
    std::string name;
    VerbSet verb;
  };
  for (const Case& c :
       {Case{"agent", kAgent}, Case{"record", kRecord}, Case{"replay", kReplay}, Case{"features", kFeatures},
        Case{"policy explain", kPolicyExplain}, Case{"policy add", kPolicyAdd}, Case{"policy delete", kPolicyDelete},
        Case{"policy enable", kPolicyEnable}, Case{"policy disable", kPolicyDisable},
        Case{"policy set-mode", kPolicySetMode}, Case{"policy list", kPolicyList}}) {
    CAPTURE(c.name);
    CHECK(general.find("\n  " + c.name) != std::string::npos);
    std::vector<std::string> words;
    std::istringstream spelled(c.name);
    for (std::string word; spelled >> word;) words.push_back(word);
    words.emplace_back("--help");
    const auto text = as<PrintText>(parse(words)).text;
    CHECK(text.find("Examples:\n  ") != std::string::npos);
    for (const Option& option : options()) {
      CAPTURE(option.name);
      CHECK((text.find("\n  --" + std::string(option.name) + (is_bool(option) ? "" : " ")) != std::string::npos) ==
            ((option.verbs & c.verb) != 0));
    }
    for (size_t start = 0; start < text.size();) {
      const size_t end = text.find('\n', start);
      REQUIRE(end != std::string::npos);
      CHECK(end - start <= 100);
      start = end + 1;
    }
    CHECK(std::ranges::none_of(text, [](char byte) { return static_cast<unsigned char>(byte) < ' ' && byte != '\n'; }));
  }
  CHECK(as<PrintText>(parse({"agent", "--help"})).text.find("[default: 64K]") != std::string::npos);
  CHECK(as<PrintText>(parse({"replay", "--help"})).text.find("[default: -]") != std::string::npos);
}

TEST_CASE("version names version, commit and kernel") {
  utsname system{};
  REQUIRE(::uname(&system) == 0);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--version"}, {"version"}, {"agent", "--version"}}) {
    const auto text = as<PrintText>(parse(words)).text;
    CHECK(text.starts_with("redan "));
    CHECK(text.find(", commit ") != std::string::npos);
    CHECK(text.ends_with(std::string(", kernel ") + system.release + "\n"));
  }
}

TEST_CASE("--show-config prints and needs no file") {
  const auto text = as<PrintText>(parse_alone({"agent", "--show-config", "--btf=/x"}));
  CHECK(text.exit_code == 0);
  CHECK(text.text.find("btf: '/x'") != std::string::npos);
  const auto record = as<PrintText>(parse_alone({"record", "--show-config"}));
  CHECK(record.text.find("\nbtf: ") != std::string::npos);
  CHECK(record.text.find("\nrun-dir: ") == std::string::npos);
}

}  // namespace redan::agent
