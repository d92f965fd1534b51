// SPDX-License-Identifier: Apache-2.0
// The same frames give the same lines, byte for byte: what a replay stands on.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "export/json.h"
#include "unit/engine/stage.h"

namespace redan::engine {
namespace {

/// A few hundred processes that fork, call exec, end, are lost and found again; a quarter of the records is missing.
std::vector<Frame> lively_frames(unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t below) { return static_cast<uint32_t>(random() % below); };
  std::vector<redan_image> running(300);
  for (uint32_t i = 0; i < running.size(); ++i) running[i] = {.time = 0, .tgid = 10 + i, .flags = 0};
  std::vector<Frame> frames = {TextRecord{.time = at(100)}.frame(),
                               PlainRecord{.kind = event::kFrameReady, .time = at(100)}.frame()};
  const auto give = [&](Frame frame) {
    if (pick(4) != 0) frames.push_back(std::move(frame));
  };
  for (uint64_t time = at(101); time < at(101) + 3000 * event::kMs; time += event::kMs) {
    redan_image& process = running[pick(300)];
    const redan_image creator = running[pick(300)];
    if (process.time == 0) {
      process = {.time = time, .tgid = process.tgid, .flags = REDAN_IMAGE_FORKED};
      give(ForkRecord{.tgid = process.tgid, .time = time, .creator = creator.time != 0 ? creator : kInit}.frame());
    } else if (pick(3) != 0) {
      give(ExecRecord{.tgid = process.tgid, .time = time, .previous = process, .creator = kInit, .args = raw("a\0b\0")}
               .frame());
      process.time = time;
      process.flags = 0;
    } else {
      give(ExitRecord{.tgid = process.tgid, .time = time, .image_time = process.time, .code = pick(0x10000)}.frame());
      process.time = 0;
    }
    if (time % at(1) == 0) {
      frames.push_back(CountersRecord{.time = time, .counters = {.seq = time, .lost = {time / at(1)}}}.frame());
      std::vector<ExecRecord> found;
      for (const redan_image& image : running) {
        if (image.time != 0 && pick(3) != 0) found.push_back(scanned(image, kInit));
      }
      for (Frame& frame : scan_frames(time, found)) frames.push_back(std::move(frame));
      frames.push_back(PlainRecord{.time = time + at(20)}.frame());
    }
  }
  frames.push_back(CountersRecord{.time = at(200), .kind = event::kFrameStop}.frame());
  return frames;
}

std::string lines_of(const std::vector<Frame>& frames, size_t capacity) {
  Engine engine({.tree = {.capacity = capacity}, .ancestors = true}, 1'700'000'000'000'000'000);
  exporting::JsonEncoder encoder({.node_name = "n"});
  std::string lines;
  for (const Frame& frame : frames) {
    std::vector<event::Event> events;
    engine.handle(frame, events);
    for (const event::Event& event : events) encoder.append(event, lines);
  }
  return lines;
}

}  // namespace

TEST_CASE("the same frames give the same lines") {
  for (unsigned seed = 1; seed <= 3; ++seed) {
    const std::vector<Frame> frames = lively_frames(seed);
    for (const size_t capacity : {size_t{65536}, size_t{50}, size_t{1}}) {
      CAPTURE(seed);
      CAPTURE(capacity);
      const std::string lines = lines_of(frames, capacity);
      CHECK(lines.size() > 100'000);
      CHECK(lines.find(R"("kind":"healed")") != std::string::npos);
      CHECK((lines == lines_of(frames, capacity)));
    }
  }
}

TEST_CASE("a fork and an exec become the line that people read") {
  const std::vector<Frame> frames = {TextRecord{.time = at(100)}.frame(),
                                     ExecRecord{.tgid = 100,
                                                .time = at(106),
                                                .previous = {.time = at(105), .tgid = 100, .flags = REDAN_IMAGE_FORKED},
                                                .creator = kKernel,
                                                .cwd = "/srv/app",
                                                .filename = "./run",
                                                .args = raw("run\0a b\0")}
                                         .frame()};
  const std::string lines = lines_of(frames, 100);
  const std::string last = lines.substr(lines.rfind('\n', lines.size() - 2) + 1);
  for (const char* part : {R"("pid":100)", R"("cwd":"/srv/app")", R"("binary":"/srv/app/run")",
                           R"("flags":"execve clone")", R"("parent":{)", R"("binary":"<kernel>")"}) {
    CAPTURE(last);
    CHECK(last.find(part) != std::string::npos);
  }
}

}  // namespace redan::engine
