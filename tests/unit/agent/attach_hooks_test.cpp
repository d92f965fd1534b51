// SPDX-License-Identifier: Apache-2.0
// A policy's hooks come and go together, and in the place of those before them.
#include "agent/attach_hooks.h"

#include <string>
#include <utility>

#include <doctest/doctest.h>

using namespace redan;
using namespace redan::agent;
using event::HookSection;

namespace {

using Log = std::vector<std::string>;

/// Says what is done with it.
class FakeHook final : public kernel::Hook {
 public:
  FakeHook(Log& log, std::string name, bool refuses) : log_(log), name_(std::move(name)), refuses_(refuses) {}

  Result<void> attach() override { return note("+" + name_); }
  Result<void> attach_in_place_of(Hook& old) override { return note(static_cast<FakeHook&>(old).name_ + ">" + name_); }
  void detach() override { log_.push_back("-" + name_); }
  const kernel::HookFacts& facts() const override { return facts_; }
  redan_hook_counters counters() const override { return {}; }
  Result<kernel::HookRuns> runs() const override { return kernel::HookRuns{}; }

 private:
  Result<void> note(std::string what) {
    if (refuses_) return Error{ErrorCode::kKernel, "refused " + name_};
    log_.push_back(std::move(what));
    return {};
  }

  Log& log_;
  std::string name_;
  bool refuses_;
  kernel::HookFacts facts_;
};

struct Hooks {
  std::vector<event::HookPlan> plans;
  std::vector<std::unique_ptr<kernel::Hook>> hooks;

  Hooks& add(Log& log, const std::string& name, const std::string& symbol, HookSection section = HookSection::kKprobes,
             bool refuses = false) {
    event::HookInfo info;
    info.section = section;
    event::HookPlan plan;
    plan.info = std::make_shared<event::HookInfo>(info);
    plan.symbol = symbol;
    plans.push_back(plan);
    hooks.push_back(std::make_unique<FakeHook>(log, name, refuses));
    return *this;
  }
};

}  // namespace

TEST_CASE("hooks take the place of those at the same place, each of one") {
  Log log;
  Hooks before, now;
  before.add(log, "a1", "a").add(log, "b1", "b").add(log, "a2", "a").add(log, "c1", "c", HookSection::kLsmHooks);
  now.add(log, "A1", "a").add(log, "C1", "c").add(log, "A2", "a").add(log, "A3", "a").add(log, "B1", "b");
  REQUIRE(attach_hooks({now.plans, now.hooks}, {before.plans, before.hooks}));
  CHECK(log == Log{"a1>A1", "+C1", "a2>A2", "+A3", "b1>B1"});
}

TEST_CASE("a hook that cannot be attached leaves everything as it was") {
  Log log;
  Hooks before, now;
  before.add(log, "a1", "a");
  now.add(log, "A1", "a").add(log, "B1", "b").add(log, "C1", "c", HookSection::kKprobes, true);
  const Result<void> done = attach_hooks({now.plans, now.hooks}, {before.plans, before.hooks});
  REQUIRE(!done);
  CHECK(done.error().message == "refused C1");
  CHECK(log == Log{"a1>A1", "+B1", "-B1", "A1>a1"});
}

TEST_CASE("hooks without predecessors are just attached") {
  Log log;
  Hooks before, now;
  before.add(log, "a1", "a");
  before.hooks.clear();  // a policy that is disabled
  now.add(log, "A1", "a");
  REQUIRE(attach_hooks({now.plans, now.hooks}, {before.plans, before.hooks}));
  CHECK(log == Log{"+A1"});
}
