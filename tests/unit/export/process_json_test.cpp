// SPDX-License-Identifier: Apache-2.0
// The fields of a process, one table per field.

#include "export/process_json.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "unit/export/builders.h"

namespace redan::exporting {
namespace {

using Text = std::optional<std::string>;

constexpr Text kAbsent = std::nullopt;

JsonOptions with_credentials() { return {.node_name = "n", .process = {.credentials = true}}; }

/// A field of the process of an exec, as it is written.
Text field(const event::Process& process, std::string_view name, const JsonOptions& options = {.node_name = "n"}) {
  return member(line_of(exec_of(process), options), "process_exec", "process", name);
}

/// The same for a process with this image.
Text image_field(const event::Image& image, std::string_view name, const JsonOptions& options = {.node_name = "n"}) {
  return field(plain_process(image), name, options);
}

}  // namespace

TEST_CASE("the least that a process has") {
  CHECK(
      *member(line_of(exec_of(plain_process())), "process_exec", "process") ==
      R"({"exec_id":"bjo1Ojc=","pid":7,"uid":0,"start_time":"2026-08-20T10:40:12.466833333Z","auid":1000,"tid":7,"in_init_tree":false})");
}

TEST_CASE("wrappers print zero") {
  event::Image image;  // auid 0
  event::Process process = plain_process(image);
  process.key.tgid = 0;
  for (const char* name : {"pid", "uid", "auid", "tid"}) {
    CAPTURE(name);
    CHECK(field(process, name) == "0");
  }
  CHECK(field(process, "in_init_tree") == "false");
  process.in_init_tree = true;
  CHECK(field(process, "in_init_tree") == "true");
}

TEST_CASE("a process without an image: only what is known of it") {
  event::Process process = plain_process();
  process.image = nullptr;
  process.flags = event::kFlagMiss;
  const JsonOptions all{.node_name = "n", .process = {.credentials = true, .namespaces = true, .environment = true}};
  CHECK(
      *member(line_of(exec_of(process), all), "process_exec", "process") ==
      R"({"exec_id":"bjo1Ojc=","pid":7,"flags":"miss","start_time":"2026-08-20T10:40:12.466833333Z","tid":7,"in_init_tree":false})");
}

TEST_CASE("uid is the image's, auid that of the credentials") {
  event::Image image;
  image.uid = 1001;
  image.cred.euid = 5;
  image.cred.auid = 4294967295;
  CHECK(image_field(image, "uid") == "1001");
  CHECK(image_field(image, "auid") == "4294967295");
}

TEST_CASE("texts are absent when empty, and escaped") {
  struct Case {
    const char* field;
    std::string event::Image::*member;
  };
  for (const Case& c : {Case{"cwd", &event::Image::cwd}, Case{"binary", &event::Image::binary}}) {
    CAPTURE(c.field);
    event::Image image;
    CHECK(image_field(image, c.field) == kAbsent);
    image.*c.member = "/tmp/a \"b\"\n\xff";
    CHECK(image_field(image, c.field) == "\"/tmp/a \\\"b\\\"\\n\uFFFD\"");
  }
  event::Image image;
  CHECK(image_field(image, "user") == kAbsent);
  image.user_name = "ro\"ot";
  CHECK(image_field(image, "user") == R"({"name":"ro\"ot"})");
}

TEST_CASE("arguments are joined by one space") {
  struct Case {
    const char* name;
    std::string args;
    Text text;
  };
  const Case cases[] = {
      {"none", "", kAbsent},
      {"one", bytes("a\0"), R"("a")"},
      {"the last one without NUL", bytes("a\0b"), R"("a b")"},
      {"three", bytes("-u\0root\0/usr/bin/id\0"), R"("-u root /usr/bin/id")"},
      {"an empty one alone", bytes("\0"), kAbsent},
      {"two empty ones", bytes("\0\0"), R"(" ")"},
      {"an empty one at the end", bytes("a\0\0"), R"("a ")"},
      {"an empty one at the start", bytes("\0b\0"), R"(" b")"},
      {"an empty one between", bytes("a\0\0b\0"), R"("a  b")"},
      {"one with a space", bytes("two words\0"), R"(" \"two words\"")"},
      {"with a space at the start", bytes("two words\0x\0"), R"(" \"two words\" x")"},
      {"with a space behind an empty one", bytes("\0two words\0x\0"), R"(" \"two words\" x")"},
      {"with a space behind another", bytes("-c\0exec /bin/true second\0"), R"("-c \"exec /bin/true second\"")"},
      {"with a space at the end, without NUL", bytes("a\0b c"), R"("a \"b c\"")"},
      {"with a space, then an empty one", bytes("a b\0\0"), R"(" \"a b\" ")"},
      {"a space alone", bytes(" \0"), R"(" \" \"")"},
      {"quotes inside are not escaped twice", bytes("say \"hi\"\0it's\0"), R"(" \"say \"hi\"\" it's")"},
      {"tab and newline are no spaces", bytes("a\tb\0c\nd\0"), R"("a\tb c\nd")"},
      {"as recorded",
       bytes("\0two words\0quo\"te\0back\\slash\0tab\there\0new\nline\0caf\xc3\xa9\0"
             "bad\xff\xfe\0"),
       R"(" \"two words\" quo\"te back\\slash tab\there new\nline café bad)"
       "\uFFFD\""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Image image;
    image.args = c.args;
    CHECK(image_field(image, "arguments") == c.text);
  }
}

TEST_CASE("arguments: every cut of a long list, with and without spaces") {
  for (const bool spaces : {false, true}) {
    std::string args;
    std::string text;
    for (int i = 0; i < 2000; ++i) {
      std::string argument = "arg-" + std::to_string(i);
      if (spaces && i % 7 == 3) argument += " x";
      args += argument + '\0';
      if (i > 0) text += ' ';
      text += argument.find(' ') == std::string::npos ? argument : "\\\"" + argument + "\\\"";
    }
    event::Image image;
    image.args = args;
    CHECK(image_field(image, "arguments") == '"' + text + '"');
  }
}

TEST_CASE("flags: each word, in the order of the reference") {
  struct Case {
    uint32_t bit;
    const char* word;
  };
  const Case cases[] = {
      {0x1, "execve"},
      {0x4, "procFS"},
      {0x8, "errorEnvs"},
      {0x10, "truncArgs"},
      {0x40, "miss"},
      {0x100, "errorFilename"},
      {0x200, "errorArgs"},
      {0x800, "nocwd"},
      {0x1000, "rootcwd"},
      {0x2000, "errorCWD"},
      {0x4000, "clone"},
      {0x10000, "errorCgroupName"},
      {0x200000, "errorCgroupID"},
      {0x40000, "errorCgroupSubsysCgrp"},
      {0x80000, "errorCgroupSubsys"},
      {0x100000, "errorCgroups"},
      {0x400000, "errorPathResolutionCwd"},
      {0x800000, "dataFilename"},
      {0x1000000, "dataArgs"},
      {0x2000000, "inInitTree"},
  };
  const auto flags = [](uint32_t bits) {
    event::Process process = plain_process();
    process.flags = bits;
    return field(process, "flags");
  };
  uint32_t known = 0;
  std::string all;
  for (const Case& c : cases) {
    CAPTURE(c.word);
    CHECK(flags(c.bit) == '"' + std::string(c.word) + '"');
    CHECK(flags(c.bit | 0x80000000) == '"' + std::string(c.word) + '"');
    known |= c.bit;
    all += (all.empty() ? "" : " ") + std::string(c.word);
  }
  CHECK(flags(known) == '"' + all + '"');
  CHECK(flags(0xffffffff) == '"' + all + '"');
  CHECK(flags(~known) == kAbsent);
  CHECK(flags(0) == kAbsent);
}

TEST_CASE("parent_exec_id is there if the parent is known, whether or not it is there itself") {
  event::Process process = plain_process();
  process.parent = {.tgid = 7, .time = 5};
  CHECK(field(process, "parent_exec_id") == kAbsent);
  process.has_parent = true;
  CHECK(field(process, "parent_exec_id") == R"("bjo1Ojc=")");
  process.parent = {.tgid = 0, .time = 1};
  CHECK(field(process, "parent_exec_id") == R"("bjoxOjA=")");
}

TEST_CASE("docker: the container's id in the name of the cgroup") {
  const std::string id = "aa11bb22cc33dd44ee55ff6600112233445566778899aabbccddeeff00112233";
  const std::string shown = "aa11bb22cc33dd44ee55ff660011223";
  struct Case {
    const char* name;
    std::string cgroup;
    std::string docker;
  };
  const Case cases[] = {
      {"bare id", id, shown},
      {"containerd", "cri-containerd-" + id + ".scope", shown},
      {"docker", "docker-" + id + ".scope", shown},
      {"podman", "libpod-" + id, shown},
      {"cri-o", "crio-" + id + ".scope", shown},
      {"cgroupfs driver", "kubepods-burstable-pod1.slice:cri-containerd:" + id, shown},
      {"a service", "docker-" + id + ".service", ""},
      {"too short", "docker-" + id.substr(1), ""},
      {"too short, long name", std::string(60, 'x') + "-" + id.substr(1), ""},
      {"cut at the kernel's limit, 31 left", std::string(95, 'x') + "-" + id.substr(0, 31), shown},
      {"cut at the kernel's limit, 30 left", std::string(96, 'x') + "-" + id.substr(0, 30), ""},
      {"31 left, but not cut", std::string(94, 'x') + "-" + id.substr(0, 31), ""},
      {"session", "session-1.scope", ""},
      {"root", "/", ""},
      {"none", "", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(container_id(c.cgroup) == c.docker);
    event::Image image;
    image.cgroup_name = c.cgroup;
    CHECK(image_field(image, "docker") == (c.docker.empty() ? kAbsent : Text('"' + c.docker + '"')));
  }
}

TEST_CASE("cap: sets by name, ascending, unknown ones as numbers") {
  const std::string all =
      R"("CAP_CHOWN","DAC_OVERRIDE","CAP_DAC_READ_SEARCH","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID")"
      R"(,"CAP_SETPCAP","CAP_LINUX_IMMUTABLE","CAP_NET_BIND_SERVICE","CAP_NET_BROADCAST","CAP_NET_ADMIN","CAP_NET_RAW")"
      R"(,"CAP_IPC_LOCK","CAP_IPC_OWNER","CAP_SYS_MODULE","CAP_SYS_RAWIO","CAP_SYS_CHROOT","CAP_SYS_PTRACE","CAP_SYS_PACCT")"
      R"(,"CAP_SYS_ADMIN","CAP_SYS_BOOT","CAP_SYS_NICE","CAP_SYS_RESOURCE","CAP_SYS_TIME","CAP_SYS_TTY_CONFIG","CAP_MKNOD")"
      R"(,"CAP_LEASE","CAP_AUDIT_WRITE","CAP_AUDIT_CONTROL","CAP_SETFCAP","CAP_MAC_OVERRIDE","CAP_MAC_ADMIN","CAP_SYSLOG")"
      R"(,"CAP_WAKE_ALARM","CAP_BLOCK_SUSPEND","CAP_AUDIT_READ","CAP_PERFMON","CAP_BPF","CAP_CHECKPOINT_RESTORE")";
  const std::string beyond = ",41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,61,62,63";
  struct Case {
    const char* name;
    redan_credentials cred;
    std::string cap;
  };
  const Case cases[] = {
      {"none", {}, "{}"},
      {"all", {.permitted = 0x1ffffffffff}, R"({"permitted":[)" + all + "]}"},
      {"future ones", {.effective = 0x3ffffffffff}, R"({"effective":[)" + all + ",41]}"},
      {"all 64 bits", {.inheritable = ~uint64_t{0}}, R"({"inheritable":[)" + all + beyond + "]}"},
      {"only unknown ones", {.permitted = uint64_t{1} << 41 | uint64_t{1} << 63}, R"({"permitted":[41,63]})"},
      {"the first", {.permitted = 1}, R"({"permitted":["CAP_CHOWN"]})"},
      {"the one without prefix", {.permitted = 2}, R"({"permitted":["DAC_OVERRIDE"]})"},
      {"three sets",
       {.permitted = 1 << 21 | 1 << 13, .effective = 1 << 13, .inheritable = uint64_t{1} << 39},
       R"({"permitted":["CAP_NET_RAW","CAP_SYS_ADMIN"],"effective":["CAP_NET_RAW"],"inheritable":["CAP_BPF"]})"},
      {"a container's",
       {.effective = 0xa80425fb},
       R"({"effective":["CAP_CHOWN","DAC_OVERRIDE","CAP_FOWNER","CAP_FSETID","CAP_KILL","CAP_SETGID","CAP_SETUID","CAP_SETPCAP")"
       R"(,"CAP_NET_BIND_SERVICE","CAP_NET_RAW","CAP_SYS_CHROOT","CAP_MKNOD","CAP_AUDIT_WRITE","CAP_SETFCAP"]})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Image image;
    image.cred = c.cred;
    CHECK(image_field(image, "cap", with_credentials()) == c.cap);
    CHECK(image_field(image, "cap") == kAbsent);
  }

  size_t number = 0;
  for (size_t at = 0; at < all.size(); ++number) {
    const size_t end = std::min(all.find(',', at), all.size());
    event::Image image;
    image.cred.permitted = uint64_t{1} << number;
    CHECK(image_field(image, "cap", with_credentials()) == R"({"permitted":[)" + all.substr(at, end - at) + "]}");
    at = end + 1;
  }
  CHECK(number == 41);
}

TEST_CASE("ns: is_host says what is shared with pid 1, and what the kernel lacks is absent") {
  const redan_namespaces host{{11, 12, 13, 14, 15, 16, 17, 18, 19, 20}};
  const JsonOptions options{.node_name = "n", .process = {.namespaces = true, .host_namespaces = host}};
  struct Case {
    const char* name;
    redan_namespaces ns;
    Text text;
  };
  const Case cases[] = {
      {"all the host's", host,
       R"({"uts":{"inum":11,"is_host":true},"ipc":{"inum":12,"is_host":true},"mnt":{"inum":13,"is_host":true})"
       R"(,"pid":{"inum":14,"is_host":true},"pid_for_children":{"inum":15,"is_host":true},"net":{"inum":16,"is_host":true})"
       R"(,"time":{"inum":17,"is_host":true},"time_for_children":{"inum":18,"is_host":true},"cgroup":{"inum":19,"is_host":true})"
       R"(,"user":{"inum":20,"is_host":true}})"},
      {"none of the host's",
       {{1, 2, 3, 4, 5, 6, 7, 8, 9, 4294967295}},
       R"({"uts":{"inum":1},"ipc":{"inum":2},"mnt":{"inum":3},"pid":{"inum":4},"pid_for_children":{"inum":5},"net":{"inum":6})"
       R"(,"time":{"inum":7},"time_for_children":{"inum":8},"cgroup":{"inum":9},"user":{"inum":4294967295}})"},
      {"no time namespaces, own network",
       {{11, 12, 13, 14, 15, 99, 0, 0, 19, 20}},
       R"({"uts":{"inum":11,"is_host":true},"ipc":{"inum":12,"is_host":true},"mnt":{"inum":13,"is_host":true})"
       R"(,"pid":{"inum":14,"is_host":true},"pid_for_children":{"inum":15,"is_host":true},"net":{"inum":99})"
       R"(,"cgroup":{"inum":19,"is_host":true},"user":{"inum":20,"is_host":true}})"},
      {"unknown", {}, kAbsent},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Image image;
    image.ns = c.ns;
    CHECK(image_field(image, "ns", options) == c.text);
    CHECK(image_field(image, "ns") == kAbsent);
  }
  event::Image image;  // neither pid 1's namespaces nor these are known
  CHECK(image_field(image, "ns", {.node_name = "n", .process = {.namespaces = true}}) == kAbsent);
}

TEST_CASE("process_credentials: all eight ids, and the secure bits that have a name") {
  const std::string zeros = R"("uid":0,"gid":0,"euid":0,"egid":0,"suid":0,"sgid":0,"fsuid":0,"fsgid":0)";
  struct Case {
    const char* name;
    redan_credentials cred;
    std::string text;
  };
  std::vector<Case> cases = {
      {"zeros", {}, "{" + zeros + "}"},
      {"each its own",
       {.uid = 1, .gid = 2, .euid = 3, .egid = 4, .suid = 5, .sgid = 6, .fsuid = 7, .fsgid = 4294967295},
       R"({"uid":1,"gid":2,"euid":3,"egid":4,"suid":5,"sgid":6,"fsuid":7,"fsgid":4294967295})"},
      {"unknown secure bits", {.securebits = 0xffffff00}, "{" + zeros + "}"},
      {"all secure bits",
       {.securebits = 0xffffffff},
       "{" + zeros +
           R"(,"securebits":["SecBitNoRoot","SecBitNoRootLocked","SecBitNoSetUidFixup","SecBitNoSetUidFixupLocked")"
           R"(,"SecBitKeepCaps","SecBitKeepCapsLocked","SecBitNoCapAmbientRaise","SecBitNoCapAmbientRaiseLocked"]})"},
      {"one secure bit", {.securebits = 16}, "{" + zeros + R"(,"securebits":["SecBitKeepCaps"]})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Image image;
    image.cred = c.cred;
    CHECK(image_field(image, "process_credentials", with_credentials()) == c.text);
    CHECK(image_field(image, "process_credentials") == kAbsent);
  }
}

TEST_CASE("binary_properties: only of the process of an exec, only with credentials, only if something is set") {
  struct Case {
    const char* name;
    event::BinaryProperties properties;
    Text text;
  };
  const Case cases[] = {
      {"nothing", {}, kAbsent},
      {"setuid root", {.setuid = 0}, R"({"setuid":0})"},
      {"setgid", {.setgid = 4294967295}, R"({"setgid":4294967295})"},
      {"file capabilities",
       {.raised_file_caps = true},
       R"({"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_CAP"]})"},
      {"memfd", {.unlinked_inode = 65}, R"({"file":{"inode":{"number":"65","links":0}}})"},
      {"inode 0", {.unlinked_inode = 0}, R"({"file":{"inode":{"links":0}}})"},
      {"everything",
       {.setuid = 0,
        .setgid = 0,
        .raised_file_caps = true,
        .raised_setuid = true,
        .raised_setgid = true,
        .unlinked_inode = ~uint64_t{0}},
       R"({"setuid":0,"setgid":0,"privileges_changed":["PRIVILEGES_RAISED_EXEC_FILE_CAP","PRIVILEGES_RAISED_EXEC_FILE_SETUID")"
       R"(,"PRIVILEGES_RAISED_EXEC_FILE_SETGID"],"file":{"inode":{"number":"18446744073709551615","links":0}}})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::ProcessExec exec = exec_of(plain_process());
    exec.parent = exec.process;
    exec.ancestors = {exec.process};
    exec.properties = c.properties;
    const std::string line = line_of(exec, with_credentials());
    CHECK(member(line, "process_exec", "process", "binary_properties") == c.text);
    CHECK(member(line, "process_exec", "parent", "binary_properties") == kAbsent);
    CHECK(member(line, "process_exec", "ancestors")->find("binary_properties") == std::string::npos);
    CHECK(member(line_of(exec), "process_exec", "process", "binary_properties") == kAbsent);
  }
}

TEST_CASE("environment_variables: pairs of name and value, those that are asked for") {
  struct Case {
    const char* name;
    std::string environment;
    std::vector<std::string> filter;
    Text text;
  };
  const Case cases[] = {
      {"none", "", {}, kAbsent},
      {"two", bytes("A=1\0B=two words\0"), {}, R"([{"Key":"A","Value":"1"},{"Key":"B","Value":"two words"}])"},
      {"the last without NUL", bytes("A=1\0B=2"), {}, R"([{"Key":"A","Value":"1"},{"Key":"B","Value":"2"}])"},
      {"empty value", bytes("A=\0"), {}, R"([{"Key":"A"}])"},
      {"empty name", bytes("=x\0"), {}, R"([{"Value":"x"}])"},
      {"equals sign only", bytes("=\0"), {}, R"([{}])"},
      {"more equals signs", bytes("A=b=c\0"), {}, R"([{"Key":"A","Value":"b=c"}])"},
      {"no equals sign", bytes("odd\0"), {}, R"([{"Key":"invalid","Value":"odd"}])"},
      {"empty string", bytes("\0A=1\0"), {}, R"([{"Key":"invalid"},{"Key":"A","Value":"1"}])"},
      {"escaped", bytes("A=\"\n\xff\0"), {}, "[{\"Key\":\"A\",\"Value\":\"\\\"\\n\uFFFD\"}]"},
      {"filtered",
       bytes("A=1\0LD_PRELOAD=/x.so\0B=2\0"),
       {"LD_PRELOAD", "B"},
       R"([{"Key":"LD_PRELOAD","Value":"/x.so"},{"Key":"B","Value":"2"}])"},
      {"names match whole", bytes("AB=1\0A=2\0"), {"A"}, R"([{"Key":"A","Value":"2"}])"},
      {"nothing left", bytes("A=1\0"), {"B"}, kAbsent},
      {"no name is on no list", bytes("invalid\0"), {"invalid"}, kAbsent},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Image image;
    image.environment = c.environment;
    const JsonOptions options{.node_name = "n", .process = {.environment = true, .environment_filter = c.filter}};
    CHECK(image_field(image, "environment_variables", options) == c.text);
    CHECK(image_field(image, "environment_variables") == kAbsent);
  }
}

TEST_CASE("start_time is the process's, by the clock of the event") {
  event::Process process = plain_process();
  process.start_time = 1'500'000'000;
  event::ProcessExec exec = exec_of(process);
  exec.time.wall_offset_ns = 1'000'000'000'000;
  CHECK(member(line_of(exec), "process_exec", "process", "start_time") == R"("1970-01-01T00:16:41.500Z")");
}

}  // namespace redan::exporting
