// SPDX-License-Identifier: Apache-2.0
// What is refuted before anything is read must be what the whole of the argument says: paths by their names, numbers by bitsets,
// binaries by their last component.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <filesystem>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr uint8_t kNegate = REDAN_FILTER_NEGATE;
constexpr uint64_t kCompat = uint64_t{1} << 31;

Plan file_open() {
  Plan plan(HookSection::kLsmHooks, "file_open");
  plan.arg(0, REDAN_ARG_FILE, 0).selector();
  return plan;
}

/// How often a prefix of the opened file matches, as it is and negated.
void check_prefix(Stage& stage, const std::string& prefix, const std::function<void()>& open, bool matches) {
  CAPTURE(prefix);
  Plan plain = file_open(), negated = file_open();
  plain.only_me().text(0, REDAN_OP_PREFIX, {prefix});
  negated.only_me().text(0, REDAN_OP_PREFIX, {prefix}, kNegate);
  CHECK(stage.watch(plain, open).size() == (matches ? 1 : 0));
  CHECK(stage.counted.matched[0] == (matches ? 1 : 0));
  CHECK(stage.watch(negated, open).size() == (matches ? 0 : 1));
}

uint64_t call_compat(uint32_t number) {
  uint64_t result = number;
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result;
}

}  // namespace

TEST_CASE("prefixes end within, behind and beyond components") {
  Stage stage;
  ScratchFolder folder;  // a mount of its own
  const std::string file = folder.file("some-folder/and-one-of-seventeen/leaf.of.more.than.sixteen.bytes");
  const std::string parent = std::filesystem::path(file).parent_path();
  const auto open = [&] { open_file(file); };
  const std::vector<std::pair<std::string, bool>> cases = {
      {"/", true},           {"/tm", true},
      {"/tmpx", false},      {"/etc/", false},
      {folder.path(), true}, {folder.path() + "/some-folder/and-one-of-seventees", false},
      {parent, true},        {parent + "/", true},
      {file, true},          {file + "/", false},
      {file + "x", false},   {file.substr(0, file.size() - 1), true},
      {file + " (", false},  {parent + "/leaf.of.more.than.sixteen.bytez", false},
  };
  for (const auto& [prefix, matches] : cases) check_prefix(stage, prefix, open, matches);
}

TEST_CASE("prefixes of the root of a mount, and of the root itself") {
  Stage stage;
  ScratchFolder folder;
  const auto open = [&] { open_file(folder.path()); };
  check_prefix(stage, folder.path(), open, true);
  check_prefix(stage, folder.path() + "/", open, false);

  for (const uint8_t options : {uint8_t{0}, kNegate}) {
    Plan plan = file_open();
    plan.only_me().text(0, REDAN_OP_PREFIX, {"/"}, options);
    CHECK(stage.watch(plan, [] { open_file("/"); }).empty());
  }
}

TEST_CASE("prefixes of paths that are deeper than what is compared in place") {
  Stage stage;
  ScratchFolder folder;
  std::string name = "0";
  for (int i = 1; i < 40; ++i) name += "/" + std::to_string(i);
  const std::string file = folder.file(name);
  const auto open = [&] { open_file(file); };
  check_prefix(stage, folder.path() + "/0/1/", open, true);
  check_prefix(stage, folder.path() + "/0/2/", open, false);
  check_prefix(stage, file, open, true);
  check_prefix(stage, file + "1", open, false);
}

TEST_CASE("prefixes across a bind mount") {
  Stage stage;
  ScratchFolder folder;
  folder.file("from/below/file");
  folder.file("to/file");
  const std::string to = folder.path() + "/to";
  REQUIRE(::mount((folder.path() + "/from").c_str(), to.c_str(), nullptr, MS_BIND, nullptr) == 0);
  const auto open = [&] { open_file(to + "/below/file"); };
  check_prefix(stage, to + "/below/", open, true);
  check_prefix(stage, folder.path() + "/from/", open, false);
  CHECK(::umount(to.c_str()) == 0);
}

TEST_CASE("prefixes are those of the process's root") {
  Stage stage;
  ScratchFolder folder;
  folder.file("below-the-root/file");
  const auto open = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      const bool done = ::chroot(folder.path().c_str()) == 0 && ::open("/below-the-root/file", O_RDONLY) >= 0;
      ::_exit(done ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  };
  Plan inside = file_open(), outside = file_open();
  inside.text(0, REDAN_OP_PREFIX, {"/below-the-root/"});
  outside.text(0, REDAN_OP_PREFIX, {folder.path() + "/below-the-root/"});
  CHECK(stage.watch(inside, open).size() == 1);
  CHECK(stage.watch(outside, open).empty());
}

TEST_CASE("prefixes of a deleted file") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("file");
  const Fd fd(::open(file.c_str(), O_RDONLY));
  REQUIRE(::unlink(file.c_str()) == 0);
  const auto open = [&] { open_file("/proc/self/fd/" + std::to_string(fd.get())); };
  check_prefix(stage, file, open, true);
  check_prefix(stage, file + " (del", open, true);
  check_prefix(stage, file + " (not", open, false);
  check_prefix(stage, file + "s", open, false);
}

TEST_CASE("several prefixes, more than are compared in place, and several selectors") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("file");
  const auto open = [&] { open_file(file); };
  for (const size_t count : {3, 4, 5}) {
    CAPTURE(count);
    std::vector<std::string> prefixes = {"/a/", "/b", "/c/d/e", "/usr/"};
    prefixes.resize(count - 1);
    Plan misses = file_open(), matches = file_open();
    misses.only_me().text(0, REDAN_OP_PREFIX, prefixes);
    prefixes.push_back(folder.path() + "/");
    matches.only_me().text(0, REDAN_OP_PREFIX, prefixes);
    CHECK(stage.watch(misses, open).empty());
    CHECK(stage.watch(matches, open).size() == 1);
  }
  Plan plan = file_open();
  plan.only_me().text(0, REDAN_OP_PREFIX, {"/a/"});
  plan.selector().only_me().text(0, REDAN_OP_PREFIX, {folder.path() + "/"});
  plan.selector().only_me().text(0, REDAN_OP_PREFIX, {"/tmp"});
  const auto sent = stage.watch(plan, open);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].head.selector == 1);
}

TEST_CASE("system calls by a bitset, native and 32-bit") {
  constexpr uint32_t kGetpid32 = 20, kGetppid32 = 64;  // arch/x86/entry/syscalls/syscall_32.tbl
  Stage stage;
  const std::vector<uint64_t> calls = {SYS_getppid, SYS_getsid, SYS_getpgid, SYS_sync, kCompat | kGetpid32};
  for (const bool negate : {false, true}) {
    CAPTURE(negate);
    Plan plan(HookSection::kTracepoints, "sys_enter", "raw_syscalls");
    plan.arg(0, REDAN_ARG_SYSCALL, 0, 0, 4).source(0, REDAN_SOURCE_FIELD, 8).selector().only_me();
    plan.number(0, REDAN_OP_NUMBERS, calls, negate ? kNegate : 0);
    std::vector<uint64_t> seen;
    for (const SentHook& sent : stage.watch(plan, [] {
           ::syscall(SYS_getppid);
           ::syscall(SYS_getuid);
           call_compat(kGetpid32);
           call_compat(kGetppid32);
           ::syscall(kGetpid32, -1, nullptr, 0);
           ::syscall(100000);
         }))
      seen.push_back(sent.args.at(0).number());
    const auto has = [&](uint64_t number) { return std::find(seen.begin(), seen.end(), number) != seen.end(); };
    CHECK(stage.facts.attachment == kernel::HookAttachment::kRawTracepoint);
    CHECK(has(SYS_getppid) != negate);
    CHECK(has(kCompat | kGetpid32) != negate);
    for (const uint64_t other : {uint64_t{SYS_getuid}, kCompat | kGetppid32, uint64_t{kGetpid32}, uint64_t{100000}})
      CHECK(has(other) == negate);
  }
}

TEST_CASE("hooks at sys_enter are called for what one of them asks for") {
  Stage stage(1u << 20);
  const auto asking = [&](std::vector<uint64_t> calls, uint8_t options = 0) {
    Plan plan(HookSection::kTracepoints, "sys_enter", "raw_syscalls");
    plan.arg(0, REDAN_ARG_SYSCALL, 0, 0, 4).source(0, REDAN_SOURCE_FIELD, 8).selector().only_me();
    plan.number(0, REDAN_OP_NUMBERS, std::move(calls), options);
    return stage.load(plan);
  };
  const auto seen = [&] {
    stage.records();
    for (const long call : {SYS_getppid, SYS_getsid, SYS_getuid}) ::syscall(call, 0);
    std::vector<uint64_t> numbers;
    for (const SentHook& sent : stage.records()) {
      const uint64_t number = sent.args.at(0).number();
      if (number == SYS_getppid || number == SYS_getsid || number == SYS_getuid) numbers.push_back(number);
    }
    return numbers;
  };
  using Numbers = std::vector<uint64_t>;
  const auto parent = asking({SYS_getppid, 1, 2, 3, 4}), session = asking({SYS_getsid, 1, 2, 3, 4});
  must(parent->attach());
  CHECK(seen() == Numbers{SYS_getppid});
  must(session->attach());
  CHECK(seen() == Numbers{SYS_getppid, SYS_getsid});
  const auto user = asking({SYS_getuid, 1, 2, 3, 4});
  must(user->attach_in_place_of(*parent));
  CHECK(seen() == Numbers{SYS_getsid, SYS_getuid});
  session->detach();
  CHECK(seen() == Numbers{SYS_getuid});
  const auto others = asking({SYS_getuid, 1, 2, 3, 4}, kNegate);
  must(others->attach());
  CHECK(seen() == Numbers{SYS_getppid, SYS_getsid, SYS_getuid});
}

TEST_CASE("binaries of one name in several folders") {
  Stage stage;
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string name = std::filesystem::path(self).filename();
  const auto count = [&](std::vector<std::string> values, uint8_t options) {
    Plan plan = file_open();
    plan.only_me().binary(REDAN_OP_TEXT, std::move(values), options);
    return stage.watch(plan, [] { open_file("/etc/passwd"); }).size();
  };
  CHECK(count({self}, 0) > 0);
  CHECK(count({"/bin/true", "/" + name, self}, 0) > 0);
  CHECK(count({"/" + name}, 0) == 0);
  CHECK(count({self + "s"}, 0) == 0);
  CHECK(count({"/" + name}, kNegate) > 0);
  CHECK(count({self}, kNegate) == 0);
}
