// SPDX-License-Identifier: Apache-2.0
#include "engine/exec_image.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "unit/event/records.h"

namespace redan::engine {
namespace {

using event::ExecRecord;
using event::raw;

/// A record and the view of it, which points into the frame.
class Decoded {
 public:
  explicit Decoded(const ExecRecord& record) : frame_(record.frame()) {
    const auto view = event::decode(frame_);
    REQUIRE(view.has_value());
    view_ = std::get<event::ExecView>(*view);
  }
  const event::ExecView& view() const { return view_; }

 private:
  event::Frame frame_;
  event::ExecView view_{};
};

event::Image image_of(const ExecRecord& record) { return exec_image(Decoded(record).view()); }
uint32_t flags_of(const ExecRecord& record) { return exec_flags(Decoded(record).view()); }

}  // namespace

TEST_CASE("arguments are those behind argv[0]") {
  struct Case {
    std::string name;
    std::string record;
    std::string args;
  };
  const std::array cases = {
      Case{"none at all", "", ""},
      Case{"argv[0] alone", raw("sh\0"), ""},
      Case{"argv[0] was cut", "sh", ""},
      Case{"one", raw("sh\0-c\0"), raw("-c\0")},
      Case{"the last one was cut", raw("sh\0-c\0ec"), raw("-c\0ec")},
      Case{"empty argv[0]", raw("\0a\0"), raw("a\0")},
      Case{"empty arguments", raw("sh\0\0\0"), raw("\0\0")},
      Case{"bytes that are no text", raw("sh\0\xff\n \"\0"), raw("\xff\n \"\0")},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(image_of({.args = c.record}).args == c.args);
  }
}

TEST_CASE("the binary is the absolute, clean path of the file name") {
  struct Case {
    std::string name;
    ExecRecord record;
    std::string binary;
  };
  const std::array cases = {
      Case{"absolute", {.cwd = "/srv", .filename = "/bin/sh"}, "/bin/sh"},
      Case{"absolute stays as it was given", {.cwd = "/srv", .filename = "/bin/../bin//sh"}, "/bin/../bin//sh"},
      Case{"relative", {.cwd = "/srv", .filename = "bin/app"}, "/srv/bin/app"},
      Case{"with a dot", {.cwd = "/srv", .filename = "./app"}, "/srv/app"},
      Case{"with two dots", {.cwd = "/srv/a", .filename = "../../../app"}, "/app"},
      Case{"relative to the root", {.flags = REDAN_EXEC_CWD_ROOT, .cwd = "", .filename = "app"}, "/app"},
      Case{"the working directory is not readable", {.flags = REDAN_EXEC_CWD_UNREADABLE, .filename = "./app"}, "./app"},
      Case{"a deleted directory",
           {.flags = REDAN_EXEC_CWD_DELETED, .cwd = "/gone", .filename = "./app"},
           "/gone (deleted)/app"},
      Case{"no name", {.filename = ""}, ""},
      Case{"a kernel thread",
           {.flags = REDAN_EXEC_KTHREAD, .scanned = true, .cwd = "/", .filename = "[kthreadd]"},
           "[kthreadd]"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(image_of(c.record).binary == c.binary);
  }
}

TEST_CASE("the working directory says what is known of it") {
  struct Case {
    std::string name;
    ExecRecord record;
    std::string cwd;
    uint32_t flags;
  };
  const std::array cases = {
      Case{"a folder", {.cwd = "/srv/app"}, "/srv/app", 0},
      Case{"the root", {.flags = REDAN_EXEC_CWD_ROOT, .cwd = ""}, "/", event::kFlagRootCwd},
      Case{"deleted", {.flags = REDAN_EXEC_CWD_DELETED, .cwd = "/srv"}, "/srv (deleted)", 0},
      Case{"unresolved",
           {.flags = REDAN_EXEC_CWD_UNRESOLVED, .cwd = "/srv"},
           "/srv",
           event::kFlagErrorPathResolutionCwd},
      Case{"unreadable", {.flags = REDAN_EXEC_CWD_UNREADABLE, .cwd = "/srv"}, "", event::kFlagErrorCwd},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(image_of(c.record).cwd == c.cwd);
    CHECK((flags_of(c.record) & ~uint32_t{event::kFlagExecve}) == c.flags);
  }
}

TEST_CASE("each flag of a record becomes its word and no other") {
  struct Case {
    unsigned record;
    uint32_t process;
  };
  const std::array cases = {
      Case{0, 0},
      Case{REDAN_EXEC_CWD_ROOT, event::kFlagRootCwd},
      Case{REDAN_EXEC_CWD_DELETED, 0},
      Case{REDAN_EXEC_CWD_UNRESOLVED, event::kFlagErrorPathResolutionCwd},
      Case{REDAN_EXEC_CWD_UNREADABLE, event::kFlagErrorCwd},
      Case{REDAN_EXEC_FILENAME_UNREADABLE, event::kFlagErrorFilename},
      Case{REDAN_EXEC_ARGS_UNREADABLE, event::kFlagErrorArgs},
      Case{REDAN_EXEC_ENV_UNREADABLE, event::kFlagErrorEnvs},
      Case{REDAN_EXEC_CGROUP_NAME_UNREADABLE, event::kFlagErrorCgroupName},
      Case{REDAN_EXEC_SETUID, 0},
      Case{REDAN_EXEC_SETGID, 0},
      Case{REDAN_EXEC_FILE_CAPS, 0},
      Case{REDAN_EXEC_BY_THREAD, 0},
      Case{REDAN_EXEC_KTHREAD, 0},
      Case{REDAN_EXEC_NS_INIT, 0},
      Case{1U << 15, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.record);
    CHECK(flags_of({.flags = c.record}) == (event::kFlagExecve | c.process));
    CHECK(flags_of({.flags = c.record, .scanned = true}) == c.process);
  }
}

TEST_CASE("what upstream sends in a second message has the word for it, from the same size on") {
  const std::string filename = "/bin/sh";
  const auto args_of = [&](size_t behind_first) { return raw("sh\0") + std::string(behind_first, 'a'); };
  const size_t most_inline = 1024 - 56 - filename.size() - 1 - 1;
  CHECK(flags_of({.filename = filename, .args = args_of(most_inline)}) == event::kFlagExecve);
  CHECK(flags_of({.filename = filename, .args = args_of(most_inline + 1)}) ==
        (event::kFlagExecve | event::kFlagDataArgs));
  CHECK(flags_of({.scanned = true, .filename = filename, .args = args_of(10'000)}) == 0);

  CHECK(flags_of({.filename = std::string(255, 'f')}) == event::kFlagExecve);
  CHECK(flags_of({.filename = std::string(256, 'f')}) == (event::kFlagExecve | event::kFlagDataFilename));
  CHECK(flags_of({.scanned = true, .filename = std::string(256, 'f')}) == 0);
  // A name so long that nothing else fits.
  CHECK(flags_of({.filename = std::string(967, 'f'), .args = raw("sh\0")}) ==
        (event::kFlagExecve | event::kFlagDataFilename | event::kFlagDataArgs));
}

TEST_CASE("everything else of an image is as in the record") {
  redan_credentials cred{};
  cred.uid = 1000;
  cred.euid = 7;
  cred.auid = 1001;
  cred.permitted = 1ULL << 40;
  redan_namespaces ns{};
  ns.inum[REDAN_NS_USER] = 99;
  const event::Image image = image_of(
      {.cred = cred, .ns = ns, .cgroup_id = 1ULL << 40, .cgroup_name = "user.slice", .environment = raw("A=1\0B=\0")});
  CHECK(image.uid == 7);
  CHECK(image.cred.auid == 1001);
  CHECK(image.cred.permitted == 1ULL << 40);
  CHECK(image.ns.inum[REDAN_NS_USER] == 99);
  CHECK(image.cgroup_id == 1ULL << 40);
  CHECK(image.cgroup_name == "user.slice");
  CHECK(image.environment == raw("A=1\0B=\0"));
  CHECK(image.user_name.empty());
}

TEST_CASE("binary properties say what the file gave to the process") {
  struct Case {
    std::string name;
    unsigned flags;
    redan_credentials cred;
    event::BinaryProperties wanted;
  };
  const std::array cases = {
      Case{"nothing", 0, {.uid = 1000, .euid = 0}, {}},
      Case{"setuid root", REDAN_EXEC_SETUID, {.uid = 1000, .euid = 0}, {.setuid = 0, .raised_setuid = true}},
      Case{"setuid root by root", REDAN_EXEC_SETUID, {.uid = 0, .euid = 0}, {.setuid = 0}},
      Case{"setuid another user", REDAN_EXEC_SETUID, {.uid = 1000, .euid = 33}, {.setuid = 33}},
      Case{"setgid root", REDAN_EXEC_SETGID, {.gid = 1000, .egid = 0}, {.setgid = 0, .raised_setgid = true}},
      Case{"setgid another group", REDAN_EXEC_SETGID, {.gid = 1000, .egid = 5}, {.setgid = 5}},
      Case{"file capabilities", REDAN_EXEC_FILE_CAPS, {.uid = 1000, .euid = 1000}, {.raised_file_caps = true}},
      Case{"all of it",
           REDAN_EXEC_SETUID | REDAN_EXEC_SETGID | REDAN_EXEC_FILE_CAPS,
           {.uid = 1, .gid = 1, .euid = 0, .egid = 0},
           {.setuid = 0, .setgid = 0, .raised_file_caps = true, .raised_setuid = true, .raised_setgid = true}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(exec_properties(ExecRecord{.flags = c.flags, .cred = c.cred}.fixed()) == c.wanted);
  }
}

TEST_CASE("a binary without a name shows its inode") {
  CHECK(exec_properties(ExecRecord{.exe_nlink = 0, .exe_ino = 12}.fixed()).unlinked_inode == 12);
  CHECK_FALSE(exec_properties(ExecRecord{.exe_nlink = 1, .exe_ino = 12}.fixed()).unlinked_inode.has_value());
}

TEST_CASE("what a limit left out is told with its sizes, what could not be read is not") {
  struct Case {
    std::string name;
    ExecRecord record;
    std::vector<std::string> cuts;
    bool truncated;
  };
  const std::array cases = {
      Case{"all there", {}, {}, false},
      Case{"arguments", {.args = raw("sh\0a"), .args_total = 70'000}, {"arguments 70000 4"}, true},
      Case{"environment", {.environment = "A=", .env_total = 9}, {"environment_variables 9 2"}, false},
      Case{"both",
           {.args = "s", .environment = "A", .args_total = 2, .env_total = 3},
           {"arguments 2 1", "environment_variables 3 1"},
           true},
      Case{"arguments unreadable", {.flags = REDAN_EXEC_ARGS_UNREADABLE, .args = "", .args_total = 5}, {}, true},
      Case{"environment unreadable", {.flags = REDAN_EXEC_ENV_UNREADABLE, .env_total = 5}, {}, false},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    std::vector<std::string> found;
    for (const Cut& cut : exec_cuts(Decoded(c.record).view())) {
      found.push_back(std::string(cut.field) + ' ' + std::to_string(cut.total) + ' ' + std::to_string(cut.kept));
    }
    CHECK(found == c.cuts);
    CHECK(((flags_of(c.record) & event::kFlagTruncArgs) != 0) == c.truncated);
  }
}

TEST_CASE("a process is in the host's namespaces if its users and its files are the host's") {
  redan_namespaces host{};
  for (uint32_t i = 0; i < REDAN_NS_COUNT; ++i) host.inum[i] = 100 + i;
  for (uint32_t i = 0; i < REDAN_NS_COUNT; ++i) {
    CAPTURE(i);
    redan_namespaces other = host;
    other.inum[i] = 7;
    CHECK(in_host_namespaces(other, host) == (i != REDAN_NS_USER && i != REDAN_NS_MNT));
  }
  CHECK(in_host_namespaces(host, host));
}

}  // namespace redan::engine
