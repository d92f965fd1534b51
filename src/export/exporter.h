// SPDX-License-Identifier: Apache-2.0
#pragma once
// The thread that writes the event stream.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "event/process.h"
#include "export/event_queue.h"
#include "export/json.h"
#include "export/line_sink.h"

namespace redan::exporting {

struct ExporterOptions {
  JsonOptions json;
  size_t queue_size = 10000;  ///< events that may wait (--event-queue-size)
  bool own_records = true;    ///< false: no line of Redan's own (--export-own-records)
  std::chrono::nanoseconds retry_interval = std::chrono::seconds(1);  ///< between tries while writing fails
};

/// Called on the exporter's thread; never after flush_and_stop() has returned. They must not call the exporter, and not
/// throw.
struct ExporterCallbacks {
  /// One line for the log: writing fails, writing works again, a rotation went wrong.
  std::function<void(std::string)> report;
  /// Once: whoever read the stream has left (a closed pipe). Nothing more is written; the agent should stop.
  std::function<void(Error)> reader_gone;
};

/// What an exporter did so far.
struct ExportCounters {
  KindCounts written{};  ///< lines, by kind of event
  KindCounts dropped{};  ///< events that found no room, or came when the reader was gone
  uint64_t bytes = 0;    ///< written
  uint64_t failed_writes = 0;
  uint64_t reopened = 0;  ///< successful reopen()s
  size_t queued = 0;      ///< events that wait, or are being written
};

/// How an exporter ended.
struct StopResult {
  size_t left = 0;     ///< events that were queued but not written; 0: all were
  bool hangs = false;  ///< the thread was left behind: it waits for a write to come back
};

/// Encodes events and writes their lines, in the order of their publication, on a thread of its own. Publishing never
/// waits for the writing: what finds no room in the queue is dropped, counted by kind and, where in the stream it is
/// missing, told in a line {"redan":{"kind":"loss","cause":"export_queue_full","process_exec":"12",…}}. While writing
/// fails nothing that was queued is given up; it is tried again at every retry interval. All functions may be called
/// from any thread.
class Exporter {
 public:
  /// Starts the thread; throws std::system_error, for main() to report, if there cannot be another.
  Exporter(ExporterOptions options, std::unique_ptr<LineSink> sink, ExporterCallbacks callbacks);

  /// As flush_and_stop() without time to flush.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  /// Hands events over. Leaves `batch` empty, with memory for the next one. Takes one short lock, and wakes the thread
  /// if it sleeps. After flush_and_stop() everything is dropped.
  void publish(std::vector<event::Event>&& batch);

  /// Asks the thread to open its file again, after a rotation. Returns at once; what goes wrong is reported.
  void reopen();

  ExportCounters counters() const;

  /// Writes what is queued, for at most `timeout`, and ends the thread. If the thread hangs in a write (a stuck file
  /// system, a terminal that was stopped) it is left behind, and the process should end.
  StopResult flush_and_stop(std::chrono::nanoseconds timeout);

 private:
  class Worker;

  std::shared_ptr<Worker> worker_;  // shared with the thread, which may have to be left behind
  std::thread thread_;
};

}  // namespace redan::exporting
