// SPDX-License-Identifier: Apache-2.0
#include "agent/plan_words.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/quote.h"
#include "export/hook_words.h"
#include "export/ip_text.h"
#include "policy/arg_types.h"

namespace redan::agent {
namespace {

constexpr size_t kMostShown = 6;

bool is_path(uint8_t type) {
  constexpr std::array kPaths = {REDAN_ARG_FILE, REDAN_ARG_PATH,  REDAN_ARG_DENTRY,
                                 REDAN_ARG_FD,   REDAN_ARG_KIOCB, REDAN_ARG_BINPRM};
  return std::ranges::find(kPaths, type) != kPaths.end();
}

std::string_view type_name(event::ArgType type) {
  const auto row = std::ranges::find(policy::arg_types(), type, &policy::ArgTypeInfo::type);
  return row == policy::arg_types().end() ? std::string_view("unknown") : row->name;
}

std::string argument_name(const event::HookPlan& plan, uint8_t slot) {
  const redan_hook_arg& arg = plan.program.args[slot];
  if (arg.source == REDAN_SOURCE_RETURN) return "the returned value";
  const auto told = std::ranges::find(plan.info->args, slot, &event::HookArg::slot);
  if (told != plan.info->args.end() && !told->label.empty())
    return fmt::format("argument {} ({})", arg.index, told->label);
  return fmt::format("argument {}", arg.index);
}

/// Joins what may be shown; of many values the first ones.
std::string either(const std::vector<std::string>& values) {
  const size_t shown = std::min(values.size(), kMostShown);
  std::string text = fmt::format("{}", fmt::join(values.begin(), values.begin() + static_cast<ptrdiff_t>(shown), ", "));
  if (shown < values.size()) text += fmt::format(" and {} more", values.size() - shown);
  return text;
}

// --- what a filter looks at ---

bool is_of_process(const redan_filter& filter) { return filter.field >= REDAN_SLOT_FIELDS; }

std::string process_subject(const redan_filter& filter) {
  static constexpr std::array<std::string_view, 10> kNamespaces = {
      "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user"};
  if (filter.op == REDAN_OP_PIDS) return "the pid of the process or of one of its ancestors";
  if (filter.field >= REDAN_FIELD_NAMESPACE &&
      filter.field < unsigned{REDAN_FIELD_NAMESPACE} + unsigned{REDAN_NS_COUNT})
    return fmt::format("the {} namespace", exporting::word_of(kNamespaces, filter.field - REDAN_FIELD_NAMESPACE));
  switch (filter.field) {
    case REDAN_FIELD_PID: return "the pid";
    case REDAN_FIELD_NS_PID: return "the pid in its own namespace";
    case REDAN_FIELD_BINARY: return "the binary";
    case REDAN_FIELD_FOLLOWED: return "the binary or one that the process descends from";
    case REDAN_FIELD_NAMESPACE_CHANGES: return "what has changed of the namespaces";
    case REDAN_FIELD_EFFECTIVE_CHANGES: return "what has changed of the effective capabilities";
    case REDAN_FIELD_INHERITABLE_CHANGES: return "what has changed of the inheritable capabilities";
    case REDAN_FIELD_PERMITTED_CHANGES: return "what has changed of the permitted capabilities";
    case REDAN_FIELD_EFFECTIVE: return "the effective capabilities";
    case REDAN_FIELD_INHERITABLE: return "the inheritable capabilities";
    case REDAN_FIELD_PERMITTED: return "the permitted capabilities";
    case REDAN_FIELD_OTHER_USER_NS: return "whether the user namespace is another than pid 1's";
    default: return "the process";
  }
}

std::string argument_subject(const event::HookPlan& plan, const redan_filter& filter) {
  const std::string name = argument_name(plan, filter.slot);
  switch (filter.field) {
    case REDAN_FIELD_FILE_TYPE: return "the file type of " + name;
    case REDAN_FIELD_FAMILY: return "the family of " + name;
    case REDAN_FIELD_PROTOCOL: return "the protocol of " + name;
    case REDAN_FIELD_STATE: return "the state of " + name;
    case REDAN_FIELD_SPORT: return "the source port of " + name;
    case REDAN_FIELD_DPORT: return "the destination port of " + name;
    case REDAN_FIELD_SADDR: return "the source address of " + name;
    default: break;
  }
  if (filter.op == REDAN_OP_ADDRESS) return "the destination address of " + name;
  return (is_path(plan.program.args[filter.slot].type) ? "the path of " : "") + name;
}

// --- what it is compared with ---

std::string number_text(const redan_filter& filter, uint64_t number) {
  const auto word = [&]() -> std::string_view {
    if (filter.field == REDAN_FIELD_FAMILY) return exporting::word_of(exporting::kFamilies, number);
    if (filter.field == REDAN_FIELD_STATE) return exporting::word_of(exporting::kTcpStates, number);
    return filter.field == REDAN_FIELD_PROTOCOL ? exporting::protocol_word(number) : std::string_view();
  }();
  if (!word.empty()) return std::string(word);
  const bool is_bits = filter.op == REDAN_OP_MASK || filter.op == REDAN_OP_GAINED;
  if (is_bits) return fmt::format("{:#x}", number);
  if (static_cast<int64_t>(number) < 0 && static_cast<int64_t>(number) > -4096)
    return fmt::format("{}", static_cast<int64_t>(number));
  return fmt::format("{}", number);
}

std::vector<std::string> inline_values(const redan_filter& filter) {
  std::vector<std::string> values;
  for (size_t i = 0; i < std::min<size_t>(filter.count, REDAN_HOOK_INLINE_VALUES); ++i) {
    const auto& [low, high] = filter.values[i];
    const bool is_range = filter.op == REDAN_OP_RANGE && low != high;
    values.push_back(number_text(filter, low) + (is_range ? " to " + number_text(filter, high) : ""));
  }
  return values;
}

std::string address_text(const event::SetAddress& address) {
  std::array<char, exporting::kMaxIpText> text{};
  char* end = address.v6 ? exporting::write_ipv6(text.data(), address.address.data())
                         : exporting::write_ipv4(text.data(), address.address.data());
  return fmt::format("{}/{}", std::string_view(text.data(), static_cast<size_t>(end - text.data())),
                     address.prefix_bits);
}

std::vector<std::string> texts_of(const std::vector<event::SetText>& members, uint16_t set) {
  std::vector<std::string> values;
  for (const event::SetText& member : members)
    if (member.set == set) values.push_back(in_quotes(member.bytes));
  return values;
}

std::vector<std::string> values_of(const event::HookPlan& plan, const redan_filter& filter) {
  std::vector<std::string> values;
  switch (filter.op) {
    case REDAN_OP_TEXT: return texts_of(plan.texts, filter.set);
    case REDAN_OP_PREFIX: return texts_of(plan.prefixes, filter.set);
    case REDAN_OP_POSTFIX: return texts_of(plan.postfixes, filter.set);
    case REDAN_OP_FOLLOWED: return texts_of(plan.followed, filter.set);
    case REDAN_OP_ADDRESS:
      for (const event::SetAddress& address : plan.addresses)
        if (address.set == filter.set) values.push_back(address_text(address));
      return values;
    default: break;
  }
  if (filter.count != 0) return inline_values(filter);
  for (const event::SetNumber& number : plan.numbers)
    if (number.set == filter.set) values.push_back(number_text(filter, number.value));
  return values;
}

std::string predicate(const redan_filter& filter, size_t values) {
  struct Words {
    std::string_view one, several, negated;
  };
  const Words words = [&]() -> Words {
    switch (filter.op) {
      case REDAN_OP_GREATER: return {"is above", "is above one of", "is above none of"};
      case REDAN_OP_LESS: return {"is below", "is below one of", "is below none of"};
      case REDAN_OP_MASK: return {"has a bit of", "has a bit of one of", "has no bit of"};
      case REDAN_OP_PREFIX: return {"starts with", "starts with one of", "does not start with"};
      case REDAN_OP_POSTFIX: return {"ends with", "ends with one of", "does not end with"};
      case REDAN_OP_ADDRESS: return {"is in", "is in one of", "is not in"};
      case REDAN_OP_GAINED: return {"gains a bit of", "gains a bit of", "gains no bit of"};
      default: return {"is", "is one of", "is not"};
    }
  }();
  if ((filter.options & REDAN_FILTER_NEGATE) == 0) return std::string(values == 1 ? words.one : words.several);
  return std::string(words.negated) + (values == 1 ? "" : " any of");
}

std::string filter_words(const event::HookPlan& plan, const redan_filter& filter) {
  const std::vector<std::string> values = values_of(plan, filter);
  const std::string subject = is_of_process(filter) ? process_subject(filter) : argument_subject(plan, filter);
  return fmt::format("{} {} {}", subject, predicate(filter, values.size()), either(values));
}

// --- what happens then ---

std::string rate_words(const redan_selector& selector) {
  static constexpr std::array<std::string_view, 3> kScopes = {"thread", "process", "hook"};
  if (selector.rate_ms == 0) return "";
  const bool is_seconds = selector.rate_ms % 1000 == 0;
  return fmt::format(" (at most once in {} {} for the same {} and arguments)",
                     is_seconds ? selector.rate_ms / 1000 : selector.rate_ms, is_seconds ? "s" : "ms",
                     exporting::word_of(kScopes, selector.rate_scope));
}

std::string action_words(const redan_selector& selector) {
  std::string text = selector.post != 0 ? "posts" + rate_words(selector) : "does not post";
  switch (selector.action) {
    case REDAN_ACTION_SIGKILL: return text + " (and asks for Sigkill, which is not carried out yet)";
    case REDAN_ACTION_SIGNAL: return text + " (and asks for Signal, which is not carried out yet)";
    case REDAN_ACTION_OVERRIDE: return text + " (and asks for Override, which is not carried out yet)";
    case REDAN_ACTION_NOTIFY_ENFORCER: return text + " (and asks for NotifyEnforcer, which is not carried out yet)";
    default: break;
  }
  if (selector.track_slot != 0) text += " and remembers whose socket it is";
  if (selector.untrack_slot != 0) text += " and forgets whose socket it is";
  return text;
}

template <size_t N>
void add_conditions(const event::HookPlan& plan, const redan_filter (&filters)[N],
                    std::vector<std::string>& conditions) {
  for (const redan_filter& filter : filters) {
    if (filter.op == REDAN_OP_NONE) return;
    conditions.push_back(filter_words(plan, filter));
  }
}

}  // namespace

std::vector<std::string> selector_words(const event::HookPlan& plan) {
  std::vector<std::string> sentences;
  for (const redan_selector& selector : plan.program.selectors) {
    if (selector.used == 0) break;
    std::vector<std::string> conditions;
    add_conditions(plan, selector.process, conditions);
    add_conditions(plan, selector.args, conditions);
    add_conditions(plan, selector.returned, conditions);
    sentences.push_back(action_words(selector) + (conditions.empty() ? " every call" : " when ") +
                        fmt::format("{}", fmt::join(conditions, " and ")));
  }
  if (sentences.empty()) sentences.emplace_back("posts every call");
  return sentences;
}

std::vector<ArgumentWords> argument_words(const event::HookPlan& plan) {
  std::vector<ArgumentWords> words;
  for (const event::HookArg& told : plan.info->args) {
    const redan_hook_arg& arg = plan.program.args[told.slot];
    if (arg.type == REDAN_ARG_NONE) continue;
    ArgumentWords& one = words.emplace_back();
    one.name = argument_name(plan, told.slot);
    one.type = type_name(told.type);
    one.is_user_memory = (arg.options & REDAN_ARG_USER) != 0;
    if (one.is_user_memory) {
      one.read = "user memory: the process can change it after it was read";
    } else if (arg.type == REDAN_ARG_NUMBER) {
      one.read = "the value itself";
    } else if (is_path(arg.type)) {
      one.read = "the kernel's own object, resolved: what the call works on, up to the process's root";
    } else {
      one.read = "the kernel's own object";
    }
  }
  return words;
}

}  // namespace redan::agent
