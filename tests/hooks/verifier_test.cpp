// SPDX-License-Identifier: Apache-2.0
// Both verifiers take every program with every type of argument, and with a plan that is as full as it can be.
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "hooks/stage.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;
using kernel::HookAttachment;

namespace {

struct Kind {
  HookAttachment attachment;
  HookSection section;
  const char* symbol;
  const char* subsystem = "";
};

// A kprobe's function is not looked at before it is attached.
constexpr std::array kKinds = {
    Kind{HookAttachment::kLsm, HookSection::kLsmHooks, "file_open"},
    Kind{HookAttachment::kFentry, HookSection::kFentries, "vfs_read"},
    Kind{HookAttachment::kFexit, HookSection::kFentries, "vfs_read"},
    Kind{HookAttachment::kKprobe, HookSection::kKprobes, "no_such_function"},
    Kind{HookAttachment::kTracepoint, HookSection::kTracepoints, "sched_process_exec", "sched"},
    Kind{HookAttachment::kRawTracepoint, HookSection::kRawTracepoints, "sched_process_exec"},
    Kind{HookAttachment::kKretprobe, HookSection::kKprobes, "no_such_function"},
};

bool is_text(int type) {
  switch (type) {
    case REDAN_ARG_STRING:
    case REDAN_ARG_BYTES:
    case REDAN_ARG_FILE:
    case REDAN_ARG_PATH:
    case REDAN_ARG_DENTRY:
    case REDAN_ARG_FD:
    case REDAN_ARG_BINPRM:
    case REDAN_ARG_SOCKADDR_UN:
    case REDAN_ARG_NET_DEVICE:
    case REDAN_ARG_DATA_LOC: return true;
    default: return false;
  }
}

bool is_network(int type) {
  return type == REDAN_ARG_SOCK || type == REDAN_ARG_SOCKET || type == REDAN_ARG_SKB || type == REDAN_ARG_SOCKADDR;
}

bool is_return(const Kind& kind) {
  return kind.attachment == HookAttachment::kFexit || kind.attachment == HookAttachment::kKretprobe;
}

Plan plan_for(const Kind& kind) {
  Plan plan(kind.section, kind.symbol, kind.subsystem);
  if (is_return(kind)) {
    plan.arg(REDAN_HOOK_SLOT_RETURN, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4)
        .source(REDAN_HOOK_SLOT_RETURN, REDAN_SOURCE_RETURN)
        .options(REDAN_HOOK_RETURNS);
  }
  return plan;
}

void add_arg(Plan& plan, const Kind& kind, int slot, redan_arg_type type, uint8_t options = 0) {
  plan.arg(slot, type, 0, options, type == REDAN_ARG_ARRAY ? 32 : 8);
  if (kind.attachment == HookAttachment::kTracepoint) plan.source(slot, REDAN_SOURCE_FIELD, 8);
  if (type == REDAN_ARG_BYTES || type == REDAN_ARG_IOVEC) plan.size_slot(slot, 0);
}

void add_filters(Plan& plan, int slot, int type) {
  if (is_text(type)) {
    plan.text(slot, REDAN_OP_TEXT, {"a", "b"});
    plan.text(slot, REDAN_OP_PREFIX, {"/a"}, REDAN_FILTER_NEGATE);
    plan.text(slot, REDAN_OP_POSTFIX, {"b"});
  } else if (is_network(type)) {
    plan.number(slot, REDAN_OP_NUMBERS, {22}, 0, REDAN_FIELD_SPORT);
    plan.address(slot, REDAN_FIELD_SADDR, {{.prefix_bits = 8, .address = {10}}, {.v6 = true}}, 0);
    plan.number(slot, REDAN_OP_EQUAL, {2}, 0, REDAN_FIELD_FAMILY);
  } else {
    plan.number(slot, REDAN_OP_EQUAL, {1, 2, 3, 4});
  }
}

bool is_left_out(const Kind& kind) {
  return without_fentry() && (kind.attachment == HookAttachment::kFentry || kind.attachment == HookAttachment::kFexit);
}

/// As full as a plan can be: five selectors with all their filters.
Plan full_plan(const Kind& kind) {
  Plan plan = plan_for(kind);
  add_arg(plan, kind, 0, REDAN_ARG_NUMBER);
  add_arg(plan, kind, 1, REDAN_ARG_FILE);
  add_arg(plan, kind, 2, REDAN_ARG_STRING);
  add_arg(plan, kind, 3, REDAN_ARG_SOCK);
  add_arg(plan, kind, 4, REDAN_ARG_BYTES);
  for (int k = 0; k < REDAN_HOOK_SELECTORS; ++k) {
    plan.selector().only_me();
    plan.last_selector().rate_ms = 1000;
    plan.last_selector().track_slot = 4;
    plan.binary(REDAN_OP_TEXT, {"/bin/a"}, REDAN_FILTER_NEGATE);
    plan.binary(REDAN_OP_PREFIX, {"/bin/a"}, REDAN_FILTER_NEGATE);
    plan.process(REDAN_FIELD_PID, REDAN_OP_PIDS, {1, 2, 3, 4});
    plan.process(REDAN_FIELD_NS_PID, REDAN_OP_PIDS, {1, 2, 3, 4}, REDAN_FILTER_NEGATE);
    plan.process(REDAN_FIELD_EFFECTIVE, REDAN_OP_MASK, {1, 2});
    for (const redan_ns ns :
         {REDAN_NS_MNT, REDAN_NS_PID, REDAN_NS_NET, REDAN_NS_USER, REDAN_NS_TIME, REDAN_NS_CGROUP}) {
      plan.process(static_cast<redan_field>(int{REDAN_FIELD_NAMESPACE} + int{ns}), REDAN_OP_EQUAL, {1, 2, 3, 4});
    }
    plan.text(1, REDAN_OP_PREFIX, {"/a"}).text(2, REDAN_OP_TEXT, {"a"}).text(4, REDAN_OP_POSTFIX, {"b"});
    plan.range(0, {{1, 2}, {3, 4}, {5, 6}, {7, 8}}, REDAN_FILTER_SIGNED);
    plan.address(3, REDAN_FIELD_SADDR, {{.prefix_bits = 8, .address = {10}}}, REDAN_FILTER_NEGATE);
    for (int i = 0; is_return(kind) && i < REDAN_HOOK_RETURN_FILTERS; ++i) {
      plan.returned(REDAN_OP_GREATER, {1, 2, 3, 4}, REDAN_FILTER_SIGNED);
    }
  }
  return plan;
}

}  // namespace

TEST_CASE("every program is verified with every type of argument") {
  std::vector<std::pair<redan_arg_type, uint8_t>> types;
  for (int type = REDAN_ARG_NUMBER; type < REDAN_ARG_TYPE_COUNT; ++type) {
    types.emplace_back(static_cast<redan_arg_type>(type), uint8_t{0});
  }
  for (const redan_arg_type type : {REDAN_ARG_STRING, REDAN_ARG_BYTES, REDAN_ARG_SOCKADDR, REDAN_ARG_SOCKADDR_UN}) {
    types.emplace_back(type, uint8_t{REDAN_ARG_USER});
  }
  constexpr size_t kAtOnce = 4;  // the first slot is the size of others
  Stage stage;
  for (const Kind& kind : kKinds) {
    if (is_left_out(kind)) continue;
    uint32_t most = 0;
    uint32_t longest = 0;
    for (size_t first = 0; first < types.size(); first += kAtOnce) {
      CAPTURE(first);
      CAPTURE(std::string(kind.symbol));
      Plan plan = plan_for(kind);
      add_arg(plan, kind, 0, REDAN_ARG_NUMBER);
      for (size_t i = first; i < std::min(first + kAtOnce, types.size()); ++i) {
        const int slot = static_cast<int>(i - first) + 1;
        add_arg(plan, kind, slot, types[i].first, types[i].second);
        plan.selector();
        add_filters(plan, slot, types[i].first);
      }
      const auto hook = stage.load(plan);
      CHECK(hook->facts().attachment == kind.attachment);
      most = std::max(most, hook->facts().verified_instructions);
      longest = std::max(longest, hook->facts().instructions);
    }
    fmt::print("# {}: four arguments: at most {} verified, {} instructions\n",
               kernel::hook_attachment_name(kind.attachment), most, longest);
  }
}

TEST_CASE("every program is verified with a plan that is as full as it can be") {
  // It takes the verifier as long as all other cases together; the kinds hardly differ, and fexit has most.
  const char* full = std::getenv("REDAN_TEST_FULL");
  const bool is_full = full != nullptr && std::string_view(full) == "1";
  const HookAttachment most = without_fentry() ? HookAttachment::kLsm : HookAttachment::kFexit;
  Stage stage;
  for (const Kind& kind : kKinds) {
    if (is_left_out(kind) || (!is_full && kind.attachment != most)) continue;
    const auto hook = stage.load(full_plan(kind));
    const kernel::HookFacts& facts = hook->facts();
    CHECK(facts.attachment == kind.attachment);
    fmt::print("# {}: full plan: {} verified, {} instructions, {} bytes of maps\n",
               kernel::hook_attachment_name(kind.attachment), facts.verified_instructions, facts.instructions,
               facts.map_bytes);
  }
}
