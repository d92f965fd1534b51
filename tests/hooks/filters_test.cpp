// SPDX-License-Identifier: Apache-2.0
// Each operator on each kind of value, as it is and negated.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr uint8_t kNegate = REDAN_FILTER_NEGATE;
constexpr uint8_t kSigned = REDAN_FILTER_SIGNED;

/// A hook that sees two numbers and a string of user memory: those of a prctl() that fails.
Plan prctl_plan() {
  Plan plan(HookSection::kFentries, "__x64_sys_prctl");
  plan.arg(0, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4).source(0, REDAN_SOURCE_SYSCALL);
  plan.arg(1, REDAN_ARG_STRING, 1, REDAN_ARG_USER).source(1, REDAN_SOURCE_SYSCALL);
  plan.arg(2, REDAN_ARG_NUMBER, 2, 0, 4).source(2, REDAN_SOURCE_SYSCALL);
  return plan;
}

void call_prctl(int option, const char* text, unsigned long number = 0) {
  ::syscall(SYS_prctl, option, text, number, 0, 0);
}

uint64_t as_value(int64_t number) { return static_cast<uint64_t>(number); }

}  // namespace

TEST_CASE("operators on numbers") {
  struct Case {
    redan_op op;
    std::vector<uint64_t> values;
    uint8_t options;
    int number;
    bool matches;
  };
  const std::vector<Case> cases = {
      {REDAN_OP_EQUAL, {1005, 1007}, 0, 1007, true},
      {REDAN_OP_EQUAL, {1005, 1006, 1007, 1008}, 0, 1008, true},
      {REDAN_OP_EQUAL, {1005, 1007}, 0, 1006, false},
      {REDAN_OP_EQUAL, {1005, 1007}, kNegate, 1006, true},
      {REDAN_OP_EQUAL, {1005, 1007}, kNegate, 1007, false},
      {REDAN_OP_EQUAL, {as_value(-5)}, 0, -5, true},
      {REDAN_OP_GREATER, {2000, 1000}, kSigned, 1500, true},
      {REDAN_OP_GREATER, {2000, 1000}, kSigned, -5, false},
      {REDAN_OP_GREATER, {2000, 1000}, 0, -5, true},
      {REDAN_OP_LESS, {1000, as_value(-3)}, kSigned, -5, true},
      {REDAN_OP_LESS, {1000}, 0, -5, false},
      {REDAN_OP_LESS, {1000}, kNegate, 1000, true},
      {REDAN_OP_MASK, {0x1000, 0x8000}, 0, 0x9001, true},
      {REDAN_OP_MASK, {0x1000, 0x8000}, 0, 0x4000, false},
      {REDAN_OP_MASK, {0x1000}, kNegate, 0x4000, true},
      {REDAN_OP_NUMBERS, {1001, 1002, 1003, 1004, 1005, as_value(-7)}, 0, -7, true},
      {REDAN_OP_NUMBERS, {1001, 1002, 1003, 1004, 1005}, 0, 1006, false},
      {REDAN_OP_NUMBERS, {1001, 1002, 1003, 1004, 1005}, kNegate, 1006, true},
      {REDAN_OP_NUMBERS, {1001, 1002, 1003, 1004, 1005}, kNegate, 1005, false},
  };
  Stage stage;
  for (const Case& test : cases) {
    CAPTURE(int{test.op});
    CAPTURE(test.number);
    CAPTURE(int{test.options});
    Plan plan = prctl_plan();
    plan.selector().only_me().number(0, test.op, test.values, test.options);
    const auto sent = stage.watch(plan, [&] { call_prctl(test.number, "x"); });
    CHECK(sent.size() == (test.matches ? 1 : 0));
    CHECK(stage.counted.matched[0] == (test.matches ? 1 : 0));
    if (!sent.empty()) CHECK(sent[0].args[0].number() == as_value(test.number));
  }
}

TEST_CASE("ranges of numbers include both ends") {
  Stage stage;
  for (const auto& [number, matches] :
       {std::pair{-6, false}, {-5, true}, {3, true}, {4, false}, {2000, true}, {2001, false}}) {
    CAPTURE(number);
    Plan plan = prctl_plan();
    for (const uint8_t options : {uint8_t{0}, kNegate}) {
      plan.selector().only_me().number(2, REDAN_OP_EQUAL, {77});
      plan.range(0, {{as_value(-5), 3}, {2000, 2000}}, static_cast<uint8_t>(kSigned | options));
    }
    const int value = number;
    CHECK(stage.selector_of(plan, [&] { call_prctl(value, "x", 77); }) == (matches ? 0 : 1));
  }
}

TEST_CASE("operators on strings") {
  struct Case {
    redan_op op;
    std::vector<std::string> values;
    std::string text;
    bool matches;
  };
  const std::string long_text(300, 'x');
  const std::vector<Case> cases = {
      {REDAN_OP_TEXT, {"one", "two"}, "two", true},
      {REDAN_OP_TEXT, {"one", "two"}, "twos", false},
      {REDAN_OP_TEXT, {"one", "two"}, "tw", false},
      {REDAN_OP_TEXT, {""}, "", true},
      {REDAN_OP_TEXT, {long_text.substr(0, 255)}, long_text.substr(0, 255), true},
      {REDAN_OP_TEXT, {long_text.substr(0, 255)}, long_text, false},
      {REDAN_OP_PREFIX, {"/etc/", "/usr/l"}, "/usr/lib", true},
      {REDAN_OP_PREFIX, {"/etc/", "/usr/l"}, "/etc", false},
      {REDAN_OP_PREFIX, {"/etc/"}, "", false},
      {REDAN_OP_PREFIX, {long_text.substr(0, 252)}, long_text, true},
      {REDAN_OP_POSTFIX, {".so", ".conf"}, "lib.so", true},
      {REDAN_OP_POSTFIX, {".so", ".conf"}, ".conf", true},
      {REDAN_OP_POSTFIX, {".so", ".conf"}, "conf", false},
      {REDAN_OP_POSTFIX, {long_text.substr(0, 127)}, long_text, true},
      {REDAN_OP_POSTFIX, {".so"}, "lib.so.1", false},
  };
  Stage stage;
  for (const Case& test : cases) {
    CAPTURE(int{test.op});
    CAPTURE(test.text);
    Plan plan = prctl_plan();
    for (const uint8_t options : {uint8_t{0}, kNegate})
      plan.selector().only_me().text(1, test.op, test.values, options);
    const auto sent = stage.watch(plan, [&] { call_prctl(1005, test.text.c_str()); });
    CHECK(sent.size() == 1);
    if (sent.empty()) continue;
    CHECK(sent[0].head.selector == (test.matches ? 0 : 1));
    CHECK(sent[0].args[1].bytes == test.text);
  }
}

TEST_CASE("what cannot be read matches nothing, negated or not, and is counted and told") {
  Stage stage;
  const auto* nowhere = reinterpret_cast<const char*>(0x10);
  for (const redan_op op : {REDAN_OP_TEXT, REDAN_OP_PREFIX, REDAN_OP_POSTFIX}) {
    for (const uint8_t options : {uint8_t{0}, kNegate}) {
      Plan plan = prctl_plan();
      plan.selector().only_me().number(0, REDAN_OP_EQUAL, {1005}).text(1, op, {"x"}, options);
      CHECK(stage.watch(plan, [&] { call_prctl(1005, nowhere); }).empty());
      CHECK(stage.counted.unreadable >= 1);
    }
  }
  Plan plan = prctl_plan();
  plan.selector().only_me().number(0, REDAN_OP_EQUAL, {1005});
  const auto sent = stage.watch(plan, [&] { call_prctl(1005, nowhere, 42); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[1].head.flags == REDAN_ARG_UNREADABLE);
  CHECK(sent[0].args[1].bytes.empty());
  CHECK(sent[0].args[2].number() == 42);
}

TEST_CASE("operators on paths") {
  struct Case {
    redan_op op;
    std::vector<std::string> values;
    bool matches;
  };
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("one/two/three.conf");
  const std::vector<Case> cases = {
      {REDAN_OP_TEXT, {"/other", file}, true},
      {REDAN_OP_TEXT, {file.substr(1), file + "/", "/one/two/three.conf"}, false},
      {REDAN_OP_PREFIX, {"/other", folder.path() + "/one/"}, true},
      {REDAN_OP_PREFIX, {folder.path() + "/two"}, false},
      {REDAN_OP_POSTFIX, {"/three.conf"}, true},
      {REDAN_OP_POSTFIX, {".con", "four.conf"}, false},
  };
  for (const Case& test : cases) {
    CAPTURE(int{test.op});
    CAPTURE(test.values[0]);
    Plan plan(HookSection::kLsmHooks, "file_open");
    plan.arg(0, REDAN_ARG_FILE, 0);
    for (const uint8_t options : {uint8_t{0}, kNegate})
      plan.selector().only_me().text(0, test.op, test.values, options);
    CHECK(stage.selector_of(plan, [&] { open_file(file); }) == (test.matches ? 0 : 1));
  }
}

TEST_CASE("a deleted file is matched with its mark and sent without it") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("gone");
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  ::unlink(file.c_str());
  Plan plan(HookSection::kLsmHooks, "file_open");
  plan.arg(0, REDAN_ARG_FILE, 0).selector().only_me().text(0, REDAN_OP_TEXT, {file + " (deleted)"});
  const auto sent = stage.watch(plan, [&] { open_file("/proc/self/fd/" + std::to_string(fd.get())); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == file);
  CHECK(sent[0].args[0].head.flags == REDAN_ARG_DELETED);
}

TEST_CASE("an empty path matches no operator on texts, but has a type") {
  Stage stage;
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  char byte = 'x';
  const auto use_pipe = [&] { CHECK(::write(ends[1], &byte, 1) == 1); };
  for (const bool negate : {false, true}) {
    Plan plan(HookSection::kLsmHooks, "file_permission");
    plan.arg(0, REDAN_ARG_FILE, 0).selector().only_me().text(0, REDAN_OP_PREFIX, {"/"}, negate ? kNegate : 0);
    CHECK(stage.watch(plan, use_pipe).empty());
  }
  Plan plan(HookSection::kLsmHooks, "file_permission");
  plan.arg(0, REDAN_ARG_FILE, 0)
      .selector()
      .only_me()
      .number(0, REDAN_OP_EQUAL, {S_IFIFO >> 12}, 0, REDAN_FIELD_FILE_TYPE);
  const auto sent = stage.watch(plan, use_pipe);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].bytes.empty());
  CHECK(sent[0].args[0].head.flags == REDAN_ARG_NO_PATH);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a path of thousands of bytes is whole") {
  Stage stage;
  ScratchFolder folder;
  std::string file = folder.path();
  REQUIRE(::chdir(file.c_str()) == 0);
  const std::string name(200, 'n');
  for (int i = 0; i < 19; ++i) {
    REQUIRE(::mkdir(name.c_str(), 0700) == 0);
    REQUIRE(::chdir(name.c_str()) == 0);
    file += "/" + name;
  }
  const Fd fd(::open("end", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  Plan plan(HookSection::kLsmHooks, "file_open");
  plan.arg(0, REDAN_ARG_FILE, 0).selector().only_me().text(0, REDAN_OP_PREFIX, {folder.path()});
  const auto sent = stage.watch(plan, [&] { open_file("end"); });
  REQUIRE(::chdir("/") == 0);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == file + "/end");
  CHECK(sent[0].args[0].head.flags == 0);
}

TEST_CASE("the first selector that matches wins; a miss sends nothing") {
  Stage stage;
  Plan plan = prctl_plan();
  plan.selector().only_me().number(0, REDAN_OP_EQUAL, {1001});
  plan.selector(REDAN_ACTION_SIGKILL).only_me().number(0, REDAN_OP_EQUAL, {1002, 1003});
  plan.selector().process(REDAN_FIELD_PID, REDAN_OP_EQUAL, {1}).number(0, REDAN_OP_EQUAL, {1003});
  plan.selector(REDAN_ACTION_NO_POST, false).only_me().number(0, REDAN_OP_EQUAL, {1004});
  plan.selector().only_me().number(0, REDAN_OP_EQUAL, {1003, 1004, 1005});
  const auto sent = stage.watch(plan, [&] {
    for (int i = 1000; i <= 1006; ++i) call_prctl(i, "x");
  });
  REQUIRE(sent.size() == 4);
  CHECK(sent[0].head.selector == 0);
  CHECK(sent[1].head.selector == 1);
  CHECK(sent[1].head.action == REDAN_ACTION_SIGKILL);
  CHECK(sent[2].head.selector == 1);
  CHECK(sent[3].head.selector == 4);
  CHECK(stage.counted.matched[1] == 2);
  CHECK(stage.counted.matched[3] == 1);
  CHECK(stage.counted.posted[3] == 0);
  CHECK(stage.counted.not_posted == 1);
}

TEST_CASE("a hook without selectors sends everything") {
  Stage stage;
  const auto sent = stage.watch(prctl_plan(), [&] {
    call_prctl(1001, "a");
    call_prctl(1002, "b");
  });
  CHECK(sent.size() >= 2);
  CHECK(stage.counted.matched[0] == sent.size());
}

TEST_CASE("the returned value is matched and sent") {
  Stage stage;
  Plan plan(HookSection::kKprobes, "__x64_sys_close");
  plan.arg(0, REDAN_ARG_NUMBER, 0, 0, 4).source(0, REDAN_SOURCE_SYSCALL);
  plan.arg(REDAN_HOOK_SLOT_RETURN, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4)
      .source(REDAN_HOOK_SLOT_RETURN, REDAN_SOURCE_RETURN)
      .options(REDAN_HOOK_RETURNS);
  plan.selector().only_me().returned(REDAN_OP_LESS, {0}, REDAN_FILTER_SIGNED);
  const auto sent = stage.watch(plan, [&] {
    ::close(::dup(0));
    ::close(99999);
  });
  REQUIRE(sent.size() == 1);
  CHECK(stage.facts.attachment ==
        (without_fentry() ? kernel::HookAttachment::kKretprobe : kernel::HookAttachment::kFexit));
  CHECK(sent[0].args[0].number() == 99999);
  CHECK(static_cast<int64_t>(sent[0].args[1].number()) == -EBADF);
  CHECK(sent[0].args[1].head.slot == REDAN_HOOK_SLOT_RETURN);
}
