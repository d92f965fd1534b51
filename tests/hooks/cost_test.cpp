// SPDX-License-Identifier: Apache-2.0
// What a hook costs: with scripts/vm --icount a nanosecond is an instruction. Prints only, nothing fails; so only when asked for:
//   scripts/vm --icount -- build/release/tests/hook_kernel_test --no-skip '--test-case=cost of*'
#include <fcntl.h>
#include <time.h>

#include <fmt/format.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr int kRounds = 2000;
constexpr uint8_t kNegate = REDAN_FILTER_NEGATE;

double open_and_close(const std::string& path) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const double begin = now();
  for (int i = 0; i < kRounds; ++i) ::close(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return (now() - begin) / kRounds;
}

}  // namespace

TEST_CASE("cost of a hook on file_open" * doctest::skip()) {
  Stage stage;
  ScratchFolder folder;
  const std::string shallow = folder.file("file");  // /tmp/hooks.…/file: three components
  const std::string deep = folder.file("1/2/3/4/5/6/7/8/9/10/11/file");
  const auto file_open = [] {
    Plan plan(HookSection::kLsmHooks, "file_open");
    plan.arg(0, REDAN_ARG_FILE, 0).selector();
    return plan;
  };
  const std::vector<std::pair<const char*, Plan>> cases = {
      {"process id misses", file_open().process(REDAN_FIELD_PID, REDAN_OP_EQUAL, {1})},
      {"binary misses", file_open().binary(REDAN_OP_TEXT, {"/bin/none"})},
      {"prefix misses", file_open().text(0, REDAN_OP_PREFIX, {"/none"})},
      {"text misses", file_open().text(0, REDAN_OP_TEXT, {"/none"})},
      {"postfix misses", file_open().text(0, REDAN_OP_POSTFIX, {"/none"})},
      {"matches, not posted", Plan(file_open()).text(0, REDAN_OP_PREFIX, {"/none"}, kNegate)},
      {"posted", Plan(file_open()).text(0, REDAN_OP_PREFIX, {"/none"}, kNegate)},
  };
  for (const auto& [name, plan] : cases) {
    event::HookPlan built = plan.build();
    if (std::string_view(name) == "matches, not posted") built.program.selectors[0].post = 0;
    const auto hook = must(stage.loader().load(built));
    for (const std::string& path : {shallow, deep}) {
      open_and_close(path);
      const double before = open_and_close(path);
      must(hook->attach());
      open_and_close(path);
      stage.records();
      const double with = open_and_close(path);
      hook->detach();
      fmt::print("# {}, {} components: {:.0f} more than {:.0f}\n", name, std::count(path.begin(), path.end(), '/'),
                 with - before, before);
    }
    stage.records();
  }
}

TEST_CASE("cost of adding hooks" * doctest::skip()) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  const auto add = [](Stage& stage, const char* function) {
    Plan plan(HookSection::kKprobes, function);
    plan.arg(0, REDAN_ARG_FILE, 0).selector().text(0, REDAN_OP_PREFIX, {"/none"});
    auto hook = stage.load(plan);
    must(hook->attach());
    return hook;
  };
  double begin = now();
  Stage stage(1u << 20);
  fmt::print("# the sensor and what hooks need of it: {:.0f} million\n", (now() - begin) / 1e6);
  std::vector<std::unique_ptr<kernel::LoadedHook>> hooks;
  begin = now();
  hooks.push_back(add(stage, "security_file_open"));
  fmt::print("# the first hook: {:.0f} million\n", (now() - begin) / 1e6);
  begin = now();
  hooks.push_back(add(stage, "security_file_permission"));
  fmt::print("# a second hook: {:.0f} million\n", (now() - begin) / 1e6);
  begin = now();
  for (int i = 0; i < 10; ++i) hooks.push_back(add(stage, i < 5 ? "security_file_open" : "vfs_open"));
  fmt::print("# ten hooks: {:.0f} million\n", (now() - begin) / 1e6);
  begin = now();
  hooks.clear();
  fmt::print("# taking twelve hooks away: {:.0f} million\n", (now() - begin) / 1e6);
}
