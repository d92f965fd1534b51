// SPDX-License-Identifier: Apache-2.0
// What the policies say of themselves: to clients, in the stream, in the log.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "agent/policies.h"

namespace redan::agent {
namespace {

constexpr uint64_t kLossLogNs = 60'000'000'000;

std::string_view origin_name(PolicyOrigin origin) {
  static constexpr std::array<std::string_view, 3> kNames = {"option", "directory", "client"};
  return kNames[static_cast<size_t>(origin)];
}

size_t selectors_of(const redan_hook_plan& plan) {
  const auto used = std::ranges::count_if(plan.selectors, [](const redan_selector& one) { return one.used != 0; });
  return std::max<size_t>(static_cast<size_t>(used), 1);
}

kernel::HookRuns runs_of(const kernel::Hook& hook) {
  const Result<kernel::HookRuns> runs = hook.runs();
  return runs ? *runs : kernel::HookRuns();
}

}  // namespace

void Policies::tell(const Loaded& loaded, const Feed& feed) const {
  event::Facts facts = {{"policy", loaded.name}, {"source", loaded.source.path}, {"state", loaded.state}};
  if (loaded.state != kLoadError) facts.emplace_back("mode", mode_name(loaded.policy.mode));
  if (loaded.state != kLoadError && loaded.policy.asked_mode != loaded.policy.mode)
    facts.emplace_back("asked_mode", mode_name(loaded.policy.asked_mode));
  if (!loaded.error.empty()) facts.emplace_back("error", loaded.error);
  feed(event::text_frame(event::kFramePolicy, parts_.now(), event::facts_text(facts)));
  parts_.log.info("policy {}: {}", loaded.name, loaded.state);
}

void Policies::tell_losses(Loaded& loaded, const Feed& feed) {
  for (size_t i = 0; i < loaded.hooks.size(); ++i) {
    const auto causes = loss_causes(loaded.hooks[i]->counters(), runs_of(*loaded.hooks[i]));
    std::vector<uint64_t>& told = loaded.losses[i].told;
    told.resize(causes.size());
    for (size_t cause = 0; cause < causes.size(); ++cause) {
      const uint64_t grown = causes[cause].count - told[cause];
      if (grown == 0) continue;
      told[cause] = causes[cause].count;
      loaded.unlogged_losses += grown;
      const event::Facts facts = {{"cause", std::string(causes[cause].name)},
                                  {"policy", loaded.name},
                                  {"hook", hook_label(*loaded.policy.hooks[i].info)},
                                  {"count", std::to_string(grown)}};
      feed(event::text_frame(event::kFrameHookLoss, parts_.now(), event::facts_text(facts)));
    }
  }
  const uint64_t now = parts_.now();
  if (loaded.unlogged_losses == 0 || now < loaded.next_loss_log) return;
  parts_.log.warn("policy {}: {} calls, arguments or events were missed; redan policy list and the stream say why",
                  loaded.name, loaded.unlogged_losses);
  loaded.unlogged_losses = 0;
  loaded.next_loss_log = now + kLossLogNs;
}

std::vector<ListedPolicy> Policies::list() const {
  std::vector<ListedPolicy> listed;
  for (const auto& loaded : policies_) {
    const bool is_known = loaded->state != kLoadError;
    ListedPolicy& policy = listed.emplace_back();
    policy.name = loaded->name;
    policy.state = loaded->state;
    policy.mode = is_known ? mode_name(loaded->policy.mode) : "unknown";
    policy.asked_mode = is_known ? mode_name(loaded->policy.asked_mode) : policy.mode;
    policy.source = loaded->source.path;
    policy.origin = origin_name(loaded->source.origin);
    policy.error = loaded->error;
    std::ranges::copy_if(loaded->policy.statuses, std::back_inserter(policy.missing),
                         [](const policy::HookStatus& one) { return one.state != policy::HookState::kLoaded; });
    for (size_t i = 0; i < loaded->hooks.size(); ++i) {
      const event::HookPlan& plan = loaded->policy.hooks[i];
      const kernel::Hook& hook = *loaded->hooks[i];
      policy.hooks.push_back({.name = hook_label(*plan.info),
                              .facts = hook.facts(),
                              .runs = runs_of(hook),
                              .counters = hook.counters(),
                              .selectors = selectors_of(plan.program)});
    }
  }
  return listed;
}

/// A control request: its words, and what they do.
struct Policies::Command {
  std::string_view verb;
  size_t words;
  Result<std::string> (*run)(Policies&, const Request&, const Feed&);
};

namespace {

Result<std::string> said(const Result<void>& done) {
  if (!done) return done.error();
  return std::string();
}

Result<std::string> add_with_mode(Policies& all, const Request& asked, const Feed& feed) {
  using enum policy::PolicyMode;
  for (const policy::PolicyMode mode : {kEnforce, kMonitor})
    if (asked.words[2] == mode_name(mode))
      return all.add(asked.text, {PolicyOrigin::kClient, asked.words[1], mode}, feed);
  return Error{ErrorCode::kUsage, fmt::format("found '{}', allowed: enforce or monitor", asked.words[2])};
}

Result<std::string> answer_set_mode(Policies& all, const Request& asked, const Feed& feed) {
  using enum policy::PolicyMode;
  for (const policy::PolicyMode mode : {kEnforce, kMonitor, kMonitorOnly})
    if (asked.words[2] == mode_name(mode)) return said(all.set_mode(asked.words[1], mode, feed));
  return Error{ErrorCode::kUsage, fmt::format("found '{}', allowed: enforce, monitor or monitor_only", asked.words[2])};
}

}  // namespace

Result<std::string> Policies::answer(const Request& request, const Feed& feed) {
  static constexpr std::array kCommands = {
      Command{"add", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return all.add(asked.text, {PolicyOrigin::kClient, asked.words[1]}, to);
              }},
      Command{"add", 3, add_with_mode},
      Command{"delete", 2,
              [](Policies& all, const Request& asked, const Feed& to) { return all.remove(asked.words[1], to); }},
      Command{"enable", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.set_enabled(asked.words[1], true, to));
              }},
      Command{"disable", 2,
              [](Policies& all, const Request& asked, const Feed& to) {
                return said(all.set_enabled(asked.words[1], false, to));
              }},
      Command{"set-mode", 3, answer_set_mode},
      Command{"list", 2,
              [](Policies& all, const Request& asked, const Feed&) {
                const std::vector<ListedPolicy> listed = all.list();
                return Result<std::string>(asked.words[1] == "json" ? list_json(listed) : list_text(listed));
              }},
  };
  for (const Command& command : kCommands) {
    if (!request.words.empty() && request.words[0] == command.verb && request.words.size() == command.words)
      return command.run(*this, request, feed);
  }
  return Error{ErrorCode::kUsage, "a request that this agent does not know; is the command of another version?"};
}

}  // namespace redan::agent
