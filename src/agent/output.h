// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the events of a command go: a file, standard output, or nowhere.

#include <memory>
#include <optional>

#include "agent/options.h"
#include "base/log.h"
#include "base/result.h"
#include "export/exporter.h"

namespace redan::agent {

class Output {
 public:
  /// Opens what --export-filename names (nothing if that is empty) and starts its thread. `stop_fd`, an eventfd, is written to
  /// when whoever read the events has left. `log` outlives the output.
  static Result<Output> open(const AgentOptions& options, const exporting::JsonOptions& json, Log& log, int stop_fd);

  /// Null: nowhere.
  exporting::Exporter* exporter() { return exporter_.get(); }

  /// Writes what is left. The error says how many events could not be written.
  Result<void> close();

 private:
  explicit Output(std::unique_ptr<exporting::Exporter> exporter) : exporter_(std::move(exporter)) {}

  std::unique_ptr<exporting::Exporter> exporter_;
};

}  // namespace redan::agent
