// SPDX-License-Identifier: Apache-2.0
#include "agent/output.h"

#include <unistd.h>

#include <cstdlib>

#include <fmt/format.h>

#include "export/line_file.h"

namespace redan::agent {
namespace {

/// How long the end of the agent waits for a slow file system or reader.
constexpr std::chrono::seconds kCloseTimeout(10);

}  // namespace

Result<Output> Output::open(const AgentOptions& options, const exporting::JsonOptions& json, Log& log, int stop_fd) {
  if (options.export_filename.empty()) return Output(nullptr);
  REDAN_ASSIGN(auto file, exporting::LineFile::open({.path = options.export_filename,
                                                     .mode = static_cast<mode_t>(options.export_file_perm)}));
  if (const uint64_t torn = file->opened().torn_bytes; torn > 0) {
    log.warn("'{}' ended with {} bytes of a line that was never finished (a crash?); they were cut off",
             options.export_filename, torn);
  }
  exporting::ExporterCallbacks callbacks;
  callbacks.report = [&log](std::string line) { log.warn("{}", line); };
  callbacks.reader_gone = [&log, stop_fd](Error error) {
    log.error("{}", error.message);
    const uint64_t one = 1;
    if (::write(stop_fd, &one, sizeof(one)) < 0) std::abort();  // an eventfd takes a 1 unless its number is wrong
  };
  return Output(std::make_unique<exporting::Exporter>(
      exporting::ExporterOptions{
          .json = json, .queue_size = options.event_queue_size, .own_records = options.export_own_records},
      std::move(file), std::move(callbacks)));
}

Result<void> Output::close() {
  if (exporter_ == nullptr) return {};
  const exporting::StopResult stopped = exporter_->flush_and_stop(kCloseTimeout);
  if (stopped.left == 0) return {};
  return Error{ErrorCode::kRuntime, fmt::format("{} events could not be written before the end", stopped.left)};
}

}  // namespace redan::agent
