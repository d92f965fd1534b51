// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the exporter's thread does, and what it shares with the threads that call the exporter. Private to src/export.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "event/process.h"
#include "export/event_queue.h"
#include "export/exporter.h"
#include "export/json.h"
#include "export/line_sink.h"

namespace redan::exporting {

/// The functions of Exporter and run(), which the thread executes.
class Exporter::Worker {
 public:
  Worker(ExporterOptions options, std::unique_ptr<LineSink> sink, ExporterCallbacks callbacks);

  /// Until stopped. Blocks all signals for its thread.
  void run();

  void publish(std::vector<event::Event>& batch);
  void reopen();
  ExportCounters counters() const;

  /// As flush_and_stop(), but for the end of the thread. No callback runs afterwards.
  StopResult stop(std::chrono::nanoseconds timeout);

 private:
  using Clock = std::chrono::steady_clock;

  /// An interruption of the writing.
  struct Failure {
    Clock::time_point since;
    uint64_t dropped_before;  // events, when it began
  };

  // On the exporter's thread.
  bool wait_for_events();
  bool wait_for_retry();
  bool write_chunk(EventChunk& chunk);
  bool write_text();
  void encode(const event::Event& event);
  void account(size_t bytes);
  void on_failure(const Error& error, std::optional<Failure>& failure);
  void on_recovery(const Failure& failure);
  void on_reader_gone(const Error& error);
  void text_is_done();
  void reopen_sink();
  void report(std::string message);

  const ExporterOptions options_;
  const ExporterCallbacks callbacks_;
  const std::unique_ptr<LineSink> sink_;

  // Only used by the exporter's thread.
  JsonEncoder encoder_;
  std::vector<EventChunk> chunks_;  // taken from the queue
  std::string text_;                // lines to write
  size_t written_ = 0;              // bytes of text_ that are written
  std::vector<uint8_t> lines_;      // kind of each line in text_ that is not written
  size_t events_in_text_ = 0;       // events that the queue still counts for text_
  bool reader_gone_ = false;
  bool tried_since_stop_ = false;  // the one try at once that a stop is worth while writing fails

  // Held while a callback runs, so that none runs after stop().
  std::mutex callback_mutex_;
  bool silent_ = false;

  mutable std::mutex mutex_;  // for all that follows
  std::condition_variable work_;
  std::condition_variable ended_;
  EventQueue queue_;
  ExportCounters counters_;  // without `dropped` and `queued`, which the queue knows
  bool idle_ = false;        // the thread waits for events
  bool reopen_requested_ = false;
  bool stopping_ = false;
  bool abandoned_ = false;  // stopping, and no time is left
  bool has_ended_ = false;
};

}  // namespace redan::exporting
