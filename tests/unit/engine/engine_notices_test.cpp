// SPDX-License-Identifier: Apache-2.0
// What the engine says of itself: losses, cuts, heartbeats, totals; and what agrees with the time and the users of the host.

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unit/engine/stage.h"

namespace redan::engine {
namespace {

EngineOptions without_heartbeat() { return {.heartbeat_ns = 0}; }

/// A namespace set in which every member is `inum`.
redan_namespaces namespaces(uint32_t inum) {
  redan_namespaces ns{};
  for (uint32_t& member : ns.inum) member = inum;
  return ns;
}

}  // namespace

TEST_CASE("the start tells what it was given, in that order, and then the kernel as a process") {
  Stage stage({.start_notice = {{"version", "1"}, {"a", ""}}});
  CHECK(texts_of(stage.started) == Texts{"start version=1 a=", "exec 0@0 of nobody: procFS rootcwd"});
  const auto& kernel = *std::get<event::ProcessExec>(stage.started.back()).process;
  CHECK(kernel.image->binary == "<kernel>");
  CHECK(kernel.image->cwd == "/");
  CHECK(std::get<event::Notice>(stage.started.front()).time.boot_ns == at(100));
}

TEST_CASE("a gap before the start is told as a loss behind it") {
  Stage stage({.start_notice = {{"version", "1"}}, .gap_notice = {{"cause", "agent_killed"}, {"pid", "7"}}});
  CHECK(texts_of(stage.started) ==
        Texts{"start version=1", "loss cause=agent_killed pid=7", "exec 0@0 of nobody: procFS rootcwd"});
  CHECK_FALSE(stage.engine().wants_scan());
}

TEST_CASE("being ready is told") {
  Stage stage;
  CHECK(stage.tell(PlainRecord{.kind = event::kFrameReady, .time = at(101)}) == Texts{"ready"});
}

TEST_CASE("what a policy's hook missed is told as a loss, and asks for no scan of the processes") {
  Stage stage;
  const std::string facts =
      event::facts_text({{"cause", "ring_full"}, {"policy", "p"}, {"hook", "kprobe/f"}, {"count", "3"}});
  CHECK(stage.tell(TextRecord{.kind = event::kFrameHookLoss, .time = at(101), .text = facts}) ==
        Texts{"loss cause=ring_full policy=p hook=kprobe/f count=3"});
  CHECK_FALSE(stage.engine().wants_scan());
}

TEST_CASE("losses are told by cause with their amounts, and once") {
  struct Case {
    std::string name;
    redan_counters counters;
    Texts wanted;
  };
  const std::array cases = {
      Case{"none", {.seq = 7}, {}},
      Case{"execs", {.lost = {3}}, {"loss cause=ring_full exec=3"}},
      Case{"forks", {.lost = {0, 3}}, {"loss cause=ring_full fork=3"}},
      Case{"exits", {.lost = {0, 0, 3}}, {"loss cause=ring_full exit=3"}},
      Case{"all kinds of records", {.lost = {1, 2, 3}}, {"loss cause=ring_full exec=1 fork=2 exit=3"}},
      Case{"storage", {.lost = {0, 0, 0, 4}}, {"loss cause=no_task_storage count=4"}},
      Case{"handover", {.lost = {0, 0, 0, 0, 5}}, {"loss cause=no_handover count=5"}},
      Case{"access", {.lost = {0, 0, 0, 0, 0, 6}}, {"loss cause=record_access count=6"}},
      Case{"everything",
           {.lost = {1, 0, 3, 4, 5, 6}},
           {"loss cause=ring_full exec=1 exit=3", "loss cause=no_task_storage count=4",
            "loss cause=no_handover count=5", "loss cause=record_access count=6"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage(without_heartbeat());
    const auto events = stage.give(CountersRecord{.time = at(101), .counters = c.counters});
    CHECK(texts_of(events) == c.wanted);
    for (const auto& event : events) CHECK(std::get<event::Notice>(event).time.boot_ns == at(101));
    CHECK(stage.engine().wants_scan() == !c.wanted.empty());
    CHECK(stage.tell(CountersRecord{.time = at(102), .counters = c.counters}).empty());
  }
}

TEST_CASE("a second loss is told with what came to the first") {
  Stage stage(without_heartbeat());
  stage.give(CountersRecord{.time = at(101), .counters = {.lost = {3, 1}}});
  CHECK(stage.tell(CountersRecord{.time = at(102), .counters = {.lost = {5, 1}}}) ==
        Texts{"loss cause=ring_full exec=2"});
}

TEST_CASE("evictions that cost something are told, others are counted") {
  Stage stage({.tree = {.capacity = 5}, .heartbeat_ns = 0});  // the kernel, init, kthreadd, and two
  const auto fork = [&](uint32_t tgid, const redan_image& creator) {
    stage.give(ForkRecord{.tgid = tgid, .time = at(tgid), .creator = creator});
  };
  const auto exit = [&](uint32_t tgid) {
    stage.give(ExitRecord{.tgid = tgid, .time = at(200), .image_time = at(tgid)});
  };
  const auto told = [&] { return stage.tell(CountersRecord{.time = at(300)}); };
  fork(110, kInit);
  exit(110);
  fork(111, kInit);
  fork(112, forked(111, 111));  // for it, 110 goes: dead
  CHECK(told().empty());
  exit(111);
  fork(113, forked(112, 112));  // 111 goes: an ancestor of 112
  CHECK(told() == Texts{"loss cause=process_cache_full ancestors=1 living=0"});
  fork(114, kInit);
  fork(115, kInit);  // 113 and 114, which live, go
  CHECK(told() == Texts{"loss cause=process_cache_full ancestors=0 living=2"});
  CHECK(told().empty());
  CHECK(stage.engine().tree().evictions() == ProcessTree::Evictions{.dead = 1, .referenced = 1, .living = 2});
  CHECK_FALSE(stage.engine().wants_scan());
  const Texts stop = stage.tell(CountersRecord{.time = at(400), .kind = event::kFrameStop});
  REQUIRE(stop.size() == 1);
  CHECK(stop.front().ends_with("images=5 evictions=4"));
}

TEST_CASE("a heartbeat comes with the first counters after each interval") {
  Stage stage({.heartbeat_ns = at(10)});
  struct Step {
    uint64_t second;
    bool heartbeat;
  };
  const std::array steps = {Step{100, false}, Step{109, false}, Step{110, true},  Step{111, false}, Step{119, false},
                            Step{123, true},  Step{130, false}, Step{132, false}, Step{133, true}};
  for (const Step& step : steps) {
    CAPTURE(step.second);
    const Texts told = stage.tell(CountersRecord{.time = at(step.second)});
    CHECK((told.size() == 1 && told.front().starts_with("heartbeat ")) == step.heartbeat);
    CHECK(told.empty() == !step.heartbeat);
  }
}

TEST_CASE("an interval of zero means no heartbeats") {
  Stage stage(without_heartbeat());
  CHECK(stage.tell(CountersRecord{.time = at(100'000)}).empty());
}

TEST_CASE("heartbeat and stop tell the same totals, and received and lost add up to what was sent") {
  constexpr redan_counters kCounters = {.seq = 9, .lost = {1, 2, 1, 50, 50, 1}};
  const std::string totals = " records_sent=9 records_received=4 records_lost=5 processes=4 images=4 evictions=0";
  for (const bool stop : {false, true}) {
    CAPTURE(stop);
    Stage stage({.heartbeat_ns = at(10)});
    stage.give(ForkRecord{.tgid = 100, .time = at(105), .creator = kInit});
    stage.give(ExecRecord{.tgid = 100, .time = at(106), .previous = forked(100, 105), .creator = kInit});
    stage.give(ExecRecord{.tgid = 101, .time = at(106)});
    stage.give(ExitRecord{.tgid = 101, .time = at(107), .image_time = at(106)});
    stage.give(PlainRecord{.time = at(200)});  // what is dead for long goes
    const Texts told = stage.tell(CountersRecord{
        .time = at(200), .kind = stop ? event::kFrameStop : event::kFrameCounters, .counters = kCounters});
    REQUIRE(told.size() == 5);
    CHECK(told.back() == (stop ? "stop" : "heartbeat") + totals);
  }
}

TEST_CASE("bytes that are no frame are told and counted, with the time of the frame before") {
  Stage stage;
  stage.give(PlainRecord{.time = at(123)});
  for (const Frame& frame : {Frame(), Frame(7), Frame(100), [] {
                               Frame cut = ExecRecord{.time = at(999)}.frame();
                               cut.pop_back();
                               return cut;
                             }()}) {
    CAPTURE(frame.size());
    const auto events = stage.give(event::Bytes(frame));
    CHECK(texts_of(events) == Texts{"loss cause=malformed_record count=1"});
    CHECK(std::get<event::Notice>(events.front()).time.boot_ns == at(123));
  }
  const Texts stop = stage.tell(CountersRecord{.time = at(124), .kind = event::kFrameStop});
  CHECK(stop.front().find("records_received=4 ") != std::string::npos);
}

TEST_CASE("what an exec record lacks is told behind the exec, with the exec's identity") {
  Stage stage;
  CHECK(stage.tell(ExecRecord{.tgid = 100,
                              .time = at(106),
                              .previous = forked(100, 105),
                              .creator = kInit,
                              .args = raw("sh\0aa"),
                              .environment = "A",
                              .args_total = 70'000,
                              .env_total = 2}) ==
        Texts{"exec 100@106000 of 1@1000: execve truncArgs clone",
              "cut exec_id=100@106000 field=arguments bytes=70000 kept=5",
              "cut exec_id=100@106000 field=environment_variables bytes=2 kept=1"});
}

TEST_CASE("a set clock moves the times of later events and of none before") {
  Stage stage({}, 1000);
  const auto before = stage.give(ExecRecord{.tgid = 100, .time = at(106)});
  CHECK(stage.tell(ClockRecord{.time = at(107), .wall_offset_ns = -5}).empty());
  const auto after = stage.give(ExitRecord{.tgid = 100, .time = at(108), .image_time = at(106)});
  CHECK(std::get<event::ProcessExec>(before.front()).time.wall_ns() == int64_t{at(106)} + 1000);
  CHECK(std::get<event::ProcessExit>(after.front()).time.wall_ns() == int64_t{at(108)} - 5);
  CHECK(std::get<event::Notice>(stage.started.front()).time.wall_offset_ns == 1000);
  const auto stop = stage.give(CountersRecord{.time = at(109), .kind = event::kFrameStop});
  CHECK(std::get<event::Notice>(stop.front()).time.wall_offset_ns == -5);
}

TEST_CASE("user names go with processes of the host's users and files alone") {
  redan_namespaces other_users = namespaces(7);
  other_users.inum[REDAN_NS_USER] = 8;
  redan_namespaces other_files = namespaces(7);
  other_files.inum[REDAN_NS_MNT] = 8;
  redan_namespaces other_network = namespaces(7);
  other_network.inum[REDAN_NS_NET] = 8;
  struct Case {
    std::string name;
    uint32_t uid;  ///< effective
    redan_namespaces ns;
    std::string wanted;
  };
  const std::array cases = {
      Case{"root", 0, namespaces(7), "root"},
      Case{"a user", 1000, namespaces(7), "ann"},
      Case{"a name with a colon", 5, namespaces(7), "a:b"},
      Case{"nobody knows", 1001, namespaces(7), ""},
      Case{"the line has no name", 9, namespaces(7), ""},
      Case{"other users", 0, other_users, ""},
      Case{"other files", 0, other_files, ""},
      Case{"another network only", 0, other_network, "root"},
  };
  Stage stage({.host_namespaces = namespaces(7)});
  CHECK(
      stage.tell(TextRecord{.kind = event::kFrameUsers, .text = "0:root\nbad\n1000:ann\n9\n:x\n-1:y\n5:a:b"}).empty());
  uint32_t tgid = 100;
  for (const Case& c : cases) {
    CAPTURE(c.name);
    redan_credentials cred{};
    cred.uid = 77;
    cred.euid = c.uid;
    const auto events = stage.give(ExecRecord{.tgid = ++tgid, .time = at(106), .cred = cred, .ns = c.ns});
    CHECK(std::get<event::ProcessExec>(events.front()).process->image->user_name == c.wanted);
  }
  // The next list replaces the first.
  stage.give(TextRecord{.kind = event::kFrameUsers, .text = "1000:bob\n"});
  for (const auto& [uid, wanted] : {std::pair{0U, ""}, std::pair{1000U, "bob"}}) {
    redan_credentials cred{};
    cred.euid = uid;
    const auto events = stage.give(ExecRecord{.tgid = ++tgid, .time = at(107), .cred = cred, .ns = namespaces(7)});
    CHECK(std::get<event::ProcessExec>(events.front()).process->image->user_name == wanted);
  }
}

}  // namespace redan::engine
