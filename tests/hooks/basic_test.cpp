// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

TEST_CASE("an LSM hook sends the path of a file that is opened") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("some/file");
  Plan plan(HookSection::kLsmHooks, "file_open");
  plan.arg(0, REDAN_ARG_FILE, 0).selector().only_me().text(0, REDAN_OP_PREFIX, {folder.path()});

  const auto sent = stage.watch(plan, [&] {
    open_file("/etc/passwd");
    open_file(file);
  });

  REQUIRE(sent.size() == 1);
  CHECK(sent[0].head.id == 7);
  CHECK(sent[0].head.hdr.tgid == static_cast<uint32_t>(::getpid()));
  CHECK(sent[0].head.hdr.tid == static_cast<uint32_t>(::gettid()));
  CHECK(sent[0].head.hdr.image_time != 0);
  CHECK(sent[0].head.action == REDAN_ACTION_POST);
  CHECK(sent[0].head.owner.tgid == 0);
  REQUIRE(sent[0].args.size() == 1);
  CHECK(sent[0].args[0].head.type == REDAN_ARG_FILE);
  CHECK(sent[0].args[0].head.flags == 0);
  CHECK(sent[0].args[0].path() == file);
  CHECK((sent[0].args[0].head.aux & S_IFMT) == S_IFREG);
  CHECK(stage.facts.attachment == kernel::HookAttachment::kLsm);
  CHECK(stage.counted.matched[0] == 1);
  CHECK(stage.counted.posted[0] == 1);
}

TEST_CASE("a kprobe on security_file_open is served by the LSM hook") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("file");
  Plan plan(HookSection::kKprobes, "security_file_open");
  plan.arg(0, REDAN_ARG_FILE, 0).selector().only_me().text(0, REDAN_OP_TEXT, {file});
  const auto sent = stage.watch(plan, [&] { open_file(file); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == file);
  CHECK(stage.facts.attachment == kernel::HookAttachment::kLsm);
  CHECK(stage.facts.target == "file_open");
}

TEST_CASE("a kernel function is hooked by fentry, or by kprobe on a fully preemptible kernel") {
  Stage stage;
  Plan plan(HookSection::kKprobes, "__x64_sys_prctl");
  for (int i = 0; i < 3; ++i)
    plan.arg(i, REDAN_ARG_NUMBER, static_cast<uint8_t>(i), 0, 8).source(i, REDAN_SOURCE_SYSCALL);
  plan.arg(1, REDAN_ARG_STRING, 1, REDAN_ARG_USER).selector().only_me().number(0, REDAN_OP_EQUAL, {PR_SET_NAME});
  plan.text(1, REDAN_OP_TEXT, {"hooked", "other"});
  const auto sent = stage.watch(plan, [&] {
    ::prctl(PR_SET_NAME, "not this", 5, 0, 0);
    ::prctl(PR_SET_NAME, "hooked", 5, 0, 0);
  });
  REQUIRE(sent.size() == 1);
  CHECK(stage.facts.attachment ==
        (without_fentry() ? kernel::HookAttachment::kKprobe : kernel::HookAttachment::kFentry));
  REQUIRE(sent[0].args.size() == 3);
  CHECK(sent[0].args[0].number() == PR_SET_NAME);
  CHECK(sent[0].args[1].bytes == "hooked");
  CHECK(sent[0].args[2].number() == 5);
}

TEST_CASE("a function that BTF does not have is hooked by kprobe") {
  Stage stage;
  Plan plan(HookSection::kKprobes, "not_a_function_of_any_kernel");
  plan.arg(0, REDAN_ARG_NUMBER, 0);
  const auto hook = stage.load(plan);
  CHECK(hook->facts().attachment == kernel::HookAttachment::kKprobe);
  const auto attached = hook->attach();
  REQUIRE(!attached);
  CHECK(attached.error().message.find("not_a_function") != std::string::npos);
  CHECK(attached.error().message.find('\n') == std::string::npos);
}
