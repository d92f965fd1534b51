// SPDX-License-Identifier: Apache-2.0
#include "export/event_queue.h"

#include <utility>

namespace redan::exporting {

void EventQueue::push(std::vector<event::Event>& batch) {
  if (batch.empty()) return;
  if (closed_ || held_ + batch.size() > capacity_) return push_one_by_one(batch);
  held_ += batch.size();
  EventChunk& chunk = new_chunk();
  chunk.events.swap(batch);  // the caller gets the memory of an earlier batch
}

/// For a batch of which some events may find no room.
void EventQueue::push_one_by_one(std::vector<event::Event>& batch) {
  bool contiguous = false;  // the last chunk ends with the event before
  for (event::Event& event : batch) {
    if (!has_room_for(event)) {
      drop(event);
      contiguous = false;
      continue;
    }
    EventChunk& chunk = contiguous ? chunks_.back() : new_chunk();
    contiguous = true;
    chunk.events.push_back(std::move(event));
    ++held_;
  }
  batch.clear();
}

bool EventQueue::has_room_for(const event::Event& event) const {
  if (closed_) return false;
  return held_ < capacity_ + (is_own_record(event) ? kOwnReserve : 0);
}

void EventQueue::drop(const event::Event& event) {
  ++dropped_[kind_of(event)];
  if (closed_) return;
  if (gap_.empty()) gap_.first = time_of(event);
  gap_.last = time_of(event);
  ++gap_.events[kind_of(event)];
}

/// A chunk at the end of the queue, behind the gap.
EventChunk& EventQueue::new_chunk() {
  EventChunk& chunk = chunks_.emplace_back();
  chunk.lost_before = std::exchange(gap_, Loss{});
  if (!spare_.empty()) {
    chunk.events = std::move(spare_.back());
    spare_.pop_back();
  }
  return chunk;
}

bool EventQueue::take(std::vector<EventChunk>& chunks) {
  for (EventChunk& chunk : chunks) {
    if (spare_.size() == kSpareVectors) break;
    chunk.events.clear();
    if (chunk.events.capacity() <= kSpareCapacity) spare_.push_back(std::move(chunk.events));
  }
  chunks.clear();
  if (!gap_.empty() && chunks_.empty() && held_ < capacity_) new_chunk();
  chunks_.swap(chunks);
  return !chunks.empty();
}

void EventQueue::close() {
  closed_ = true;
  gap_ = Loss{};
  for (const EventChunk& chunk : chunks_) {
    for (const event::Event& event : chunk.events) ++dropped_[kind_of(event)];
    held_ -= chunk.events.size();
  }
  chunks_.clear();
}

void EventQueue::add_dropped(const KindCounts& counts) {
  for (size_t kind = 0; kind < counts.size(); ++kind) dropped_[kind] += counts[kind];
}

}  // namespace redan::exporting
