// SPDX-License-Identifier: Apache-2.0
// Events of policy hooks: whose they are, and what they hold.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "export/json.h"
#include "unit/engine/stage.h"
#include "unit/event/hook_records.h"

namespace redan::engine {
namespace {

using event::ArgType;
using event::HookInfo;
using event::HookRecord;
using event::number_content;

/// Hook 1: a file, then a number.
HookInfo file_hook() {
  return {.id = 1,
          .section = event::HookSection::kKprobes,
          .name = "fd_install",
          .policy = "p",
          .args = {{.slot = 1, .type = ArgType::kFile, .label = "what"}, {.slot = 0, .type = ArgType::kInt32}}};
}

/// A process that was forked at 105 s and called exec at 106 s.
constexpr redan_image kForked{.time = at(105), .tgid = 100, .flags = REDAN_IMAGE_FORKED};

HookRecord record_of_100(uint64_t image_time = at(106)) {
  return {.tgid = 100, .tid = 101, .time = at(110), .image_time = image_time};
}

/// A stage that knows hook 1 and process 100.
struct HookStage : Stage {
  explicit HookStage(EngineOptions options = {}) : Stage(std::move(options)) {
    CHECK(tell(std::vector<Frame>{hook_frame(file_hook())}).empty());
    give(ForkRecord{.tgid = 100, .time = at(105), .creator = kInit});
    give(ExecRecord{.tgid = 100, .time = at(106), .previous = kForked, .creator = kInit});
  }
  using Stage::tell;
  Texts tell(const std::vector<Frame>& frames) { return texts_of(give(frames)); }

  event::HookEvent hook_event(const HookRecord& record) {
    const std::vector<event::Event> events = give(record);
    REQUIRE(events.size() == 1);
    REQUIRE(std::holds_alternative<event::HookEvent>(events[0]));
    return std::get<event::HookEvent>(events[0]);
  }
};

}  // namespace

TEST_CASE("a hook's event names the image, its parent, and the thread") {
  HookStage stage;
  CHECK(stage.tell(record_of_100()) ==
        Texts{"hook 100@106000/101 of 1@1000: execve clone, fd_install 2 args, action 1"});
}

TEST_CASE("a hook's event has the arguments in the policy's order, however the record has them") {
  HookStage stage;
  HookRecord record = record_of_100();
  record.selector = 3;
  record.action = REDAN_ACTION_OVERRIDE;
  record.return_action = REDAN_ACTION_POST;
  record.args = {{.slot = 0, .content = number_content(7)},
                 {.type = REDAN_ARG_FILE, .slot = 1, .content = "/etc/passwd"},
                 {.slot = 4, .content = number_content(9)}};
  const event::HookEvent event = stage.hook_event(record);
  CHECK(event.time.boot_ns == at(110));
  CHECK(event.selector == 3);
  CHECK(event.action == REDAN_ACTION_OVERRIDE);
  CHECK(event.return_action == REDAN_ACTION_POST);
  CHECK(event.hook->name == "fd_install");
  CHECK(event.hook->args[0].label == "what");
  REQUIRE(event.args.size() == 2);
  CHECK(std::get<event::FileArg>(event.args[0]).path == "/etc/passwd");
  CHECK(std::get<uint64_t>(event.args[1]) == 7);

  record.args.pop_back();
  record.args.pop_back();
  const event::HookEvent less = stage.hook_event(record);
  REQUIRE(less.args.size() == 2);
  CHECK(std::holds_alternative<std::monostate>(less.args[0]));
}

TEST_CASE("a hook's event carries ancestors where exec events do") {
  HookStage with({.ancestors = true});
  with.give(ForkRecord{.tgid = 200, .time = at(107), .creator = image(100, at(106))});
  HookRecord record = record_of_100(at(107));
  record.tgid = 200;
  const event::HookEvent event = with.hook_event(record);
  CHECK(text_of(event.parent) == "100@106000");
  REQUIRE(event.ancestors.size() == 1);
  CHECK(text_of(event.ancestors[0]) == "1@1000");
  HookStage without;
  CHECK(without.hook_event(record_of_100()).ancestors.empty());
}

TEST_CASE("the event of a tracked socket is its owner's") {
  HookStage stage;
  HookRecord record{.tgid = 0, .tid = 0, .time = at(110), .image_time = 0};
  record.owner = image(100, at(106));
  record.owner_tid = 102;
  CHECK(stage.tell(record) == Texts{"hook 100@106000/102 of 1@1000: execve clone, fd_install 2 args, action 1"});
}

TEST_CASE("what happens in no process is the kernel's") {
  HookStage stage;
  CHECK(stage.tell(HookRecord{.tgid = 0, .image_time = 0}) ==
        Texts{"hook 0@0/0 of nobody: procFS rootcwd, fd_install 2 args, action 1"});
}

TEST_CASE("a process that the tree does not know is told with what is known") {
  HookStage stage;
  HookRecord record = record_of_100(at(109));
  record.tgid = 300;
  const event::HookEvent event = stage.hook_event(record);
  CHECK(text_of(event.process) == "300@109000");
  CHECK(event.process->start_time == at(109));
  CHECK(event.process->flags == event::kFlagMiss);
  CHECK(event.process->image == nullptr);
  CHECK(event.parent == nullptr);
  // It does not get in the way of the scan that finds it.
  CHECK(stage.running(300) == "none");
}

TEST_CASE("an image whose exec was lost is not taken for the one before it") {
  HookStage stage;
  CHECK(stage.tell(record_of_100(at(108))) ==
        Texts{"hook 100@108000/101 of nobody: miss, fd_install 2 args, action 1"});
  CHECK(stage.running(100) == "100@106000");
}

TEST_CASE("a sensor that knows the start of a process alone means what the process runs now") {
  HookStage stage;
  for (const uint64_t image_time : {at(105), uint64_t{0}}) {
    CAPTURE(image_time);
    CHECK(stage.tell(record_of_100(image_time)) ==
          Texts{"hook 100@106000/101 of 1@1000: execve clone, fd_install 2 args, action 1"});
  }
}

TEST_CASE("a process that has ended still has late events") {
  HookStage stage;
  stage.give(ExitRecord{.tgid = 100, .time = at(109), .image_time = at(106)});
  CHECK(stage.tell(record_of_100()) ==
        Texts{"hook 100@106000/101 of 1@1000: execve clone, fd_install 2 args, action 1"});
}

TEST_CASE("a hook that nobody has told of is a loss") {
  HookStage stage;
  HookRecord record = record_of_100();
  record.id = 2;
  CHECK(stage.tell(record) == Texts{"loss cause=unknown_hook hook=2 count=1"});
  HookInfo second = file_hook();
  second.id = 2;
  second.name = "second";
  stage.tell(std::vector<Frame>{hook_frame(second)});
  CHECK(stage.tell(record) == Texts{"hook 100@106000/101 of 1@1000: execve clone, second 2 args, action 1"});
  CHECK(stage.tell(record_of_100())[0].find("fd_install") != std::string::npos);
}

TEST_CASE("a frame that describes no hook is malformed") {
  HookStage stage;
  CHECK(stage.tell(TextRecord{.kind = event::kFrameHook, .text = "id=5\n"}) ==
        Texts{"loss cause=malformed_record count=1"});
}

TEST_CASE("hook records count as received") {
  HookStage stage;
  stage.give(record_of_100());
  const Texts stop = stage.tell(CountersRecord{.time = at(120), .kind = event::kFrameStop, .counters = {.seq = 3}});
  REQUIRE(stop.size() == 1);
  CHECK(stop[0].find("records_sent=3 records_received=3 records_lost=0") != std::string::npos);
}

TEST_CASE("a recording with hooks needs neither kernel nor policy to become the same lines") {
  const std::vector<Frame> frames = {
      TextRecord{.time = at(100)}.frame(), hook_frame(file_hook(), at(101)),
      ExecRecord{.tgid = 100, .time = at(106), .previous = kForked, .creator = kKernel}.frame(),
      HookRecord{.tgid = 100,
                 .tid = 103,
                 .time = at(110),
                 .image_time = at(106),
                 .args = {{.type = REDAN_ARG_FILE, .slot = 1, .aux = 0100600, .content = "/etc/passwd"}}}
          .frame()};
  const auto replay = [&] {
    Engine engine({}, 0);
    exporting::JsonEncoder encoder({.node_name = "n"});
    std::vector<event::Event> events;
    for (const Frame& frame : frames) engine.handle(frame, events);
    std::string line;
    for (const event::Event& event : events) encoder.append(event, line);
    return line;
  };
  const std::string lines = replay();
  CHECK(lines == replay());
  const std::string last = lines.substr(lines.rfind('\n', lines.size() - 2) + 1);
  CAPTURE(last);
  CHECK(last.starts_with(R"({"process_kprobe":{"process":{)"));
  CHECK(last.find(R"("tid":103,)") != std::string::npos);
  CHECK(last.find(R"("function_name":"fd_install","args":[{"file_arg":{"path":"/etc/passwd","permission":"-rw-------"})"
                  R"(,"label":"what"}],"action":"KPROBE_ACTION_POST","policy_name":"p")") != std::string::npos);
}

}  // namespace redan::engine
