// SPDX-License-Identifier: Apache-2.0
#include "export/exporter.h"

#include <utility>

#include "export/exporter_worker.h"

namespace redan::exporting {

Exporter::Exporter(ExporterOptions options, std::unique_ptr<LineSink> sink, ExporterCallbacks callbacks)
    : worker_(std::make_shared<Worker>(std::move(options), std::move(sink), std::move(callbacks))),
      thread_([worker = worker_] { worker->run(); }) {}

Exporter::~Exporter() { flush_and_stop(std::chrono::nanoseconds(0)); }

void Exporter::publish(std::vector<event::Event>&& batch) { worker_->publish(batch); }

void Exporter::reopen() { worker_->reopen(); }

ExportCounters Exporter::counters() const { return worker_->counters(); }

StopResult Exporter::flush_and_stop(std::chrono::nanoseconds timeout) {
  const StopResult result = worker_->stop(timeout);
  if (thread_.joinable()) {
    if (result.hangs) {
      thread_.detach();  // it keeps the worker alive
    } else {
      thread_.join();
    }
  }
  return result;
}

}  // namespace redan::exporting
