// SPDX-License-Identifier: Apache-2.0
// Whole lines, one per shape of event, written by hand from the API reference (3.1, 3.2).

#include "export/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "unit/export/builders.h"

namespace redan::exporting {
namespace {

constexpr redan_namespaces kHostNamespaces{{4026531838, 4026531839, 4026531841, 4026531836, 4026531836, 4026531840,
                                            4026531834, 4026531834, 4026531835, 4026531837}};

/// All options on.
JsonOptions all_options() {
  return {
      .node_name = "edge-07",
      .cluster_name = "prod-eu",
      .process = {.credentials = true, .namespaces = true, .environment = true, .host_namespaces = kHostNamespaces}};
}

/// pid 1 in the reference's example.
event::Process systemd() {
  event::Image image;
  image.binary = "/usr/lib/systemd/systemd";
  image.cwd = "/";
  image.cred.auid = 4294967295;
  event::Process process = plain_process(image);
  process.key = {.tgid = 1, .time = 14'900'000'000};
  process.flags = event::kFlagProcFs | event::kFlagRootCwd;
  process.start_time = 14'900'000'000;
  return process;
}

/// The shell of the reference's example.
event::Process shell() {
  event::Image image;
  image.binary = "/bin/bash";
  image.args = bytes("-l\0");
  image.cwd = "/srv/app";
  image.cgroup_name = "cri-containerd-aa11bb22cc33dd44ee55ff6600112233445566778899aabbccddeeff00112233.scope";
  image.uid = 1000;
  image.cred = {.uid = 1000,
                .gid = 1000,
                .euid = 1000,
                .egid = 1000,
                .suid = 1000,
                .sgid = 1000,
                .fsuid = 1000,
                .fsgid = 1000,
                .auid = 1000};
  image.ns = kHostNamespaces;
  event::Process process = plain_process(image);
  process.key = {.tgid = 998, .time = 80'000'112'233'445};
  process.parent = {.tgid = 1, .time = 14'900'000'000};
  process.has_parent = true;
  process.flags = event::kFlagInInitTree | event::kFlagClone | event::kFlagExecve;
  process.in_init_tree = true;
  process.start_time = kTime.boot_ns - 31'400'345'678;
  return process;
}

/// The sudo of the reference's example.
event::Process sudo() {
  event::Image image = *shell().image;
  image.binary = "/usr/bin/sudo";
  image.args = bytes("-u\0root\0/usr/bin/id\0");
  image.environment = bytes("TERM=xterm\0");
  image.uid = 0;
  image.cred = {.uid = 1000,
                .gid = 1000,
                .euid = 0,
                .egid = 1000,
                .suid = 0,
                .sgid = 1000,
                .fsuid = 0,
                .fsgid = 0,
                .auid = 1000,
                .permitted = 0b11000011,
                .effective = 0b11000011};
  image.ns = {{4026532741, 4026532742, 4026532744, 4026532745, 4026532745, 4026532640, 4026531834, 4026531834,
               4026532746, 4026531837}};
  event::Process process = plain_process(image);
  process.key = {.tgid = 4120, .time = 81'230'045'512'345};
  process.parent = {.tgid = 998, .time = 80'000'112'233'445};
  process.has_parent = true;
  process.flags = event::kFlagExecve | event::kFlagClone | event::kFlagInInitTree;
  process.in_init_tree = true;
  process.start_time = kTime.boot_ns;
  return process;
}

// clang-format off
constexpr std::string_view kSystemdText =
    R"({"exec_id":"ZWRnZS0wNzoxNDkwMDAwMDAwMDox","pid":1,"uid":0,"cwd":"/","binary":"/usr/lib/systemd/systemd")"
    R"(,"flags":"procFS rootcwd","start_time":"2026-08-20T10:40:27.366833333Z","auid":4294967295,"tid":1,"in_init_tree":false})";

constexpr std::string_view kShellText =
    R"({"exec_id":"ZWRnZS0wNzo4MDAwMDExMjIzMzQ0NTo5OTg=","pid":998,"uid":1000,"cwd":"/srv/app","binary":"/bin/bash")"
    R"(,"arguments":"-l","flags":"execve clone inInitTree","start_time":"2026-08-21T09:13:31.112Z","auid":1000)"
    R"(,"docker":"aa11bb22cc33dd44ee55ff660011223","parent_exec_id":"ZWRnZS0wNzoxNDkwMDAwMDAwMDox","tid":998,"in_init_tree":true})";
// clang-format on

}  // namespace

TEST_CASE("exec: the example of the reference, without what comes from Kubernetes") {
  event::ProcessExec exec{
      .time = kTime, .process = share(sudo()), .parent = share(shell()), .ancestors = {share(systemd())}};
  exec.properties = {.setuid = 0, .raised_setuid = true};
  // clang-format off
  CHECK(line_of(exec, all_options()) ==
    R"({"process_exec":{"process":{"exec_id":"ZWRnZS0wNzo4MTIzMDA0NTUxMjM0NTo0MTIw","pid":4120,"uid":0,"cwd":"/srv/app")"
    R"(,"binary":"/usr/bin/sudo","arguments":"-u root /usr/bin/id","flags":"execve clone inInitTree")"
    R"(,"start_time":"2026-08-21T09:14:02.512345678Z","auid":1000,"docker":"aa11bb22cc33dd44ee55ff660011223")"
    R"(,"parent_exec_id":"ZWRnZS0wNzo4MDAwMDExMjIzMzQ0NTo5OTg=")"
    R"(,"cap":{"permitted":["CAP_CHOWN","DAC_OVERRIDE","CAP_SETGID","CAP_SETUID"],"effective":["CAP_CHOWN","DAC_OVERRIDE","CAP_SETGID","CAP_SETUID"]})"
    R"(,"ns":{"uts":{"inum":4026532741},"ipc":{"inum":4026532742},"mnt":{"inum":4026532744},"pid":{"inum":4026532745})"
    R"(,"pid_for_children":{"inum":4026532745},"net":{"inum":4026532640},"time":{"inum":4026531834,"is_host":true})"
    R"(,"time_for_children":{"inum":4026531834,"is_host":true},"cgroup":{"inum":4026532746},"user":{"inum":4026531837,"is_host":true}})"
    R"(,"tid":4120,"process_credentials":{"uid":1000,"gid":1000,"euid":0,"egid":1000,"suid":0,"sgid":1000,"fsuid":0,"fsgid":0})"
    R"(,"binary_properties":{"setuid":0,"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_SETUID"]},"in_init_tree":true)"
    R"(,"environment_variables":[{"Key":"TERM","Value":"xterm"}]})"
    R"(,"parent":{"exec_id":"ZWRnZS0wNzo4MDAwMDExMjIzMzQ0NTo5OTg=","pid":998,"uid":1000,"cwd":"/srv/app","binary":"/bin/bash")"
    R"(,"arguments":"-l","flags":"execve clone inInitTree","start_time":"2026-08-21T09:13:31.112Z","auid":1000)"
    R"(,"docker":"aa11bb22cc33dd44ee55ff660011223","parent_exec_id":"ZWRnZS0wNzoxNDkwMDAwMDAwMDox","cap":{})"
    R"(,"ns":{"uts":{"inum":4026531838,"is_host":true},"ipc":{"inum":4026531839,"is_host":true},"mnt":{"inum":4026531841,"is_host":true})"
    R"(,"pid":{"inum":4026531836,"is_host":true},"pid_for_children":{"inum":4026531836,"is_host":true},"net":{"inum":4026531840,"is_host":true})"
    R"(,"time":{"inum":4026531834,"is_host":true},"time_for_children":{"inum":4026531834,"is_host":true})"
    R"(,"cgroup":{"inum":4026531835,"is_host":true},"user":{"inum":4026531837,"is_host":true}})"
    R"(,"tid":998,"process_credentials":{"uid":1000,"gid":1000,"euid":1000,"egid":1000,"suid":1000,"sgid":1000,"fsuid":1000,"fsgid":1000})"
    R"(,"in_init_tree":true})"
    R"(,"ancestors":[{"exec_id":"ZWRnZS0wNzoxNDkwMDAwMDAwMDox","pid":1,"uid":0,"cwd":"/","binary":"/usr/lib/systemd/systemd")"
    R"(,"flags":"procFS rootcwd","start_time":"2026-08-20T10:40:27.366833333Z","auid":4294967295,"cap":{},"tid":1)"
    R"(,"process_credentials":{"uid":0,"gid":0,"euid":0,"egid":0,"suid":0,"sgid":0,"fsuid":0,"fsgid":0},"in_init_tree":false}]})"
    R"(,"node_name":"edge-07","time":"2026-08-21T09:14:02.512345678Z","cluster_name":"prod-eu"})" "\n");
  // clang-format on
}

TEST_CASE("exec: a bare host event") {
  const event::ProcessExec exec{.time = kTime, .process = share(shell()), .parent = share(systemd())};
  CHECK(line_of(exec, {.node_name = "edge-07"}) ==
        R"({"process_exec":{"process":)" + std::string(kShellText) + R"(,"parent":)" + std::string(kSystemdText) +
            R"(},"node_name":"edge-07","time":"2026-08-21T09:14:02.512345678Z"})" + "\n");
}

TEST_CASE("exec: the parent is absent if it is not known") {
  const event::ProcessExec exec{.time = kTime, .process = share(systemd())};
  CHECK(line_of(exec, {.node_name = "edge-07"}) ==
        R"({"process_exec":{"process":)" + std::string(kSystemdText) +
            R"(},"node_name":"edge-07","time":"2026-08-21T09:14:02.512345678Z"})" + "\n");
}

TEST_CASE("exit: order of the fields, and the time in two places") {
  event::ProcessExit exit{.time = {.boot_ns = kTime.boot_ns + 487'854'622, .wall_offset_ns = kTime.wall_offset_ns},
                          .process = share(shell()),
                          .parent = share(systemd()),
                          .ancestors = {share(systemd()), share(systemd())},
                          .code = 1 << 8 | 9};
  const std::string systemd_text(kSystemdText);
  CHECK(line_of(exit, {.node_name = "edge-07"}) ==
        R"({"process_exit":{"process":)" + std::string(kShellText) + R"(,"parent":)" + systemd_text +
            R"(,"signal":"SIGKILL","status":1,"time":"2026-08-21T09:14:03.000200300Z","ancestors":[)" + systemd_text +
            "," + systemd_text + R"(]},"node_name":"edge-07","time":"2026-08-21T09:14:03.000200300Z"})" + "\n");

  exit.code = 0;
  exit.ancestors.clear();
  CHECK(
      line_of(exit, {.node_name = "edge-07"}) ==
      R"({"process_exit":{"process":)" + std::string(kShellText) + R"(,"parent":)" + systemd_text +
          R"(,"time":"2026-08-21T09:14:03.000200300Z"},"node_name":"edge-07","time":"2026-08-21T09:14:03.000200300Z"})" +
          "\n");
}

TEST_CASE("exit: signal and status are those of wait(2)") {
  struct Case {
    uint32_t code;
    std::optional<std::string> signal;
    std::optional<std::string> status;
  };
  const char* const names[] = {"SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",  "SIGTRAP",   "SIGABRT", "SIGBUS",
                               "SIGFPE",  "SIGKILL",   "SIGUSR1", "SIGSEGV", "SIGUSR2",   "SIGPIPE", "SIGALRM",
                               "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP",   "SIGTSTP", "SIGTTIN",
                               "SIGTTOU", "SIGURG",    "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH",
                               "SIGIO",   "SIGPWR",    "SIGSYS"};
  std::vector<Case> cases = {{0, std::nullopt, std::nullopt},
                             {0x80 | 11, R"("SIGSEGV")", std::nullopt},  // with a core dump
                             {0x3ff00, std::nullopt, "255"}};
  for (uint32_t status = 1; status < 256; ++status)
    cases.push_back({status << 8, std::nullopt, std::to_string(status)});
  uint32_t number = 0;
  for (const char* name : names) cases.push_back({++number, '"' + std::string(name) + '"', std::nullopt});
  REQUIRE(number == 31);
  for (uint32_t real_time = 32; real_time <= 64; ++real_time) cases.push_back({real_time, std::nullopt, std::nullopt});
  cases.push_back({0x7f, std::nullopt, std::nullopt});

  for (const Case& c : cases) {
    CAPTURE(c.code);
    const std::string line = line_of(exit_of(plain_process(), c.code));
    CHECK(member(line, "process_exit", "signal") == c.signal);
    CHECK(member(line, "process_exit", "status") == c.status);
  }
}

TEST_CASE("redan: Redan's own records") {
  const event::Notice notice{.time = kTime,
                             .kind = "start",
                             .fields = {{"version", "0.1.0"},
                                        {"boots", uint64_t{0}},
                                        {"most", uint64_t{18446744073709551615u}},
                                        {"lockdown", false},
                                        {"btf", true},
                                        {"empty", ""},
                                        {"process", event::ImageKey{.tgid = 4120, .time = 81'230'045'512'345}},
                                        {"odd \"name\"", "new\nline"}}};
  CHECK(
      line_of(notice, {.node_name = "edge-07"}) ==
      R"({"redan":{"kind":"start","version":"0.1.0","boots":"0","most":"18446744073709551615","lockdown":false,"btf":true,"empty":"")"
      R"(,"process":"ZWRnZS0wNzo4MTIzMDA0NTUxMjM0NTo0MTIw","odd \"name\"":"new\nline"},"node_name":"edge-07","time":"2026-08-21T09:14:02.512345678Z"})"
      "\n");
  CHECK(line_of(event::Notice{.time = kTime, .kind = "ready"}, {.node_name = "n", .cluster_name = "c"}) ==
        R"({"redan":{"kind":"ready"},"node_name":"n","time":"2026-08-21T09:14:02.512345678Z","cluster_name":"c"})"
        "\n");
}

TEST_CASE("node and cluster names are escaped, and may be long") {
  const std::string line = line_of(exec_of(plain_process()), {.node_name = "a\"b\xff", .cluster_name = "c\\d"});
  CHECK(member(line, "node_name") == "\"a\\\"b\uFFFD\"");
  CHECK(member(line, "cluster_name") == R"("c\\d")");

  const std::string long_name(10000, 'n');
  const std::string long_line = line_of(exec_of(plain_process()), {.node_name = long_name});
  CHECK(member(long_line, "node_name") == '"' + long_name + '"');
  CHECK(member(long_line, "process_exec", "process", "exec_id")->size() == 2 + (10000 + 4 + 2) / 3 * 4);
}

TEST_CASE("one encoder: lines are appended, and do not depend on what was encoded before") {
  JsonEncoder encoder({.node_name = "edge-07"});
  const event::ProcessRef parent = share(systemd());
  std::vector<event::Event> events;
  for (uint32_t i = 0; i < 2000; ++i) {  // many more than are remembered
    event::Process process = shell();
    process.key.tgid = i;
    const event::ProcessRef shared = share(process);
    events.emplace_back(event::ProcessExec{.time = kTime, .process = shared, .parent = parent});
    event::ProcessExec special{.time = kTime, .process = shared, .parent = parent};
    special.properties.setuid = i;
    events.emplace_back(special);
    // The clock was set: the same process started at another time of day.
    const event::EventTime later{.boot_ns = kTime.boot_ns, .wall_offset_ns = kTime.wall_offset_ns + i};
    events.emplace_back(event::ProcessExit{.time = later, .process = shared, .parent = parent});
  }
  std::string all = "before\n";
  std::string expected = all;
  for (const event::Event& event : events) {
    encoder.append(event, all);
    expected += line_of(event, {.node_name = "edge-07"});
  }
  CHECK(all == expected);
}

TEST_CASE("one encoder: a process whose address was that of another one") {
  JsonEncoder encoder({.node_name = "n"});
  for (uint32_t i = 1; i < 1000; ++i) {
    event::Process process = plain_process();
    process.key.tgid = i;
    std::string line;
    encoder.append(exec_of(process), line);
    REQUIRE(member(line, "process_exec", "process", "pid") == std::to_string(i));
  }
}

TEST_CASE("times that no clock shows still are a line") {
  const event::EventTime never{.boot_ns = UINT64_MAX / 2 + 1, .wall_offset_ns = INT64_MIN};
  event::Process process = plain_process();
  process.start_time = never.boot_ns;
  const std::string line = line_of(event::ProcessExec{.time = never, .process = share(process)});
  CHECK(member(line, "time") == "\"1970-01-01T00:00:00Z\"");
  CHECK(member(line, "process_exec", "process", "start_time") == "\"1970-01-01T00:00:00Z\"");
}

TEST_CASE("an event without a process still is a line") {
  CHECK(line_of(event::ProcessExec{.time = kTime}) ==
        R"({"process_exec":{},"node_name":"n","time":"2026-08-21T09:14:02.512345678Z"})"
        "\n");
}

}  // namespace redan::exporting
