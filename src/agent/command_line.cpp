// SPDX-License-Identifier: Apache-2.0
// A walk over argv by the two tables of flags. Not CLI11: its 2.1.2 reads the word after `--flag=` as the value of that
// flag, and the next flag as the value of one whose value was forgotten, so that neither can be told to the user.
#include "agent/command_line.h"

#include <algorithm>
#include <array>

#include "agent/command_line_verbs.h"
#include "agent/options_values.h"
#include "agent/suggest.h"

namespace redan::agent {
namespace {

// The words after the verb, sorted.
struct Words {
  std::vector<Flag> flags;  // each option at most once
  std::vector<std::string> operands;
  std::optional<std::chrono::nanoseconds> duration;
  bool json = false;
  bool show_config = false;
  bool help = false;
  bool version = false;
};

Error usage_error(const std::string& who, const std::string& what) {
  return Error{ErrorCode::kUsage, who + ": " + what};
}

// "; see 'redan agent --help'", with the mark of the question before it if there is one.
std::string see_help(const std::string& who, const std::string& suggestion) {
  return (suggestion.empty() ? ";" : suggestion) + " see '" + who + " --help'";
}

bool set_duration(Words& words, std::string_view text) {
  words.duration = parse_duration(text);
  return words.duration && words.duration->count() > 0;
}

bool set_output(Words& words, std::string_view text) {
  words.json = text == "json";
  return words.json || text == "text";
}

template <auto Member>
bool set_switch(Words& words, std::string_view text) {
  const auto on = parse_bool(text);
  words.*Member = on.value_or(false);
  return on.has_value();
}

// What each of other_flags() does with its value; false: the value is none that is allowed.
struct OtherFlagAction {
  std::string_view name;
  bool (*set)(Words&, std::string_view text);
};
constexpr std::array kOtherFlagActions = {
    OtherFlagAction{"duration", set_duration},
    OtherFlagAction{"output", set_output},
    OtherFlagAction{"show-config", set_switch<&Words::show_config>},
    OtherFlagAction{"help", set_switch<&Words::help>},
    OtherFlagAction{"version", set_switch<&Words::version>},
};

// Reads the words of one command.
class WordReader {
 public:
  WordReader(const Verb& verb, std::span<const char* const> arguments)
      : verb_(verb), who_("redan " + std::string(verb.name)), arguments_(arguments) {}

  Result<Words> read() {
    while (next_ < arguments_.size()) {
      const std::string_view word = arguments_[next_++];
      if (word == "--") {
        while (next_ < arguments_.size()) words_.operands.emplace_back(arguments_[next_++]);
      } else if (word.starts_with("--")) {
        REDAN_TRY(long_flag(word.substr(2)));
      } else if (word.starts_with('-') && word.size() > 1) {
        REDAN_TRY(short_flag(word));
      } else {
        words_.operands.emplace_back(word);
      }
    }
    // Whoever asks for help need not have the rest right.
    if (!words_.help && !words_.version) REDAN_TRY(check_operands());
    return std::move(words_);
  }

 private:
  using Value = std::optional<std::string_view>;

  Result<void> long_flag(std::string_view word) {
    const size_t equals = std::min(word.find('='), word.size());
    const std::string_view name = word.substr(0, equals);
    const Value given = equals < word.size() ? Value(word.substr(equals + 1)) : std::nullopt;

    if (const Option* option = find_option(name)) {
      if (option->verbs & verb_.set) return option_flag(*option, given);
      return elsewhere(name, option->verbs);
    }
    const auto other = std::ranges::find(other_flags(), name, &OtherFlag::name);
    if (other == other_flags().end()) return unknown(name);
    if (!(other->verbs & verb_.set)) return elsewhere(name, other->verbs);
    return other_flag(*other, "--" + std::string(name), given);
  }

  // -o json, -ojson, -o=json
  Result<void> short_flag(std::string_view word) {
    const auto other = std::ranges::find(other_flags(), word.substr(1, 1), &OtherFlag::short_name);
    const bool is_known = other != other_flags().end() && (other->verbs & verb_.set);
    const std::string_view rest = word.substr(2);
    if (!is_known || (other->value_name.empty() && !rest.empty()))
      return usage_error(who_, "unknown flag " + in_quotes(word) + see_help(who_, ""));
    const Value given = rest.empty() ? std::nullopt : Value(rest.substr(rest.starts_with('=') ? 1 : 0));
    return other_flag(*other, std::string(word.substr(0, 2)), given);
  }

  Result<void> option_flag(const Option& option, Value given) {
    const std::string flag = "--" + std::string(option.name);
    const bool takes_value = !is_bool(option);
    if (!takes_value && !given) switch_before_ = next_;
    REDAN_ASSIGN(const std::string_view text, value_of(flag, given, takes_value, allowed_values(option)));
    AgentOptions checked;
    if (const auto set = set_option(option, text, checked); !set)
      return usage_error(who_, flag + ": " + set.error().message);
    keep(option, text);
    return {};
  }

  Result<void> other_flag(const OtherFlag& other, const std::string& flag, Value given) {
    const auto action = std::ranges::find(kOtherFlagActions, other.name, &OtherFlagAction::name);
    REDAN_ASSIGN(const std::string_view text, value_of(flag, given, !other.value_name.empty(), other.allowed));
    if (action->set(words_, text)) return {};
    return usage_error(who_, flag + ": found " + in_quotes(text) + ", allowed: " + std::string(other.allowed));
  }

  // The value after `=`, "true" for a flag that takes none, or the next word unless that is a flag itself.
  Result<std::string_view> value_of(const std::string& flag, Value given, bool takes_value, std::string_view allowed) {
    if (given) return *given;
    if (!takes_value) return std::string_view("true");
    const bool there_is_one = next_ < arguments_.size() && !std::string_view(arguments_[next_]).starts_with("--");
    if (there_is_one) return std::string_view(arguments_[next_++]);
    return usage_error(who_, flag + ": found no value, allowed: " + std::string(allowed));
  }

  // Of a flag that is given again, the last value counts; lists get longer.
  void keep(const Option& option, std::string_view text) {
    const auto flag = std::ranges::find(words_.flags, &option, &Flag::option);
    if (flag == words_.flags.end())
      words_.flags.push_back({&option, std::string(text)});
    else if (is_list(option) && !flag->text.empty() && !text.empty())
      flag->text += "," + std::string(text);
    else if (!is_list(option) || !text.empty())
      flag->text = text;
  }

  Error elsewhere(std::string_view name, uint8_t verbs_of_flag) {
    std::string commands;
    for (const Verb& verb : verbs())
      if (verbs_of_flag & verb.set) commands += (commands.empty() ? "redan " : ", redan ") + std::string(verb.name);
    return usage_error(who_, "'--" + std::string(name) + "' is a flag of " + commands + " only" + see_help(who_, ""));
  }

  Error unknown(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Option& option : options())
      if (option.verbs & verb_.set) names.push_back(option.name);
    for (const OtherFlag& other : other_flags())
      if (other.verbs & verb_.set) names.push_back(other.name);
    return usage_error(
        who_, "unknown flag " + in_quotes("--" + std::string(name)) + see_help(who_, did_you_mean(name, names, "--")));
  }

  Result<void> check_operands() {
    const size_t wanted = verb_.operand.empty() ? 0 : 1;
    if (words_.operands.size() > wanted) {
      const std::string& word = words_.operands[wanted];
      // `--enable-process-cred false`: the second word is none of the flag's.
      const bool after_switch =
          switch_before_ && *switch_before_ < arguments_.size() && arguments_[*switch_before_] == word;
      const bool is_value = after_switch && parse_bool(word);
      const std::string flag = is_value ? arguments_[*switch_before_ - 1] : "";
      return usage_error(who_, "unexpected word " + in_quotes(word) +
                                   see_help(who_, is_value ? "; did you mean '" + flag + "=" + word + "'?" : ""));
    }
    const bool is_missing = wanted == 1 && (words_.operands.empty() || words_.operands[0].empty());
    // --show-config is about the options; no file is touched.
    if (is_missing && !words_.show_config)
      return usage_error(
          who_, "found no " + std::string(verb_.operand) + ", allowed: the recording's path" + see_help(who_, ""));
    return {};
  }

  const Verb& verb_;
  std::string who_;
  std::span<const char* const> arguments_;
  size_t next_ = 0;
  std::optional<size_t> switch_before_;  // index of the word after the last flag that was given as a switch
  Words words_;
};

Result<Command> replay_command(const Words& words) {
  REDAN_ASSIGN(Configuration configuration, configure_offline(words.flags));
  const bool is_given = configuration.source(*find_option("export-filename")) != kDefaultSource;
  if (!is_given) configuration.options.export_filename = "-";
  return Command(ReplayCommand{.file = words.operands[0], .options = configuration.options});
}

// Files and environment are for all commands; what they say to another command is not for this one. (Were it otherwise,
// a recording would be exported into the running agent's file.)
void forget_other_commands(const Verb& verb, Configuration& configuration) {
  const AgentOptions defaults;
  for (const Option& option : options()) {
    if (option.verbs & verb.set) continue;
    (void)set_option(option, option_value(option, defaults), configuration.options);
    configuration.set_source(option, std::string(kDefaultSource));
  }
}

Result<Command> live_command(const Verb& verb, const Words& words, const EnvironmentView& environment) {
  auto configured = configure(environment, words.flags);
  if (!configured) {
    Error error = std::move(configured).error();
    if (error.code == ErrorCode::kUsage) error.message = "redan " + std::string(verb.name) + ": " + error.message;
    return error;
  }
  Configuration configuration = std::move(configured).value();
  forget_other_commands(verb, configuration);
  if (words.show_config) return Command(PrintText{.text = show_configuration(configuration, verb.set)});
  if (verb.set == kAgent) return Command(AgentCommand{std::move(configuration)});
  if (verb.set == kFeatures) return Command(FeaturesCommand{.json = words.json, .options = configuration.options});
  return Command(
      RecordCommand{.file = words.operands[0], .duration = words.duration, .configuration = std::move(configuration)});
}

// What stands where a command should.
Result<Command> no_verb(std::string_view word) {
  if (word == "--help" || word == "-h") return Command(PrintText{.text = general_help()});
  if (word == "--version" || word == "version") return Command(PrintText{.text = version_text()});
  if (word.starts_with('-'))
    return usage_error("redan",
                       "unknown flag " + in_quotes(word) + "; flags of a command go after it; see 'redan --help'");
  std::vector<std::string_view> names = {"help", "version"};
  for (const Verb& verb : verbs()) names.push_back(verb.name);
  return usage_error("redan", "unknown command " + in_quotes(word) + see_help("redan", did_you_mean(word, names)));
}

}  // namespace

Result<Command> parse_command_line(int argc, const char* const* argv, const EnvironmentView& environment) {
  const std::span<const char* const> arguments(argv, static_cast<size_t>(std::max(argc, 0)));
  if (arguments.size() < 2) return Command(PrintText{.text = general_help(), .to_stderr = true, .exit_code = 2});

  std::string_view word = arguments[1];
  const bool asks_help = word == "help";
  if (asks_help && arguments.size() == 2) return Command(PrintText{.text = general_help()});
  if (asks_help) word = arguments[2];
  const Verb* verb = find_verb(word);
  if (!verb) return no_verb(word);
  if (asks_help) return Command(PrintText{.text = verb_help(*verb)});

  REDAN_ASSIGN(const Words words, WordReader(*verb, arguments.subspan(2)).read());
  if (words.help) return Command(PrintText{.text = verb_help(*verb)});
  if (words.version) return Command(PrintText{.text = version_text()});
  if (verb->set == kReplay) return replay_command(words);
  return live_command(*verb, words, environment);
}

}  // namespace redan::agent
