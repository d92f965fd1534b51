// SPDX-License-Identifier: Apache-2.0
// glibc's getopt_long over the two tables of flags. Not CLI11: its 2.1.2 reads the word after `--flag=` as the value of
// that flag, and the next flag as the value of one whose value was forgotten, so that neither can be told to the user.
#include "agent/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <array>
#include <utility>

#include "agent/command_line_verbs.h"
#include "agent/options_values.h"
#include "base/suggest.h"

namespace redan::agent {
namespace {

struct Operand {
  std::string text;
  std::string after_switch;  // the flag before it, if that was true or false and had no value
};

// The words after the verb, sorted.
struct Words {
  std::vector<Flag> flags;  // each option at most once
  std::vector<Operand> operands;
  std::optional<std::chrono::nanoseconds> duration;
  std::string mode;
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

bool set_mode(Words& words, std::string_view text) {
  words.mode = text;
  return text == "enforce" || text == "monitor";
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
    OtherFlagAction{"mode", set_mode},
    OtherFlagAction{"output", set_output},
    OtherFlagAction{"show-config", set_switch<&Words::show_config>},
    OtherFlagAction{"help", set_switch<&Words::help>},
    OtherFlagAction{"version", set_switch<&Words::version>},
};

// A flag of any command: one of the two is set.
struct KnownFlag {
  const Option* option = nullptr;
  const OtherFlag* other = nullptr;

  std::string_view name() const { return option ? option->name : other->name; }
  uint16_t verbs() const { return option ? option->verbs : other->verbs; }
  bool takes_value() const { return option ? !is_bool(*option) : !other->value_name.empty(); }
  std::string allowed() const { return option ? allowed_values(*option) : std::string(other->allowed); }
};

// The flags of all commands, so that one at the wrong command is told from one that does not exist.
std::vector<KnownFlag> known_flags() {
  std::vector<KnownFlag> flags;
  for (const Option& option : options()) flags.push_back({.option = &option});
  for (const OtherFlag& other : other_flags()) flags.push_back({.other = &other});
  return flags;
}

// Reads the words of one command; arguments[0] is its name. getopt_long works on global variables: one reader at a time
// in the whole process, and read() only once.
class WordReader {
 public:
  WordReader(const Verb& verb, std::span<const char* const> arguments)
      : verb_(verb), who_("redan " + std::string(verb.name)), arguments_(arguments), known_(known_flags()) {}

  Result<Words> read() {
    // getopt_long takes char* for the sake of old programs; it writes to no word, and in this order moves none.
    std::vector<char*> words;
    for (const char* word : arguments_) words.push_back(const_cast<char*>(word));
    words.push_back(nullptr);
    const std::string letters = short_flags();
    const std::vector<option> names = long_flags();

    opterr = 0;
    optind = 0;  // start anew
    while (true) {
      // Several short flags may share a word, which optind leaves only after the last of them.
      const std::string_view word = word_at(std::max(optind, 1));
      const int code =
          ::getopt_long(static_cast<int>(arguments_.size()), words.data(), letters.c_str(), names.data(), nullptr);
      if (code == -1) break;
      if (code == kOperand)
        words_.operands.push_back({optarg, std::exchange(switch_before_, "")});
      else
        REDAN_TRY(flag(word, code));
    }
    for (const char* word : arguments_.subspan(static_cast<size_t>(optind)))  // after `--`
      words_.operands.push_back({word, ""});
    // Whoever asks for help need not have the rest right.
    if (!words_.help && !words_.version) REDAN_TRY(check_operands());
    return std::move(words_);
  }

 private:
  // What getopt_long returns: these, a letter, or kFirstLong and an index of known_.
  static constexpr int kOperand = 1;
  static constexpr int kNoValue = ':';
  static constexpr int kUnknown = '?';
  static constexpr int kFirstLong = 256;

  std::string_view word_at(int index) const {
    return static_cast<size_t>(index) < arguments_.size() ? arguments_[static_cast<size_t>(index)] : "";
  }

  // `-`: operands come in their place among the flags, whatever POSIXLY_CORRECT says. `:`: a missing value is told from
  // an unknown flag.
  std::string short_flags() const {
    std::string letters = "-:";
    for (const OtherFlag& other : other_flags())
      if (!other.short_name.empty() && (other.verbs & verb_.set))
        letters += std::string(other.short_name) + (other.value_name.empty() ? "" : ":");
    return letters;
  }

  // The names are those of the tables: literals, so they end with a NUL.
  std::vector<option> long_flags() const {
    std::vector<option> flags;
    int code = kFirstLong;
    for (const KnownFlag& known : known_)
      flags.push_back({.name = known.name().data(),
                       .has_arg = known.takes_value() ? required_argument : optional_argument,
                       .flag = nullptr,
                       .val = code++});
    flags.push_back({});
    return flags;
  }

  // What getopt_long made of `word`.
  Result<void> flag(std::string_view word, int code) {
    const bool is_missing = code == kNoValue;
    if (is_missing) code = optopt;
    const bool is_long = word.starts_with("--");
    // The letter is that of the code: `word` may have several.
    const std::string name =
        is_long ? std::string(word.substr(2, word.find('=') - 2)) : std::string(1, static_cast<char>(code));
    if (code == kUnknown) return is_long ? unknown(name) : usage_error(who_, unknown_flag(word) + see_help(who_, ""));

    const KnownFlag& known = is_long ? known_[static_cast<size_t>(code - kFirstLong)] : known_short(name);
    if (is_long && known.name() != name) return unknown(name);  // getopt_long takes abbreviations
    if (!(known.verbs() & verb_.set)) return elsewhere(known);
    const std::string spelling = (is_long ? "--" : "-") + name;
    // getopt_long takes any word as the value that a flag needs, the next flag as well.
    const bool is_next_word = optarg && optarg == arguments_[static_cast<size_t>(optind) - 1];
    if (is_missing || (is_next_word && std::string_view(optarg).starts_with("--")))
      return usage_error(who_, spelling + ": found no value, allowed: " + known.allowed());

    const bool is_switch = is_long && !optarg && !known.takes_value();
    switch_before_ = is_switch ? spelling : "";
    std::string_view text = optarg ? optarg : "true";
    if (!is_long && !is_next_word && text.starts_with('=')) text.remove_prefix(1);  // -o=json
    return set(known, spelling, text);
  }

  const KnownFlag& known_short(std::string_view letter) const {
    return *std::ranges::find_if(known_, [&](const KnownFlag& k) { return k.other && k.other->short_name == letter; });
  }

  Result<void> set(const KnownFlag& known, const std::string& spelling, std::string_view text) {
    if (known.option) {
      AgentOptions checked;
      if (const auto done = set_option(*known.option, text, checked); !done)
        return usage_error(who_, spelling + ": " + done.error().message);
      keep(*known.option, text);
      return {};
    }
    const auto action = std::ranges::find(kOtherFlagActions, known.name(), &OtherFlagAction::name);
    if (action->set(words_, text)) return {};
    return usage_error(who_, spelling + ": found " + in_quotes(text) + ", allowed: " + known.allowed());
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

  Error elsewhere(const KnownFlag& known) const {
    std::string commands;
    for (const Verb& verb : verbs())
      if (known.verbs() & verb.set) commands += (commands.empty() ? "redan " : ", redan ") + std::string(verb.name);
    return usage_error(who_,
                       "'--" + std::string(known.name()) + "' is a flag of " + commands + " only" + see_help(who_, ""));
  }

  static std::string unknown_flag(std::string_view word) { return "unknown flag " + in_quotes(word); }

  Error unknown(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const KnownFlag& known : known_)
      if (known.verbs() & verb_.set) names.push_back(known.name());
    return usage_error(who_, unknown_flag("--" + std::string(name)) + see_help(who_, did_you_mean(name, names, "--")));
  }

  Result<void> check_operands() const {
    const size_t wanted = verb_.operands();
    if (words_.operands.size() > wanted && !verb_.takes_several()) {
      const auto& [word, after_switch] = words_.operands[wanted];
      // `--enable-process-cred false`: the second word is none of the flag's.
      const bool is_value = !after_switch.empty() && parse_bool(word);
      return usage_error(who_,
                         "unexpected word " + in_quotes(word) +
                             see_help(who_, is_value ? "; did you mean '" + after_switch + "=" + word + "'?" : ""));
    }
    const bool has_empty = std::ranges::any_of(words_.operands, [](const Operand& o) { return o.text.empty(); });
    const bool is_missing = wanted > 0 && (words_.operands.size() < wanted || has_empty);
    // --show-config is about the options; no file is touched.
    if (is_missing && !words_.show_config)
      return usage_error(who_, "found no " + std::string(verb_.operand) +
                                   ", allowed: " + std::string(verb_.operand_allowed) + see_help(who_, ""));
    return {};
  }

  const Verb& verb_;
  std::string who_;
  std::span<const char* const> arguments_;
  std::vector<KnownFlag> known_;
  std::string switch_before_;  // see Operand
  Words words_;
};

Result<Command> replay_command(const Words& words) {
  REDAN_ASSIGN(Configuration configuration, configure_offline(words.flags));
  const bool is_given = configuration.source(*find_option("export-filename")) != kDefaultSource;
  if (!is_given) configuration.options.export_filename = "-";
  return Command(ReplayCommand{.file = words.operands[0].text, .options = configuration.options});
}

std::vector<std::string> operand_texts(const Words& words) {
  std::vector<std::string> texts;
  for (const Operand& operand : words.operands) texts.push_back(operand.text);
  return texts;
}

constexpr std::array<std::string_view, 3> kModes = {"enforce", "monitor", "monitor_only"};

Result<Command> policy_client_command(const Verb& verb, const Words& words, const Configuration& configuration) {
  PolicyClientCommand command{.verb = verb.set,
                              .operands = operand_texts(words),
                              .json = words.json,
                              .mode = words.mode,
                              .run_dir = configuration.options.run_dir};
  if (verb.set == kPolicySetMode && std::ranges::find(kModes, command.operands[1]) == kModes.end()) {
    return usage_error("redan policy set-mode",
                       "found " + in_quotes(command.operands[1]) + ", allowed: enforce, monitor or monitor_only" +
                           see_help("redan policy set-mode", did_you_mean(command.operands[1], kModes)));
  }
  return Command(std::move(command));
}

// Files and environment are for all commands; what they say to another command is not for this one. (Were it otherwise,
// a recording would be exported into the running agent's file.)
void forget_other_commands(const Verb& verb, Configuration& configuration) {
  const AgentOptions defaults;
  for (const Option& option : options()) {
    // What files and environment say about the export is for the agent alone; a recording exports what its flags ask for.
    const bool is_agents_export =
        verb.set == kRecord && option.group == OptionGroup::kExport && !configuration.source(option).starts_with("--");
    if ((option.verbs & verb.set) && !is_agents_export) continue;
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
  if (verb.set == kPolicyExplain)
    return Command(
        PolicyExplainCommand{.files = operand_texts(words), .json = words.json, .options = configuration.options});
  if ((verb.set & kPolicyClients) != 0) return policy_client_command(verb, words, configuration);
  return Command(RecordCommand{
      .file = words.operands[0].text, .duration = words.duration, .configuration = std::move(configuration)});
}

// The command that the words start with, and how many of them name it.
struct FoundVerb {
  const Verb* verb = nullptr;
  size_t words = 0;
};
FoundVerb verb_at(std::span<const char* const> words) {
  if (const Verb* verb = find_verb(words[0])) return {verb, 1};
  if (words.size() < 2) return {};
  return {find_verb(std::string(words[0]) + " " + words[1]), 2};
}

// What stands where a command should.
Result<Command> no_verb(std::span<const char* const> words) {
  std::string word = words[0];
  if (word == "--help" || word == "-h") return Command(PrintText{.text = general_help()});
  if (word == "--version" || word == "version") return Command(PrintText{.text = version_text()});
  if (word.starts_with('-'))
    return usage_error("redan",
                       "unknown flag " + in_quotes(word) + "; flags of a command go after it; see 'redan --help'");
  std::vector<std::string_view> names = {"help", "version"};
  std::string seconds;  // the second words of commands that begin so
  for (const Verb& verb : verbs()) {
    names.push_back(verb.name);
    if (verb.name.starts_with(word + " "))
      seconds += (seconds.empty() ? "" : ", ") + std::string(verb.name.substr(word.size() + 1));
  }
  if (!seconds.empty() && words.size() == 1)
    return usage_error("redan " + word, "found no second word, allowed: " + seconds + "; see 'redan --help'");
  if (!seconds.empty()) word += std::string(" ") + words[1];
  return usage_error("redan", "unknown command " + in_quotes(word) + see_help("redan", did_you_mean(word, names)));
}

}  // namespace

Result<Command> parse_command_line(int argc, const char* const* argv, const EnvironmentView& environment) {
  const std::span<const char* const> arguments(argv, static_cast<size_t>(std::max(argc, 0)));
  if (arguments.size() < 2) return Command(PrintText{.text = general_help(), .to_stderr = true, .exit_code = 2});

  const bool asks_help = std::string_view(arguments[1]) == "help";
  if (asks_help && arguments.size() == 2) return Command(PrintText{.text = general_help()});
  const auto words_from_verb = arguments.subspan(asks_help ? 2 : 1);
  const auto [verb, verb_words] = verb_at(words_from_verb);
  if (!verb) return no_verb(words_from_verb);
  if (asks_help) return Command(PrintText{.text = verb_help(*verb)});

  // getopt_long takes the first word for the program's name.
  REDAN_ASSIGN(const Words words, WordReader(*verb, words_from_verb.subspan(verb_words - 1)).read());
  if (words.help) return Command(PrintText{.text = verb_help(*verb)});
  if (words.version) return Command(PrintText{.text = version_text()});
  if (verb->set == kReplay) return replay_command(words);
  if (verb->set == kPolicyCheck) return Command(PolicyCheckCommand{.files = operand_texts(words)});
  return live_command(*verb, words, environment);
}

}  // namespace redan::agent
