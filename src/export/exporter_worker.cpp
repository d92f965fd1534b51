// SPDX-License-Identifier: Apache-2.0
#include "export/exporter_worker.h"

#include <signal.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include <pthread.h>

#include "export/event_kind.h"
#include "export/timestamp.h"

namespace redan::exporting {
namespace {

constexpr size_t kWriteSize = 64 << 10;     // text that is gathered for one write, if there is so much
constexpr size_t kMaxIdleText = 512 << 10;  // a buffer that has grown larger is given back
constexpr std::chrono::milliseconds kLastGrace{200};

uint64_t sum(const KindCounts& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

/// A time as text, e.g. in a notice.
std::string to_text(const event::EventTime& time) {
  char text[TimestampText::kMaxSize];
  TimestampText timestamp;
  return std::string(text, timestamp.write(time.wall_ns(), text));
}

/// The record that tells a gap in the stream.
event::Event loss_notice(const Loss& loss) {
  event::Notice notice{.time = loss.last, .kind = "loss", .fields = {{"cause", "export_queue_full"}}};
  for (size_t kind = 0; kind < kEventKinds; ++kind) {
    if (loss.events[kind] != 0) notice.fields.push_back({std::string(kEventKeys[kind]), loss.events[kind]});
  }
  notice.fields.push_back({"since", to_text(loss.first)});
  return notice;
}

/// Seconds with one decimal.
std::string seconds_text(std::chrono::steady_clock::duration duration) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count() / 100;
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + " s";
}

/// Signals are for the main thread. Besides, a write may raise SIGPIPE or SIGXFSZ, whose default action ends the
/// process.
void block_signals() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) ::sigdelset(&signals, fault);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

Exporter::Worker::Worker(ExporterOptions options, std::unique_ptr<LineSink> sink, ExporterCallbacks callbacks)
    : options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      sink_(std::move(sink)),
      encoder_(options_.json),
      queue_(options_.queue_size) {}

void Exporter::Worker::run() {
  block_signals();
  bool go_on = true;
  while (go_on && wait_for_events()) {
    for (EventChunk& chunk : chunks_) {
      if (!go_on) break;
      go_on = write_chunk(chunk);
    }
    go_on = go_on && write_text();
  }
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  ended_.notify_all();
}

// --- called from other threads --------------------------------------------------------------------------------------

void Exporter::Worker::publish(std::vector<event::Event>& batch) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    queue_.push(batch);
    wake = std::exchange(idle_, false);  // whoever wakes it is the only one
  }
  if (wake) work_.notify_one();
}

void Exporter::Worker::reopen() {
  const std::lock_guard lock(mutex_);
  reopen_requested_ = true;
  work_.notify_one();
}

ExportCounters Exporter::Worker::counters() const {
  const std::lock_guard lock(mutex_);
  ExportCounters counters = counters_;
  counters.dropped = queue_.dropped();
  counters.queued = queue_.held();
  return counters;
}

StopResult Exporter::Worker::stop(std::chrono::nanoseconds timeout) {
  const auto ended = [this] { return has_ended_; };
  StopResult result;
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    work_.notify_one();
    if (!abandoned_ && !ended_.wait_for(lock, timeout, ended)) {
      abandoned_ = true;
      work_.notify_one();
      ended_.wait_for(lock, kLastGrace, ended);
    }
    result = {.left = queue_.held(), .hangs = !has_ended_};
    queue_.close();
  }
  const std::lock_guard lock(callback_mutex_);
  silent_ = true;
  return result;
}

// --- the exporter's thread ------------------------------------------------------------------------------------------

/// Takes what is queued to chunks_; false if it is time to end.
bool Exporter::Worker::wait_for_events() {
  std::unique_lock lock(mutex_);
  while (!abandoned_) {
    if (std::exchange(reopen_requested_, false)) {
      lock.unlock();
      reopen_sink();
      lock.lock();
    } else if (queue_.take(chunks_)) {
      return true;
    } else if (stopping_) {
      return false;
    } else {
      idle_ = true;
      work_.wait(lock);
      idle_ = false;
    }
  }
  return false;
}

/// Waits until it is time to try again; false if it is time to end. A rotation may be what helps, and a stop is worth a
/// try.
bool Exporter::Worker::wait_for_retry() {
  std::unique_lock lock(mutex_);
  work_.wait_for(lock, options_.retry_interval,
                 [this] { return abandoned_ || reopen_requested_ || (stopping_ && !tried_since_stop_); });
  if (abandoned_) return false;
  tried_since_stop_ = stopping_;
  const bool reopen = std::exchange(reopen_requested_, false);
  lock.unlock();
  if (reopen) reopen_sink();
  return true;
}

/// Adds a chunk to text_, and writes when there is enough of it; false if it is time to end.
bool Exporter::Worker::write_chunk(EventChunk& chunk) {
  if (!chunk.lost_before.empty() && options_.own_records) encode(loss_notice(chunk.lost_before));
  for (const event::Event& event : chunk.events) {
    ++events_in_text_;
    if (options_.own_records || !is_own_record(event)) encode(event);
    if (text_.size() >= kWriteSize && !write_text()) return false;
  }
  chunk.events.clear();
  return true;
}

void Exporter::Worker::encode(const event::Event& event) {
  encoder_.append(event, text_);
  lines_.push_back(kind_of(event));
}

/// Writes text_, however long that takes; false if it is time to end.
bool Exporter::Worker::write_text() {
  std::optional<Failure> failure;
  while (!reader_gone_ && written_ < text_.size()) {
    const WriteResult result = sink_->write(std::string_view(text_).substr(written_));
    account(result.written);
    if (!result.error) continue;
    if (result.gone) {
      on_reader_gone(*result.error);
      break;
    }
    on_failure(*result.error, failure);
    if (!wait_for_retry()) return false;
  }
  if (failure && !reader_gone_) on_recovery(*failure);
  text_is_done();
  return true;
}

/// Counts what was written of text_.
void Exporter::Worker::account(size_t bytes) {
  const std::string_view written = std::string_view(text_).substr(written_, bytes);
  written_ += bytes;
  const auto line_count = written_ == text_.size() ? std::ssize(lines_) : std::ranges::count(written, '\n');
  const std::lock_guard lock(mutex_);
  counters_.bytes += bytes;
  for (auto line = lines_.begin(); line != lines_.begin() + line_count; ++line) ++counters_.written[*line];
  lines_.erase(lines_.begin(), lines_.begin() + line_count);
}

/// Text_ is written, or nobody will read it.
void Exporter::Worker::text_is_done() {
  KindCounts unwritten{};
  for (const uint8_t kind : lines_) ++unwritten[kind];
  {
    const std::lock_guard lock(mutex_);
    queue_.add_dropped(unwritten);
    queue_.release(events_in_text_);
  }
  events_in_text_ = 0;
  lines_.clear();
  written_ = 0;
  text_.clear();
  if (text_.capacity() > kMaxIdleText) text_.shrink_to_fit();
}

void Exporter::Worker::on_failure(const Error& error, std::optional<Failure>& failure) {
  uint64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.failed_writes;
    dropped = sum(queue_.dropped());
  }
  if (failure) return;  // told already
  failure = Failure{.since = Clock::now(), .dropped_before = dropped};
  report(error.message + "; events wait, and are tried again every " + seconds_text(options_.retry_interval));
}

void Exporter::Worker::on_recovery(const Failure& failure) {
  uint64_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    dropped = sum(queue_.dropped()) - failure.dropped_before;
  }
  report("events are written again after " + seconds_text(Clock::now() - failure.since) + "; " +
         (dropped == 0 ? "none" : std::to_string(dropped)) + " found no room meanwhile");
}

/// Everything that is queued or will be published is dropped, and counted.
void Exporter::Worker::on_reader_gone(const Error& error) {
  reader_gone_ = true;
  {
    const std::lock_guard lock(mutex_);
    ++counters_.failed_writes;
    queue_.close();
  }
  const std::lock_guard lock(callback_mutex_);
  if (!silent_ && callbacks_.reader_gone) callbacks_.reader_gone(error);
}

void Exporter::Worker::reopen_sink() {
  const Result<OpenReport> opened = sink_->reopen();
  if (!opened) return report(opened.error().message + "; the file that was open stays in use");
  if (opened.value().torn_bytes > 0) {
    report("cut off a torn line of " + std::to_string(opened.value().torn_bytes) +
           " bytes at the end of the export file");
  }
  const std::lock_guard lock(mutex_);
  ++counters_.reopened;
}

void Exporter::Worker::report(std::string message) {
  const std::lock_guard lock(callback_mutex_);
  if (!silent_ && callbacks_.report) callbacks_.report(std::move(message));
}

}  // namespace redan::exporting
