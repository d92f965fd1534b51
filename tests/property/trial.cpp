// SPDX-License-Identifier: Apache-2.0
#include "property/trial.h"

#include <cstdlib>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "policy/compile.h"

namespace redan::test {

const policy::Hook& Trial::hook() const {
  for (const auto section : {policy::Section::kKprobes, policy::Section::kLsmHooks, policy::Section::kTracepoints})
    if (!document.spec.hooks(section).empty()) return document.spec.hooks(section)[0];
  FAIL("no hook");
  return document.spec.kprobes.at(0);
}

Trial make_trial(std::string text, const policy::KernelFacts& kernel) {
  Trial trial{.text = std::move(text), .document = {}, .plan = {}};
  INFO(trial.text);
  policy::Parsed parsed = policy::parse_document(trial.text);
  INFO(policy::format(parsed.diagnostics, "policy"));
  REQUIRE(parsed.document.has_value());
  trial.document = std::move(*parsed.document);
  auto compiled = policy::compile(trial.document, kernel, {.first_id = 7, .file = "policy"});
  INFO((compiled ? "" : compiled.error().message));
  REQUIRE(compiled.ok());
  REQUIRE(compiled.value().hooks.size() == 1);
  trial.plan = compiled.value().hooks[0];
  return trial;
}

Verdict expected_verdict(const Trial& trial, const policy::Observation& call) {
  const policy::Hook& hook = trial.hook();
  Verdict verdict{.selector = policy::matching_selector(trial.document, hook, call)};
  if (!verdict.selector) return verdict;
  verdict.is_posted = true;
  if (hook.returns.value)
    verdict.is_posted = policy::returning_selector(trial.document, hook, call, *verdict.selector).has_value();
  if (hook.selectors.empty()) return verdict;
  for (const policy::Action& action : hook.selectors[*verdict.selector].actions)
    if (*action.action == policy::ActionKind::kNoPost) verdict.is_posted = false;
  return verdict;
}

Verdict counted_verdict(const redan_hook_counters& before, const redan_hook_counters& after) {
  Verdict verdict;
  for (size_t i = 0; i < REDAN_HOOK_SELECTORS; ++i) {
    if (after.matched[i] == before.matched[i]) continue;
    CHECK(!verdict.selector);
    CHECK(after.matched[i] == before.matched[i] + 1);
    verdict.selector = i;
    verdict.is_posted = after.posted[i] > before.posted[i];
  }
  return verdict;
}

std::string in_words(const Verdict& verdict) {
  if (!verdict.selector) return "no selector";
  return fmt::format("selector {}, {}", *verdict.selector, verdict.is_posted ? "posted" : "not posted");
}

uint64_t number_from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace redan::test
