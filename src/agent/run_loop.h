// SPDX-License-Identifier: Apache-2.0
#pragma once
// The thread that moves everything: records from the kernel through the engine to the exporter.

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "agent/start_facts.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/result.h"
#include "engine/engine.h"
#include "event/recording.h"
#include "export/exporter.h"
#include "kernel/kernel.h"

namespace redan::agent {

/// Takes a frame to the engine, and to the recording if there is one.
using Feed = std::function<void(event::Bytes)>;

/// Something else that the loop's thread does between its rounds. Nothing in it may wait for long: the ring fills meanwhile.
class LoopPart {
 public:
  virtual ~LoopPart() = default;
  /// The sensor is attached, and the processes that were there are known.
  virtual void begin(const Feed& feed) = 0;
  /// Readable when serve() has something to do; -1: never.
  virtual int fd() const = 0;
  virtual void serve(const Feed& feed) = 0;
  virtual void each_second(const Feed& feed) = 0;
  /// The loop is about to read the rest of the ring.
  virtual void end(const Feed& feed) = 0;
};

/// What the loop works with; all of it outlives the loop.
struct RunParts {
  kernel::Kernel& kernel;
  engine::Engine& engine;
  exporting::Exporter* exporter = nullptr;      ///< null: events go nowhere
  event::RecordingWriter* recording = nullptr;  ///< null: nothing is recorded
  LoopPart* other = nullptr;                    ///< null: nothing else
  Log& log;
  int stop_fd = -1;  ///< readable: somebody else wants the loop to end
};

struct RunOptions {
  const Start& start;
  std::optional<uint64_t> duration_ns;        ///< ends by itself after that time
  std::function<void()> each_second = [] {};  ///< housekeeping
};

/// Attaches the sensor, scans the processes that are there, and moves frames until SIGINT or SIGTERM (which, with SIGHUP and
/// SIGUSR1, must be blocked in all threads), stop_fd or the end of the duration. SIGHUP and SIGUSR1 reopen the export file.
/// Returns when the ring is empty and every event is with the exporter.
Result<void> run(const RunParts& parts, const RunOptions& options);

}  // namespace redan::agent
