// SPDX-License-Identifier: Apache-2.0
// Random policies through hooks that are really attached, by system calls that are really made, against the letter of the policy.
//
//   REDAN_HOOK_PAIRS=N  pairs of selectors and calls, 100 unless given; four calls for each policy
//   REDAN_HOOK_SEED=N   of the first policy; the next ones count up. A failure prints its policy's own.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <utility>

#include "hooks/observed.h"
#include "property/generator.h"
#include "property/trial.h"

using namespace redan;
using namespace redan::test;
using policy::Observation;
using policy::Observed;

namespace {

constexpr uint64_t kCallsPerPolicy = 4;

// Policies that the two did not agree on once.
constexpr std::array<uint64_t, 0> kOnceFailed = {};

/// A way to be called.
class Stand {
 public:
  virtual ~Stand() = default;
  /// The hook, for whose selectors a policy is made.
  virtual Shape shape(Generator& random) = 0;
  /// Makes the call that `call` is, which is scenario `scenario` of the shape if that has some.
  virtual void act(const Shape& shape, const Observation& call, size_t scenario) = 0;
};

/// A system call that fails whatever its arguments are, for its first one is no descriptor (fs/fsopen.c).
class SystemCall final : public Stand {
 public:
  Shape shape(Generator& random) override {
    Shape shape{.head = "  kprobes:\n  - call: sys_fsconfig\n", .args = {}, .tail = ""};
    const auto number = [&] {
      constexpr std::array<const char*, 12> kTypes = {"int",    "int8",   "uint8", "int16", "uint16", "uint32",
                                                      "uint64", "size_t", "int64", "long",  "ulong",  "sint32"};
      return policy::find_arg_type(random.pick(kTypes));
    };
    shape.args.push_back({.type = number(), .index = 1});
    shape.args.push_back({.type = policy::find_arg_type("string"), .index = 2});
    // The last parameter is the size of the one before, or a number by itself.
    if (random.one_in(2))
      shape.args.push_back({.type = policy::find_arg_type("char_buf"), .index = 3, .size = 5});
    else
      shape.args.push_back({.type = number(), .index = 4});
    std::swap(shape.args[0], shape.args[random.below(shape.args.size())]);
    if (random.one_in(3)) {
      shape.returned = policy::find_arg_type(random.one_in(2) ? "int" : "int64");
      shape.result = Observed{};
      shape.result->number = widened(*shape.returned, static_cast<uint64_t>(-int64_t{EINVAL}));
    }
    return shape;
  }

  void act(const Shape& shape, const Observation& call, size_t) override {
    std::array<uint64_t, 5> words = {~uint64_t{0}, 0, 0, 0, 0};
    for (size_t i = 0; i < shape.args.size(); ++i) {
      const ShapeArg& arg = shape.args[i];
      const Observed& value = call.args[i];
      constexpr uint64_t kUnreadable = 0x10;
      const auto address = reinterpret_cast<uint64_t>(value.text.c_str());
      words[arg.index] = arg.type->is_number() ? value.number : value.is_readable ? address : kUnreadable;
      if (arg.size != 0) words[arg.size - 1] = value.text.size();
    }
    CHECK(::syscall(SYS_fsconfig, words[0], words[1], words[2], words[3], words[4]) == -1);
    CHECK(errno == EINVAL);
  }
};

/// Opens files: not of overlayfs, which the virtual machine's root is, for that opens each file twice.
class Open final : public Stand {
 public:
  Open() {
    const std::string folder = folder_.path();
    for (const std::string& path : {folder_.file("a"), folder_.file("ab/c"), folder_.file("ab/cc.so"), folder + "/ab",
                                    std::string("/dev"), std::string("/dev/null"), std::string("/sys/kernel")})
      add(path, path);
    REQUIRE(::mkfifo((folder + "/fifo").c_str(), 0600) == 0);
    add(folder + "/fifo", folder + "/fifo");
    // Opened again by their numbers: a file that has lost its name, and a pipe, which has none.
    const std::string gone = folder_.file("gone");
    add(again(Fd(::open(gone.c_str(), O_RDONLY | O_CLOEXEC))), gone + " (deleted)");
    std::filesystem::remove(gone);
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    kept_.emplace_back(ends[1]);
    add(again(Fd(ends[0])), "");
  }

  Shape shape(Generator& random) override {
    const bool is_lsm = random.one_in(2);
    Shape shape{.head = is_lsm ? "  lsmhooks:\n  - hook: file_open\n"
                               : "  kprobes:\n  - call: security_file_open\n    syscall: false\n",
                .args = {{.type = policy::find_arg_type("file"), .index = 0}}};
    shape.scenarios = seen_;
    return shape;
  }

  void act(const Shape&, const Observation&, size_t scenario) override {
    const Fd fd(::open(paths_[scenario].c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    CHECK(fd);
  }

 private:
  std::string again(Fd fd) {
    kept_.push_back(std::move(fd));
    return "/proc/self/fd/" + std::to_string(kept_.back().get());
  }

  /// A file that is opened by one path and seen by another.
  void add(const std::string& by, const std::string& seen) {
    paths_.push_back(by);
    Observed file = observed_file(by);
    file.text = seen;
    seen_.push_back({file});
  }

  ScratchFolder folder_;
  std::vector<Fd> kept_;
  std::vector<std::string> paths_;
  std::vector<std::vector<Observed>> seen_;
};

/// Connects datagram sockets of the loopback, which sends nothing.
class Connect final : public Stand {
 public:
  Shape shape(Generator& random) override {
    const bool is_lsm = random.one_in(2);
    Shape shape{.head = is_lsm ? "  lsmhooks:\n  - hook: socket_connect\n"
                               : "  kprobes:\n  - call: security_socket_connect\n    syscall: false\n",
                .args = {{.type = policy::find_arg_type("socket"), .index = 0},
                         {.type = policy::find_arg_type("sockaddr"), .index = 1},
                         {.type = policy::find_arg_type("int"), .index = 2}}};
    if (random.one_in(2)) std::swap(shape.args[0], shape.args[1]);
    for (const Way& way : kWays) {
      Observed socket, address;
      socket.socket.protocol = IPPROTO_UDP;
      socket.socket.state = 7;  // TCP_CLOSE
      fill(socket.socket, loopback(way.family, way.from, way.from_byte), true);
      const LoopbackAddress peer = loopback(way.family, way.to, way.to_byte);
      fill(address.socket, peer, true);
      std::vector<Observed> values = {socket, address, observed_number("int", peer.size)};
      if (shape.args[0].index == 1) std::swap(values[0], values[1]);
      shape.scenarios.push_back(values);
    }
    return shape;
  }

  void act(const Shape&, const Observation&, size_t scenario) override {
    const Way& way = kWays[scenario];
    const Fd socket(::socket(way.family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const LoopbackAddress from = loopback(way.family, way.from, way.from_byte);
    const LoopbackAddress to = loopback(way.family, way.to, way.to_byte);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&from.bytes), from.size) == 0);
    CHECK(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.bytes), to.size) == 0);
  }

 private:
  struct Way {
    int family;
    uint16_t from;
    uint8_t from_byte;
    uint16_t to;
    uint8_t to_byte;
  };
  static constexpr std::array kWays = {Way{AF_INET, 1022, 1, 53, 1},    Way{AF_INET, 2000, 2, 80, 3},
                                       Way{AF_INET, 1024, 1, 1024, 65}, Way{AF_INET, 40000, 200, 1023, 1},
                                       Way{AF_INET6, 1023, 1, 443, 1},  Way{AF_INET6, 65535, 1, 1, 1}};
};

/// Sends itself signals that it ignores.
class Kill final : public Stand {
 public:
  Kill() { handle_all(SIG_IGN); }
  ~Kill() override { handle_all(SIG_DFL); }

  Shape shape(Generator& random) override {
    const bool is_lsm = random.one_in(2);
    Shape shape{.head = is_lsm ? "  lsmhooks:\n  - hook: task_kill\n"
                               : "  kprobes:\n  - call: security_task_kill\n    syscall: false\n",
                .args = {{.type = policy::find_arg_type("int"), .index = 2}}};
    for (const int signal : kSignals)
      shape.scenarios.push_back({observed_number("int", static_cast<uint64_t>(signal))});
    return shape;
  }

  void act(const Shape&, const Observation&, size_t scenario) override {
    CHECK(::kill(::getpid(), kSignals[scenario]) == 0);
  }

 private:
  static void handle_all(sighandler_t how) {
    for (const int signal : kSignals)
      if (signal != 0) ::signal(signal, how);
  }

  static constexpr int kRealTime = 40;
  static constexpr std::array kSignals = {0, SIGUSR1, SIGUSR2, SIGWINCH, SIGURG, SIGCHLD, kRealTime};
};

struct Tally {
  uint64_t pairs = 0, matched = 0;
};

void run_policy(Stage& stage, Stand& stand, uint64_t seed, Tally& tally) {
  Generator random(seed);
  Shape shape = stand.shape(random);
  shape.everywhere = only_this_process();
  shape.filters_processes = true;
  shape.process = this_process();
  shape.host = namespaces_of("1");
  const auto operators = operators_of(*shape.args[0].type);
  const Trial trial = make_trial(random.policy(shape, random.pick(operators)), facts_for_random_policies());
  INFO("REDAN_HOOK_SEED=", seed, "\n", trial.text);
  const auto hook = must(stage.loader().load(trial.plan));
  INFO("attached as ", kernel::hook_attachment_name(hook->facts().attachment));
  must(hook->attach());
  for (uint64_t i = 0; i < kCallsPerPolicy; ++i) {
    const Observation call = random.call();
    INFO(describe(call));
    stage.records();
    const redan_hook_counters before = hook->counters();
    stand.act(shape, call, random.scenario());
    const Verdict verdict = counted_verdict(before, hook->counters());
    const Verdict expected = expected_verdict(trial, call);
    CHECK(in_words(verdict) == in_words(expected));
    const auto sent = stage.records();
    CHECK(sent.size() == (expected.is_posted ? 1 : 0));
    if (!sent.empty() && expected.selector) CHECK(sent[0].head.selector == *expected.selector);
    ++tally.pairs;
    tally.matched += expected.selector ? 1 : 0;
  }
}

}  // namespace

TEST_CASE("random policies: what attached hooks decide is what the policy says") {
  const uint64_t pairs = number_from_environment("REDAN_HOOK_PAIRS", 100);
  const uint64_t first = number_from_environment("REDAN_HOOK_SEED", 1);
  Stage stage;
  SystemCall call;
  Open open;
  Connect connect;
  Kill kill;
  const std::array<Stand*, 5> stands = {&call, &open, &connect, &call, &kill};
  Tally tally;
  const auto run = [&](uint64_t seed) { run_policy(stage, *stands[seed % stands.size()], seed, tally); };
  for (const uint64_t seed : kOnceFailed) run(seed);
  for (uint64_t seed = first; seed < first + (pairs + kCallsPerPolicy - 1) / kCallsPerPolicy; ++seed) run(seed);
  MESSAGE(tally.pairs << " pairs, " << tally.matched << " matched");
  if (pairs >= 100) {
    CHECK(tally.matched > 0);
    CHECK(tally.matched < tally.pairs);
  }
}
