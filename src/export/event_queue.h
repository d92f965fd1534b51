// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events on their way from the engine to the writer.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "event/process.h"
#include "export/event_kind.h"

namespace redan::exporting {

/// A number per kind of event.
using KindCounts = std::array<uint64_t, kEventKinds>;

/// A gap in the stream: events that found no room.
struct Loss {
  KindCounts events{};
  event::EventTime first;  ///< of the first and the last of them
  event::EventTime last;

  bool empty() const {
    return std::ranges::all_of(events, [](uint64_t count) { return count == 0; });
  }
};

/// A piece of the stream: perhaps a gap, then events.
struct EventChunk {
  Loss lost_before;
  std::vector<event::Event> events;
};

/// A bounded queue that takes batches as they are and remembers where in the stream events are missing.
///
/// What the writer has taken but not yet written counts as still queued, so that the bound is one on memory. Redan's own
/// records may exceed the capacity by kOwnReserve: a full queue must not swallow the account of another loss. Not
/// thread-safe.
class EventQueue {
 public:
  static constexpr size_t kOwnReserve = 256;

  explicit EventQueue(size_t capacity) : capacity_(std::max<size_t>(capacity, 1)) {}

  /// Appends the events of `batch`, drops what finds no room, and leaves `batch` empty with memory for the next one.
  void push(std::vector<event::Event>& batch);

  /// Moves everything queued to `chunks`; false if that is nothing. What `chunks` held must be done with. A loss at the
  /// end of the stream comes as a chunk without events.
  bool take(std::vector<EventChunk>& chunks);

  /// `count` of the taken events are written or given up: there is room for others.
  void release(size_t count) { held_ -= count; }

  /// From now on everything is dropped, what is queued too.
  void close();

  /// Events that are queued, or taken and not yet released.
  size_t held() const { return held_; }

  /// Events dropped so far.
  const KindCounts& dropped() const { return dropped_; }

  /// Counts taken events as dropped.
  void add_dropped(const KindCounts& counts);

 private:
  static constexpr size_t kSpareVectors = 4;
  static constexpr size_t kSpareCapacity = 1024;

  bool has_room_for(const event::Event& event) const;
  void push_one_by_one(std::vector<event::Event>& batch);
  void drop(const event::Event& event);
  EventChunk& new_chunk();

  size_t capacity_;
  bool closed_ = false;
  size_t held_ = 0;
  std::vector<EventChunk> chunks_;
  Loss gap_;  // since the last chunk
  KindCounts dropped_{};
  std::vector<std::vector<event::Event>> spare_;  // empty, with memory
};

}  // namespace redan::exporting
