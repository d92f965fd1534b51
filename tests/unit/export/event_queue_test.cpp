// SPDX-License-Identifier: Apache-2.0
#include "export/event_queue.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "unit/export/builders.h"

namespace redan::exporting {
namespace {

/// Events from a word: e is an exec, x an exit, n a record of Redan's own. Their boot times count on from `time`.
std::vector<event::Event> batch(std::string_view kinds, uint64_t& time) {
  std::vector<event::Event> events;
  for (const char kind : kinds) {
    const event::EventTime at{.boot_ns = ++time};
    if (kind == 'e') events.emplace_back(event::ProcessExec{.time = at});
    if (kind == 'x') events.emplace_back(event::ProcessExit{.time = at});
    if (kind == 'n') events.emplace_back(event::Notice{.time = at});
  }
  return events;
}

/// Chunks as text: (first lost - last lost: execs exits own)boot times of the events; one chunk after the other.
std::string text_of(const std::vector<EventChunk>& chunks) {
  std::string text;
  for (const EventChunk& chunk : chunks) {
    if (!chunk.lost_before.empty()) {
      const Loss& loss = chunk.lost_before;
      text += "(" + std::to_string(loss.first.boot_ns) + "-" + std::to_string(loss.last.boot_ns) + ":";
      for (const EventKind kind : {kExec, kExit, kOwn}) text += ' ' + std::to_string(loss.events[kind]);
      text += ")";
    }
    for (const event::Event& event : chunk.events) text += ' ' + std::to_string(time_of(event).boot_ns);
    text += ';';
  }
  return text;
}

}  // namespace

TEST_CASE("what comes out, with a capacity of 4") {
  struct Case {
    const char* name;
    std::vector<std::string> batches;
    std::string chunks;
    KindCounts dropped;
  };
  const Case cases[] = {
      {"nothing", {}, "", {}},
      {"an empty batch", {""}, "", {}},
      {"batches that fit", {"ex", "e", "x"}, " 1 2; 3; 4;", {}},
      {"the end of a batch finds no room", {"eee", "exx"}, " 1 2 3; 4;(5-6: 0 2 0);", {0, 2, 0}},
      {"a whole batch finds no room", {"eeee", "xe"}, " 1 2 3 4;(5-6: 1 1 0);", {1, 1, 0}},
      {"losses of several batches are one", {"eeee", "x", "x", "e"}, " 1 2 3 4;(5-7: 1 2 0);", {1, 2, 0}},
      {"a batch larger than the queue", {"eeeeeeeee"}, " 1 2 3 4;(5-9: 5 0 0);", {5, 0, 0}},
      {"own records find room behind a loss",
       {"eeee", "xnx", "n"},
       " 1 2 3 4;(5-5: 0 1 0) 6;(7-7: 0 1 0) 8;",
       {0, 2, 0}},
      {"own records within a batch", {"eeenexn"}, " 1 2 3 4;(5-6: 1 1 0) 7;", {1, 1, 0}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    EventQueue queue(4);
    uint64_t time = 0;
    for (const std::string& kinds : c.batches) {
      std::vector<event::Event> events = batch(kinds, time);
      queue.push(events);
      CHECK(events.empty());
    }
    // The writer comes back for what is left behind the last event when it has written what it took.
    std::string text;
    std::vector<EventChunk> chunks;
    while (queue.take(chunks)) {
      text += text_of(chunks);
      for (const EventChunk& chunk : chunks) queue.release(chunk.events.size());
    }
    CHECK(text == c.chunks);
    CHECK(queue.held() == 0);
    CHECK(queue.dropped() == c.dropped);
  }
}

TEST_CASE("taken events count until they are released, and a loss keeps its place") {
  EventQueue queue(3);
  uint64_t time = 0;
  std::vector<EventChunk> chunks;
  const auto push = [&](std::string_view kinds) {
    std::vector<event::Event> events = batch(kinds, time);
    queue.push(events);
  };
  push("eee");
  REQUIRE(queue.take(chunks));
  CHECK(queue.held() == 3);
  push("xx");
  CHECK_FALSE(queue.take(chunks));  // the loss is told when there is room
  queue.release(1);
  push("e");
  push("x");
  REQUIRE(queue.take(chunks));
  CHECK(text_of(chunks) == "(4-5: 0 2 0) 6;");
  queue.release(3);
  REQUIRE(queue.take(chunks));
  CHECK(text_of(chunks) == "(7-7: 0 1 0);");
  CHECK_FALSE(queue.take(chunks));
  CHECK(queue.held() == 0);
}

TEST_CASE("own records have a reserve, which is bounded too") {
  EventQueue queue(1);
  uint64_t time = 0;
  std::vector<event::Event> events = batch("e" + std::string(EventQueue::kOwnReserve + 3, 'n'), time);
  queue.push(events);
  CHECK(queue.held() == 1 + EventQueue::kOwnReserve);
  CHECK(queue.dropped() == counts(0, 0, 3));
}

TEST_CASE("a closed queue drops what it has and what comes") {
  EventQueue queue(4);
  uint64_t time = 0;
  std::vector<EventChunk> chunks;
  std::vector<event::Event> events = batch("ee", time);
  queue.push(events);
  REQUIRE(queue.take(chunks));
  events = batch("xeex", time);
  queue.push(events);
  queue.close();
  events = batch("nex", time);
  queue.push(events);
  CHECK(queue.held() == 2);  // those that the writer has
  CHECK_FALSE(queue.take(chunks));
  CHECK(queue.dropped() == counts(3, 3, 1));
  queue.release(2);
  CHECK(queue.held() == 0);
}

TEST_CASE("a capacity of 0 is one of 1") {
  EventQueue queue(0);
  uint64_t time = 0;
  std::vector<event::Event> events = batch("ee", time);
  queue.push(events);
  CHECK(queue.held() == 1);
}

TEST_CASE("the memory of batches goes round") {
  EventQueue queue(100);
  uint64_t time = 0;
  std::vector<EventChunk> chunks;
  std::vector<event::Event> events;
  for (int round = 0; round < 10; ++round) {
    for (event::Event& event : batch("exexex", time)) events.push_back(std::move(event));
    queue.push(events);
    if (round > 2) CHECK(events.capacity() >= 6);
    REQUIRE(queue.take(chunks));
    queue.release(6);
  }
}

}  // namespace redan::exporting
