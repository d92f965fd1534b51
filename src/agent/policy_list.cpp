// SPDX-License-Identifier: Apache-2.0
#include "agent/policy_list.h"

#include <algorithm>
#include <array>
#include <numeric>

#include <fmt/format.h>

#include "agent/json_text.h"

namespace redan::agent {
namespace {

struct Sums {
  uint64_t posts = 0, lost = 0, memory = 0;
};

std::span<const __u64> posts_of(const ListedHook& hook) {
  return std::span(hook.counters.posted).first(std::min<size_t>(hook.selectors, REDAN_HOOK_SELECTORS));
}

Sums sums_of(const ListedPolicy& policy) {
  Sums sums;
  for (const ListedHook& hook : policy.hooks) {
    const auto posts = posts_of(hook);
    sums.posts += std::reduce(posts.begin(), posts.end());
    for (const LossCause& cause : loss_causes(hook.counters, hook.runs)) sums.lost += cause.count;
    sums.memory += hook.facts.map_bytes;
  }
  return sums;
}

std::string runs_text(const kernel::HookRuns& runs) {
  if (runs.count == 0) return "no runs";
  return fmt::format("{} runs, {} ns, {} ns each", runs.count, runs.nanoseconds, runs.nanoseconds / runs.count);
}

std::string hook_text(const ListedHook& hook) {
  const auto posts = posts_of(hook);
  std::string text =
      fmt::format("  {} by {}/{}\n", hook.name, kernel::hook_attachment_name(hook.facts.attachment), hook.facts.target);
  text += fmt::format("    {}; {} instructions, {} in maps\n", runs_text(hook.runs), hook.facts.instructions,
                      bytes_text(hook.facts.map_bytes));
  text += fmt::format("    posts by selector: {}", fmt::join(posts, ", "));
  if (hook.counters.not_posted != 0) text += fmt::format("; kept quiet (NoPost): {}", hook.counters.not_posted);
  if (hook.counters.rate_limited != 0) text += fmt::format("; rate limited: {}", hook.counters.rate_limited);
  text += '\n';
  std::string losses;
  for (const LossCause& cause : loss_causes(hook.counters, hook.runs))
    if (cause.count != 0) losses += fmt::format("{}{} {}", losses.empty() ? "" : ", ", cause.name, cause.count);
  if (!losses.empty()) text += fmt::format("    missing: {}\n", losses);
  return text;
}

void put_hook(JsonText& json, const ListedHook& hook) {
  json.begin_object().member("name", hook.name);
  json.member("attachment", kernel::hook_attachment_name(hook.facts.attachment)).member("target", hook.facts.target);
  json.member("instructions", hook.facts.instructions);
  json.member("verified_instructions", hook.facts.verified_instructions);
  json.member("kernel_memory_bytes", hook.facts.map_bytes);
  json.member("runs", hook.runs.count).member("run_nanoseconds", hook.runs.nanoseconds);
  json.key("selectors").begin_array();
  for (size_t i = 0; i < posts_of(hook).size(); ++i) {
    json.begin_object().member("matched", hook.counters.matched[i]).member("posts", hook.counters.posted[i]);
    json.end_object();
  }
  json.end_array().member("not_posted", hook.counters.not_posted).member("rate_limited", hook.counters.rate_limited);
  json.key("missing").begin_object();
  for (const LossCause& cause : loss_causes(hook.counters, hook.runs)) json.member(cause.name, cause.count);
  json.end_object().end_object();
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

std::string hook_label(const event::HookInfo& info) {
  static constexpr std::array<std::string_view, 5> kSections = {"kprobe", "fentry", "tracepoint", "raw_tracepoint",
                                                                "lsm"};
  return fmt::format("{}/{}{}{}", kSections[static_cast<size_t>(info.section)], info.subsystem,
                     info.subsystem.empty() ? "" : "/", info.name);
}

std::string_view mode_name(policy::PolicyMode mode) {
  static constexpr std::array<std::string_view, 3> kNames = {"enforce", "monitor", "monitor_only"};
  return kNames[static_cast<size_t>(mode)];
}

std::vector<LossCause> loss_causes(const redan_hook_counters& counters, const kernel::HookRuns& runs) {
  return {{"ring_full", counters.lost},
          {"no_scratch", counters.no_scratch},
          {"unreadable_argument", counters.unreadable},
          {"no_task_storage", counters.no_task_storage},
          {"program_skipped", runs.missed}};
}

std::string list_text(std::span<const ListedPolicy> policies) {
  if (policies.empty()) return "no policies\n";
  size_t width = 4;
  for (const ListedPolicy& policy : policies) width = std::max(width, policy.name.size());
  std::string text = fmt::format("{:<{}}  {:<17}  {:<12}  {:>5}  {:>10}  {:>8}  {:>9}  {}\n", "NAME", width, "STATE",
                                 "MODE", "HOOKS", "POSTS", "MISSING", "MEMORY", "SOURCE");
  for (const ListedPolicy& policy : policies) {
    const Sums sums = sums_of(policy);
    text += fmt::format("{:<{}}  {:<17}  {:<12}  {:>5}  {:>10}  {:>8}  {:>9}  {}\n", policy.name, width, policy.state,
                        policy.mode, policy.hooks.size(), sums.posts, sums.lost, bytes_text(sums.memory),
                        policy.origin == "client" ? "client: " + policy.source : policy.source);
    if (policy.asked_mode != policy.mode)
      text += fmt::format("  asks for mode {}, which this version does not have: its actions are reported only\n",
                          policy.asked_mode);
    if (!policy.error.empty()) text += fmt::format("  error: {}\n", policy.error);
    for (const policy::HookStatus& status : policy.missing)
      text += fmt::format("  {}[{}]: {}\n", policy::section_name(status.section), status.index, status.description);
    for (const ListedHook& hook : policy.hooks) text += hook_text(hook);
  }
  return text;
}

std::string list_json(std::span<const ListedPolicy> policies) {
  JsonText json;
  json.begin_object().key("policies").begin_array();
  for (const ListedPolicy& policy : policies) {
    const Sums sums = sums_of(policy);
    json.begin_object().member("name", policy.name).member("state", policy.state).member("mode", policy.mode);
    json.member("asked_mode", policy.asked_mode);
    json.member("source", policy.source).member("origin", policy.origin).member("error", policy.error);
    json.member("posts", sums.posts).member("kernel_memory_bytes", sums.memory);
    json.key("not_found").begin_array();
    for (const policy::HookStatus& status : policy.missing) {
      json.begin_object().member("section", policy::section_name(status.section)).member("index", status.index);
      json.member("description", status.description).end_object();
    }
    json.end_array().key("hooks").begin_array();
    for (const ListedHook& hook : policy.hooks) put_hook(json, hook);
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return json.finish();
}

}  // namespace redan::agent
