// SPDX-License-Identifier: Apache-2.0
// The loop with a kernel that a test plays, and a real exporter behind it.

#include "agent/run_loop.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/clock.h"
#include "export/line_file.h"
#include "unit/agent/scratch_dir.h"
#include "unit/agent_loop/fake_kernel.h"
#include "unit/event/texts.h"

namespace redan::agent {
namespace {

using namespace std::chrono_literals;
using event::ExecRecord;
using event::ExitRecord;
using event::kMs;
using event::kSecond;
using Call = FakeKernel::Call;

constexpr auto kLong = 60s;  // no test gets there

/// The loop takes these from a file descriptor, so whoever runs it blocks them.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::sigaddset(&signals, number);
    ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// All that the loop needs, with an exporter to a file and an empty procfs.
class Agent {
 public:
  explicit Agent(size_t queue_size = 100'000) {
    start_.options.procfs = dir.path("proc");
    start_.wall_offset_ns = wall_offset_ns();
    auto file = exporting::LineFile::open({.path = dir.path("events")});
    REQUIRE(file.ok());
    exporter = std::make_unique<exporting::Exporter>(
        exporting::ExporterOptions{.json = {.node_name = "n"}, .queue_size = queue_size}, std::move(*file),
        exporting::ExporterCallbacks{});
  }

  void stop() const {
    const uint64_t one = 1;
    CHECK(::write(stop_.get(), &one, sizeof(one)) == sizeof(one));
  }

  /// Runs the loop to its end, and the exporter to the end of its work.
  Result<void> run(std::optional<uint64_t> duration_ns = std::nullopt) {
    engine::Engine engine(engine_options(start_), start_.wall_offset_ns);
    const RunParts parts{.kernel = kernel,
                         .engine = engine,
                         .exporter = exporter.get(),
                         .recording = recording ? &*recording : nullptr,
                         .log = log_,
                         .stop_fd = stop_.get()};
    RunOptions options{.start = start_, .duration_ns = duration_ns};
    options.each_second = [this] { ++seconds; };
    Result<void> ran = agent::run(parts, options);
    CHECK(exporter->flush_and_stop(kLong).left == 0);
    return ran;
  }

  /// The lines of a file, each shortened to its kind: "start", "exec 100", "exit 100".
  std::vector<std::string> events(std::string_view name = "events") const {
    std::vector<std::string> kinds;
    std::istringstream lines(read_whole(dir.path(name)));
    for (std::string line; std::getline(lines, line);) {
      const auto word_after = [&](std::string_view key) {
        const size_t begin = line.find(key);
        if (begin == std::string::npos) return std::string();
        return line.substr(begin + key.size(), line.find_first_of("\",", begin + key.size()) - begin - key.size());
      };
      if (line.starts_with("{\"redan\"")) {
        kinds.push_back(word_after("\"kind\":\""));
      } else {
        kinds.push_back((line.starts_with("{\"process_exec\"") ? "exec " : "exit ") + word_after("\"pid\":"));
      }
    }
    return kinds;
  }
  size_t count(const std::string& kind) const { return static_cast<size_t>(std::ranges::count(events(), kind)); }

  BlockedSignals blocked;  // before the first thread
  ScratchDir dir;
  FakeKernel kernel;
  std::unique_ptr<exporting::Exporter> exporter;
  std::optional<event::RecordingWriter> recording;
  int seconds = 0;

 private:
  Fd stop_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::ostringstream logged_;
  Log log_{Log::Options{.stream = &logged_}};
  Start start_;
};

event::Frame exec(uint32_t tgid) { return ExecRecord{.tgid = tgid, .time = boot_ns()}.frame(); }

redan_task task(uint32_t tgid, uint32_t creator) {
  redan_task task{};
  task.image = event::image(tgid, tgid, REDAN_IMAGE_LEARNT);
  task.creator = event::image(creator, creator);
  task.exe_nlink = 1;
  return task;
}

using Kinds = std::vector<std::string>;

}  // namespace

TEST_CASE(
    "the stream begins with the start and the processes that are there, then it is ready, and it ends with the stop") {
  Agent agent;
  agent.kernel.processes = {task(7, 1), task(1, 0)};
  agent.kernel.on_consume = [&](size_t) { agent.stop(); };
  REQUIRE(agent.run().ok());
  CHECK(agent.events() == Kinds{"start", "exec 0", "exec 1", "exec 7", "ready", "stop"});
}

TEST_CASE("the hooks are attached before the processes are listed, so that none falls between") {
  Agent agent;
  agent.stop();
  REQUIRE(agent.run().ok());
  const auto calls = agent.kernel.calls();
  REQUIRE(calls.size() > 3);
  CHECK(calls[0].call == Call::kAttach);
  CHECK(calls[1].call == Call::kTasks);
  CHECK(calls[2].call == Call::kTasks);
  CHECK(agent.kernel.calls(Call::kDetach).size() == 1);
}

TEST_CASE("a process that starts while the others are listed is told once") {
  Agent agent;
  agent.kernel.on_tasks = [&] {
    if (!agent.kernel.processes.empty()) return;
    redan_task young = task(100, 1);
    young.image = event::image(100, boot_ns(), REDAN_IMAGE_FORKED);
    agent.kernel.processes = {young};
    agent.kernel.submit(event::ForkRecord{.tgid = 100, .time = young.image.time}.frame());
    agent.kernel.submit(ExecRecord{.tgid = 100, .time = young.image.time + 1, .previous = young.image}.frame());
  };
  agent.kernel.on_consume = [&](size_t) { agent.stop(); };
  REQUIRE(agent.run().ok());
  CHECK(agent.events() == Kinds{"start", "exec 0", "ready", "exec 100", "stop"});
}

TEST_CASE("what is in the ring when the loop is stopped is told before the stop, all of it") {
  constexpr uint32_t kRecords = 10'000;  // more than one batch
  Agent agent;
  agent.kernel.on_detach = [&] {
    for (uint32_t i = 0; i < kRecords; ++i) agent.kernel.submit(exec(1000 + i));
  };
  agent.stop();
  REQUIRE(agent.run().ok());
  const Kinds events = agent.events();
  REQUIRE(events.size() == kRecords + 4);
  CHECK(events.back() == "stop");
  CHECK(events[events.size() - 2] == "exec " + std::to_string(1000 + kRecords - 1));
}

TEST_CASE("before a long sleep the loop asks to be woken by any record, and looks again") {
  Agent agent;
  agent.kernel.after_wish = [&](redan_wakeup) {
    if (agent.kernel.calls(Call::kWish).size() == 2) agent.stop();
  };
  REQUIRE(agent.run().ok());
  const auto calls = agent.kernel.calls();
  const auto first_wish = std::ranges::find(calls, Call::kWish, &FakeKernel::Entry::call);
  REQUIRE(first_wish != calls.end());
  // Look, wish, look, wish: the ring is empty from the start.
  CHECK(first_wish->value == REDAN_WAKEUP_ANY);
  CHECK((first_wish - 1)->call == Call::kConsume);
  CHECK((first_wish + 1)->call == Call::kConsume);
  // A short sleep, not the one until the next tick. Under load it may take long all the same.
  WARN((first_wish + 1)->at - first_wish->at < 500 * kMs);
}

TEST_CASE("while there is traffic the loop asks to be woken by a full ring only") {
  Agent agent;
  agent.kernel.on_consume = [&](size_t round) {
    if (round < 5) agent.kernel.submit(exec(static_cast<uint32_t>(100 + round)));
    if (round == 5) agent.stop();
  };
  REQUIRE(agent.run().ok());
  const auto wishes = agent.kernel.calls(Call::kWish);
  REQUIRE(wishes.size() >= 6);
  for (size_t i = 0; i < 5; ++i) CHECK(wishes[i].value == REDAN_WAKEUP_LEVEL);
  CHECK(wishes[5].value == REDAN_WAKEUP_ANY);
}

TEST_CASE("a record that is submitted between the look and the wish is found without a wake-up") {
  // Found in any case by the next tick; so the best of several must be much faster than that.
  constexpr size_t kTries = 5;
  Agent agent;
  uint64_t submitted_at = 0;
  uint64_t fastest = UINT64_MAX;
  size_t tries = 0;
  agent.kernel.before_wish = [&](redan_wakeup wish) {
    // The first wish for any record after traffic: the sensor still sees the one before it.
    if (wish != REDAN_WAKEUP_ANY || submitted_at != 0) return;
    submitted_at = boot_ns();
    agent.kernel.submit(exec(static_cast<uint32_t>(100 + tries)));
  };
  agent.kernel.on_consume = [&](size_t) {
    if (submitted_at == 0) return;
    fastest = std::min(fastest, boot_ns() - submitted_at);
    submitted_at = 0;
    if (++tries == kTries) agent.stop();
  };
  REQUIRE(agent.run().ok());
  CHECK(fastest < 500 * kMs);
  CHECK(agent.count("exec 104") == 1);
}

TEST_CASE("a record that is submitted after the wish ends the sleep") {
  constexpr size_t kTries = 5;
  Agent agent;
  uint64_t submitted_at = 0;
  uint64_t fastest = UINT64_MAX;
  size_t idle_wishes = 0;
  size_t tries = 0;
  agent.kernel.after_wish = [&](redan_wakeup wish) {
    idle_wishes = wish == REDAN_WAKEUP_ANY ? idle_wishes + 1 : 0;
    if (idle_wishes != 2) return;  // the one before the long sleep
    submitted_at = boot_ns();
    agent.kernel.submit(exec(static_cast<uint32_t>(100 + tries)));
  };
  agent.kernel.on_consume = [&](size_t) {
    if (submitted_at == 0) return;
    fastest = std::min(fastest, boot_ns() - submitted_at);
    submitted_at = 0;
    if (++tries == kTries) agent.stop();
  };
  REQUIRE(agent.run().ok());
  CHECK(fastest < 500 * kMs);
  CHECK(agent.count("exec 104") == 1);
}

TEST_CASE("records of another thread are all told, however they meet the loop's sleep") {
  constexpr uint32_t kRecords = 3000;
  Agent agent;
  std::thread other([&] {
    for (uint32_t i = 0; i < kRecords; ++i) {
      agent.kernel.submit(exec(1000 + i));
      if (i % 100 == 0) std::this_thread::yield();
    }
    agent.stop();
  });
  REQUIRE(agent.run().ok());
  other.join();
  const Kinds events = agent.events();
  CHECK(static_cast<uint32_t>(std::ranges::count_if(events, [](const std::string& kind) {
          return kind.starts_with("exec 1") || kind.starts_with("exec 2") || kind.starts_with("exec 3");
        })) == kRecords);
}

TEST_CASE("losses are told soon, and lead to one scan per second at most") {
  Agent agent;
  uint64_t lost = 0;
  agent.kernel.on_counters = [&] {
    redan_counters counters{};
    counters.lost[REDAN_LOSS_RING_FULL_EXEC] = ++lost;
    return counters;
  };
  REQUIRE(agent.run(2500 * kMs).ok());
  // Each scan lists twice; the first one is that of the start.
  const auto lists = agent.kernel.calls(Call::kTasks);
  REQUIRE(lists.size() >= 6);
  REQUIRE(lists.size() % 2 == 0);
  for (size_t i = 4; i < lists.size(); i += 2) CHECK(lists[i].at - lists[i - 1].at >= kSecond);
  const Kinds events = agent.events();
  CHECK(std::ranges::count(events, "healed") == static_cast<std::ptrdiff_t>(lists.size() / 2 - 1));
  CHECK(std::ranges::find(events, "loss") < std::ranges::find(events, "healed"));
  CHECK(std::ranges::count(events, "loss") > 3);
}

TEST_CASE("records that came before a healing scan's listing are handled before it") {
  Agent agent;
  bool lost = false;
  agent.kernel.processes = {task(1, 0), task(70, 1)};
  agent.kernel.on_counters = [&] {
    redan_counters counters{};
    counters.lost[REDAN_LOSS_RING_FULL_FORK] = lost ? 1 : 0;
    return counters;
  };
  agent.kernel.on_consume = [&](size_t round) {
    if (round == 0) lost = true;
  };
  agent.kernel.on_tasks = [&] {
    if (!lost) return;
    // 70 ends while it is listed; of 71 the records were lost, and it ends after the listing.
    agent.kernel.processes = {task(1, 0), task(70, 1), task(71, 1)};
    if (agent.kernel.calls(Call::kTasks).size() != 3) return;
    agent.kernel.submit(ExitRecord{.tgid = 70, .time = boot_ns(), .image_time = 70}.frame());
    agent.kernel.submit(ExitRecord{.tgid = 71, .time = boot_ns(), .image_time = 71}.frame());
    agent.stop();
  };
  REQUIRE(agent.run().ok());
  CHECK(agent.events() ==
        Kinds{"start", "exec 0", "exec 1", "exec 70", "ready", "loss", "exit 70", "exit 71", "healed", "stop"});
}

TEST_CASE("time passes: there are ticks, counters and housekeeping about once a second") {
  Agent agent;
  REQUIRE(agent.run(2300 * kMs).ok());
  CHECK(agent.seconds >= 1);
  CHECK(agent.seconds <= 2);
}

TEST_CASE("the loop ends by itself after its duration, and not before") {
  Agent agent;
  const uint64_t began = boot_ns();
  REQUIRE(agent.run(300 * kMs).ok());
  CHECK(boot_ns() - began >= 300 * kMs);
  CHECK(agent.events().back() == "stop");
}

TEST_CASE("SIGTERM and SIGINT stop the loop") {
  for (const int number : {SIGTERM, SIGINT}) {
    CAPTURE(number);
    Agent agent;
    agent.kernel.on_consume = [&](size_t round) {
      if (round == 1) ::kill(::getpid(), number);
    };
    REQUIRE(agent.run().ok());
    CHECK(agent.events() == Kinds{"start", "exec 0", "ready", "stop"});
  }
}

TEST_CASE("SIGHUP and SIGUSR1 open the export file again") {
  for (const int number : {SIGHUP, SIGUSR1}) {
    CAPTURE(number);
    Agent agent;
    bool asked = false;
    agent.kernel.on_consume = [&](size_t round) {
      if (round == 1) {
        while (agent.exporter->counters().queued > 0) std::this_thread::yield();
        REQUIRE(std::rename(agent.dir.path("events").c_str(), agent.dir.path("events.1").c_str()) == 0);
        ::kill(::getpid(), number);
        asked = true;
      }
      if (asked && agent.exporter->counters().reopened == 1) agent.stop();
    };
    // A loop that never opens it again ends as well.
    REQUIRE(agent.run(20 * kSecond).ok());
    CHECK(agent.events("events.1") == Kinds{"start", "exec 0", "ready"});
    CHECK(agent.events() == Kinds{"stop"});
  }
}

TEST_CASE("what the kernel cannot do ends the loop with its error") {
  Agent agent;
  const Error error{ErrorCode::kKernel, "no way"};
  SUBCASE("attach") { agent.kernel.attach_error = error; }
  SUBCASE("list the tasks") { agent.kernel.tasks_error = error; }
  SUBCASE("read the ring") { agent.kernel.consume_error = error; }
  const auto ran = agent.run();
  REQUIRE_FALSE(ran.ok());
  CHECK(ran.error() == error);
  CHECK(agent.events().front() == "start");
}

TEST_CASE("a recording holds what gives the same lines again") {
  Agent agent;
  auto writer = event::RecordingWriter::create(agent.dir.path("recording"));
  REQUIRE(writer.ok());
  agent.recording = std::move(*writer);
  agent.kernel.processes = {task(1, 0)};
  agent.kernel.on_consume = [&](size_t round) {
    if (round < 10) agent.kernel.submit(exec(static_cast<uint32_t>(100 + round)));
    if (round == 10) agent.stop();
  };
  REQUIRE(agent.run().ok());

  auto reader = event::RecordingReader::open(agent.dir.path("recording"));
  REQUIRE(reader.ok());
  std::optional<engine::Engine> engine;
  exporting::JsonEncoder encoder({.node_name = "n"});
  std::string lines;
  while (true) {
    const auto frame = reader->next();
    REQUIRE(frame.ok());
    if (!*frame) break;
    if (!engine) {
      const auto view = event::decode(**frame);
      REQUIRE(view.has_value());
      const auto start = parse_start_facts(event::parse_facts(std::get<event::TextView>(*view).text));
      REQUIRE(start.ok());
      engine.emplace(engine_options(*start), start->wall_offset_ns);
    }
    std::vector<event::Event> events;
    engine->handle(**frame, events);
    for (const event::Event& event : events) encoder.append(event, lines);
  }
  CHECK((lines == read_whole(agent.dir.path("events"))));
}

TEST_CASE("a recording that cannot be written ends the loop, and what was received is with the exporter") {
  Agent agent;
  auto writer = event::RecordingWriter::create("/dev/full");
  REQUIRE(writer.ok());
  agent.recording = std::move(*writer);
  agent.kernel.on_consume = [&](size_t round) {
    if (round < 100) agent.kernel.submit(exec(static_cast<uint32_t>(100 + round)));
  };
  const auto ran = agent.run(20 * kSecond);
  REQUIRE_FALSE(ran.ok());
  CHECK(ran.error().message.find("/dev/full") != std::string::npos);
  CHECK(agent.count("exec 100") == 1);
}

}  // namespace redan::agent
