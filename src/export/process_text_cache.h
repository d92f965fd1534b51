// SPDX-License-Identifier: Apache-2.0
#pragma once
// Processes that were written lately, as text.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "event/process.h"
#include "export/process_json.h"
#include "export/timestamp.h"

namespace redan::exporting {

class JsonWriter;

/// Writes processes, and keeps the text of those that were written lately: nodes of the process tree never change, the
/// end of a process repeats what its start said, and the parent is the same for many. Holds the nodes whose text it
/// keeps, so that their addresses stay theirs. Not thread-safe.
class ProcessTextCache {
 public:
  explicit ProcessTextCache(ProcessJson json);

  const ProcessJson& json() const { return json_; }

  /// Appends the text of `process` in an event with this time, as the leader's.
  void append(const event::ProcessRef& process, const event::EventTime& time, TimestampText& timestamp,
              JsonWriter& out);

  /// The same in an event of one of its threads.
  void append(const event::ProcessRef& process, uint32_t tid, const event::EventTime& time, TimestampText& timestamp,
              JsonWriter& out);

  /// The same for the process of an exec. What is special about one is not kept.
  void append(const event::ProcessRef& process, const event::BinaryProperties& properties, const event::EventTime& time,
              TimestampText& timestamp, JsonWriter& out);

 private:
  static constexpr unsigned kIndexBits = 8;
  static constexpr size_t kMaxTextSize = 8192;  // longer texts are rare, and few of them would take much memory

  struct Entry {
    event::ProcessRef process;
    int64_t wall_offset_ns = 0;  // the start time depends on it
    std::string text;            // without the number of the thread
    size_t tid_at = 0;           // where that belongs
  };

  static size_t index_of(const event::Process* process);

  ProcessJson json_;
  std::vector<Entry> entries_;
};

}  // namespace redan::exporting
