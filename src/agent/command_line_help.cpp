// SPDX-License-Identifier: Apache-2.0
// The tables of commands and flags, and the help made from them.
#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "agent/command_line_verbs.h"
#include "generated/version.h"

namespace redan::agent {
namespace {

constexpr size_t kWidth = 100;
constexpr size_t kHelpColumn = 36;

constexpr std::array<std::string_view, 3> kAgentExamples = {
    "sudo redan agent --export-filename -",
    "sudo redan agent --export-filename /var/log/redan/events.json --enable-process-cred",
    "REDAN_EXPORT_FILENAME=- sudo -E redan agent --log-level debug",
};
constexpr std::array<std::string_view, 1> kRecordExamples = {"sudo redan record /tmp/ring.rec --duration 10s"};
constexpr std::array<std::string_view, 2> kReplayExamples = {
    "redan replay /tmp/ring.rec",
    "redan replay /tmp/ring.rec --export-own-records=false",
};
constexpr std::array<std::string_view, 2> kFeaturesExamples = {"sudo redan features", "sudo redan features -o json"};

constexpr std::array<std::string_view, 2> kPolicyCheckExamples = {"redan policy check policy.yaml",
                                                                  "redan policy check /etc/redan/policies/*.yaml"};

constexpr std::array<std::string_view, 2> kPolicyExplainExamples = {"sudo redan policy explain policy.yaml",
                                                                    "sudo redan policy explain -o json policy.yaml"};
constexpr std::array<std::string_view, 1> kPolicyAddExamples = {"sudo redan policy add policy.yaml"};
constexpr std::array<std::string_view, 1> kPolicyDeleteExamples = {"sudo redan policy delete watch-etc"};
constexpr std::array<std::string_view, 1> kPolicyEnableExamples = {"sudo redan policy enable watch-etc"};
constexpr std::array<std::string_view, 1> kPolicyDisableExamples = {"sudo redan policy disable watch-etc"};
constexpr std::array<std::string_view, 1> kPolicySetModeExamples = {"sudo redan policy set-mode watch-etc monitor"};
constexpr std::array<std::string_view, 2> kPolicyListExamples = {"sudo redan policy list",
                                                                 "sudo redan policy list -o json"};

constexpr std::string_view kNameAllowed = "the name of a policy, as `redan policy list` shows it";

constexpr std::array kReplayDefaults = {OtherDefault{"export-filename", "-"},
                                        OtherDefault{"node-name", "that of the recording"}};

constexpr std::array kVerbs = {
    Verb{.set = kAgent,
         .name = "agent",
         .operand = "",
         .purpose = "watch this machine and write what happens, one JSON line per event (needs root)",
         .explanation =
             "Watches this machine until Ctrl-C or SIGTERM and writes one JSON line for every process that starts "
             "or ends. SIGHUP reopens the export file. Only one agent runs on a machine.",
         .examples = kAgentExamples},
    Verb{.set = kFeatures,
         .name = "features",
         .operand = "",
         .purpose = "say what this kernel can do, what Redan will use, what is missing and what that costs",
         .explanation =
             "Looks at the running kernel and says what it can do, what Redan will use for it, what is missing and "
             "what that costs. Changes nothing.",
         .examples = kFeaturesExamples},
    Verb{.set = kRecord,
         .name = "record",
         .operand = "FILE",
         .purpose = "keep what the kernel side sends, byte for byte, in FILE (needs root)",
         .explanation =
             "Watches this machine as the agent does, but keeps what the kernel side sends, byte for byte, in FILE, "
             "until Ctrl-C, SIGTERM or the end of --duration.",
         .examples = kRecordExamples},
    Verb{.set = kReplay,
         .name = "replay",
         .operand = "FILE",
         .purpose = "write the events of a recording, without root and without the kernel",
         .explanation =
             "Writes the events that the agent would have written for the recording FILE. Needs neither root nor "
             "the kernel it was made on. Reads no configuration and no environment: flags alone count.",
         .examples = kReplayExamples,
         .defaults = kReplayDefaults},
    Verb{.set = kPolicyCheck,
         .name = "policy check",
         .operand = "FILE…",
         .purpose = "say what is wrong with policies, without loading them",
         .explanation = "Reads each FILE, a TracingPolicy, and says what is wrong with it, what has no effect, and "
                        "which ways around it "
                        "are known. Needs neither root nor the kernel that it is for, so functions and tracepoints "
                        "that a kernel lacks "
                        "are not found. Ends with 3 if a policy cannot be loaded.",
         .examples = kPolicyCheckExamples,
         .operand_allowed = "the paths of policies"},
    Verb{.set = kPolicyExplain,
         .name = "policy explain",
         .operand = "FILE…",
         .purpose = "say what this kernel makes of policies, without putting them in force (needs root)",
         .explanation =
             "Loads the hooks of each FILE, a TracingPolicy, without attaching them, and says for each what it is "
             "attached to, when it posts, what is decided in the kernel, and what it costs: instructions and memory. "
             "Without root it says what is known without loading. Ends with 3 if a policy cannot be loaded.",
         .examples = kPolicyExplainExamples,
         .operand_allowed = "the paths of policies"},
    Verb{
        .set = kPolicyAdd,
        .name = "policy add",
        .operand = "FILE…",
        .purpose = "put policies in force in the running agent",
        .explanation =
            "Gives each FILE, a TracingPolicy, to the running agent, which loads its hooks and attaches them: all of "
            "them or none. The policy is in force until it is deleted or the agent ends; files in "
            "--tracing-policy-dir are for longer. A policy of the same name must be deleted first, unless it could not "
            "be loaded. Ends with 3 if a policy is wrong, 4 if the kernel cannot do what it wants.",
        .examples = kPolicyAddExamples,
        .operand_allowed = "the paths of policies"},
    Verb{.set = kPolicyDelete,
         .name = "policy delete",
         .operand = "NAME",
         .purpose = "take a policy out of the running agent",
         .explanation = "Detaches the policy's hooks and forgets it, wherever it came from. A file that it came from "
                        "stays, and adds it again when it is changed or the agent is started again.",
         .examples = kPolicyDeleteExamples,
         .operand_allowed = kNameAllowed},
    Verb{.set = kPolicyEnable,
         .name = "policy enable",
         .operand = "NAME",
         .purpose = "put a disabled policy in force again",
         .explanation = "Loads and attaches the hooks of a policy that was disabled.",
         .examples = kPolicyEnableExamples,
         .operand_allowed = kNameAllowed},
    Verb{.set = kPolicyDisable,
         .name = "policy disable",
         .operand = "NAME",
         .purpose = "detach a policy's hooks and keep the policy",
         .explanation = "Detaches the policy's hooks and keeps the policy in the list. It stays disabled when its file "
                        "is changed, until it is enabled or the agent is started again.",
         .examples = kPolicyDisableExamples,
         .operand_allowed = kNameAllowed},
    Verb{.set = kPolicySetMode,
         .name = "policy set-mode",
         .operand = "NAME MODE",
         .purpose = "set whether a policy enforces or only monitors",
         .explanation =
             "MODE is enforce, monitor or monitor_only (the mode of a policy without enforcement actions, which has no "
             "other). This version cannot enforce yet: policies with enforcement actions are in mode monitor, and "
             "enforce is refused.",
         .examples = kPolicySetModeExamples,
         .operand_allowed = "the name of a policy, and enforce, monitor or monitor_only"},
    Verb{
        .set = kPolicyList,
        .name = "policy list",
        .operand = "",
        .purpose = "show the policies of the running agent: states, hooks, what they posted, dropped and cost",
        .explanation =
            "Shows each policy with its state, mode, source and error, and for each hook how it is attached, what it "
            "posted, what was lost and why, its runs, their time (estimated: one run in 64 is timed) and its memory in "
            "the kernel.",
        .examples = kPolicyListExamples},
};

constexpr uint16_t kAll = kAgent | kRecord | kReplay | kFeatures | kPolicyCheck | kPolicyExplain | kPolicyClients;

constexpr std::array kOtherFlags = {
    OtherFlag{.name = "duration",
              .short_name = "",
              .value_name = "DURATION",
              .help = "Stop after that time, such as 30s or 1m30s",
              .verbs = kRecord,
              .allowed = "a duration such as 30s or 1m30s, above 0"},
    OtherFlag{.name = "output",
              .short_name = "o",
              .value_name = "FORMAT",
              .help = "text or json [default: text]",
              .verbs = kFeatures | kPolicyExplain | kPolicyList,
              .allowed = "text or json"},
    OtherFlag{.name = "mode",
              .short_name = "m",
              .value_name = "MODE",
              .help = "enforce or monitor, in place of the policy's own mode",
              .verbs = kPolicyAdd,
              .allowed = "enforce or monitor"},
    OtherFlag{.name = "show-config",
              .short_name = "",
              .value_name = "",
              .help = "Print the value of every option and where it comes from, and exit",
              .verbs = kAgent | kRecord | kFeatures | kPolicyExplain | kPolicyClients},
    OtherFlag{.name = "help", .short_name = "h", .value_name = "", .help = "Print this help and exit", .verbs = kAll},
    OtherFlag{.name = "version",
              .short_name = "",
              .value_name = "",
              .help = "Print version, commit and kernel release and exit",
              .verbs = kAll},
};

// A space at which no line is broken.
constexpr char kTiedSpace = '\x01';

// Appends words so that no line is longer than kWidth; `column` is where the text stands now, `indent` where lines start.
void append_wrapped(std::string& out, std::string_view words, size_t column, size_t indent) {
  bool first = true;
  while (!words.empty()) {
    const size_t length = std::min(words.find(' '), words.size());
    if (!first && column + 1 + length > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += words.substr(0, length);
    column += length;
    words.remove_prefix(std::min(length + 1, words.size()));
    first = false;
  }
  out += '\n';
  std::ranges::replace(out, kTiedSpace, ' ');
}

void append_flag(std::string& out, std::string left, std::string_view help) {
  left = "  " + left;
  if (left.size() + 2 > kHelpColumn) {
    out += left + "\n" + std::string(kHelpColumn, ' ');
  } else {
    left.resize(kHelpColumn, ' ');
    out += left;
  }
  append_wrapped(out, help, kHelpColumn, kHelpColumn);
}

std::string option_help(const Option& option, const Verb& verb) {
  const auto other = std::ranges::find(verb.defaults, option.name, &OtherDefault::option);
  const std::string value = other == verb.defaults.end() ? default_text(option) : std::string(other->text);
  return std::string(option.help) + (value.empty() ? "" : std::string(" [default:") + kTiedSpace + value + "]");
}

void append_options(std::string& out, const Verb& verb) {
  std::optional<OptionGroup> group;
  for (const Option& option : options()) {
    if ((option.verbs & verb.set) == 0) continue;
    if (group != option.group) out += "\n" + std::string(group_title(option.group)) + ":\n";
    group = option.group;
    append_flag(
        out, "--" + std::string(option.name) + (option.value_name.empty() ? "" : " ") + std::string(option.value_name),
        option_help(option, verb));
  }
}

void append_other_flags(std::string& out, const Verb& verb) {
  out += "\nThis command:\n";
  for (const OtherFlag& flag : kOtherFlags) {
    if ((flag.verbs & verb.set) == 0) continue;
    std::string left = flag.short_name.empty() ? "" : "-" + std::string(flag.short_name) + ", ";
    left += "--" + std::string(flag.name) + (flag.value_name.empty() ? "" : " ") + std::string(flag.value_name);
    append_flag(out, left, flag.help);
  }
}

void append_verb(std::string& out, std::string_view name) {
  const Verb& verb = *find_verb(name);
  constexpr size_t kPurposeColumn = 30;
  std::string left = "  " + std::string(verb.name) + (verb.operand.empty() ? "" : " ") + std::string(verb.operand);
  // "…" is three bytes wide in UTF-8 and one on the screen.
  left.resize(kPurposeColumn + (verb.takes_several() ? 2 : 0), ' ');
  out += left;
  append_wrapped(out, verb.purpose, kPurposeColumn, kPurposeColumn);
}

constexpr std::string_view kSpellingHelp =
    "Flags are written --flag VALUE or --flag=VALUE; for true or false, --flag alone is true.";

constexpr std::string_view kSourcesHelp =
    "Every flag above is also a key of the configuration file (--rb-size-total 16M is the line rb-size-total: 16M) and "
    "an "
    "environment variable (REDAN_RB_SIZE_TOTAL=16M). A flag beats the environment, which beats --config-dir, which "
    "beats "
    "--config. Lists take several values, separated by commas. --show-config prints where each value comes from.";

}  // namespace

std::span<const Verb> verbs() { return kVerbs; }

const Verb* find_verb(std::string_view name) {
  const auto found = std::ranges::find(kVerbs, name, &Verb::name);
  return found == kVerbs.end() ? nullptr : &*found;
}

std::span<const OtherFlag> other_flags() { return kOtherFlags; }

std::string general_help() {
  std::string out = "redan - runtime security for Linux: every process that starts or ends, one JSON line each\n"
                    "\n"
                    "Usage: redan COMMAND [FILE] [flags]\n"
                    "\n"
                    "Watch a machine:\n";
  for (std::string_view name : {"agent", "features"}) append_verb(out, name);
  out += "\nRecord and replay:\n";
  for (std::string_view name : {"record", "replay"}) append_verb(out, name);
  out += "\nPolicies:\n";
  for (const Verb& verb : kVerbs)
    if (verb.name.starts_with("policy ")) append_verb(out, verb.name);
  out += "\nExamples:\n";
  for (std::string_view name : {"agent", "record", "replay", "policy check", "policy add", "policy list"})
    out += "  " + std::string(find_verb(name)->examples.front()) + "\n";
  out += "\n"
         "Exit codes: 0 done, 1 runtime error, 2 wrong usage, 3 wrong configuration or policy,\n"
         "4 the kernel lacks something that is needed, 5 no permission, 6 another agent runs.\n"
         "\n"
         "More: redan COMMAND --help, redan --version\n";
  return out;
}

std::string verb_help(const Verb& verb) {
  std::string out = "redan " + std::string(verb.name) + " - ";
  append_wrapped(out, verb.purpose, out.size(), out.size());
  out += "\nUsage: redan " + std::string(verb.name) + (verb.operand.empty() ? "" : " ") + std::string(verb.operand) +
         " [flags]\n\n";
  append_wrapped(out, verb.explanation, 0, 0);
  out += "\nExamples:\n";
  for (std::string_view example : verb.examples) out += "  " + std::string(example) + "\n";
  append_options(out, verb);
  append_other_flags(out, verb);
  out += "\n";
  append_wrapped(out, kSpellingHelp, 0, 0);
  if (verb.set != kReplay && verb.set != kPolicyCheck) append_wrapped(out, kSourcesHelp, 0, 0);
  return out;
}

std::string version_text() {
  utsname system{};
  const std::string kernel = ::uname(&system) == 0 ? system.release : "unknown";
  return "redan " REDAN_VERSION ", commit " REDAN_COMMIT ", kernel " + kernel + "\n";
}

}  // namespace redan::agent
