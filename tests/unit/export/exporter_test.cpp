// SPDX-License-Identifier: Apache-2.0
#include "export/exporter.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "export/line_file.h"
#include "unit/export/builders.h"

namespace redan::exporting {
namespace {

using namespace std::chrono_literals;

constexpr auto kLong = 60s;  // no test gets there

/// What the test and the exporter's thread tell each other.
class Stage {
 public:
  /// How the sink answers; in order, one per write or reopen. Without one it takes everything.
  struct Answer {
    size_t lines = SIZE_MAX;  // how many of them are written
    std::optional<std::string> error = {};
    bool gone = false;
    bool hang = false;  // until released
  };

  void answer(std::vector<Answer> answers) {
    const std::lock_guard lock(mutex_);
    for (Answer& answer : answers) answers_.push_back(std::move(answer));
  }

  /// Waits until `condition`, which sees the rest of this, holds.
  void wait_for(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, kLong, condition));
  }
  void release() {
    change([this] { released_ = true; });
  }

  /// The lines so far, shortened to "exec 1", "exit 2", or the body of a record of Redan's own.
  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> short_lines;
    for (size_t start = 0; start < text.size();) {
      const size_t end = text.find('\n', start);
      const std::string line = text.substr(start, end - start);
      start = end == std::string::npos ? text.size() : end + 1;
      if (const auto own = member(line, "redan")) {
        short_lines.push_back(*own);
      } else {
        const std::string kind = member(line, "process_exec") ? "exec" : "exit";
        short_lines.push_back(kind + ' ' + member(line, "process_" + kind, "process", "pid").value_or("?"));
      }
    }
    return short_lines;
  }

  std::vector<std::string> reports_so_far() {
    const std::lock_guard lock(mutex_);
    return reports;
  }

  template <typename Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  WriteResult write(std::string_view written) {
    std::unique_lock lock(mutex_);
    ++writes;
    Answer now;
    if (!answers_.empty()) {
      now = std::move(answers_.front());
      answers_.pop_front();
    }
    changed_.notify_all();
    if (now.hang) changed_.wait(lock, [this] { return released_; });
    size_t size = 0;
    for (size_t line = 0; line < now.lines && size < written.size(); ++line) size = written.find('\n', size) + 1;
    text.append(written, 0, size);
    changed_.notify_all();
    WriteResult result{.written = size, .gone = now.gone};
    if (now.error) result.error = Error{ErrorCode::kRuntime, *now.error};
    return result;
  }

  Result<OpenReport> reopen() {
    const std::lock_guard lock(mutex_);
    ++reopens;
    changed_.notify_all();
    if (reopen_error) return Error{ErrorCode::kRuntime, *reopen_error};
    return OpenReport{.torn_bytes = 5};
  }

  // Guarded by the mutex, which conditions and changes hold.
  std::string text;
  int writes = 0;
  int reopens = 0;
  bool sink_is_gone = false;
  std::optional<std::string> reopen_error;
  std::vector<std::string> reports;
  std::vector<Error> readers_gone;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Answer> answers_;
  bool released_ = false;
};

class FakeSink final : public LineSink {
 public:
  explicit FakeSink(std::shared_ptr<Stage> stage) : stage_(std::move(stage)) {}
  ~FakeSink() override {
    stage_->change([this] { stage_->sink_is_gone = true; });
  }
  WriteResult write(std::string_view lines) override { return stage_->write(lines); }
  Result<OpenReport> reopen() override { return stage_->reopen(); }

 private:
  std::shared_ptr<Stage> stage_;
};

ExporterCallbacks callbacks_to(const std::shared_ptr<Stage>& stage) {
  return {
      .report = [stage](std::string message) { stage->change([&] { stage->reports.push_back(std::move(message)); }); },
      .reader_gone = [stage](Error error) { stage->change([&] { stage->readers_gone.push_back(std::move(error)); }); }};
}

std::unique_ptr<Exporter> exporter_to(const std::shared_ptr<Stage>& stage, ExporterOptions options = {}) {
  options.json.node_name = "n";
  return std::make_unique<Exporter>(std::move(options), std::make_unique<FakeSink>(stage), callbacks_to(stage));
}

event::Event exec(uint32_t pid) {
  event::Process process = plain_process();
  process.key.tgid = pid;
  return exec_of(std::move(process));
}

event::Event exit(uint32_t pid) {
  event::Process process = plain_process();
  process.key.tgid = pid;
  return exit_of(std::move(process));
}

event::Event heartbeat() { return event::Notice{.time = kTime, .kind = "heartbeat"}; }

template <typename... Events>
std::vector<event::Event> events(Events... all) {
  std::vector<event::Event> made;
  (made.push_back(std::move(all)), ...);
  return made;
}

constexpr std::string_view kHeartbeatText = R"({"kind":"heartbeat"})";

/// A loss of events of kTime, with these counts.
std::string loss_text(const std::string& counts) {
  return R"({"kind":"loss","cause":"export_queue_full",)" + counts + R"(,"since":"2026-08-21T09:14:02.512345678Z"})";
}

}  // namespace

TEST_CASE("everything that is published is written, in order") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.queue_size = 1 << 20});
  std::vector<std::string> expected;
  uint32_t pid = 0;
  for (uint32_t size = 1; size < 200; size += 7) {
    std::vector<event::Event> batch;
    for (uint32_t i = 0; i < size; ++i) {
      batch.push_back(++pid % 3 == 0 ? exit(pid) : exec(pid));
      expected.push_back((pid % 3 == 0 ? "exit " : "exec ") + std::to_string(pid));
    }
    exporter->publish(std::move(batch));
    CHECK(batch.empty());  // NOLINT(bugprone-use-after-move): promised
  }
  const StopResult stopped = exporter->flush_and_stop(kLong);
  CHECK(stopped.left == 0);
  CHECK_FALSE(stopped.hangs);
  CHECK(stage->lines() == expected);

  const ExportCounters counters = exporter->counters();
  CHECK(counters.written == counts(pid - pid / 3, pid / 3, 0));
  CHECK(counters.dropped == KindCounts{});
  CHECK(counters.bytes == stage->text.size());
  CHECK(counters.queued == 0);
  CHECK(stage->reports.empty());
}

TEST_CASE("an event is written without waiting for others") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage);
  for (uint32_t pid = 1; pid <= 5; ++pid) {
    exporter->publish(events(exec(pid)));
    stage->wait_for([&] { return std::ranges::count(stage->text, '\n') == pid; });
  }
}

TEST_CASE("a slow sink: what finds no room is counted, and told where it is missing") {
  for (const bool own_records : {true, false}) {
    CAPTURE(own_records);
    const auto stage = std::make_shared<Stage>();
    const auto exporter = exporter_to(stage, {.queue_size = 4, .own_records = own_records});
    stage->answer({{.hang = true}});
    exporter->publish(events(exec(1), exit(1)));
    stage->wait_for([&] { return stage->writes == 1; });
    exporter->publish(events(exec(2), exit(2), exec(3), exit(3), exec(4)));
    exporter->publish(events(heartbeat(), exec(5)));
    exporter->publish(events(exec(6)));

    ExportCounters counters = exporter->counters();
    CHECK(counters.written == KindCounts{});
    CHECK(counters.dropped == counts(4, 1, 0));
    CHECK(counters.queued == 5);
    stage->release();
    CHECK(exporter->flush_and_stop(kLong).left == 0);
    const std::vector<std::string> with_records = {"exec 1",
                                                   "exit 1",
                                                   "exec 2",
                                                   "exit 2",
                                                   loss_text(R"("process_exec":"2","process_exit":"1")"),
                                                   std::string(kHeartbeatText),
                                                   loss_text(R"("process_exec":"2")")};
    CHECK(stage->lines() ==
          (own_records ? with_records : std::vector<std::string>{"exec 1", "exit 1", "exec 2", "exit 2"}));
    counters = exporter->counters();
    CHECK(counters.written == (own_records ? counts(2, 2, 3) : counts(2, 2, 0)));
    CHECK(counters.dropped == counts(4, 1, 0));
    CHECK(counters.queued == 0);
  }
}

TEST_CASE("a loss at the end of the stream is told though nothing follows") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.queue_size = 1});
  stage->answer({{.hang = true}});
  exporter->publish(events(exec(1)));
  stage->wait_for([&] { return stage->writes == 1; });
  exporter->publish(events(exec(2), exit(2)));
  stage->release();
  stage->wait_for([&] { return std::ranges::count(stage->text, '\n') == 2; });
  CHECK(stage->lines() == std::vector<std::string>{"exec 1", loss_text(R"("process_exec":"1","process_exit":"1")")});
}

TEST_CASE("the time of a loss is that of the last event that is missing") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.queue_size = 1});
  stage->answer({{.hang = true}});
  exporter->publish(events(exec(1)));
  stage->wait_for([&] { return stage->writes == 1; });
  exporter->publish(events(event::Event(event::ProcessExit{.time = {.boot_ns = 1'000'000'000}}),
                           event::Event(event::ProcessExit{.time = {.boot_ns = 2'000'000'000}})));
  stage->release();
  exporter->flush_and_stop(kLong);
  CHECK(stage->text.ends_with(
      R"({"redan":{"kind":"loss","cause":"export_queue_full","process_exit":"2","since":"1970-01-01T00:00:01Z"})"
      R"(,"node_name":"n","time":"1970-01-01T00:00:02Z"})"
      "\n"));
}

TEST_CASE("writing fails for a while: told once, nothing lost, nothing written twice") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.retry_interval = 1ms});
  stage->answer({{.hang = true},
                 {.lines = 0, .error = "disk full"},
                 {.lines = 2, .error = "disk full"},
                 {.lines = 1, .error = "still full"},
                 {.lines = 0, .error = "disk full"}});
  exporter->publish(events(exec(1)));
  stage->wait_for([&] { return stage->writes == 1; });
  exporter->publish(events(exec(2), exec(3)));
  exporter->publish(events(exit(3), exit(2), exit(1)));
  stage->release();
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1", "exec 2", "exec 3", "exit 3", "exit 2", "exit 1"});
  const ExportCounters counters = exporter->counters();
  CHECK(counters.written == counts(3, 3, 0));
  CHECK(counters.dropped == KindCounts{});
  CHECK(counters.failed_writes == 4);
  REQUIRE(stage->reports.size() == 2);
  CHECK(stage->reports[0] == "disk full; events wait, and are tried again every 0.0 s");
  CHECK(stage->reports[1].starts_with("events are written again after "));
  CHECK(stage->reports[1].ends_with(" s; none found no room meanwhile"));
}

TEST_CASE("writing fails for long: the queue fills up, and what was lost is told") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.queue_size = 2, .retry_interval = kLong});
  stage->answer({{.lines = 0, .error = "disk full"}});
  exporter->publish(events(exec(1)));
  stage->wait_for([&] { return stage->reports.size() == 1; });
  exporter->publish(events(exec(2), exec(3), exec(4)));
  exporter->reopen();  // a rotation is a reason to try at once
  stage->wait_for([&] { return stage->reports.size() == 3; });
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1", "exec 2", loss_text(R"("process_exec":"2")")});
  CHECK(stage->reports[0] == "disk full; events wait, and are tried again every 60.0 s");
  CHECK(stage->reports[1] == "cut off a torn line of 5 bytes at the end of the export file");
  CHECK(stage->reports[2].ends_with(" s; 2 found no room meanwhile"));
}

TEST_CASE("the reader is gone: told once, all the rest is counted as dropped") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage);
  stage->answer({{.hang = true}, {.lines = 1, .error = "its reader is gone", .gone = true}});
  exporter->publish(events(exec(1)));
  stage->wait_for([&] { return stage->writes == 1; });
  exporter->publish(events(exec(2), exit(2), exec(3)));
  stage->release();
  stage->wait_for([&] { return stage->readers_gone.size() == 1; });
  exporter->publish(events(exec(4), exit(4)));
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1", "exec 2"});
  CHECK(stage->writes == 2);
  CHECK(stage->readers_gone == std::vector<Error>{{ErrorCode::kRuntime, "its reader is gone"}});
  CHECK(stage->reports.empty());
  const ExportCounters counters = exporter->counters();
  CHECK(counters.written == counts(2, 0, 0));
  CHECK(counters.dropped == counts(2, 2, 0));
  CHECK(counters.queued == 0);
}

TEST_CASE("reopening: asked for at any time, done between writes, failures told") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage);
  exporter->reopen();
  stage->wait_for([&] { return stage->reports.size() == 1; });
  stage->change([&] { stage->reopen_error = "no such folder"; });
  exporter->reopen();
  stage->wait_for([&] { return stage->reports.size() == 2; });
  CHECK(stage->reports_so_far()[1] == "no such folder; the file that was open stays in use");
  exporter->publish(events(exec(1)));
  exporter->flush_and_stop(kLong);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1"});
  CHECK(exporter->counters().reopened == 1);
}

TEST_CASE("stopping while writing fails: one more try at once, then until the time is up") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.retry_interval = kLong});
  stage->answer({{.lines = 0, .error = "disk full"}, {.lines = 1, .error = "disk full"}});
  exporter->publish(events(exec(1), exec(2), exec(3)));
  stage->wait_for([&] { return stage->reports.size() == 1; });
  exporter->publish(events(exec(4)));
  const StopResult stopped = exporter->flush_and_stop(300ms);
  CHECK(stopped.left >= 1);
  CHECK_FALSE(stopped.hangs);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1"});
  CHECK(stage->writes == 2);
}

TEST_CASE("stopping when a write does not come back: the thread is left behind and calls nobody any more") {
  const auto stage = std::make_shared<Stage>();
  auto exporter = exporter_to(stage);
  stage->answer({{.lines = 0, .error = "disk full", .hang = true}});
  exporter->publish(events(exec(1), exec(2)));
  stage->wait_for([&] { return stage->writes == 1; });
  const StopResult stopped = exporter->flush_and_stop(1ms);
  CHECK(stopped.left == 2);
  CHECK(stopped.hangs);
  exporter.reset();
  stage->release();
  stage->wait_for([&] { return stage->sink_is_gone; });  // the thread has ended
  CHECK(stage->reports.empty());
}

TEST_CASE("publishing after the stop drops, and stopping twice is no mistake") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage);
  exporter->publish(events(exec(1)));
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  exporter->publish(events(exec(2), heartbeat()));
  exporter->reopen();
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  CHECK(stage->lines() == std::vector<std::string>{"exec 1"});
  CHECK(exporter->counters().dropped == counts(1, 0, 1));
}

TEST_CASE("own records left out are not counted as written or dropped, and take no room for ever") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter =
      exporter_to(stage, {.queue_size = 4, .own_records = false});  // the last two may not be released yet
  for (uint32_t pid = 1; pid <= 100; ++pid) {
    exporter->publish(events(heartbeat(), exec(pid)));
    stage->wait_for([&] { return std::ranges::count(stage->text, '\n') == pid; });
  }
  exporter->flush_and_stop(kLong);
  CHECK(exporter->counters().written == counts(100, 0, 0));
  CHECK(exporter->counters().dropped == KindCounts{});
}

TEST_CASE("one thread publishes, others reopen and count: written and dropped add up") {
  const auto stage = std::make_shared<Stage>();
  const auto exporter = exporter_to(stage, {.queue_size = 50, .retry_interval = 0ms});
  std::vector<Stage::Answer> answers;
  for (size_t i = 0; i < 200; ++i) answers.push_back({.lines = i % 7, .error = "full"});
  stage->answer(std::move(answers));
  std::jthread rotation([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      exporter->reopen();
      static_cast<void>(exporter->counters());
      std::this_thread::yield();
    }
  });
  constexpr uint32_t kCount = 20'000;
  std::vector<event::Event> batch;
  for (uint32_t pid = 1; pid <= kCount; ++pid) {
    batch.push_back(exec(pid));
    // Publishing leaves the batch empty, not just moved from.
    if (batch.size() > pid % 9) exporter->publish(std::move(batch));  // NOLINT(bugprone-use-after-move)
  }
  exporter->publish(std::move(batch));
  rotation = {};
  CHECK(exporter->flush_and_stop(kLong).left == 0);
  const ExportCounters counters = exporter->counters();
  CHECK(counters.written[0] + counters.dropped[0] == kCount);

  // In order, and every gap told with its size.
  uint64_t pid = 0;
  for (const std::string& line : stage->lines()) {
    if (line.starts_with("exec ")) {
      REQUIRE(line == "exec " + std::to_string(++pid));
    } else {
      const std::string lost = member(line, "process_exec").value_or("\"0\"");
      pid += std::stoull(lost.substr(1));
    }
  }
  CHECK(pid == kCount);
}

TEST_CASE("a file: what arrives there") {
  const auto stage = std::make_shared<Stage>();
  auto file = LineFile::open({.path = "/dev/full"});
  REQUIRE(file);
  Exporter exporter({.json = {.node_name = "n"}, .retry_interval = 1ms}, std::move(file).value(), callbacks_to(stage));
  exporter.publish(events(exec(1)));
  stage->wait_for([&] { return stage->reports.size() == 1; });
  CHECK(stage->reports_so_far()[0] == "export file /dev/full: no space left on its file system; free some; events "
                                      "wait, and are tried again every 0.0 s");
  const StopResult stopped = exporter.flush_and_stop(5ms);
  CHECK(stopped.left == 1);
  CHECK_FALSE(stopped.hangs);
}

}  // namespace redan::exporting
