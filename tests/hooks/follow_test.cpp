// SPDX-License-Identifier: Apache-2.0
// Filters on binaries that extend to descendants: the marks of processes come and go with the filters.
#include <sys/syscall.h>

#include <filesystem>

#include <fmt/format.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr int kMarks = 64;

std::string own_binary() { return std::filesystem::read_symlink("/proc/self/exe"); }

/// prctl(4711) of processes that descend from one of the binaries, or of the others.
Plan following(std::vector<std::string> binaries, uint8_t options = 0) {
  Plan plan(HookSection::kFentries, "__x64_sys_prctl");
  plan.arg(0, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4).source(0, REDAN_SOURCE_SYSCALL);
  plan.selector().binary(REDAN_OP_FOLLOWED, std::move(binaries), options).number(0, REDAN_OP_EQUAL, {4711});
  return plan;
}

void call_prctl() { ::syscall(SYS_prctl, 4711, 0, 0, 0, 0); }

Plan following_number(int number) { return following({fmt::format("/no/such/{}", number)}); }

}  // namespace

TEST_CASE("a process that runs a followed binary is a member from the first call on") {
  Stage stage;
  CHECK(stage.watch(following({"/no/such", own_binary()}), call_prctl).size() == 1);
  CHECK(stage.watch(following({"/no/such"}), call_prctl).empty());
  CHECK(stage.watch(following({own_binary()}, REDAN_FILTER_NEGATE), call_prctl).empty());
  CHECK(stage.watch(following({"/no/such"}, REDAN_FILTER_NEGATE), call_prctl).size() == 1);
}

TEST_CASE("a mark that is given again is no longer that of those who had it") {
  Stage stage;
  const auto keeps_the_marks = stage.load(following_number(0));
  CHECK(stage.watch(following({own_binary()}), call_prctl).size() == 1);
  // The marks are given in turn: after those of these comes the one that this process had.
  for (int i = 1; i < kMarks - 1; ++i) (void)stage.load(following_number(i));
  CHECK(stage.watch(following_number(kMarks), call_prctl).empty());
}

TEST_CASE("there are marks for 64 lists of binaries; equal lists share theirs") {
  Stage stage;
  std::vector<std::unique_ptr<kernel::LoadedHook>> hooks;
  for (int i = 0; i < kMarks; ++i) hooks.push_back(stage.load(following_number(i)));
  hooks.push_back(stage.load(following_number(7)));
  const auto refused = stage.loader().load(following_number(kMarks).build());
  REQUIRE(!refused);
  CHECK(refused.error().message.find("64 different lists of binaries") != std::string::npos);
  hooks.erase(hooks.begin());
  CHECK(stage.loader().load(following_number(kMarks).build()));
}
