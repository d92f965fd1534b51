// SPDX-License-Identifier: Apache-2.0
#include "agent/run_loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include <fmt/format.h>

#include "base/clock.h"
#include "metadata/metadata.h"

namespace redan::agent {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

/// Records that are handled before the loop looks at anything else: some milliseconds of work.
constexpr size_t kBatch = 4096;
/// How long records may wait while there is traffic. A wake-up costs more than forty records, so the sensor does not wake the
/// agent for each; a nearly full ring does.
constexpr int kPollMs = 20;
/// Rounds without a record until the agent stops looking and asks to be woken. Two, because the sensor reads the wish when it
/// submits: a record that was being submitted when the wish was made is found by the second look.
constexpr int kIdleRounds = 2;
constexpr uint64_t kTickNs = kSecond;
/// A step of the wall clock that is worth telling; what NTP slews in a second is less.
constexpr int64_t kClockStepNs = 1'000'000;
/// Healing reads /proc; under lasting loss that must not become the load.
constexpr uint64_t kHealNs = kSecond;

class Loop {
 public:
  Loop(const RunParts& parts, const RunOptions& options) : parts_(parts), options_(options) {}

  Result<void> run() {
    REDAN_TRY(set_up());
    REDAN_TRY(begin());
    while (!stopping_) REDAN_TRY(turn());
    return end();
  }

 private:
  Result<void> set_up() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&signals, number);
    signals_ = Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) return errno_error("signalfd");
    epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return errno_error("epoll_create1");
    const int other = parts_.other != nullptr ? parts_.other->fd() : -1;
    for (const int fd : {signals_.get(), parts_.kernel.wakeup_fd(), parts_.stop_fd, other}) {
      if (fd < 0) continue;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = fd;
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return errno_error("epoll_ctl");
    }
    return {};
  }

  Result<void> begin() {
    const uint64_t now = boot_ns();
    wall_offset_ns_ = options_.start.wall_offset_ns;
    next_tick_ = now + kTickNs;
    stop_at_ = options_.duration_ns ? now + *options_.duration_ns : UINT64_MAX;
    feed(event::text_frame(event::kFrameStart, now, event::facts_text(start_facts(options_.start))));
    REDAN_TRY(feed_users(now));
    publish();

    REDAN_TRY(parts_.kernel.attach());
    REDAN_ASSIGN(const auto frames, scan(boot_ns()));
    for (const auto& frame : frames) feed(frame);
    feed(event::bytes_of(event::plain_frame(event::kFrameReady, boot_ns())));
    publish();
    parts_.log.info("watching: {} processes known", parts_.engine.tree().living());
    if (parts_.other != nullptr) parts_.other->begin(feed_);
    publish();
    return recorded_;
  }

  /// One round: what there is, what is due, sleep.
  Result<void> turn() {
    REDAN_ASSIGN(const size_t taken, consume());
    const uint64_t now = boot_ns();
    REDAN_TRY(do_what_is_due(now));
    publish();
    REDAN_TRY(recorded_);
    idle_rounds_ = taken > 0 ? 0 : std::min(idle_rounds_ + 1, kIdleRounds);
    if (taken >= kBatch) return {};
    return sleep(now);
  }

  Result<void> end() {
    if (parts_.other != nullptr) parts_.other->end(feed_);
    parts_.kernel.detach();
    while (true) {
      REDAN_ASSIGN(const size_t taken, consume());
      publish();
      if (taken == 0) break;
    }
    const uint64_t now = boot_ns();
    feed_counters(event::kFrameStop, now);
    publish();
    if (parts_.recording != nullptr && recorded_) recorded_ = parts_.recording->flush();
    return recorded_;
  }

  Result<size_t> consume() {
    return parts_.kernel.consume([this](event::Bytes record) { feed(record); }, kBatch);
  }

  Result<void> do_what_is_due(uint64_t now) {
    if (now >= next_tick_) {
      next_tick_ = now + kTickNs;
      check_clock(now);
      REDAN_TRY(feed_users(now));
      feed(event::bytes_of(event::plain_frame(event::kFrameTick, now)));
      feed_counters(event::kFrameCounters, now);
      options_.each_second();
      if (parts_.other != nullptr) parts_.other->each_second(feed_);
      if (parts_.recording != nullptr && recorded_) recorded_ = parts_.recording->flush();
    } else if (const redan_counters counters = parts_.kernel.counters();
               !std::ranges::equal(counters.lost, counters_.lost)) {
      feed_counters(event::kFrameCounters, now);
    }
    if (parts_.engine.wants_scan() && now >= next_heal_) REDAN_TRY(heal());
    if (now >= stop_at_) stopping_ = true;
    return {};
  }

  /// Lists the processes after a loss. Records that were sent before the listing was made must be handled before it: they tell
  /// of ends that the listing has taken into account.
  Result<void> heal() {
    next_heal_ = boot_ns() + kHealNs;
    const auto scanned = scan(std::nullopt);
    if (!scanned) {  // events go on without; it is tried again
      parts_.log.warn("cannot list the processes after a loss: {}", scanned.error().message);
      return {};
    }
    while (true) {
      REDAN_ASSIGN(const size_t taken, consume());
      if (taken < kBatch) break;
      publish();
    }
    for (const auto& frame : *scanned) feed(frame);
    next_heal_ = boot_ns() + kHealNs;
    return {};
  }

  Result<std::vector<std::vector<std::byte>>> scan(std::optional<uint64_t> seen_from) {
    const AgentOptions& agent = options_.start.options;
    metadata::ScanOptions scan;
    scan.procfs = agent.procfs;
    scan.now = boot_ns();
    scan.environment = agent.enable_process_environment_variables;
    scan.args_max = static_cast<uint32_t>(agent.arguments_max_size);
    scan.seen_from = seen_from;
    scan.known = [this](const redan_image& image) {
      return parts_.engine.tree().contains({.tgid = image.tgid, .time = image.time});
    };
    return metadata::scan_frames([this] { return parts_.kernel.tasks(); }, scan);
  }

  void check_clock(uint64_t now) {
    const int64_t offset = wall_offset_ns();
    if (std::abs(offset - wall_offset_ns_) < kClockStepNs) return;
    parts_.log.info("the wall clock was set: {} ms off", (offset - wall_offset_ns_) / 1'000'000);
    wall_offset_ns_ = offset;
    const event::ClockFrame frame{.hdr = event::plain_frame(event::kFrameClock, now), .wall_offset_ns = offset};
    feed(event::bytes_of(frame));
  }

  /// User names, when they are asked for and the file has changed.
  Result<void> feed_users(uint64_t now) {
    if (options_.start.options.username_metadata != UsernameMetadata::kUnix) return {};
    auto users = metadata::read_users_if_changed(users_version_);
    if (!users) {
      if (!users_failed_) parts_.log.warn("{}; events go without user names", users.error().message);
      users_failed_ = true;
      return {};
    }
    users_failed_ = false;
    if (*users) feed(event::text_frame(event::kFrameUsers, now, **users));
    return {};
  }

  void feed_counters(event::FrameKind kind, uint64_t now) {
    counters_ = parts_.kernel.counters();
    const event::CountersFrame frame{.hdr = event::plain_frame(kind, now), .counters = counters_};
    feed(event::bytes_of(frame));
  }

  void feed(event::Bytes frame) {
    if (parts_.recording != nullptr && recorded_) recorded_ = parts_.recording->append(frame);
    parts_.engine.handle(frame, events_);
  }

  void publish() {
    if (events_.empty()) return;
    if (parts_.exporter != nullptr) {
      parts_.exporter->publish(std::move(events_));
    }
    events_.clear();
  }

  Result<void> sleep(uint64_t now) {
    const bool idle = idle_rounds_ >= kIdleRounds;
    // The wish stays until the sensor grants it: between the short and the long sleep of an idle agent it is never withdrawn.
    parts_.kernel.want_wakeup(idle_rounds_ > 0 ? REDAN_WAKEUP_ANY : REDAN_WAKEUP_LEVEL);
    const uint64_t until = std::min(next_tick_, stop_at_);
    const int to_tick = until <= now ? 0 : static_cast<int>((until - now) / 1'000'000 + 1);
    std::array<epoll_event, 5> events{};
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), events.size(), idle ? to_tick : std::min(kPollMs, to_tick));
    if (count < 0 && errno != EINTR) return errno_error("epoll_wait");
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.fd == signals_.get()) take_signals();
      if (events[static_cast<size_t>(i)].data.fd == parts_.stop_fd) stopping_ = true;
      if (parts_.other != nullptr && events[static_cast<size_t>(i)].data.fd == parts_.other->fd())
        parts_.other->serve(feed_);
    }
    return {};
  }

  void take_signals() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo == SIGHUP || info.ssi_signo == SIGUSR1) {
        if (parts_.exporter != nullptr) parts_.exporter->reopen();
      } else {
        parts_.log.info("stopping: {}", ::strsignal(static_cast<int>(info.ssi_signo)));
        stopping_ = true;
      }
    }
  }

  const RunParts& parts_;
  const RunOptions& options_;
  const Feed feed_ = [this](event::Bytes frame) { feed(frame); };
  Fd signals_;
  Fd epoll_;
  std::vector<event::Event> events_;
  redan_counters counters_{};
  metadata::FileVersion users_version_;
  bool users_failed_ = false;
  int64_t wall_offset_ns_ = 0;
  uint64_t next_tick_ = 0;
  uint64_t next_heal_ = 0;
  uint64_t stop_at_ = UINT64_MAX;
  int idle_rounds_ = 0;
  bool stopping_ = false;
  Result<void> recorded_;  ///< of the recording; once it failed, nothing more is appended
};

}  // namespace

Result<void> run(const RunParts& parts, const RunOptions& options) { return Loop(parts, options).run(); }

}  // namespace redan::agent
