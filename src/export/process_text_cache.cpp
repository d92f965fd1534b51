// SPDX-License-Identifier: Apache-2.0
#include "export/process_text_cache.h"

#include <utility>

#include "export/json_writer.h"

namespace redan::exporting {

ProcessTextCache::ProcessTextCache(ProcessJson json) : json_(std::move(json)), entries_(size_t{1} << kIndexBits) {}

void ProcessTextCache::append(const event::ProcessRef& process, const event::EventTime& time, TimestampText& timestamp,
                              JsonWriter& out) {
  Entry& entry = entries_[index_of(process.get())];
  if (entry.process != process || entry.wall_offset_ns != time.wall_offset_ns) {
    entry.text.clear();
    JsonWriter writer(entry.text);
    json_.append({.process = *process,
                  .image = process->image.get(),
                  .properties = nullptr,
                  .wall_offset_ns = time.wall_offset_ns,
                  .timestamp = timestamp},
                 writer);
    writer.finish();
    entry.process = process;
    entry.wall_offset_ns = time.wall_offset_ns;
  }
  out.put(std::string_view(entry.text));
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
               out);
}

size_t ProcessTextCache::index_of(const event::Process* process) {
  // The high bits of a product with an odd constant depend on all bits of the address.
  const uint64_t product = reinterpret_cast<uintptr_t>(process) * uint64_t{0x9e3779b97f4a7c15};
  return product >> (64 - kIndexBits);
}

}  // namespace redan::exporting
