// SPDX-License-Identifier: Apache-2.0
// Random policies as programs that the kernel has verified and runs (BPF_PROG_TEST_RUN), against the letter of the policy.
//
//   REDAN_HOOK_PROGRAMS=N  programs, 12 unless given; four calls each
//   REDAN_HOOK_SEED=N      of the first program; the next ones count up. A failure prints its program's own.
#include <fcntl.h>
#include <sys/un.h>

#include <array>
#include <deque>
#include <filesystem>

#include <bpf/bpf.h>

#include "hooks/observed.h"
#include "property/generator.h"
#include "property/trial.h"

using namespace redan;
using namespace redan::test;
using policy::Observation;
using policy::Observed;

namespace {

constexpr int kCallsPerProgram = 4;
constexpr uint64_t kUnreadable = 0x10;
constexpr uint64_t kNoFd = 100000;
constexpr size_t kWords = 12;  // of a raw tracepoint's context, MAX_BPF_FUNC_ARGS

// Programs that the two did not agree on once.
constexpr std::array<uint64_t, 0> kOnceFailed = {};

/// Sockets of which the kernel's address is known, and files with numbers.
struct Objects {
  ScratchFolder folder;
  std::vector<Fd> open;
  std::vector<Observed> files, sockets;
};

/// The kernel's address of the socket behind a descriptor: a hook sees it.
uint64_t kernel_address(Stage& stage, const Fd& socket) {
  Plan plan(event::HookSection::kLsmHooks, "socket_getsockname");
  plan.arg(0, REDAN_ARG_SOCKET, 0).selector().only_me();
  const auto sent = stage.watch(plan, [&] {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  });
  REQUIRE(sent.size() == 1);
  return sent[0].args[0].as<redan_arg_socket>().cookie;
}

void add_socket(Objects& objects, Stage& stage, int family, int type, uint16_t port) {
  Fd socket(::socket(family, type | SOCK_CLOEXEC, 0));
  REQUIRE(socket);
  Observed seen;
  seen.socket.family = static_cast<uint32_t>(family);
  seen.socket.state = 7;  // TCP_CLOSE, which sockets begin with
  if (family != AF_UNIX) {
    seen.socket.protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    const LoopbackAddress address = loopback(family, port);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0);
    fill(seen.socket, address, true);
    if (type == SOCK_STREAM) {
      REQUIRE(::listen(socket.get(), 1) == 0);
      seen.socket.state = 10;  // TCP_LISTEN
    } else {
      const LoopbackAddress peer = loopback(family, static_cast<uint16_t>(port + 1));
      REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer.bytes), peer.size) == 0);
      fill(seen.socket, peer, false);
      seen.socket.state = 1;  // TCP_ESTABLISHED
    }
  }
  seen.number = kernel_address(stage, socket);
  objects.sockets.push_back(seen);
  objects.open.push_back(std::move(socket));
}

void make_objects(Objects& objects, Stage& stage) {
  add_socket(objects, stage, AF_INET, SOCK_STREAM, 2222);
  add_socket(objects, stage, AF_INET, SOCK_DGRAM, 4444);
  add_socket(objects, stage, AF_INET6, SOCK_STREAM, 1023);
  add_socket(objects, stage, AF_INET6, SOCK_DGRAM, 1024);
  add_socket(objects, stage, AF_UNIX, SOCK_STREAM, 0);
  Observed nowhere;
  nowhere.is_readable = false;
  nowhere.number = kUnreadable;
  objects.sockets.push_back(nowhere);

  std::vector<std::string> paths = {"/", "/etc/passwd", "/dev/null"};
  for (const char* name : {"a", "ab", "abc", "ab/c", "ab.d/cc/c"}) {
    if (std::string(name) != "ab/c") paths.push_back(objects.folder.file(name));
  }
  for (const std::string& path : paths) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(fd);
    Observed file = observed_file(path, static_cast<uint64_t>(fd.get()));
    if (path == "/") file.text.clear();
    objects.files.push_back(file);
    objects.open.push_back(std::move(fd));
  }
  // One that has no name any more.
  const std::string gone = objects.folder.file("gone");
  Fd fd(::open(gone.c_str(), O_RDONLY | O_CLOEXEC));
  std::filesystem::remove(gone);
  Observed file = observed_file(gone + " (deleted)", static_cast<uint64_t>(fd.get()));
  objects.files.push_back(file);
  objects.open.push_back(std::move(fd));
  Observed none;
  none.is_readable = false;
  none.number = kNoFd;
  objects.files.push_back(none);
}

std::vector<const policy::ArgTypeInfo*> types() {
  std::vector<const policy::ArgTypeInfo*> found;
  for (const policy::ArgTypeInfo& type : policy::arg_types()) {
    constexpr std::array kPointers = {REDAN_ARG_STRING,      REDAN_ARG_BYTES, REDAN_ARG_SOCKADDR,
                                      REDAN_ARG_SOCKADDR_UN, REDAN_ARG_FD,    REDAN_ARG_SOCK};
    const bool is_made = type.is_number() || std::ranges::find(kPointers, type.extraction) != kPointers.end();
    if (is_made && (type.sections & policy::kInRaw) != 0) found.push_back(&type);
  }
  return found;
}

Shape random_shape(Generator& random, uint64_t seed, const Objects& objects, const policy::ObservedProcess& process) {
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
    if (type->extraction == REDAN_ARG_FD) arg.choices = objects.files;
    if (type->extraction == REDAN_ARG_SOCK) arg.choices = objects.sockets;
    shape.args.push_back(arg);
  }
  return shape;
}

/// The context of a call; the memory that it points to lives as long.
class Context {
 public:
  Context(const Trial& trial, const Observation& call) {
    for (size_t i = 0; i < call.args.size(); ++i) {
      const policy::Arg& arg = trial.hook().args[i];
      words_[*arg.index] = word(**arg.type, call.args[i]);
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

  uint64_t word(const policy::ArgTypeInfo& type, const Observed& value) {
    constexpr uint64_t kGarbage = 0xa5a5a5a5a5a5a500;
    if (type.is_number()) return type.size == 8 ? value.number : value.number ^ (kGarbage << (8 * type.size - 8));
    if (type.extraction == REDAN_ARG_FD || type.extraction == REDAN_ARG_SOCK) return value.number;
    if (!value.is_readable) return kUnreadable;
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

void run_program(Stage& stage, const Objects& objects, const policy::ObservedProcess& process, uint64_t seed,
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
    const Context context(trial, call);
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
  const uint64_t programs = number_from_environment("REDAN_HOOK_PROGRAMS", 12);
  const uint64_t first = number_from_environment("REDAN_HOOK_SEED", 1);
  Stage stage;
  Objects objects;
  make_objects(objects, stage);
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
