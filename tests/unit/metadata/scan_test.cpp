// SPDX-License-Identifier: Apache-2.0
// Scans: the tasks of a fake kernel and the strings of a fake procfs become frames.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "event/decode.h"
#include "metadata/metadata.h"
#include "unit/metadata/fake_procfs.h"

namespace redan::metadata {
namespace {

constexpr uint64_t kNow = 1000 * kTickNs * 100;  // 1000 s after boot

struct TaskRow {
  uint32_t tgid = 100;
  uint64_t time = 5000 * kTickNs;
  unsigned image_flags = REDAN_IMAGE_LEARNT;
  uint32_t creator = 1;
  unsigned flags = 0;
  std::string_view comm = "app";
};

redan_task task_of(const TaskRow& row) {
  redan_task task{};
  task.image = {.time = row.time, .tgid = row.tgid, .flags = row.image_flags};
  task.creator = {.time = 1, .tgid = row.creator, .flags = 0};
  task.flags = row.flags;
  task.exe_nlink = 1;
  row.comm.copy(task.comm, sizeof(task.comm) - 1);
  return task;
}

/// Gives one listing after the other, the last one for ever. `between` runs before the second.
class FakeLister {
 public:
  explicit FakeLister(std::vector<std::vector<TaskRow>> listings) : listings_(std::move(listings)) {}
  std::function<void()> between = [] {};
  int calls = 0;

  ListTasks function() {
    return [this]() -> Result<std::vector<redan_task>> {
      if (++calls == 2) between();
      const size_t index = std::min(static_cast<size_t>(calls), listings_.size()) - 1;
      std::vector<redan_task> tasks;
      for (const TaskRow& row : listings_[index]) tasks.push_back(task_of(row));
      return tasks;
    };
  }

 private:
  std::vector<std::vector<TaskRow>> listings_;
};

/// The frames of a scan; begin and end are checked and not in `records`.
struct Scan {
  std::vector<std::vector<std::byte>> frames;
  std::vector<event::ExecView> records;

  const event::ExecView* find(uint32_t tgid) const {
    const auto it = std::ranges::find_if(records, [&](const auto& view) { return view.fixed.hdr.tgid == tgid; });
    return it == records.end() ? nullptr : &*it;
  }
  const event::ExecView& of(uint32_t tgid) const {
    REQUIRE(find(tgid) != nullptr);
    return *find(tgid);
  }
  std::vector<uint32_t> pids() const {
    std::vector<uint32_t> pids;
    for (const auto& view : records) pids.push_back(view.fixed.hdr.tgid);
    return pids;
  }
};

Scan scan(const FakeProcfs& procfs, FakeLister& lister, ScanOptions options = {}) {
  options.procfs = procfs.path();
  if (options.now == 0) options.now = kNow;
  auto frames = scan_frames(lister.function(), options);
  REQUIRE(frames.ok());
  Scan scan{.frames = std::move(*frames), .records = {}};
  REQUIRE(scan.frames.size() >= 2);
  CHECK(event::kind_of(scan.frames.front()) == event::kFrameScanBegin);
  CHECK(event::kind_of(scan.frames.back()) == event::kFrameScanEnd);
  for (const auto& frame : scan.frames) {
    CHECK(event::time_of(frame) == options.now);
    const auto view = event::decode(frame);
    REQUIRE(view.has_value());
    if (const auto* exec = std::get_if<event::ExecView>(&*view)) scan.records.push_back(*exec);
  }
  REQUIRE(scan.records.size() == scan.frames.size() - 2);
  return scan;
}

Scan scan(const FakeProcfs& procfs, std::vector<TaskRow> tasks, const ScanOptions& options = {}) {
  FakeLister lister({std::move(tasks)});
  return scan(procfs, lister, options);
}

std::vector<uint32_t> order_of(const std::vector<redan_task>& tasks) {
  std::vector<uint32_t> pids;
  for (const redan_task& task : tasks) pids.push_back(task.image.tgid);
  return pids;
}

}  // namespace

TEST_CASE("a process becomes a record with its strings from procfs and the rest from the kernel") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  const Scan found =
      scan(procfs, {{.tgid = 100, .image_flags = REDAN_IMAGE_LEARNT | REDAN_IMAGE_FORKED, .creator = 7}});
  const event::ExecView& view = found.of(100);
  CHECK(view.fixed.hdr.flags == REDAN_EXEC_BACKFILL);
  CHECK(view.fixed.hdr.tid == 100);
  CHECK(view.fixed.hdr.image_time == 5000 * kTickNs);
  CHECK(view.fixed.previous.flags == (REDAN_IMAGE_LEARNT | REDAN_IMAGE_FORKED));
  CHECK(view.fixed.creator.tgid == 7);
  CHECK(event::cwd_text(view.cwd) == "/srv/app");
  CHECK(view.filename == "/usr/bin/app");
  CHECK(view.args == std::string_view("app\0-v\0", 7));
  CHECK(view.environment.empty());
}

TEST_CASE("the environment is read when it is asked for") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  CHECK(scan(procfs, {{.tgid = 100}}, {.environment = true}).of(100).environment == std::string_view("HOME=/\0", 7));
}

TEST_CASE("strings are cut where a record's limits are, with their whole sizes") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100, .cmdline = std::string(200'000, 'a'), .environ = std::string(70'000, 'e')});
  const Scan found = scan(procfs, {{.tgid = 100}}, {.environment = true, .args_max = 1024});
  const event::ExecView& view = found.of(100);
  CHECK(view.args == std::string(1024, 'a'));
  CHECK(view.fixed.args_total == 200'000);
  CHECK(view.environment.size() == REDAN_ENV_MAX);
  CHECK(view.fixed.env_total == 70'000);
}

TEST_CASE("what procfs says of a process becomes the flags and paths of its record") {
  struct Case {
    std::string name;
    FakeProcess process;
    unsigned flags;
    std::string cwd;
    std::string binary;
  };
  constexpr unsigned kUnreadable =
      REDAN_EXEC_CWD_UNREADABLE | REDAN_EXEC_FILENAME_UNREADABLE | REDAN_EXEC_ARGS_UNREADABLE;
  const std::array cases = {
      Case{"in the root", {.cwd = "/"}, REDAN_EXEC_CWD_ROOT, "", "/usr/bin/app"},
      Case{"chrooted", {.root = "/jail", .cwd = "/jail/srv", .exe = "/jail/bin/app"}, 0, "/srv", "/bin/app"},
      Case{"chrooted, in its root",
           {.root = "/jail", .cwd = "/jail", .exe = "/jail/bin/app"},
           REDAN_EXEC_CWD_ROOT,
           "",
           "/bin/app"},
      Case{"chrooted, but outside",
           {.root = "/jail", .cwd = "/jailbreak", .exe = "/usr/bin/app"},
           0,
           "/jailbreak",
           "/usr/bin/app"},
      Case{"a deleted binary", {.exe = "/tmp/x (deleted)"}, 0, "/srv/app", "/tmp/x (deleted)"},
      Case{"a deleted directory", {.cwd = "/gone (deleted)"}, 0, "/gone (deleted)", "/usr/bin/app"},
      Case{"no root link", {.root = {}}, 0, "/srv/app", "/usr/bin/app"},
      Case{"no cwd link", {.cwd = {}}, REDAN_EXEC_CWD_UNREADABLE, "", "/usr/bin/app"},
      Case{"nothing but its stat",
           {.root = {}, .cwd = {}, .exe = {}, .cmdline = {}, .environ = {}, .has_status = false},
           kUnreadable,
           "",
           ""},
      Case{"init of a namespace", {.ns_pid = "\t1"}, REDAN_EXEC_NS_INIT, "/srv/app", "/usr/bin/app"},
      Case{"another in that namespace", {.ns_pid = "\t11"}, 0, "/srv/app", "/usr/bin/app"},
      Case{
          "init of a namespace two levels down", {.ns_pid = "\t40\t1"}, REDAN_EXEC_NS_INIT, "/srv/app", "/usr/bin/app"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const FakeProcfs procfs;
    procfs.add(c.process);
    const Scan found = scan(procfs, {{.tgid = 100}});
    CHECK(found.of(100).fixed.hdr.flags == (REDAN_EXEC_BACKFILL | c.flags));
    CHECK(event::cwd_text(found.of(100).cwd) == c.cwd);
    CHECK(found.of(100).filename == c.binary);
  }
}

TEST_CASE("the host's own pid 1 is no init of a namespace below") {
  const FakeProcfs procfs;
  procfs.add({.pid = 1});
  CHECK(scan(procfs, {{.tgid = 1}}).of(1).fixed.hdr.flags == REDAN_EXEC_BACKFILL);
}

TEST_CASE("the longest path that there can be fits") {
  const FakeProcfs procfs;
  std::string path;
  while (path.size() + 256 < REDAN_PATH_MAX) path += '/' + std::string(REDAN_NAME_MAX, 'n');
  path.resize(REDAN_PATH_MAX - 1, 'n');
  procfs.add({.pid = 100, .cwd = path, .exe = path});
  const Scan found = scan(procfs, {{.tgid = 100}});
  CHECK((event::cwd_text(found.of(100).cwd) == path));
  CHECK((found.of(100).filename == path));
}

TEST_CASE("a kernel thread has its name in brackets, and nothing is read for it") {
  const FakeProcfs procfs;
  const Scan found = scan(procfs, {{.tgid = 2, .flags = REDAN_TASK_KTHREAD, .comm = "kthreadd"}});
  CHECK(found.of(2).filename == "[kthreadd]");
  CHECK(found.of(2).fixed.hdr.flags == (REDAN_EXEC_BACKFILL | REDAN_EXEC_KTHREAD | REDAN_EXEC_CWD_ROOT));
}

TEST_CASE("a process that has ended, or comes as a record of its own, is left out") {
  const FakeProcfs procfs;
  for (const uint32_t pid : {100U, 101U, 102U, 103U}) procfs.add({.pid = pid});
  const std::vector<TaskRow> tasks = {{.tgid = 100, .flags = REDAN_TASK_ENDED},
                                      {.tgid = 101, .time = kNow - 1, .image_flags = 0},
                                      {.tgid = 102, .time = kNow - 1, .image_flags = REDAN_IMAGE_LEARNT},
                                      {.tgid = 103, .time = kNow, .image_flags = REDAN_IMAGE_LEARNT}};
  CHECK(scan(procfs, tasks, {.seen_from = kNow}).pids() == std::vector<uint32_t>{102});
  CHECK(scan(procfs, tasks).pids() == std::vector<uint32_t>{101, 102, 103});
}

TEST_CASE("of an image that is known nothing is read, and it is in the scan") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  procfs.add({.pid = 101});
  const Scan found = scan(procfs, {{.tgid = 100}, {.tgid = 101}},
                          {.known = [](const redan_image& image) { return image.tgid == 100; }});
  CHECK(found.of(100).filename.empty());
  CHECK(found.of(101).filename == "/usr/bin/app");
}

TEST_CASE("strings of a process that called exec while they were read are nobody's") {
  const FakeProcfs procfs;
  for (const uint32_t pid : {100U, 101U, 102U}) procfs.add({.pid = pid});
  FakeLister lister({{{.tgid = 100}, {.tgid = 101}, {.tgid = 102}},
                     {{.tgid = 100}, {.tgid = 101, .time = kNow, .image_flags = 0}}});  // 101: a later exec; 102: gone
  const Scan found = scan(procfs, lister);
  CHECK(lister.calls == 2);
  CHECK(found.of(100).filename == "/usr/bin/app");
  for (const uint32_t pid : {101U, 102U}) {
    CAPTURE(pid);
    CHECK(found.of(pid).filename.empty());
    CHECK(found.of(pid).cwd.empty());
    CHECK(found.of(pid).args.empty());
    CHECK((found.of(pid).fixed.hdr.flags & REDAN_EXEC_FILENAME_UNREADABLE) != 0);
  }
}

TEST_CASE("a process that only forked, and called exec while strings were read, is left to the record of its exec") {
  constexpr unsigned kForked = REDAN_IMAGE_LEARNT | REDAN_IMAGE_FORKED;
  const FakeProcfs procfs;
  for (const uint32_t pid : {100U, 101U}) procfs.add({.pid = pid});
  FakeLister lister({{{.tgid = 100, .image_flags = kForked}, {.tgid = 101, .image_flags = kForked}},
                     {{.tgid = 100, .image_flags = kForked}, {.tgid = 101, .time = kNow, .image_flags = 0}}});
  CHECK(scan(procfs, lister).pids() == std::vector<uint32_t>{100});
}

TEST_CASE("a process whose files go away while they are read has what was read of them") {
  const FakeProcfs procfs;
  procfs.add({.pid = 100});
  procfs.remove(100);
  const Scan found = scan(procfs, {{.tgid = 100}});
  CHECK(found.of(100).filename.empty());
}

TEST_CASE("what the kernel does not list is found in procfs, with the creator by its pid alone") {
  const FakeProcfs procfs;
  procfs.add({.pid = 1, .comm = "init", .ppid = 0, .start_ticks = 3, .exe = "/sbin/init"});
  procfs.add({.pid = 100});
  const Scan found = scan(procfs, {{.tgid = 100}});
  CHECK(found.pids() == std::vector<uint32_t>{1, 100});  // the creator first
  CHECK(found.of(1).fixed.hdr.image_time == 3 * kTickNs);
  CHECK(found.of(1).fixed.creator.tgid == 0);
  CHECK(found.of(1).filename == "/sbin/init");
  CHECK(found.of(1).fixed.cred.euid == 1001);
}

TEST_CASE("a process that started after the tasks were listed is left to its own fork record") {
  const FakeProcfs procfs;
  const uint64_t now_ticks = kNow / kTickNs;
  procfs.add({.pid = 100, .start_ticks = now_ticks - 5});
  procfs.add({.pid = 101, .kernel_flags = kPfForkNoExec, .start_ticks = now_ticks});
  procfs.add({.pid = 102, .kernel_flags = kPfForkNoExec, .start_ticks = now_ticks + 1});
  CHECK(scan(procfs, std::vector<TaskRow>{}, {.seen_from = kNow}).pids() == std::vector<uint32_t>{100});
  CHECK(scan(procfs, std::vector<TaskRow>{}).pids() == std::vector<uint32_t>{100});
}

TEST_CASE("a kernel that cannot list its tasks is an error of the scan") {
  const FakeProcfs procfs;
  for (const int failing : {1, 2}) {
    CAPTURE(failing);
    int calls = 0;
    const auto frames = scan_frames(
        [&]() -> Result<std::vector<redan_task>> {
          if (++calls == failing) return Error{ErrorCode::kRuntime, "no list"};
          return std::vector<redan_task>();
        },
        {.procfs = procfs.path(), .now = kNow});
    REQUIRE_FALSE(frames.ok());
    CHECK(frames.error().message == "no list");
  }
}

TEST_CASE("creators come before what they created, the rest keeps its order") {
  struct Case {
    std::string name;
    std::vector<TaskRow> tasks;
    std::vector<uint32_t> wanted;
  };
  const std::array cases = {
      Case{"nothing", {}, {}},
      Case{"in order already", {{.tgid = 1, .creator = 0}, {.tgid = 5}, {.tgid = 7, .creator = 5}}, {1, 5, 7}},
      Case{"reversed",
           {{.tgid = 9, .creator = 7}, {.tgid = 7, .creator = 5}, {.tgid = 5, .creator = 1}, {.tgid = 1, .creator = 0}},
           {1, 5, 7, 9}},
      Case{"strangers keep their order",
           {{.tgid = 9, .creator = 80}, {.tgid = 3, .creator = 81}, {.tgid = 5, .creator = 82}},
           {9, 3, 5}},
      Case{"siblings keep their order",
           {{.tgid = 9, .creator = 4}, {.tgid = 8, .creator = 4}, {.tgid = 4, .creator = 1}},
           {4, 9, 8}},
      Case{"its own creator", {{.tgid = 9, .creator = 9}, {.tgid = 8, .creator = 9}}, {9, 8}},
      Case{"in a circle", {{.tgid = 1, .creator = 3}, {.tgid = 2, .creator = 1}, {.tgid = 3, .creator = 2}}, {2, 3, 1}},
      Case{"below a circle",
           {{.tgid = 5, .creator = 2}, {.tgid = 1, .creator = 2}, {.tgid = 2, .creator = 1}},
           {1, 2, 5}},
      Case{"the same pid twice",
           {{.tgid = 5, .creator = 4}, {.tgid = 5, .creator = 4}, {.tgid = 4, .creator = 1}},
           {4, 5, 5}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    std::vector<redan_task> tasks;
    for (const TaskRow& row : c.tasks) tasks.push_back(task_of(row));
    CHECK(order_of(creators_first(tasks)) == c.wanted);
  }
}

TEST_CASE("a chain of many thousand creators is put in order") {
  std::vector<redan_task> tasks;
  for (uint32_t tgid = 50'000; tgid > 0; --tgid) tasks.push_back(task_of({.tgid = tgid, .creator = tgid - 1}));
  std::vector<uint32_t> wanted(tasks.size());
  std::iota(wanted.begin(), wanted.end(), 1U);
  CHECK((order_of(creators_first(tasks)) == wanted));
}

}  // namespace redan::metadata
