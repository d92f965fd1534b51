// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_shortcuts.h"

#include <algorithm>
#include <memory>

#include <doctest/doctest.h>

using namespace redan;

namespace {

event::HookPlan plan_for(event::HookSection section, std::string symbol, redan_arg_type type) {
  event::HookPlan plan;
  event::HookInfo info;
  info.section = section;
  info.subsystem = section == event::HookSection::kTracepoints ? "raw_syscalls" : "";
  plan.info = std::make_shared<event::HookInfo>(info);
  plan.symbol = std::move(symbol);
  plan.program.args[0].type = static_cast<__u8>(type);
  plan.program.selectors[0].used = 1;
  return plan;
}

redan_hook_shortcuts shortcuts_of_prefix(const std::string& prefix) {
  event::HookPlan plan = plan_for(event::HookSection::kLsmHooks, "file_open", REDAN_ARG_FILE);
  redan_filter& filter = plan.program.selectors[0].args[0];
  filter.op = REDAN_OP_PREFIX;
  filter.set = 1;
  plan.prefixes.push_back({.set = 1, .bytes = prefix});
  return kernel::make_shortcuts(plan);
}

}  // namespace

TEST_CASE("a prefix is split into components") {
  const redan_hook_shortcuts made = shortcuts_of_prefix("/usr/longer-than-a-word/li");
  REQUIRE(made.read[0][0].kind == REDAN_SHORTCUT_PREFIX);
  CHECK(made.read[0][0].count == 1);
  CHECK(made.slots == 1);
  CHECK(made.reads == 1);
  const redan_path_prefix& prefix = made.prefixes[0];
  CHECK(prefix.count == 3);
  CHECK(prefix.open == 1);
  CHECK(prefix.components[0].len == 3);
  CHECK(prefix.components[0].spare == 40);
  CHECK(prefix.words[0] == 0x727375);
  CHECK(prefix.components[1].at == 1);
  CHECK(prefix.components[1].spare == 0);
  CHECK(prefix.components[2].at == 4);
}

TEST_CASE("a prefix that ends in a slash is closed") {
  CHECK(shortcuts_of_prefix("/etc/").prefixes[0].open == 0);
  CHECK(shortcuts_of_prefix("/etc/").prefixes[0].count == 1);
  CHECK(shortcuts_of_prefix("/").prefixes[0].open == 1);
  CHECK(shortcuts_of_prefix("/a b").prefixes[0].spaced == 1);
}

TEST_CASE("prefixes that names cannot decide have no shortcut") {
  std::string deep;
  for (int i = 0; i <= REDAN_PREFIX_COMPONENTS; ++i) deep += "/a";
  for (const std::string& prefix : {std::string("etc"), std::string("/a//b"), deep, std::string()}) {
    CAPTURE(prefix);
    CHECK(shortcuts_of_prefix(prefix).read[0][0].kind == REDAN_SHORTCUT_NONE);
    CHECK(shortcuts_of_prefix(prefix).reads == 0);
  }
}

TEST_CASE("system calls are guarded only if every selector names some") {
  event::HookPlan plan = plan_for(event::HookSection::kTracepoints, "sys_enter", REDAN_ARG_SYSCALL);
  plan.program.args[0].source = REDAN_SOURCE_FIELD;
  plan.program.args[0].offset = 8;
  redan_filter& filter = plan.program.selectors[0].args[0];
  filter.op = REDAN_OP_NUMBERS;
  filter.set = 1;
  for (const uint64_t number : {2u, 64u, 300u}) plan.numbers.push_back({.set = 1, .value = number});
  plan.numbers.push_back({.set = 1, .value = (uint64_t{1} << 31) | 5});
  redan_hook_shortcuts made = kernel::make_shortcuts(plan);
  CHECK(made.guarded == 1);
  CHECK(made.number[0][0].kind == REDAN_SHORTCUT_BITS);
  CHECK(made.guard[0] == (1u << 2 | 1u << 5));
  CHECK(made.guard[1] == 1);
  CHECK(made.bitsets[0].words[8] == 1u << 5);

  plan.program.selectors[1].used = 1;
  CHECK(kernel::make_shortcuts(plan).guarded == 0);
  plan.program.selectors[1].used = 0;
  filter.options = REDAN_FILTER_NEGATE;
  CHECK(kernel::make_shortcuts(plan).guarded == 0);
  filter.options = 0;
  plan.numbers.push_back({.set = 1, .value = REDAN_BITSET_NUMBERS});
  made = kernel::make_shortcuts(plan);
  CHECK(made.guarded == 0);
  CHECK(made.number[0][0].kind == REDAN_SHORTCUT_NUMBER);
}

TEST_CASE("leaves of binaries") {
  event::HookPlan plan = plan_for(event::HookSection::kLsmHooks, "file_open", REDAN_ARG_FILE);
  redan_filter& filter = plan.program.selectors[0].process[0];
  filter.op = REDAN_OP_TEXT;
  filter.field = REDAN_FIELD_BINARY;
  filter.set = 3;
  plan.texts.push_back({.set = 3, .bytes = "/usr/bin/cat"});
  redan_hook_shortcuts made = kernel::make_shortcuts(plan);
  CHECK(made.leaf_count == 1);
  CHECK(made.leaves[0].len == 3);
  CHECK(made.leaves[0].word == 0x746163);

  plan.texts.push_back({.set = 3, .bytes = "/usr/bin/cat (deleted)"});
  CHECK(kernel::make_shortcuts(plan).leaf_count == 0);
  plan.texts.pop_back();
  filter.options = REDAN_FILTER_NEGATE;
  CHECK(kernel::make_shortcuts(plan).leaf_count == 0);
  filter.options = 0;

  // A second selector: for any binary, then for some.
  redan_selector& second = plan.program.selectors[1];
  second.used = 1;
  CHECK(kernel::make_shortcuts(plan).leaf_count == 0);
  second.process[0] = filter;
  second.process[0].set = 4;
  for (const char* path : {"/bin/cat", "/bin/a-name-that-is-long", "/bin/b", "/bin/c"})
    plan.texts.push_back({.set = 4, .bytes = path});
  made = kernel::make_shortcuts(plan);
  CHECK(made.leaf_count == 4);
  CHECK(made.leaves[1].len == 19);
  plan.texts.push_back({.set = 4, .bytes = "/bin/d"});
  CHECK(kernel::make_shortcuts(plan).leaf_count == 0);
}
