// SPDX-License-Identifier: Apache-2.0
// What a hook shares, counts and leaves behind; and what it knows of processes.
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr uint8_t kNegate = REDAN_FILTER_NEGATE;

Plan prctl_plan() {
  Plan plan(HookSection::kFentries, "__x64_sys_prctl");
  plan.arg(0, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4).source(0, REDAN_SOURCE_SYSCALL);
  return plan;
}

void call_prctl(int option) { ::syscall(SYS_prctl, option, 0, 0, 0, 0); }

/// Does it in a child and waits for that.
void in_child(const std::function<void()>& deed) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    deed();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

std::string own_binary() { return std::filesystem::read_symlink("/proc/self/exe"); }

uint64_t namespace_inode(const char* name) {
  struct stat status {};
  REQUIRE(::stat(fmt::format("/proc/self/ns/{}", name).c_str(), &status) == 0);
  return status.st_ino;
}

using NextId = int (*)(uint32_t, uint32_t*);

int count_ids(NextId next) {
  int count = 0;
  for (uint32_t id = 0; next(id, &id) == 0;) ++count;
  return count;
}

}  // namespace

TEST_CASE("filters on the process") {
  struct Case {
    redan_field field;
    redan_op op;
    std::vector<uint64_t> values;
    bool matches;
  };
  const auto me = static_cast<uint64_t>(::getpid());
  const auto parent = static_cast<uint64_t>(::getppid());
  const auto ns = [](int which) { return static_cast<redan_field>(int{REDAN_FIELD_NAMESPACE} + which); };
  const std::vector<Case> cases = {
      {REDAN_FIELD_PID, REDAN_OP_EQUAL, {1, me}, true},
      {REDAN_FIELD_PID, REDAN_OP_EQUAL, {1, me + 1}, false},
      {REDAN_FIELD_PID, REDAN_OP_NUMBERS, {1, 2, 3, 4, me}, true},
      {REDAN_FIELD_PID, REDAN_OP_PIDS, {parent}, true},
      {REDAN_FIELD_PID, REDAN_OP_PIDS, {me}, true},
      {REDAN_FIELD_PID, REDAN_OP_PIDS, {1}, true},
      {REDAN_FIELD_PID, REDAN_OP_PIDS, {me + 1}, false},
      {REDAN_FIELD_PID, REDAN_OP_PIDS, {99999, 99998, 99997, 99996, parent}, true},
      {REDAN_FIELD_NS_PID, REDAN_OP_EQUAL, {0}, true},
      {REDAN_FIELD_NS_PID, REDAN_OP_EQUAL, {me}, false},
      {REDAN_FIELD_EFFECTIVE, REDAN_OP_MASK, {1ull << 21}, true},
      {REDAN_FIELD_PERMITTED, REDAN_OP_MASK, {1ull << 21}, true},
      {REDAN_FIELD_INHERITABLE, REDAN_OP_MASK, {1ull << 21}, false},
      {REDAN_FIELD_OTHER_USER_NS, REDAN_OP_EQUAL, {1}, false},
      {ns(REDAN_NS_UTS), REDAN_OP_EQUAL, {namespace_inode("uts")}, true},
      {ns(REDAN_NS_IPC), REDAN_OP_EQUAL, {namespace_inode("ipc")}, true},
      {ns(REDAN_NS_MNT), REDAN_OP_EQUAL, {5, namespace_inode("mnt")}, true},
      {ns(REDAN_NS_PID), REDAN_OP_EQUAL, {namespace_inode("pid")}, true},
      {ns(REDAN_NS_PID_FOR_CHILDREN), REDAN_OP_EQUAL, {namespace_inode("pid_for_children")}, true},
      {ns(REDAN_NS_NET), REDAN_OP_EQUAL, {namespace_inode("net")}, true},
      {ns(REDAN_NS_TIME), REDAN_OP_EQUAL, {namespace_inode("time")}, true},
      {ns(REDAN_NS_TIME_FOR_CHILDREN), REDAN_OP_EQUAL, {namespace_inode("time_for_children")}, true},
      {ns(REDAN_NS_CGROUP), REDAN_OP_EQUAL, {namespace_inode("cgroup")}, true},
      {ns(REDAN_NS_USER), REDAN_OP_EQUAL, {namespace_inode("user")}, true},
      {ns(REDAN_NS_USER), REDAN_OP_EQUAL, {1}, false},
  };
  Stage stage;
  for (const Case& test : cases) {
    CAPTURE(int{test.field});
    CAPTURE(int{test.op});
    Plan plan = prctl_plan();
    for (const uint8_t options : {uint8_t{0}, kNegate})
      plan.selector().process(test.field, test.op, test.values, options).number(0, REDAN_OP_EQUAL, {4711});
    CHECK(stage.selector_of(plan, [&] { call_prctl(4711); }) == (test.matches ? 0 : 1));
  }
}

TEST_CASE("the number in a pid namespace, and that of an ancestor there") {
  Stage stage;
  const auto deed = [] {
    in_child([] {
      if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
      in_child([] { in_child([] { call_prctl(4711); }); });
    });
  };
  for (const auto& [op, values, matches] :
       std::vector<std::tuple<redan_op, std::vector<uint64_t>, bool>>{{REDAN_OP_EQUAL, {2}, true},
                                                                      {REDAN_OP_EQUAL, {1}, false},
                                                                      {REDAN_OP_PIDS, {1}, true},
                                                                      {REDAN_OP_PIDS, {7}, false}}) {
    Plan plan = prctl_plan();
    plan.selector().process(REDAN_FIELD_NS_PID, op, values).number(0, REDAN_OP_EQUAL, {4711});
    CHECK(stage.watch(plan, deed).size() == (matches ? 1 : 0));
  }
  // In the initial namespace neither In nor NotIn matches.
  for (const uint8_t options : {uint8_t{0}, kNegate}) {
    Plan plan = prctl_plan();
    plan.selector()
        .only_me()
        .process(REDAN_FIELD_NS_PID, REDAN_OP_PIDS, {1}, options)
        .number(0, REDAN_OP_EQUAL, {4711});
    CHECK(stage.watch(plan, [] { call_prctl(4711); }).empty());
  }
}

TEST_CASE("filters on the binary, whose verdict is kept for the process") {
  const std::string binary = own_binary();
  struct Case {
    redan_op op;
    std::vector<std::string> values;
    bool matches;
  };
  const std::vector<Case> cases = {
      {REDAN_OP_TEXT, {"/bin/x", binary}, true},
      {REDAN_OP_TEXT, {"/bin/x"}, false},
      {REDAN_OP_PREFIX, {binary.substr(0, binary.rfind('/'))}, true},
      {REDAN_OP_PREFIX, {"/nowhere/"}, false},
      {REDAN_OP_POSTFIX, {"hook_kernel_test"}, true},
      {REDAN_OP_POSTFIX, {"hook_kernel"}, false},
  };
  Stage stage;
  for (const Case& test : cases) {
    for (const bool negate : {false, true}) {
      CAPTURE(int{test.op});
      CAPTURE(negate);
      Plan plan = prctl_plan();
      plan.selector().only_me().binary(test.op, test.values, negate ? kNegate : 0).number(0, REDAN_OP_EQUAL, {4711});
      const auto sent = stage.watch(plan, [&] {
        for (int i = 0; i < 3; ++i) call_prctl(4711);
      });
      CHECK(sent.size() == (test.matches != negate ? 3 : 0));
    }
  }
}

TEST_CASE("the verdict on the binary does not survive an exec") {
  Stage stage;
  Plan plan(HookSection::kLsmHooks, "file_open");
  plan.arg(0, REDAN_ARG_FILE, 0)
      .selector()
      .binary(REDAN_OP_POSTFIX, {"/cat"})
      .text(0, REDAN_OP_TEXT, {"/proc/version"});
  const auto sent = stage.watch(plan, [&] {
    in_child([] {
      open_file("/proc/version");
      const int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, STDOUT_FILENO);
      ::execl("/bin/cat", "cat", "/proc/version", nullptr);
      ::_exit(1);
    });
  });
  CHECK(sent.size() == 1);
}

TEST_CASE("two hooks at once have sets and counters of their own, and one sequence of records") {
  Stage stage;
  Plan first = prctl_plan();
  first.selector().only_me().number(0, REDAN_OP_NUMBERS, {4711, 4712, 4713, 4714, 4715});
  Plan second = prctl_plan();
  second.selector().only_me().number(0, REDAN_OP_NUMBERS, {4715, 4716, 4717, 4718, 4719});
  const auto one = stage.load(first);
  const auto two = stage.load(second);
  must(one->attach());
  must(two->attach());
  const uint64_t before = stage.sensor().counters().seq;
  for (const int number : {4711, 4715, 4719}) call_prctl(number);
  one->detach();
  call_prctl(4715);
  two->detach();
  call_prctl(4715);
  const auto sent = stage.records();
  CHECK(sent.size() == 5);
  CHECK(one->counters().posted[0] == 2);
  CHECK(two->counters().posted[0] == 3);
  for (size_t i = 0; i < sent.size(); ++i) CHECK(sent[i].head.hdr.seq == before + i);
  CHECK(stage.sensor().counters().seq == before + 5);
}

TEST_CASE("nothing is left of a hook that is gone") {
  Stage stage;
  Plan plan = prctl_plan();
  plan.selector().only_me().binary(REDAN_OP_TEXT, {"/x"}, kNegate).number(0, REDAN_OP_NUMBERS, {1, 2, 3, 4, 4711});
  stage.watch(plan, [] { call_prctl(4711); });  // makes the pools
  ::sleep(1);                                   // the kernel frees what is gone after a grace period
  const int programs = count_ids(::bpf_prog_get_next_id);
  const int maps = count_ids(::bpf_map_get_next_id);
  const int links = count_ids(::bpf_link_get_next_id);
  {
    const auto hook = stage.load(plan);
    must(hook->attach());
    CHECK(count_ids(::bpf_prog_get_next_id) > programs);
    CHECK(hook->facts().map_bytes > 0);
  }
  Plan refused = prctl_plan();
  refused.selector().text(0, REDAN_OP_TEXT, {std::string(REDAN_EQUAL_MAX + 1, 'x')});
  CHECK(!stage.loader().load(refused.build()));
  // The kernel frees them some time after they are closed.
  for (int i = 0; i < 100 && count_ids(::bpf_map_get_next_id) != maps; ++i) ::usleep(100000);
  CHECK(count_ids(::bpf_prog_get_next_id) == programs);
  CHECK(count_ids(::bpf_map_get_next_id) == maps);
  CHECK(count_ids(::bpf_link_get_next_id) == links);
}

TEST_CASE("a rate limit holds by thread, arguments and selector") {
  Stage stage;
  for (const redan_rate_scope scope : {REDAN_RATE_THREAD, REDAN_RATE_PROCESS, REDAN_RATE_GLOBAL}) {
    CAPTURE(int{scope});
    Plan plan = prctl_plan();
    plan.selector().process(REDAN_FIELD_PID, REDAN_OP_PIDS, {static_cast<uint64_t>(::getpid())});
    plan.number(0, REDAN_OP_EQUAL, {4711, 4712});
    plan.last_selector().rate_ms = 600000;
    plan.last_selector().rate_scope = static_cast<uint8_t>(scope);
    event::HookPlan built = plan.build();
    built.program.id = 100u + scope;
    const auto hook = must(stage.loader().load(built));
    must(hook->attach());
    for (int i = 0; i < 3; ++i) call_prctl(4711);
    call_prctl(4712);
    in_child([] { call_prctl(4711); });
    hook->detach();
    const uint64_t posted = scope == REDAN_RATE_GLOBAL ? 2 : 3;
    CHECK(stage.records().size() == posted);
    CHECK(hook->counters().posted[0] == posted);
    CHECK(hook->counters().rate_limited == 5 - posted);
  }
}

TEST_CASE("hooks fill the ring to a half") {
  Stage stage(64 << 10);
  Plan plan = prctl_plan();
  plan.selector().only_me().number(0, REDAN_OP_EQUAL, {4711});
  const auto sent = stage.watch(plan, [] {
    for (int i = 0; i < 2000; ++i) call_prctl(4711);
  });
  const size_t bytes = sent.size() * (sizeof(redan_hook) + sizeof(redan_arg) + 8 + 8);
  CHECK(bytes >= 32 << 10);
  CHECK(bytes < (32 << 10) + 200);
  CHECK(stage.counted.lost == 2000 - sent.size());
  CHECK(stage.sensor().counters().seq == sent.size());
}

TEST_CASE("what the kernel lacks is one clear line") {
  Stage stage;
  const auto message = [&](const Plan& plan) {
    auto loaded = stage.loader().load(plan.build());
    REQUIRE(!loaded);
    CHECK(loaded.error().message.find('\n') == std::string::npos);
    return loaded.error().message;
  };
  CHECK(message(Plan(HookSection::kLsmHooks, "no_such")) == "this kernel has no LSM hook 'no_such'");
  CHECK(message(Plan(HookSection::kTracepoints, "no_such", "sched")) == "this kernel has no tracepoint 'no_such'");
  Plan returns(HookSection::kKprobes, "no_such");
  returns.options(REDAN_HOOK_RETURNS);
  const auto refused = stage.load(returns)->attach();
  REQUIRE(!refused);
  CHECK(refused.error().message == "attach kretprobe/no_such: No such file or directory");
}
