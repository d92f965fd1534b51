// SPDX-License-Identifier: Apache-2.0
#pragma once
// The facts of a start frame: what an agent says about itself when it starts, and all that a replay needs beside the frames.

#include <cstdint>
#include <optional>

#include "agent/options.h"
#include "agent/place.h"
#include "base/result.h"
#include "engine/engine.h"
#include "event/frame.h"
#include "export/json.h"
#include "metadata/metadata.h"

namespace redan::agent {

/// Version of the lines that are Redan's own; raised when a field changes its meaning. Fields are only ever added.
inline constexpr int kSchemaVersion = 1;

struct Start {
  AgentOptions options;
  metadata::Host host;
  int64_t wall_offset_ns = 0;
  int64_t wall_time = 0;                   ///< of the start, ns since 1970
  std::optional<Predecessor> predecessor;  ///< an agent that was killed: since then nobody watched
  bool kernel_reads = true;                ///< false: lockdown keeps strings in kernel memory from the sensor
};

event::Facts start_facts(const Start& start);

/// kCorrupt if a fact is missing or is not what an agent writes.
Result<Start> parse_start_facts(const event::Facts& facts);

engine::EngineOptions engine_options(const Start& start);
exporting::JsonOptions json_options(const Start& start);

}  // namespace redan::agent
