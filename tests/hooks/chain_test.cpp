// SPDX-License-Identifier: Apache-2.0
// Many hooks at one place: each gets its turn, whatever becomes of the others.
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <map>
#include <thread>

#include <bpf/bpf.h>

#include "hooks/stage.h"
#include "kernel/symbols.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr int kOption = 4711;

struct Place {
  const char* name;
  HookSection section;
  const char* symbol;
  const char* subsystem = "";
  bool returns = false;
};
// All are passed once by each prctl() of a thread that is looked at.
constexpr std::array kPlaces = {
    Place{"lsm", HookSection::kLsmHooks, "task_prctl"},
    Place{"function", HookSection::kFentries, "__x64_sys_prctl"},
    Place{"return", HookSection::kFentries, "__x64_sys_prctl", "", true},
    Place{"kprobe", HookSection::kKprobes, "__x64_sys_prctl"},
    Place{"tracepoint", HookSection::kTracepoints, "sys_enter_prctl", "syscalls"},
    Place{"raw tracepoint", HookSection::kRawTracepoints, "sys_exit"},
};

event::HookPlan plan_of(const Place& place, uint32_t id) {
  Plan plan(place.section, place.symbol, place.subsystem);
  if (place.returns) {
    plan.arg(REDAN_HOOK_SLOT_RETURN, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4)
        .source(REDAN_HOOK_SLOT_RETURN, REDAN_SOURCE_RETURN)
        .options(REDAN_HOOK_RETURNS);
  }
  plan.selector().only_me();
  event::HookPlan built = plan.build();
  built.program.id = id;
  return built;
}

void call(int times = 1) {
  for (int i = 0; i < times; ++i) ::syscall(SYS_prctl, kOption, 0, 0, 0, 0);
}

/// Records by hook.
std::map<uint32_t, int> counts(Stage& stage) {
  std::map<uint32_t, int> found;
  must(stage.sensor().consume(
      [&](event::Bytes record) {
        redan_hook head{};
        std::memcpy(&head, record.data(), std::min(sizeof(head), record.size()));
        if (head.hdr.kind == REDAN_KIND_HOOK) ++found[head.id];
      },
      1000000));
  return found;
}

/// A raw tracepoint sees other system calls, too.
bool sees_only_calls(const Place& place) { return place.section != HookSection::kRawTracepoints; }

}  // namespace

TEST_CASE("hooks at one place are all called, and can go one by one") {
  Stage stage;
  for (const Place& place : kPlaces) {
    CAPTURE(std::string(place.name));
    constexpr uint32_t kHooks = 5;
    std::vector<std::unique_ptr<kernel::LoadedHook>> hooks;
    for (uint32_t i = 0; i < kHooks; ++i) {
      hooks.push_back(must(stage.loader().load(plan_of(place, i))));
      must(hooks.back()->attach());
    }
    stage.records();
    call();
    auto found = counts(stage);
    CHECK(found.size() == kHooks);
    // From the middle, the front, the end; then one comes back.
    for (const uint32_t gone : {2u, 0u, 4u}) {
      CAPTURE(gone);
      hooks[gone]->detach();
      stage.records();
      call();
      found = counts(stage);
      CHECK(found.size() == static_cast<size_t>(gone == 2 ? 4 : gone == 0 ? 3 : 2));
      CHECK(!found.contains(gone));
      if (sees_only_calls(place)) {
        for (const auto& [id, count] : found) CHECK(count == 1);
      }
    }
    must(hooks[2]->attach());
    stage.records();
    call();
    found = counts(stage);
    CHECK(found.size() == 3);
    CHECK(found.contains(2));
    if (sees_only_calls(place)) CHECK(found[2] == 1);
    hooks.clear();
    stage.records();
    call();
    CHECK(stage.records().empty());
  }
}

TEST_CASE("a function takes more hooks than programs") {
  Stage stage;
  constexpr uint32_t kHooks = 42;
  const Place& place = kPlaces[1];
  std::vector<std::unique_ptr<kernel::LoadedHook>> hooks;
  for (uint32_t i = 0; i < kHooks; ++i) {
    hooks.push_back(must(stage.loader().load(plan_of(place, i))));
    must(hooks.back()->attach());
  }
  call();
  auto found = counts(stage);
  CHECK(found.size() == kHooks);
  for (const auto& [id, count] : found) CHECK(count == 1);
  hooks.erase(hooks.begin() + 20, hooks.begin() + 35);
  call();
  found = counts(stage);
  CHECK(found.size() == kHooks - 15);
  for (const auto& [id, count] : found) {
    CHECK(count == 1);
    CHECK((id < 20 || id >= 35));
  }
}

TEST_CASE("a hook that takes another's place misses nothing and doubles nothing") {
  for (const Place& place : kPlaces) {
    if (!sees_only_calls(place)) continue;
    CAPTURE(std::string(place.name));
    Stage stage;
    std::vector<std::unique_ptr<kernel::LoadedHook>> hooks;
    for (uint32_t i = 0; i < 3; ++i) {
      hooks.push_back(must(stage.loader().load(plan_of(place, i))));
      must(hooks.back()->attach());
    }
    std::array<std::unique_ptr<kernel::LoadedHook>, 3> after;
    for (uint32_t i = 0; i < after.size(); ++i) after[i] = must(stage.loader().load(plan_of(place, 100 + i)));
    std::map<uint32_t, int> found;
    constexpr int kMostUnread = 2000;  // the ring has room for their records
    std::atomic<bool> go = true;
    std::atomic<int> calls = 0, read = 0;
    std::thread storm([&] {
      while (go.load()) {
        while (go.load() && calls.load() - read.load() > kMostUnread) ::sched_yield();
        call();
        ++calls;
      }
    });
    const auto take_records = [&] {
      const int seen = calls.load();
      for (const auto& [id, count] : counts(stage)) found[id] += count;
      read = seen;
    };
    for (auto& next : after) {
      take_records();
      const int before = calls.load();
      while (calls.load() < before + 50) ::usleep(1000);
      must(next->attach_in_place_of(*hooks[1]));
      hooks[1] = std::move(next);
    }
    go = false;
    storm.join();
    take_records();
    for (const auto& hook : hooks) CHECK(hook->counters().lost == 0);
    int middle = found[1];
    for (uint32_t i = 0; i < after.size(); ++i) middle += found[100 + i];
    CHECK(found[1] > 0);
    CHECK(found[100] > 0);
    CHECK(found[0] == calls.load());
    CHECK(found[2] == calls.load());
    CHECK(middle == calls.load());
  }
}

TEST_CASE("a hook can take the place of one that is elsewhere") {
  Stage stage;
  const auto old = must(stage.loader().load(plan_of(kPlaces[1], 1)));
  const auto next = must(stage.loader().load(plan_of(kPlaces[4], 2)));
  must(old->attach());
  must(next->attach_in_place_of(*old));
  call();
  const auto found = counts(stage);
  CHECK(found == std::map<uint32_t, int>{{2, 1}});
}

TEST_CASE("a hook that the kernel does not attach leaves nothing") {
  Stage stage;
  const auto hook = must(stage.loader().load(plan_of({"", HookSection::kKprobes, "no_such_function"}, 1)));
  const Result<void> done = hook->attach();
  REQUIRE(!done);
  CHECK(done.error().message.find("attach kprobe/no_such_function") == 0);
  const auto other = must(stage.loader().load(plan_of(kPlaces[1], 2)));
  must(other->attach());
  CHECK(!hook->attach_in_place_of(*other));
  call();
  CHECK(counts(stage) == std::map<uint32_t, int>{{2, 1}});
}

TEST_CASE("where the kernel takes no more programs, the next way is gone") {
  if (without_fentry()) return;
  const auto symbols = must(kernel::KernelSymbols::load());
  const auto function = must(symbols.attach_type("__x64_sys_prctl"));
  bpf_prog_load_opts options{};
  options.sz = sizeof(options);
  options.expected_attach_type = BPF_TRACE_FENTRY;
  options.attach_btf_id = function.id;
  bpf_insn nothing[2]{};
  nothing[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  nothing[1].code = BPF_JMP | BPF_EXIT;
  std::vector<Fd> others;
  while (true) {
    Fd program(::bpf_prog_load(BPF_PROG_TYPE_TRACING, "other", "GPL", nothing, 2, &options));
    REQUIRE(program);
    Fd link(::bpf_link_create(program.get(), 0, BPF_TRACE_FENTRY, nullptr));
    if (!link) break;
    others.push_back(std::move(link));
  }
  CHECK(errno == E2BIG);
  Stage stage(1u << 20);  // which has no way in yet
  Plan plan(HookSection::kKprobes, "__x64_sys_prctl");
  plan.arg(0, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4).source(0, REDAN_SOURCE_SYSCALL).selector().only_me();
  const auto hook = stage.load(plan);
  CHECK(hook->facts().attachment == kernel::HookAttachment::kFentry);
  must(hook->attach());
  CHECK(hook->facts().attachment == kernel::HookAttachment::kKprobe);
  call();
  const auto sent = stage.records();
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args.at(0).number() == kOption);
}

TEST_CASE("runs are counted without the kernel's statistics") {
  Stage stage;
  const auto one = must(stage.loader().load(plan_of(kPlaces[1], 1)));
  const auto two = must(stage.loader().load(plan_of(kPlaces[1], 2)));
  must(one->attach());
  call(100);
  must(two->attach());
  call(50);
  const kernel::HookRuns first = must(one->runs());
  const kernel::HookRuns second = must(two->runs());
  // Other processes may call prctl(), too.
  CHECK(first.count >= 150);
  CHECK(first.count < 200);
  CHECK(second.count >= 50);
  CHECK(second.count < 100);
  CHECK(first.nanoseconds > first.count * 10);
  CHECK(first.missed == 0);
}

TEST_CASE("runs that the kernel skipped are told by every hook of the place") {
  if (without_fentry()) return;
  Stage stage;
  // Who posts calls this; the hooks on it post, too, and cannot be called again meanwhile.
  const Place inner{"", HookSection::kFentries, "bpf_ringbuf_submit_dynptr"};
  const auto one = must(stage.loader().load(plan_of(inner, 1)));
  const auto two = must(stage.loader().load(plan_of(inner, 2)));
  const auto outer = must(stage.loader().load(plan_of(kPlaces[1], 3)));
  must(one->attach());
  must(two->attach());
  must(outer->attach());
  call();
  outer->detach();
  CHECK(counts(stage) == std::map<uint32_t, int>{{1, 1}, {2, 1}, {3, 1}});
  CHECK(must(one->runs()).missed == 2);
  CHECK(must(two->runs()).missed == 2);
  one->detach();
  CHECK(must(one->runs()).missed == 2);
}
