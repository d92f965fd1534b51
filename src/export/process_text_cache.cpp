// SPDX-License-Identifier: Apache-2.0
#include "export/process_text_cache.h"

#include <utility>

#include "export/json_writer.h"

namespace redan::exporting {

ProcessTextCache::ProcessTextCache(ProcessJson json) : json_(std::move(json)), entries_(size_t{1} << kIndexBits) {}

void ProcessTextCache::append(const event::ProcessRef& process, const event::EventTime& time, TimestampText& timestamp,
                              JsonWriter& out) {
  append(process, process->key.tgid, time, timestamp, out);
}

void ProcessTextCache::append(const event::ProcessRef& process, uint32_t tid, const event::EventTime& time,
                              TimestampText& timestamp, JsonWriter& out) {
  Entry& entry = entries_[index_of(process.get())];
  if (entry.process != process || entry.wall_offset_ns != time.wall_offset_ns) {
    entry.text.clear();
    const ProcessView view{.process = *process,
                           .image = process->image.get(),
                           .properties = nullptr,
                           .wall_offset_ns = time.wall_offset_ns,
                           .timestamp = timestamp};
    JsonWriter writer(entry.text);
    json_.append_before_tid(view, writer);
    writer.finish();
    entry.tid_at = entry.text.size();
    json_.append_after_tid(view, writer);
    writer.finish();
    entry.process = process;
    entry.wall_offset_ns = time.wall_offset_ns;
  }
  const std::string_view text = entry.text;
  out.put(text.substr(0, entry.tid_at));
  out.put(tid);
  out.put(text.substr(entry.tid_at));
  if (entry.text.size() > kMaxTextSize) entry = Entry{};
}

void ProcessTextCache::append(const event::ProcessRef& process, const event::BinaryProperties& properties,
                              const event::EventTime& time, TimestampText& timestamp, JsonWriter& out) {
  if (properties == event::BinaryProperties{}) return append(process, time, timestamp, out);
  json_.append({.process = *process,
                .image = process->image.get(),
                .properties = &properties,
                .wall_offset_ns = time.wall_offset_ns,
                .timestamp = timestamp},
               process->key.tgid, out);
}

size_t ProcessTextCache::index_of(const event::Process* process) {
  // The high bits of a product with an odd constant depend on all bits of the address.
  const uint64_t product = reinterpret_cast<uintptr_t>(process) * uint64_t{0x9e3779b97f4a7c15};
  return product >> (64 - kIndexBits);
}

}  // namespace redan::exporting
