// SPDX-License-Identifier: Apache-2.0
// Who is whose parent: forks, execs and exits as the sensor tells them.

#include <array>
#include <string>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "unit/engine/stage.h"

namespace redan::engine {
namespace {

const event::ProcessExec& only_exec(const std::vector<event::Event>& events) {
  REQUIRE(events.size() == 1);
  REQUIRE(std::holds_alternative<event::ProcessExec>(events.front()));
  return std::get<event::ProcessExec>(events.front());
}

}  // namespace

TEST_CASE("after fork and exec the parent is the creator's image") {
  Stage stage;
  CHECK(stage.tell(started_process(100)) == Texts{"exec 100@106000 of 1@1000: execve clone"});
  CHECK(stage.tell(started_process(101, execed(100, 106))) == Texts{"exec 101@106000 of 100@106000: execve clone"});
}

TEST_CASE("after an exec in place the parent is the image before, three times in a row") {
  Stage stage;
  stage.give(started_process(100));
  for (uint64_t second = 107; second <= 109; ++second) {
    const std::string now = std::to_string(second * 1000);
    const std::string before = std::to_string(second * 1000 - 1000);
    CHECK(stage.tell(ExecRecord{.tgid = 100, .time = at(second), .previous = execed(100, second - 1)}) ==
          Texts{"exec 100@" + now + " of 100@" + before + ": execve"});
  }
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(120), .image_time = at(109)}) ==
        Texts{"exit 100@109000 of 100@108000: execve"});
}

TEST_CASE("a child that never calls exec shows its creator's image and its own identity") {
  Stage stage;
  stage.give(started_process(100));
  CHECK(stage.tell(ForkRecord{.tgid = 101, .time = at(110), .creator = execed(100, 106)}).empty());
  const auto events = stage.give(ExitRecord{.tgid = 101, .time = at(111), .image_time = at(110), .code = 0x100});
  CHECK(texts_of(events) == Texts{"exit 101@110000 of 100@106000: execve"});
  const auto& exit = std::get<event::ProcessExit>(events.front());
  CHECK(exit.process->image == exit.parent->image);
  CHECK(exit.process->start_time == at(110));
  CHECK(exit.code == 0x100);
}

TEST_CASE("the creator is the parent, also where the kernel says another one") {
  Stage stage;
  stage.give(started_process(100));
  CHECK(stage.tell(std::vector{
            ForkRecord{.tgid = 101, .time = at(110), .creator = execed(100, 106), .real_parent_tgid = 1}.frame(),
            ExecRecord{.tgid = 101, .time = at(111), .previous = forked(101, 110), .creator = execed(100, 106)}
                .frame()}) == Texts{"exec 101@111000 of 100@106000: execve clone"});
}

TEST_CASE("a process outlives its parent and keeps it") {
  Stage stage;
  stage.give(started_process(100));
  stage.give(started_process(101, execed(100, 106)));
  stage.give(ExitRecord{.tgid = 100, .time = at(120), .image_time = at(106)});
  stage.give(PlainRecord{.kind = event::kFrameTick, .time = at(1000)});
  CHECK(stage.tell(ExitRecord{.tgid = 101, .time = at(1001), .image_time = at(106)}) ==
        Texts{"exit 101@106000 of 100@106000: execve clone"});
  stage.give(PlainRecord{.kind = event::kFrameTick, .time = at(2000)});
  CHECK(stage.engine().tree().size() == 3);  // the kernel, init and kthreadd
}

TEST_CASE("an exec whose previous image the sensor does not know continues what the tree knows") {
  struct Case {
    std::string name;
    redan_image previous;
  };
  const std::array cases = {
      Case{"no record of it at all", {}},
      Case{"taken for as old as the process was before the sensor", learnt(100, 50)},
      Case{"taken for as old as the fork that the tree knows, too", learnt(100, 105)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    stage.give(started_process(100));
    CHECK(stage.tell(ExecRecord{
              .tgid = 100, .tid = 103, .time = at(110), .flags = REDAN_EXEC_BY_THREAD, .previous = c.previous}) ==
          Texts{"exec 100@110000 of 100@106000: execve"});
  }
}

TEST_CASE("an exec of a process that nobody knows says what the record says, and that something is missing") {
  struct Case {
    std::string name;
    ExecRecord exec;
    Texts wanted;
  };
  const std::array cases = {
      Case{"its fork was lost",
           {.tgid = 200, .time = at(110), .previous = forked(200, 109), .creator = kInit},
           {"exec 200@110000 of 1@1000: execve clone"}},
      Case{"its fork and its creator were lost",
           {.tgid = 200, .time = at(110), .previous = forked(200, 109), .creator = execed(99, 50)},
           {"exec 200@110000 of nobody: execve miss clone"}},
      Case{"its former image was lost",
           {.tgid = 200, .time = at(110), .previous = execed(200, 109)},
           {"exec 200@110000 of nobody: execve miss"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    CHECK(stage.tell(c.exec) == c.wanted);
  }
}

TEST_CASE("a fork by somebody unknown is remembered with the word for it") {
  Stage stage;
  stage.give(ForkRecord{.tgid = 101, .time = at(110), .creator = execed(99, 50)});
  const auto events = stage.give(ExitRecord{.tgid = 101, .time = at(111), .image_time = at(110)});
  CHECK(texts_of(events) == Texts{"exit 101@110000 of nobody: execve miss"});
  const auto& process = *std::get<event::ProcessExit>(events.front()).process;
  CHECK(process.has_parent);
  CHECK(process.parent == event::ImageKey{.tgid = 99, .time = at(50)});
  CHECK(process.image == nullptr);
}

TEST_CASE("the end of an unknown process is told, and no later scan revives it") {
  Stage stage;
  CHECK(stage.tell(ExitRecord{.tgid = 200, .time = at(150), .image_time = at(120), .code = 9}) ==
        Texts{"exit 200@120000 of nobody: miss"});
  CHECK(stage.scan(at(149), {scanned(execed(200, 120), kInit)}) ==
        Texts{"healed processes_added=0 processes_gone=0 processes_known=3"});
  CHECK(stage.tell(ExitRecord{.tgid = 200, .time = at(151), .image_time = at(120)}).empty());
}

TEST_CASE("an exit ends the process, whichever image of it the sensor knows") {
  struct Case {
    std::string name;
    uint64_t image_time;
  };
  const std::array cases = {
      Case{"the one that it runs", at(106)},
      Case{"none", 0},
      Case{"its start alone, because there was no storage for it", at(105)},
      Case{"one whose record was lost", at(107)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    stage.give(started_process(100));
    CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(120), .image_time = c.image_time}) ==
          Texts{"exit 100@106000 of 1@1000: execve clone"});
    CHECK(stage.running(100) == "none");
    CHECK(stage.engine().tree().living() == 3);
  }
}

TEST_CASE("an exit that two last threads tell is one event") {
  struct Case {
    std::string name;
    uint64_t image_time;
  };
  const std::array cases = {
      Case{"of the image that it runs", at(106)},
      Case{"of its start, because there was no storage that says who was first", at(105)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    stage.give(started_process(100));
    CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(120), .image_time = c.image_time}).size() == 1);
    CHECK(stage.tell(ExitRecord{.tgid = 100, .tid = 103, .time = at(120), .image_time = c.image_time}).empty());
  }
  Stage stage;
  stage.give(ForkRecord{.tgid = 100, .time = at(105), .creator = kInit});
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(120), .image_time = at(105)}).size() == 1);
  CHECK(stage.tell(ExitRecord{.tgid = 100, .tid = 103, .time = at(120), .image_time = at(105)}).empty());
}

TEST_CASE("the end of an unknown process is not taken for that of a dead one that had its pid") {
  Stage stage;
  stage.give(started_process(100));
  stage.give(ExitRecord{.tgid = 100, .time = at(120), .image_time = at(106)});
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(131), .image_time = at(130)}) ==
        Texts{"exit 100@130000 of nobody: miss"});
}

TEST_CASE("the end of an unknown process is not taken for that of a living one whose pid it was given") {
  Stage stage;
  stage.give(started_process(100));
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(131), .image_time = at(130), .start_time = at(130)}) ==
        Texts{"exit 100@130000 of nobody: miss"});
  CHECK(stage.engine().tree().living() == 3);  // its predecessor is gone, too: a pid is given again only then
}

TEST_CASE("of a process that nobody saw start, its end is told without what nobody knows") {
  Stage stage;
  const std::vector<event::Event> events = stage.give(ExitRecord{.tgid = 100, .time = at(131), .image_time = at(130)});
  REQUIRE(events.size() == 1);
  CHECK(std::get<event::ProcessExit>(events.front()).process->image == nullptr);
}

TEST_CASE("a process that the listing met in the middle of its first exec is not its own parent") {
  Stage stage;
  // The listing could not see that it was only forked; the exec's record, sent later, can.
  constexpr redan_image kListed{.time = at(119), .tgid = 100, .flags = REDAN_IMAGE_LEARNT};
  constexpr redan_image kPrevious{.time = at(119), .tgid = 100, .flags = REDAN_IMAGE_LEARNT | REDAN_IMAGE_FORKED};
  CHECK(stage.scan(at(120), {scanned(kListed, kKthreadd)}).front() == "exec 100@119000 of 2@1000: procFS");
  CHECK(stage.tell(ExecRecord{.tgid = 100, .time = at(121), .previous = kPrevious, .creator = kKthreadd}) ==
        Texts{"exec 100@121000 of 2@1000: execve clone"});
}

TEST_CASE("kernel threads make no events, but their children have parents") {
  Stage stage;
  CHECK(stage.tell(ForkRecord{.tgid = 50, .time = at(110), .flags = REDAN_FORK_KTHREAD, .creator = kKthreadd}).empty());
  CHECK(stage.tell(ForkRecord{.tgid = 51, .time = at(111), .creator = execed(50, 110)}).empty());
  CHECK(stage.tell(ExecRecord{.tgid = 51, .time = at(112), .previous = forked(51, 111), .creator = execed(50, 110)}) ==
        Texts{"exec 51@112000 of 50@110000: execve clone"});
  CHECK(
      stage.tell(ExitRecord{.tgid = 50, .time = at(113), .image_time = at(110), .flags = REDAN_EXIT_KTHREAD}).empty());
  CHECK(stage.tell(ExitRecord{.tgid = 60, .time = at(113), .image_time = at(60), .flags = REDAN_EXIT_KTHREAD}).empty());
  CHECK(stage.tell(ExitRecord{.tgid = 51, .time = at(114), .image_time = at(112)}) ==
        Texts{"exit 51@112000 of 50@110000: execve clone"});
}

TEST_CASE("a reused pid is another process") {
  Stage stage;
  stage.give(started_process(100));
  SUBCASE("after the end of the first") { stage.give(ExitRecord{.tgid = 100, .time = at(120), .image_time = at(106)}); }
  SUBCASE("when the end of the first was lost") {}
  stage.give(ForkRecord{.tgid = 100, .time = at(130), .creator = kInit});
  CHECK(stage.tell(ExecRecord{.tgid = 100, .time = at(131), .previous = forked(100, 130), .creator = kInit}) ==
        Texts{"exec 100@131000 of 1@1000: execve clone"});
  CHECK(stage.tell(ExitRecord{.tgid = 100, .time = at(140), .image_time = at(131)}) ==
        Texts{"exit 100@131000 of 1@1000: execve clone"});
  CHECK(stage.engine().tree().living() == 3);
}

TEST_CASE("a reused pid is another process also when its fork was lost together with the end of the first") {
  Stage stage;
  stage.give(started_process(100));
  CHECK(stage.tell(ExecRecord{.tgid = 100, .time = at(131), .previous = forked(100, 130), .creator = kInit}) ==
        Texts{"exec 100@131000 of 1@1000: execve clone"});
}

TEST_CASE("the tree of a namespace's init is inherited by fork and exec, and by nothing else") {
  Stage stage;
  CHECK(stage.tell(started_process(300, kInit, REDAN_FORK_NS_INIT)) ==
        Texts{"exec 300@106000 of 1@1000: execve clone inInitTree"});
  CHECK(stage.tell(started_process(301, execed(300, 106))) ==
        Texts{"exec 301@106000 of 300@106000: execve clone inInitTree"});
  CHECK(stage.tell(ExecRecord{.tgid = 301, .time = at(107), .previous = execed(301, 106)}) ==
        Texts{"exec 301@107000 of 301@106000: execve inInitTree"});
  // Entered with setns(): the creator is outside.
  CHECK(stage.tell(started_process(302, kInit)) == Texts{"exec 302@106000 of 1@1000: execve clone"});
  CHECK(stage.tell(ExitRecord{.tgid = 301, .time = at(120), .image_time = at(107)}) ==
        Texts{"exit 301@107000 of 301@106000: execve inInitTree"});
}

TEST_CASE("a start that procfs rounded down is found by what the sensor says exactly") {
  struct Case {
    std::string name;
    uint64_t more_ns;  ///< than procfs says
    Texts wanted;
  };
  const std::array cases = {
      Case{"equal", 0, {"exec 100@106000 of 70@80000: execve clone"}},
      Case{"almost a tick", 9'999'999, {"exec 100@106000 of 70@80000: execve clone"}},
      Case{"a tick", 10'000'000, {"exec 100@106000 of nobody: execve miss clone"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage;
    stage.scan(at(101), {scanned(learnt(70, 80), {.tgid = 1})});
    CHECK(stage.tell(started_process(100, image(70, at(80) + c.more_ns))) == c.wanted);
    CHECK(stage.tell(ExitRecord{.tgid = 70, .time = at(110), .image_time = at(80) + c.more_ns}).size() == 1);
    CHECK(stage.running(70) == "none");
  }
}

TEST_CASE("ancestors are the chain above the parent, up to the first process or the first thread") {
  struct Case {
    std::string name;
    bool asked;
    redan_image creator;
    Texts wanted;
  };
  const std::array cases = {
      Case{"not asked for", false, execed(102, 106), {}},
      Case{"of a child of init", true, kInit, {}},
      Case{"of a grandchild", true, execed(101, 106), {"1@1000"}},
      Case{"further down", true, execed(102, 106), {"101@106000", "1@1000"}},
      Case{"below a kernel thread", true, execed(103, 106), {"2@1000"}},
      Case{"the parent is not known", true, execed(99, 50), {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Stage stage({.ancestors = c.asked});
    stage.give(started_process(101));
    stage.give(started_process(102, execed(101, 106)));
    stage.give(started_process(103, kKthreadd));
    const auto events = stage.give(started_process(110, c.creator));
    Texts ancestors;
    for (const event::ProcessRef& ancestor : only_exec(events).ancestors) ancestors.push_back(text_of(ancestor));
    CHECK(ancestors == c.wanted);
    const auto ended = stage.give(ExitRecord{.tgid = 110, .time = at(120), .image_time = at(106)});
    CHECK(std::get<event::ProcessExit>(ended.front()).ancestors.size() == c.wanted.size());
  }
}

TEST_CASE("processes that claim to descend from one another make no endless chain") {
  Stage stage({.ancestors = true});
  stage.give(ForkRecord{.tgid = 10, .time = at(105), .creator = execed(11, 105)});
  stage.give(ForkRecord{.tgid = 11, .time = at(105), .creator = execed(10, 105)});
  stage.give(ForkRecord{.tgid = 12, .time = at(105), .creator = execed(12, 105)});
  for (const uint32_t tgid : {10U, 11U, 12U}) {
    CAPTURE(tgid);
    const auto events = stage.give(ExitRecord{.tgid = tgid, .time = at(106), .image_time = at(105)});
    REQUIRE(events.size() == 1);
    CHECK(std::get<event::ProcessExit>(events.front()).ancestors.size() <= 1024);
  }
  stage.give(PlainRecord{.kind = event::kFrameTick, .time = at(1000)});
}

TEST_CASE("in a full tree an exec in place still shows the image before") {
  constexpr size_t kCapacity = 20;
  Stage stage({.tree = {.capacity = kCapacity}});
  stage.give(started_process(100));
  for (uint64_t second = 107; second < 107 + 3 * kCapacity; ++second) {
    CAPTURE(second);
    CHECK(stage.tell(ExecRecord{.tgid = 100, .time = at(second), .previous = execed(100, second - 1)}) ==
          Texts{"exec 100@" + std::to_string(second * 1000) + " of 100@" + std::to_string(second * 1000 - 1000) +
                ": execve"});
    REQUIRE(stage.engine().tree().size() <= kCapacity);
  }
}

}  // namespace redan::engine
