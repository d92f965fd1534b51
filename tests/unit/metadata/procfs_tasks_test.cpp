// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "metadata/metadata.h"
#include "unit/metadata/fake_procfs.h"

namespace redan::metadata {

TEST_CASE("a process is what its files in procfs say") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100, .ppid = 7, .start_ticks = 5000});
  const auto task = procfs_task(procfs.path(), 100);
  REQUIRE(task.has_value());
  CHECK(task->image.tgid == 100);
  CHECK(task->image.time == 5000 * kTickNs);
  CHECK(task->image.flags == REDAN_IMAGE_LEARNT);
  CHECK(task->creator.tgid == 7);
  CHECK(task->creator.time == 0);
  CHECK(task->flags == 0);
  CHECK(task->exe_nlink == 1);
  CHECK(std::string_view(task->comm) == "app");
}

TEST_CASE("credentials come from the status, the login uid from its own file") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  const auto task = procfs_task(procfs.path(), 100);
  REQUIRE(task.has_value());
  const redan_credentials& cred = task->cred;
  CHECK(cred.uid == 1000);
  CHECK(cred.euid == 1001);
  CHECK(cred.suid == 1002);
  CHECK(cred.fsuid == 1003);
  CHECK(cred.gid == 2000);
  CHECK(cred.egid == 2001);
  CHECK(cred.sgid == 2002);
  CHECK(cred.fsgid == 2003);
  CHECK(cred.inheritable == 1);
  CHECK(cred.permitted == 0x1ffffffffff);
  CHECK(cred.effective == 4);
  CHECK(cred.auid == 1000);
}

TEST_CASE("a name may hold anything") {
  struct Case {
    std::string name;
    std::string wanted;
  };
  const std::array cases = {
      Case{"a) b (c", "a) b (c"},
      Case{") S 1 2 3", ") S 1 2 3"},
      Case{"((", "(("},
      Case{"))", "))"},
      Case{"", ""},
      Case{"new\nline", "new\nline"},
      Case{"kworker/0:1-events_long", "kworker/0:1-eve"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const FakeProcfs procfs;
    procfs.add({.pid = 100, .comm = c.name, .ppid = 7, .start_ticks = 5000});
    const auto task = procfs_task(procfs.path(), 100);
    REQUIRE(task.has_value());
    CHECK(std::string(task->comm) == c.wanted);
    CHECK(task->creator.tgid == 7);
    CHECK(task->image.time == 5000 * kTickNs);
  }
}

TEST_CASE("flags and state say what kind of process it is") {
  struct Case {
    std::string name;
    FakeProcess process;
    uint32_t image_flags;
    uint32_t flags;
  };
  const std::array cases = {
      Case{"forked", {.kernel_flags = kPfForkNoExec}, REDAN_IMAGE_LEARNT | REDAN_IMAGE_FORKED, 0},
      Case{"kernel thread", {.kernel_flags = kPfKthread}, REDAN_IMAGE_LEARNT, REDAN_TASK_KTHREAD},
      Case{"running", {.state = 'R'}, REDAN_IMAGE_LEARNT, 0},
      Case{"zombie", {.state = 'Z'}, REDAN_IMAGE_LEARNT, REDAN_TASK_ENDED},
      Case{"dead", {.state = 'X'}, REDAN_IMAGE_LEARNT, REDAN_TASK_ENDED},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const FakeProcfs procfs;
    procfs.add(c.process);
    const auto task = procfs_task(procfs.path(), 100);
    REQUIRE(task.has_value());
    CHECK(task->image.flags == c.image_flags);
    CHECK(task->flags == c.flags);
  }
}

TEST_CASE("what is missing is left out, and a process without stat is none") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100, .loginuid = {}, .has_status = false});
  const auto task = procfs_task(procfs.path(), 100);
  REQUIRE(task.has_value());
  CHECK(task->cred.uid == 0);
  CHECK(task->cred.permitted == 0);
  CHECK(task->cred.auid == UINT32_MAX);
  CHECK(task->ns.inum[REDAN_NS_USER] == 0);
  CHECK_FALSE(procfs_task(procfs.path(), 101).has_value());
}

TEST_CASE("a stat that ends early is no process") {
  const FakeProcfs procfs;
  for (const std::string_view text : {"", "100", "100 (app", "100 (app)", ")(", "100 (app) S 7 1 1 0 -1 64 9 0"}) {
    CAPTURE(text);
    procfs.dir().write("100/stat", text);
    CHECK_FALSE(procfs_task(procfs.path(), 100).has_value());
  }
}

TEST_CASE("processes are the folders whose names are numbers") {
  const FakeProcfs procfs;
  for (const std::string_view name :
       {"1/stat", "4194304/stat", "self/stat", "12a/stat", "a12/stat", "-5/stat", "99999999999/stat"}) {
    procfs.dir().write(name, "");
  }
  std::vector<uint32_t> pids = procfs_pids(procfs.path());
  std::ranges::sort(pids);
  CHECK(pids == std::vector<uint32_t>{1, 4194304});
  CHECK(procfs_pids(procfs.dir().path("nothing")).empty());
}

TEST_CASE("namespaces are the inodes of the process's own") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  procfs.dir().write("100/ns/user", "");
  procfs.dir().write("100/ns/pid_for_children", "");
  const auto task = procfs_task(procfs.path(), 100);
  REQUIRE(task.has_value());
  CHECK(task->ns.inum[REDAN_NS_USER] != 0);
  CHECK(task->ns.inum[REDAN_NS_PID_FOR_CHILDREN] != 0);
  CHECK(task->ns.inum[REDAN_NS_USER] != task->ns.inum[REDAN_NS_PID_FOR_CHILDREN]);
  CHECK(task->ns.inum[REDAN_NS_PID] == 0);
}

TEST_CASE("the real procfs lists this process with its parent") {
  const auto task = procfs_task("/proc", static_cast<uint32_t>(::getpid()));
  REQUIRE(task.has_value());
  CHECK(task->creator.tgid == static_cast<uint32_t>(::getppid()));
  CHECK(task->cred.euid == ::geteuid());
  CHECK((task->flags & REDAN_TASK_KTHREAD) == 0);
}

}  // namespace redan::metadata
