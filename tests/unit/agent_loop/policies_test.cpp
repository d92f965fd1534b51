// SPDX-License-Identifier: Apache-2.0
// The life of policies with a kernel that a test plays: what is attached, in which order, and what is told of it.

#include "agent/policies.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "event/decode.h"
#include "unit/agent/scratch_dir.h"
#include "unit/agent_loop/fake_kernel.h"
#include "unit/policy/fake_kernel_facts.h"

namespace redan::agent {
namespace {

using event::fact;
using Words = std::vector<std::string>;

/// What the fake hooks do, and what they shall do.
struct Kernel {
  Words log;
  std::string refuses_load, refuses_attach;  ///< symbols
  redan_hook_counters counters{};            ///< of every hook
  uint64_t missed = 0;
};

class FakeHook final : public kernel::Hook {
 public:
  FakeHook(Kernel& kernel, std::string symbol) : kernel_(kernel), symbol_(std::move(symbol)) {
    facts_.target = symbol_;
    facts_.instructions = 7;
    facts_.map_bytes = 1000;
  }
  ~FakeHook() override { detach(); }
  Result<void> attach() override {
    if (symbol_ == kernel_.refuses_attach) return Error{ErrorCode::kKernel, "attach " + symbol_ + ": refused"};
    kernel_.log.push_back("attach " + symbol_);
    is_attached_ = true;
    return {};
  }
  Result<void> attach_in_place_of(Hook& old) override {
    kernel_.log.push_back("replace " + old.facts().target + " by " + symbol_);
    static_cast<FakeHook&>(old).is_attached_ = false;
    is_attached_ = true;
    return {};
  }
  void detach() override {
    if (is_attached_) kernel_.log.push_back("detach " + symbol_);
    is_attached_ = false;
  }
  const kernel::HookFacts& facts() const override { return facts_; }
  redan_hook_counters counters() const override { return kernel_.counters; }
  Result<kernel::HookRuns> runs() const override {
    return kernel::HookRuns{.count = 4, .nanoseconds = 40, .missed = kernel_.missed};
  }

 private:
  Kernel& kernel_;
  std::string symbol_;
  kernel::HookFacts facts_;
  bool is_attached_ = false;
};

std::string policy_text(const std::string& name, const Words& calls, const std::string& action = "") {
  std::string text =
      "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: " + name + "\nspec:\n  kprobes:\n";
  for (const std::string& call : calls) {
    text += "  - call: " + call + "\n    syscall: false\n";
    if (!action.empty()) text += "    selectors:\n    - matchActions:\n      - action: " + action + "\n";
  }
  return text;
}

/// Policies with all that they need, in a directory of their own.
class Watched {
 public:
  Watched() {
    std::filesystem::create_directory(dir.path("d"));
    options.tracing_policy_dir = dir.path("d");
    fake.on_load_hook = [this](const event::HookPlan& plan) -> Result<std::unique_ptr<kernel::Hook>> {
      if (plan.symbol == kernel.refuses_load) return Error{ErrorCode::kKernel, "load " + plan.symbol + ": refused"};
      return std::unique_ptr<kernel::Hook>(std::make_unique<FakeHook>(kernel, plan.symbol));
    };
    policies.emplace(Policies::Parts{.kernel = fake,
                                     .facts =
                                         [] {
                                           auto facts = std::make_unique<policy::FakeKernelFacts>();
                                           facts->has_everything = true;
                                           return Result<std::unique_ptr<policy::KernelFacts>>(std::move(facts));
                                         },
                                     .options = options,
                                     .log = log_,
                                     .now = [this] { return now; }},
                     std::nullopt);
  }

  void begin() { policies->begin(feed); }
  /// Two seconds: a changed file is taken when it was seen twice.
  void settle() {
    for (int i = 0; i < 2; ++i) policies->each_second(feed);
  }
  void put(const std::string& file, const std::string& text) const { dir.write("d/" + file, text); }
  Result<std::string> add(const std::string& text, const std::string& path = "/c.yaml") {
    return policies->add(text, {PolicyOrigin::kClient, path}, feed);
  }
  Result<std::string> ask(const Words& words, const std::string& text = "") {
    return policies->answer({.words = words, .text = text}, feed);
  }

  /// "NAME STATE [!]", with a mark where there is an error.
  Words states() const {
    Words states;
    for (const ListedPolicy& policy : policies->list())
      states.push_back(policy.name + " " + policy.state + (policy.error.empty() ? "" : " !"));
    return states;
  }
  ListedPolicy listed(const std::string& name) const {
    for (ListedPolicy& policy : policies->list())
      if (policy.name == name) return policy;
    FAIL(name << " is not listed");
    return {};
  }
  /// The log of the kernel, emptied.
  Words done() { return std::exchange(kernel.log, {}); }
  /// Facts of the frames of a kind, emptied.
  std::vector<event::Facts> told(event::FrameKind kind) {
    std::vector<event::Facts> found;
    for (const auto& [frame_kind, facts] : frames_)
      if (frame_kind == kind) found.push_back(facts);
    frames_.clear();
    return found;
  }

  ScratchDir dir;
  Kernel kernel;
  FakeKernel fake;
  AgentOptions options;
  uint64_t now = 1'000'000'000;
  std::optional<Policies> policies;
  std::ostringstream logged;

  const Feed feed = [this](event::Bytes bytes) {
    const auto frame = event::decode(bytes);
    REQUIRE(frame);
    const auto* text = std::get_if<event::TextView>(&*frame);
    REQUIRE(text != nullptr);
    frames_.emplace_back(text->hdr.kind, event::parse_facts(text->text));
  };

 private:
  Log log_{{.timestamps = false, .stream = &logged}};
  std::vector<std::pair<uint16_t, event::Facts>> frames_;
};

}  // namespace

TEST_CASE("options come before the directory, which is taken by name; one bad file keeps no other") {
  Watched watched;
  watched.options.tracing_policy = {watched.dir.write("o.yaml", policy_text("o", {"fo"})), watched.dir.path("absent")};
  watched.put("2.yaml", policy_text("two", {"f2"}));
  watched.put("1.yaml", policy_text("one", {"f1"}));
  watched.put("15.yaml", "no: policy");
  watched.begin();
  CHECK(watched.done() == Words{"attach fo", "attach f1", "attach f2"});
  CHECK(watched.states() == Words{"o enabled", watched.dir.path("absent") + " load_error !", "one enabled",
                                  watched.dir.path("d/15.yaml") + " load_error !", "two enabled"});
  CHECK(watched.listed("o").origin == "option");
  CHECK(watched.listed("one").origin == "directory");
  CHECK(watched.listed("one").source == watched.dir.path("d/1.yaml"));
}

TEST_CASE("a changed file is in force before what it replaces goes") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  watched.put("a.yaml", policy_text("a", {"f2", "f3"}));
  (void)watched.done();
  watched.settle();
  CHECK(watched.done() == Words{"attach f2", "attach f3", "detach f1"});

  watched.put("a.yaml", policy_text("a", {"f3", "f4"}));
  watched.settle();
  CHECK(watched.done() == Words{"replace f3 by f3", "attach f4", "detach f2"});
  CHECK(watched.states() == Words{"a enabled"});
}

TEST_CASE("a broken file leaves the policy before it in force, and list, stream and log say so") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  (void)watched.done();
  (void)watched.told(event::kFramePolicy);
  watched.put("a.yaml", "spec: [");
  watched.settle();
  CHECK(watched.done().empty());
  CHECK(watched.states() == Words{"a enabled !"});
  CHECK(watched.listed("a").hooks.size() == 1);
  const auto told = watched.told(event::kFramePolicy);
  REQUIRE(told.size() == 1);
  CHECK(fact(told[0], "policy") == "a");
  CHECK(fact(told[0], "state") == "enabled");
  CHECK(fact(told[0], "error").starts_with("the file's new content is not in force, the one before it stays: "));
  CHECK(watched.logged.str().find("level=error") != std::string::npos);

  watched.put("a.yaml", policy_text("a", {"f4"}));
  watched.settle();
  CHECK(watched.done() == Words{"attach f4", "detach f1"});
  CHECK(watched.states() == Words{"a enabled"});
}

TEST_CASE("what fails half way leaves nothing attached and the policy before it in force") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  (void)watched.done();
  SUBCASE("while hooks are loaded") {
    watched.kernel.refuses_load = "f3";
    watched.put("a.yaml", policy_text("a", {"f2", "f3"}));
    watched.settle();
    CHECK(watched.done().empty());
  }
  SUBCASE("while they are attached") {
    watched.kernel.refuses_attach = "f3";
    watched.put("a.yaml", policy_text("a", {"f2", "f3"}));
    watched.settle();
    CHECK(watched.done() == Words{"attach f2", "detach f2"});
  }
  CHECK(watched.states() == Words{"a enabled !"});
  CHECK(watched.listed("a").hooks.at(0).facts.target == "f1");
}

TEST_CASE("a file that disappears takes its policy along") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  (void)watched.told(event::kFramePolicy);
  (void)watched.done();
  std::filesystem::remove(watched.dir.path("d/a.yaml"));
  watched.settle();
  CHECK(watched.done() == Words{"detach f1"});
  CHECK(watched.states().empty());
  const auto told = watched.told(event::kFramePolicy);
  REQUIRE(told.size() == 1);
  CHECK(fact(told[0], "state") == "deleted");
}

TEST_CASE("of two files with one name the first counts, and the second takes its place") {
  Watched watched;
  watched.put("a.yaml", policy_text("same", {"f1"}));
  watched.put("b.yaml", policy_text("same", {"f2"}));
  watched.begin();
  CHECK(watched.states() == Words{"same enabled", "same load_error !"});
  CHECK(watched.policies->list()[1].error.find(watched.dir.path("d/a.yaml")) != std::string::npos);
  (void)watched.done();
  std::filesystem::remove(watched.dir.path("d/a.yaml"));
  watched.settle();
  CHECK(watched.done() == Words{"detach f1", "attach f2"});
  CHECK(watched.states() == Words{"same enabled"});
}

TEST_CASE("a file that names its policy anew ends one policy and begins another") {
  Watched watched;
  watched.put("a.yaml", policy_text("before", {"f1"}));
  watched.begin();
  (void)watched.told(event::kFramePolicy);
  watched.put("a.yaml", policy_text("after", {"f1"}));
  watched.settle();
  CHECK(watched.states() == Words{"after enabled"});
  const auto told = watched.told(event::kFramePolicy);
  REQUIRE(told.size() == 2);
  CHECK(fact(told[0], "policy") == "before");
  CHECK(fact(told[0], "state") == "deleted");
  CHECK(fact(told[1], "policy") == "after");
}

TEST_CASE("a client adds, disables, enables and deletes") {
  Watched watched;
  watched.begin();
  CHECK(watched.ask({"add", "/x/c.yaml"}, policy_text("c", {"f1"})).ok());
  CHECK(watched.listed("c").origin == "client");
  CHECK(watched.listed("c").mode == "monitor_only");
  CHECK(watched.ask({"disable", "c"}).ok());
  CHECK(watched.states() == Words{"c disabled"});
  CHECK(watched.ask({"disable", "c"}).error().code == ErrorCode::kConfig);
  CHECK(watched.ask({"enable", "c"}).ok());
  CHECK(watched.ask({"enable", "c"}).error().code == ErrorCode::kConfig);
  CHECK(watched.ask({"delete", "c"}).ok());
  CHECK(watched.done() == Words{"attach f1", "detach f1", "attach f1", "detach f1"});
  for (const char* verb : {"delete", "enable", "disable"}) {
    const auto answer = watched.ask({verb, "c"});
    REQUIRE_FALSE(answer.ok());
    CHECK(answer.error().message.find("no policy 'c'") != std::string::npos);
  }
  CHECK(watched.ask({"add"}).error().code == ErrorCode::kUsage);
  CHECK(watched.ask({}).error().code == ErrorCode::kUsage);
}

TEST_CASE("the ring is read between the hooks of a policy") {
  Watched watched;
  watched.begin();
  size_t looks = 0;
  watched.fake.on_consume = [&](size_t) { ++looks; };
  REQUIRE(watched.add(policy_text("c", {"f1", "f2", "f3"})).ok());
  CHECK(looks == 3);
}

TEST_CASE("a client does not replace what is in force, whoever brought it") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  (void)watched.done();
  for (int i = 0; i < 2; ++i) {
    const auto added = watched.add(policy_text("a", {"f2"}));
    REQUIRE_FALSE(added.ok());
    CHECK(added.error().code == ErrorCode::kConfig);
    CHECK(added.error().message.find("redan policy delete a") != std::string::npos);
  }
  CHECK(watched.done().empty());
  CHECK(watched.states() == Words{"a enabled"});
}

TEST_CASE("what a client added and the kernel refused stays listed, and can be added again") {
  Watched watched;
  watched.begin();
  watched.kernel.refuses_load = "f1";
  CHECK(watched.add(policy_text("c", {"f1"})).error().code == ErrorCode::kKernel);
  CHECK(watched.states() == Words{"c load_error !"});
  CHECK_FALSE(watched.add("no policy").ok());
  CHECK(watched.states() == Words{"c load_error !"});
  watched.kernel.refuses_load = "";
  CHECK(watched.add(policy_text("c", {"f1"})).ok());
  CHECK(watched.states() == Words{"c enabled"});
}

TEST_CASE("a file whose name a client has taken waits until that policy is deleted") {
  Watched watched;
  watched.begin();
  REQUIRE(watched.add(policy_text("a", {"f1"})).ok());
  watched.put("a.yaml", policy_text("a", {"f2"}));
  watched.settle();
  CHECK(watched.states() == Words{"a enabled", "a load_error !"});
  CHECK(watched.ask({"delete", "a"}).ok());
  watched.settle();
  CHECK(watched.states() == Words{"a enabled"});
  CHECK(watched.listed("a").origin == "directory");
  const auto deleted = watched.ask({"delete", "a"});
  REQUIRE(deleted.ok());
  CHECK(deleted->find("a.yaml is still there") != std::string::npos);
}

TEST_CASE("a policy that a client deleted comes back when its file changes, and not before") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  REQUIRE(watched.ask({"delete", "a"}).ok());
  watched.settle();
  CHECK(watched.states().empty());
  watched.put("a.yaml", policy_text("a", {"f2"}));
  watched.settle();
  CHECK(watched.states() == Words{"a enabled"});
}

TEST_CASE("a disabled policy stays disabled when its file changes") {
  Watched watched;
  watched.put("a.yaml", policy_text("a", {"f1"}));
  watched.begin();
  REQUIRE(watched.ask({"disable", "a"}).ok());
  (void)watched.done();
  watched.put("a.yaml", policy_text("a", {"f2"}));
  watched.settle();
  CHECK(watched.done().empty());
  CHECK(watched.states() == Words{"a disabled"});
  CHECK(watched.ask({"enable", "a"}).ok());
  CHECK(watched.done() == Words{"attach f2"});
}

TEST_CASE("enforcement is never silently monitored") {
  Watched watched;
  watched.begin();
  const auto added = watched.add(policy_text("kill", {"f1"}, "Sigkill"));
  REQUIRE(added.ok());
  CHECK(added->find("asks for enforcement, which this version does not have") != std::string::npos);
  CHECK(watched.logged.str().find("asks for enforcement") != std::string::npos);
  CHECK(watched.listed("kill").mode == "monitor");
  CHECK(watched.listed("kill").asked_mode == "enforce");
  CHECK(watched.ask({"list", "text"})->find("asks for mode enforce, which this version") != std::string::npos);
  const auto told = watched.told(event::kFramePolicy);
  REQUIRE(told.size() == 1);
  CHECK(fact(told[0], "asked_mode") == "enforce");
  const auto enforced = watched.ask({"set-mode", "kill", "enforce"});
  REQUIRE_FALSE(enforced.ok());
  CHECK(enforced.error().code == ErrorCode::kConfig);
  CHECK(enforced.error().message.find("stays in mode monitor") != std::string::npos);
  CHECK(watched.listed("kill").mode == "monitor");
  CHECK(watched.ask({"set-mode", "kill", "monitor"}).ok());
  CHECK(watched.listed("kill").asked_mode == "monitor");
  CHECK_FALSE(watched.ask({"set-mode", "kill", "monitor_only"}).ok());
  CHECK(watched.ask({"set-mode", "kill", "other"}).error().code == ErrorCode::kUsage);

  const auto quiet = watched.ask({"add", "/q.yaml", "monitor"}, policy_text("quiet", {"f1"}, "Sigkill"));
  REQUIRE(quiet.ok());
  CHECK(quiet->find("asks for enforcement") == std::string::npos);
  CHECK(watched.listed("quiet").asked_mode == "monitor");
  CHECK(watched.ask({"add", "/q.yaml", "monitor_only"}, "").error().code == ErrorCode::kUsage);

  REQUIRE(watched.add(policy_text("look", {"f2"}, "Post")).ok());
  CHECK(watched.ask({"set-mode", "look", "monitor_only"}).ok());
  CHECK_FALSE(watched.ask({"set-mode", "look", "monitor"}).ok());
  CHECK_FALSE(watched.ask({"set-mode", "none", "monitor"}).ok());
  REQUIRE(watched.ask({"disable", "kill"}).ok());
  CHECK_FALSE(watched.ask({"set-mode", "kill", "monitor"}).ok());
}

TEST_CASE("what hooks miss is told once, by policy, hook and cause") {
  Watched watched;
  watched.begin();
  REQUIRE(watched.add(policy_text("p", {"f1"})).ok());
  watched.policies->each_second(watched.feed);
  CHECK(watched.told(event::kFrameHookLoss).empty());
  watched.kernel.counters.lost = 5;
  watched.kernel.counters.unreadable = 2;
  watched.kernel.counters.no_scratch = 1;
  watched.kernel.counters.no_task_storage = 3;
  watched.kernel.counters.rate_limited = 9;
  watched.kernel.missed = 4;
  watched.policies->each_second(watched.feed);
  const auto told = watched.told(event::kFrameHookLoss);
  Words causes;
  for (const event::Facts& facts : told) {
    CHECK(fact(facts, "policy") == "p");
    CHECK(fact(facts, "hook") == "kprobe/f1");
    causes.push_back(std::string(fact(facts, "cause")) + " " + std::string(fact(facts, "count")));
  }
  CHECK(causes ==
        Words{"ring_full 5", "no_scratch 1", "unreadable_argument 2", "no_task_storage 3", "program_skipped 4"});
  watched.policies->each_second(watched.feed);
  CHECK(watched.told(event::kFrameHookLoss).empty());

  // The rest comes when the hook goes.
  watched.kernel.counters.lost = 8;
  SUBCASE("deleted") { REQUIRE(watched.ask({"delete", "p"}).ok()); }
  SUBCASE("disabled") { REQUIRE(watched.ask({"disable", "p"}).ok()); }
  SUBCASE("the agent ends") { watched.policies->end(watched.feed); }
  const auto rest = watched.told(event::kFrameHookLoss);
  REQUIRE(rest.size() == 1);
  CHECK(fact(rest[0], "count") == "3");
}

TEST_CASE("the log tells of losses once a minute") {
  Watched watched;
  watched.begin();
  REQUIRE(watched.add(policy_text("p", {"f1"})).ok());
  const auto lines = [&] {
    const std::string text = watched.logged.str();
    size_t count = 0;
    for (size_t at = 0; (at = text.find("were missed", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  for (int second = 0; second < 61; ++second) {
    ++watched.kernel.counters.lost;
    watched.policies->each_second(watched.feed);
    watched.now += 1'000'000'000;
    CHECK(lines() == (second < 60 ? 1 : 2));
  }
  CHECK(watched.logged.str().find("60 calls, arguments or events were missed") != std::string::npos);
}

TEST_CASE("the list has the same facts for people and for scripts") {
  Watched watched;
  watched.begin();
  watched.kernel.counters.posted[0] = 11;
  watched.kernel.counters.matched[0] = 12;
  watched.kernel.counters.unreadable = 2;
  REQUIRE(watched.add(policy_text("p", {"f1"}), "/x/\"p\".yaml").ok());
  const auto json = watched.ask({"list", "json"});
  REQUIRE(json.ok());
  for (
      const char* part :
      {R"({"policies":[{"name":"p","state":"enabled","mode":"monitor_only","asked_mode":"monitor_only","source":"/x/\"p\".yaml","origin":"client","error":"")",
       R"("posts":11,"kernel_memory_bytes":1000)",
       R"("name":"kprobe/f1","attachment":"lsm","target":"f1","instructions":7)", R"("runs":4,"run_nanoseconds":40)",
       R"("selectors":[{"matched":12,"posts":11}])",
       R"("missing":{"ring_full":0,"no_scratch":0,"unreadable_argument":2,"no_task_storage":0,"program_skipped":0})"})
    CHECK_MESSAGE(json->find(part) != std::string::npos, part << " in " << *json);
  CHECK(json->ends_with("]}\n"));
  const auto text = watched.ask({"list", "text"});
  REQUIRE(text.ok());
  for (const char* part : {"p     enabled", "monitor_only", "kprobe/f1 by lsm/f1", "4 runs, 40 ns, 10 ns each",
                           "posts by selector: 11", "missing: unreadable_argument 2", "1.0 kB"})
    CHECK_MESSAGE(text->find(part) != std::string::npos, part << " in " << *text);
}

}  // namespace redan::agent
