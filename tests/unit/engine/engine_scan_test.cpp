// SPDX-License-Identifier: Apache-2.0
// Scans: what the engine learns from a listing of the processes, and what it knows better.

#include <array>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "unit/engine/stage.h"

namespace redan::engine {
namespace {

std::string healed(int added, int gone, int known) {
  return "healed processes_added=" + std::to_string(added) + " processes_gone=" + std::to_string(gone) +
         " processes_known=" + std::to_string(known);
}

}  // namespace

TEST_CASE("the first scan makes the tree, parents first, and is no healing") {
  Engine engine({}, 0);
  std::vector<event::Event> events;
  engine.handle(TextRecord{.time = at(100)}.frame(), events);
  for (const Frame& frame :
       scan_frames(at(100), {scanned(learnt(70, 50), kInit), scanned(learnt(71, 60), execed(70, 50))})) {
    engine.handle(frame, events);
  }
  CHECK(texts_of(events) == Texts{"start", "exec 0@0 of nobody: procFS rootcwd", "exec 1@1000 of 0@0: procFS",
                                  "exec 70@50000 of 1@1000: procFS", "exec 71@60000 of 70@50000: procFS"});
  CHECK(engine.tree().living() == 5);  // with kthreadd, of which there is no event
}

TEST_CASE("a process that was found has the time of its start, not of the scan") {
  Stage stage;
  const auto events = stage.give(scan_frames(at(120), {scanned(learnt(70, 50), kInit)}));
  const auto& exec = std::get<event::ProcessExec>(events.front());
  CHECK(exec.time.boot_ns == at(50));
  CHECK(exec.process->start_time == at(50));
}

TEST_CASE("a scan adds what is not known, leaves what is, and says so") {
  Stage stage;
  stage.give(started_process(100));
  CHECK(stage.scan(at(120), {scanned(execed(100, 106), kInit), scanned(learnt(70, 50), kInit)}) ==
        Texts{"exec 70@50000 of 1@1000: procFS", healed(1, 0, 5)});
  CHECK(stage.scan(at(130), {scanned(execed(100, 106), kInit), scanned(learnt(70, 50), kInit)}) ==
        Texts{healed(0, 0, 5)});
}

TEST_CASE("what a scan does not find is gone") {
  Stage stage;
  stage.give(started_process(100));
  stage.give(started_process(101));
  CHECK(stage.scan(at(120), {scanned(execed(101, 106), kInit)}) == Texts{healed(0, 1, 4)});
  CHECK(stage.running(100) == "none");
  CHECK(stage.running(101) == "101@106000");
  CHECK(stage.running(0) == "0@0");
}

TEST_CASE("images that are newer than a scan are none of its business") {
  Stage stage;
  stage.give(ForkRecord{.tgid = 100, .time = at(120), .creator = kInit});
  stage.give(ForkRecord{.tgid = 101, .time = at(121), .creator = kInit});
  CHECK(stage.scan(at(120), {}) == Texts{healed(0, 0, 5)});
  CHECK(stage.scan(at(121), {}) == Texts{healed(0, 1, 4)});
  CHECK(stage.running(101) == "101@121000");
}

TEST_CASE("a listing from before an exec does not count against the process") {
  // The exec took its time before the scan began, and its place in the listing afterwards.
  Stage stage;
  stage.give(started_process(100));
  stage.give(ExecRecord{.tgid = 100, .time = at(119), .previous = execed(100, 106)});
  CHECK(stage.scan(at(120), {scanned(execed(100, 106), kInit)}) == Texts{healed(0, 0, 4)});
  CHECK(stage.running(100) == "100@119000");
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(130), .image_time = at(119)}).size() == 1);
}

TEST_CASE("an image from a listing does not take the place of a newer one that the records told of") {
  // The record of image 107 was lost. While the listing that has it waited, the process called exec.
  Stage stage;
  stage.give(started_process(100));
  stage.give(ExecRecord{.tgid = 100, .time = at(121), .previous = execed(100, 107)});
  stage.scan(at(120), {scanned(execed(100, 107), kInit)});
  CHECK(stage.running(100) == "100@121000");
  stage.give(ExitRecord{.tgid = 100, .time = at(130), .image_time = at(121)});
  CHECK(stage.running(100) == "none");
}

TEST_CASE("a listing does not revive a process whose end the records told of") {
  // Its fork at 105 was lost, the listing has it; then it called exec and ended while the listing waited.
  Stage stage;
  stage.give(ExecRecord{.tgid = 100, .time = at(121), .previous = forked(100, 105), .creator = kInit});
  stage.give(ExitRecord{.tgid = 100, .time = at(122), .image_time = at(121)});
  CHECK(stage.scan(at(120), {scanned(forked(100, 105), kInit)}) == Texts{healed(0, 0, 3)});
  CHECK(stage.running(100) == "none");
}

TEST_CASE("a scan finds an exec whose record was lost, however soon after the fork it came") {
  for (const uint64_t later : {event::kMs, 9 * event::kMs, 11 * event::kMs, event::kSecond}) {
    CAPTURE(later);
    Stage stage;
    stage.give(ForkRecord{.tgid = 100, .time = at(105), .creator = kInit});
    const redan_image now = image(100, at(105) + later);
    CHECK(stage.scan(at(120), {scanned(now, kInit)}) ==
          Texts{"exec " + text_of({.tgid = 100, .time = now.time}) + " of 1@1000: procFS", healed(1, 0, 4)});
    CHECK(stage.running(100) == text_of({.tgid = 100, .time = now.time}));
  }
}

TEST_CASE("a process that procfs lists is not added again at every scan") {
  Stage stage;
  const ExecRecord unlisted = scanned(learnt(70, 50), {.tgid = 1});
  CHECK(stage.scan(at(120), {unlisted}).size() == 2);
  CHECK(stage.scan(at(130), {unlisted}) == Texts{healed(0, 0, 4)});
  // The iterator has it now, with its exact start.
  CHECK(stage.scan(at(140), {scanned(image(70, at(50) + 5 * event::kMs), kInit)}) == Texts{healed(0, 0, 4)});
}

TEST_CASE("a start that procfs rounded down is not another image of a process that the records told of") {
  Stage stage;
  stage.give(ForkRecord{.tgid = 100, .time = at(105) + 5 * event::kMs, .creator = kInit});
  CHECK(stage.scan(at(120), {scanned(learnt(100, 105, REDAN_IMAGE_FORKED), {.tgid = 1})}) == Texts{healed(0, 0, 4)});
  CHECK(stage.running(100) == "100@105005");
}

TEST_CASE("parents of what a scan finds") {
  struct Case {
    std::string name;
    std::vector<Frame> before;
    ExecRecord found;
    std::string wanted;
  };
  const std::array cases = {
      Case{"its creator", {}, scanned(learnt(70, 50), kInit), "exec 70@50000 of 1@1000: procFS"},
      Case{"a creator whose start only procfs knows",
           {},
           scanned(learnt(70, 50), {.tgid = 1}),
           "exec 70@50000 of 1@1000: procFS"},
      Case{"a creator that nobody knows",
           {},
           scanned(learnt(70, 50), execed(99, 40)),
           "exec 70@50000 of nobody: procFS"},
      Case{"the kernel", {}, scanned(learnt(70, 50), kKernel), "exec 70@50000 of 0@0: procFS"},
      Case{"forked, and its exec was lost",
           {started_process(100).front()},
           scanned(execed(100, 110), kInit),
           "exec 100@110000 of 1@1000: procFS"},
      Case{"the image before, of which it was an exec in place", started_process(100), scanned(execed(100, 110), kInit),
           "exec 100@110000 of 100@106000: procFS"},
      Case{"the creator of a new process whose pid was another's", started_process(100),
           scanned(forked(100, 110), kKthreadd), "exec 100@110000 of 2@1000: procFS"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    stage.give(c.before);
    const Texts told = stage.scan(at(120), {c.found});
    REQUIRE(told.size() == 2);
    CHECK(told.front() == c.wanted);
  }
}

TEST_CASE("the tree of a namespace's init that a scan found is inherited") {
  Stage stage;
  CHECK(stage.scan(at(120),
                   {scanned(learnt(70, 50), kInit, REDAN_EXEC_NS_INIT), scanned(learnt(71, 60), execed(70, 50))}) ==
        Texts{"exec 70@50000 of 1@1000: procFS inInitTree", "exec 71@60000 of 70@50000: procFS inInitTree",
              healed(2, 0, 5)});
  stage.give(ForkRecord{.tgid = 72, .time = at(121), .creator = execed(71, 60)});
  CHECK(stage.tell(ExecRecord{.tgid = 72, .time = at(122), .previous = forked(72, 121), .creator = execed(71, 60)}) ==
        Texts{"exec 72@122000 of 71@60000: execve clone inInitTree"});
}

TEST_CASE("the exec of a process that a scan found before its first exec shows the clone") {
  Stage stage;
  stage.scan(at(120), {scanned(learnt(70, 50, REDAN_IMAGE_FORKED), kInit)});
  CHECK(stage.tell(ExecRecord{
            .tgid = 70, .time = at(121), .previous = learnt(70, 50, REDAN_IMAGE_FORKED), .creator = kInit}) ==
        Texts{"exec 70@121000 of 1@1000: execve clone"});
}

TEST_CASE("a fork that a scan was faster to tell is not told twice") {
  Stage stage;
  stage.scan(at(120), {scanned(forked(100, 119), kInit)});
  CHECK(stage.tell(ForkRecord{.tgid = 100, .time = at(119), .creator = kInit}).empty());
  CHECK(stage.engine().tree().living() == 4);
}

TEST_CASE("a dead process that a listing still has stays dead") {
  Stage stage;
  stage.give(started_process(100));
  stage.give(ExitRecord{.tgid = 100, .time = at(119), .image_time = at(106)});
  CHECK(stage.scan(at(118), {scanned(execed(100, 106), kInit)}) == Texts{healed(0, 0, 3)});
}

TEST_CASE("a loss asks for a scan until one begins") {
  Stage stage;
  CHECK_FALSE(stage.engine().wants_scan());
  stage.give(CountersRecord{.time = at(101), .counters = {.lost = {1}}});
  CHECK(stage.engine().wants_scan());
  stage.give(CountersRecord{.time = at(102), .counters = {.lost = {1}}});
  CHECK(stage.engine().wants_scan());
  stage.give(PlainRecord{.kind = event::kFrameScanBegin, .time = at(103)});
  CHECK_FALSE(stage.engine().wants_scan());
  stage.give(CountersRecord{.time = at(104), .counters = {.lost = {2}}});
  CHECK(stage.engine().wants_scan());
}

}  // namespace redan::engine
