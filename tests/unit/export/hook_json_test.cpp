// SPDX-License-Identifier: Apache-2.0
// Whole lines of hooks, written by hand from the API reference (3.3, 3.4, 3.5).

#include <cstdint>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "export/event_kind.h"
#include "unit/export/hook_builders.h"

namespace redan::exporting {
namespace {

using event::ArgType;
using event::HookSection;

constexpr std::string_view kProcess =
    R"("process":{"exec_id":"bjo1Ojc=","pid":7,"uid":0,"start_time":"2026-08-20T10:40:12.466833333Z","auid":1000,"tid":8,"in_init_tree":false})";
constexpr std::string_view kParent =
    R"({"exec_id":"bjo1Ojc=","pid":7,"uid":0,"start_time":"2026-08-20T10:40:12.466833333Z","auid":1000,"tid":7,"in_init_tree":false})";
constexpr std::string_view kEnd = R"(,"node_name":"n","time":"2026-08-21T09:14:02.512345678Z"})"
                                  "\n";

/// The line with this between the braces of the event.
std::string line_with(std::string_view key, std::string_view members) {
  return "{\"" + std::string(key) + "\":{" + std::string(members) + "}" + std::string(kEnd);
}

std::vector<Arg> some_args() {
  return {{{.type = ArgType::kFile, .label = "file"}, event::FileArg{.path = "/etc/hosts", .mode = 0100644}},
          {{.type = ArgType::kSize, .label = "extra", .is_data = true}, uint64_t{4096}},
          {{.type = ArgType::kInt32}, {}},
          {{.type = ArgType::kInt32, .is_return = true}, uint64_t{0}},
          {{.type = ArgType::kUint32}, uint64_t{0}}};
}

event::HookInfo info_of(HookSection section) {
  return {.id = 1,
          .section = section,
          .name = "name",
          .subsystem = "sub",
          .policy = "policy",
          .message = R"(a \"message\"\n)",
          .tags = {"one", "two"}};
}

event::HookEvent full_event(HookSection section) {
  event::HookEvent hook = hook_of(info_of(section), some_args());
  hook.parent = share(plain_process());
  hook.ancestors = {share(plain_process()), share(plain_process())};
  hook.action = REDAN_ACTION_OVERRIDE;
  return hook;
}

}  // namespace

TEST_CASE("kprobe: order of the members; arguments, return value and data are told apart") {
  for (const HookSection section : {HookSection::kKprobes, HookSection::kFentries}) {
    CHECK(
        line_of(full_event(section)) ==
        line_with("process_kprobe",
                  std::string(kProcess) + R"(,"parent":)" + std::string(kParent) +
                      R"(,"function_name":"name","args":[{"file_arg":{"path":"/etc/hosts","permission":"-rw-r--r--"})"
                      R"(,"label":"file"},{"uint_arg":0}],"return":{"int_arg":0},"action":"KPROBE_ACTION_OVERRIDE")"
                      R"(,"policy_name":"policy","return_action":"KPROBE_ACTION_POST","message":"a \\\"message\\\"\\n")"
                      R"(,"tags":["one","two"],"ancestors":[)" +
                      std::string(kParent) + ',' + std::string(kParent) +
                      R"(],"data":[{"size_arg":"4096","label":"extra"}])"));
  }
}

TEST_CASE("tracepoint: order of the members; no labels, no return action") {
  for (const HookSection section : {HookSection::kTracepoints, HookSection::kRawTracepoints}) {
    CHECK(
        line_of(full_event(section)) ==
        line_with(
            "process_tracepoint",
            std::string(kProcess) + R"(,"parent":)" + std::string(kParent) +
                R"(,"subsys":"sub","event":"name","args":[{"file_arg":{"path":"/etc/hosts","permission":"-rw-r--r--"}})"
                R"(,{"size_arg":"4096"},{"int_arg":0},{"uint_arg":0}],"policy_name":"policy")"
                R"(,"action":"KPROBE_ACTION_OVERRIDE","message":"a \\\"message\\\"\\n","tags":["one","two"],"ancestors":[)" +
                std::string(kParent) + ',' + std::string(kParent) + "]"));
  }
}

TEST_CASE("lsm: order of the members") {
  CHECK(
      line_of(full_event(HookSection::kLsmHooks)) ==
      line_with(
          "process_lsm",
          std::string(kProcess) + R"(,"parent":)" + std::string(kParent) +
              R"(,"function_name":"name","policy_name":"policy","message":"a \\\"message\\\"\\n")"
              R"(,"args":[{"file_arg":{"path":"/etc/hosts","permission":"-rw-r--r--"},"label":"file"})"
              R"(,{"size_arg":"4096","label":"extra"},{"int_arg":0},{"uint_arg":0}],"action":"KPROBE_ACTION_OVERRIDE")"
              R"(,"tags":["one","two"],"ancestors":[)" +
              std::string(kParent) + ',' + std::string(kParent) + "]"));
}

TEST_CASE("what is not there is left out") {
  const auto bare = [](HookSection section, const char* name) {
    return line_of(hook_of({.section = section, .name = name, .policy = "p"}));
  };
  CHECK(
      bare(HookSection::kKprobes, "f") ==
      line_with(
          "process_kprobe",
          std::string(kProcess) +
              R"(,"function_name":"f","action":"KPROBE_ACTION_POST","policy_name":"p","return_action":"KPROBE_ACTION_POST")"));
  CHECK(bare(HookSection::kTracepoints, "e") ==
        line_with("process_tracepoint",
                  std::string(kProcess) + R"(,"event":"e","policy_name":"p","action":"KPROBE_ACTION_POST")"));
  CHECK(bare(HookSection::kLsmHooks, "h") ==
        line_with("process_lsm",
                  std::string(kProcess) + R"(,"function_name":"h","policy_name":"p","action":"KPROBE_ACTION_POST")"));
  CHECK(kEventKeys[kind_of(event::Event(hook_of({.section = HookSection::kLsmHooks})))] == "process_lsm");
}

TEST_CASE("actions by name, and those of a later version by number") {
  event::HookEvent hook = hook_of({});
  const auto action = [&](uint8_t number) {
    hook.action = hook.return_action = number;
    const std::string line = line_of(hook);
    CHECK(member(line, "process_kprobe", "action") == member(line, "process_kprobe", "return_action"));
    return member(line, "process_kprobe", "action");
  };
  CHECK(action(REDAN_ACTION_POST) == "\"KPROBE_ACTION_POST\"");
  CHECK(action(REDAN_ACTION_SIGKILL) == "\"KPROBE_ACTION_SIGKILL\"");
  CHECK(action(REDAN_ACTION_OVERRIDE) == "\"KPROBE_ACTION_OVERRIDE\"");
  CHECK(action(REDAN_ACTION_NO_POST) == "\"KPROBE_ACTION_NOPOST\"");
  CHECK(action(REDAN_ACTION_SIGNAL) == "\"KPROBE_ACTION_SIGNAL\"");
  CHECK(action(REDAN_ACTION_TRACK_SOCK) == "\"KPROBE_ACTION_TRACKSOCK\"");
  CHECK(action(REDAN_ACTION_UNTRACK_SOCK) == "\"KPROBE_ACTION_UNTRACKSOCK\"");
  CHECK(action(REDAN_ACTION_NOTIFY_ENFORCER) == "\"KPROBE_ACTION_NOTIFYENFORCER\"");
  CHECK(action(15) == "\"KPROBE_ACTION_SET\"");
  CHECK(action(16) == "16");
  CHECK(action(255) == "255");
}

TEST_CASE("one encoder: threads of one process share all but their number") {
  JsonEncoder encoder({.node_name = "n"});
  event::Process process = plain_process();
  process.parent = {.tgid = 1, .time = 1};
  const event::ProcessRef shared = share(process);
  event::HookEvent hook = hook_of({});
  hook.process = hook.parent = shared;
  for (const uint32_t tid : {7U, 8U, 4'000'000U, 1U, 7U}) {
    hook.tid = tid;
    std::string line;
    encoder.append(hook, line);
    CHECK(line == line_of(hook));
    CHECK(member(line, "process_kprobe", "process", "tid") == std::to_string(tid));
    CHECK(member(line, "process_kprobe", "process", "pid") == "7");
    CHECK(member(line, "process_kprobe", "parent", "tid") == "7");
  }
}

TEST_CASE("a process without an image still has a thread") {
  event::Process process = plain_process();
  process.image = nullptr;
  process.flags = event::kFlagMiss;
  event::HookEvent hook = hook_of({});
  hook.process = share(process);
  CHECK(
      member(line_of(hook), "process_kprobe", "process") ==
      R"({"exec_id":"bjo1Ojc=","pid":7,"flags":"miss","start_time":"2026-08-20T10:40:12.466833333Z","tid":8,"in_init_tree":false})");
}

}  // namespace redan::exporting
