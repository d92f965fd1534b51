// SPDX-License-Identifier: Apache-2.0
// Random policies as programs that the kernel has verified and runs (BPF_PROG_TEST_RUN), against the letter of the policy.
//
//   REDAN_HOOK_PROGRAMS=N  programs, 200 unless given; four calls each
//   REDAN_HOOK_SEED=N      of the first program; the next ones count up. A failure prints its program's own.
#include <array>
#include <deque>

#include <bpf/bpf.h>

#include "hooks/kernel_objects.h"
#include "hooks/observed.h"
#include "property/generator.h"
#include "property/trial.h"

using namespace redan;
using namespace redan::test;
using policy::Observation;
using policy::Observed;

namespace {

constexpr int kCallsPerProgram = 4;
constexpr size_t kWords = 12;  // of a raw tracepoint's context, MAX_BPF_FUNC_ARGS

// Programs that the two did not agree on once.
constexpr std::array<uint64_t, 1> kOnceFailed = {
    29,  // a dentry that is none was taken for one, where loads give 0
};

std::vector<const policy::ArgTypeInfo*> types() {
  std::vector<const policy::ArgTypeInfo*> found;
  for (const policy::ArgTypeInfo& type : policy::arg_types()) {
    constexpr std::array kMemory = {REDAN_ARG_STRING, REDAN_ARG_BYTES, REDAN_ARG_SOCKADDR, REDAN_ARG_SOCKADDR_UN};
    const bool is_made = type.is_number() || KernelObjects::has(type.extraction) ||
                         std::ranges::find(kMemory, type.extraction) != kMemory.end();
    if (is_made && (type.sections & policy::kInRaw) != 0) found.push_back(&type);
  }
  return found;
}

Shape random_shape(Generator& random, uint64_t seed, const KernelObjects& objects,
                   const policy::ObservedProcess& process) {
  Shape shape{.head = "  tracepoints:\n  - subsystem: sched\n    event: sched_process_exit\n    raw: true\n",
              .filters_processes = true,
              .process = process,
              .host = namespaces_of("1")};
  const auto all = types();
  uint32_t next = 0;
  for (uint64_t i = 0; i < 2; ++i) {
    // Every type in turn; numbers, which are many, not more often than the others.
    const bool is_pointer = random.one_in(2);
    const policy::ArgTypeInfo* type = i == 0 ? all[seed % all.size()] : random.pick(all);
    if (i == 1 && is_pointer && type->is_number()) type = policy::find_arg_type("string");
    ShapeArg arg{.type = type, .index = next++};
    if (type->extraction == REDAN_ARG_BYTES) arg.size = ++next;
    if (KernelObjects::has(type->extraction)) arg.choices = objects.of(type->extraction);
    shape.args.push_back(arg);
  }
  return shape;
}

/// The context of a call; the memory that it points to lives as long.
class Context {
 public:
  Context(const Trial& trial, const Observation& call, const KernelObjects& objects) {
    for (size_t i = 0; i < call.args.size(); ++i) {
      const policy::Arg& arg = trial.hook().args[i];
      words_[*arg.index] = word(**arg.type, call.args[i], objects);
      const uint8_t size = trial.plan.program.args[i].size_slot;
      if (size != 0) words_[trial.plan.program.args[size - 1].index] = call.args[i].text.size();
    }
  }
  const std::array<uint64_t, kWords>& words() const { return words_; }

 private:
  uint64_t keep(std::string bytes) {
    bytes.resize(bytes.size() + 256);  // whole addresses are read
    return reinterpret_cast<uint64_t>(memory_.emplace_back(std::move(bytes)).data());
  }

  uint64_t word(const policy::ArgTypeInfo& type, const Observed& value, const KernelObjects& objects) {
    constexpr uint64_t kGarbage = 0xa5a5a5a5a5a5a500;
    if (type.is_number()) return type.size == 8 ? value.number : value.number ^ (kGarbage << (8 * type.size - 8));
    if (type.extraction == REDAN_ARG_CAP_SET) return objects.capability_set(value);
    if (KernelObjects::has(type.extraction)) return value.number;
    if (!value.is_readable) return KernelObjects::kUnreadable;
    if (type.extraction == REDAN_ARG_STRING || type.extraction == REDAN_ARG_BYTES) return keep(value.text);
    std::string bytes(sizeof(sockaddr_storage), '\0');
    const auto family = static_cast<uint16_t>(value.socket.family);
    const uint16_t port = htons(static_cast<uint16_t>(value.socket.sport));
    std::memcpy(bytes.data(), &family, sizeof(family));
    if (type.extraction == REDAN_ARG_SOCKADDR_UN) {
      std::memcpy(bytes.data() + sizeof(family), value.text.data(), value.text.size());
    } else {
      std::memcpy(bytes.data() + sizeof(family), &port, sizeof(port));
      const bool is_v4 = family == AF_INET;
      std::memcpy(bytes.data() + (is_v4 ? 4 : 8), value.socket.saddr.data(), is_v4 ? 4 : 16);
    }
    return keep(std::move(bytes));
  }

  std::deque<std::string> memory_;
  std::array<uint64_t, kWords> words_{};
};

/// What a tracepoint points to is the kernel's; here it is this process's.
void read_user_memory(event::HookPlan& plan) {
  for (redan_hook_arg& arg : plan.program.args) {
    const bool is_user = arg.type == REDAN_ARG_STRING || arg.type == REDAN_ARG_BYTES ||
                         arg.type == REDAN_ARG_SOCKADDR || arg.type == REDAN_ARG_SOCKADDR_UN;
    if (is_user) arg.options |= REDAN_ARG_USER;
  }
}

void run_once(int program, const Context& context) {
  std::array<uint64_t, kWords> words = context.words();
  bpf_test_run_opts options{};
  options.sz = sizeof(options);
  options.ctx_in = words.data();
  options.ctx_size_in = sizeof(words);
  REQUIRE(::bpf_prog_test_run_opts(program, &options) == 0);
}

/// The record says what was matched and with which arguments.
void check_record(const Trial& trial, const Observation& call, const Verdict& verdict,
                  const std::vector<SentHook>& sent) {
  REQUIRE(sent.size() == (verdict.is_posted ? 1 : 0));
  if (sent.empty()) return;
  CHECK(sent[0].head.selector == *verdict.selector);
  for (const SentArg& arg : sent[0].args) {
    const Observed& value = call.args[arg.head.slot];
    const policy::ArgTypeInfo& type = **trial.hook().args[arg.head.slot].type;
    if (type.is_number()) CHECK(arg.number() == value.number);
    if (!type.is_number()) CHECK(((arg.head.flags & REDAN_ARG_UNREADABLE) == 0) == value.is_readable);
    const bool is_text = type.extraction == REDAN_ARG_STRING || type.extraction == REDAN_ARG_BYTES;
    if (is_text && value.is_readable) CHECK(arg.bytes == value.text);
  }
}

struct Tally {
  int pairs = 0, matched = 0;
};

void run_program(Stage& stage, const KernelObjects& objects, const policy::ObservedProcess& process, uint64_t seed,
                 Tally& tally) {
  Generator random(seed);
  const Shape shape = random_shape(random, seed, objects, process);
  const auto operators = operators_of(*shape.args[0].type);
  Trial trial = make_trial(random.policy(shape, random.pick(operators)), facts_for_random_policies());
  read_user_memory(trial.plan);
  INFO("REDAN_HOOK_SEED=", seed, "\n", trial.text);
  const auto hook = must(stage.loader().load(trial.plan));
  stage.records();
  for (int i = 0; i < kCallsPerProgram; ++i) {
    const Observation call = random.call();
    INFO(describe(call));
    const Context context(trial, call, objects);
    const redan_hook_counters before = hook->counters();
    run_once(hook->program_fd(), context);
    const Verdict verdict = counted_verdict(before, hook->counters());
    const Verdict expected = expected_verdict(trial, call);
    CHECK(in_words(verdict) == in_words(expected));
    check_record(trial, call, verdict, stage.records());
    ++tally.pairs;
    tally.matched += expected.selector ? 1 : 0;
  }
}

}  // namespace

TEST_CASE("random policies: what programs decide when they are run is what the policy says") {
  const uint64_t programs = number_from_environment("REDAN_HOOK_PROGRAMS", 200);
  const uint64_t first = number_from_environment("REDAN_HOOK_SEED", 1);
  Stage stage;
  const KernelObjects objects(stage);
  const policy::ObservedProcess process = this_process();
  Tally tally;
  for (const uint64_t seed : kOnceFailed) run_program(stage, objects, process, seed, tally);
  for (uint64_t seed = first; seed < first + programs; ++seed) run_program(stage, objects, process, seed, tally);
  MESSAGE(programs << " programs, " << tally.pairs << " pairs, " << tally.matched << " matched");
  if (programs >= 12) {
    CHECK(tally.matched > 0);
    CHECK(tally.matched < tally.pairs);
  }
}
