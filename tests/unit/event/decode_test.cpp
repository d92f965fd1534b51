// SPDX-License-Identifier: Apache-2.0
#include "event/decode.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "unit/event/records.h"

namespace redan::event {
namespace {

ExecRecord exec_with_all_strings() {
  return {.cwd = "/srv/app",
          .filename = "/bin/sh",
          .cgroup_name = "user.slice",
          .args = raw("sh\0-c\0"),
          .environment = raw("HOME=/\0")};
}

struct Sample {
  std::string name;
  Frame frame;
};

/// One frame of each kind.
std::vector<Sample> samples() {
  return {{"exec", exec_with_all_strings().frame()},
          {"exec without strings", ExecRecord{.cwd = "", .filename = "", .args = ""}.frame()},
          {"fork", ForkRecord{.creator = image(7, 5)}.frame()},
          {"exit", ExitRecord{.code = 256}.frame()},
          {"start", TextRecord{.kind = kFrameStart, .text = "version=1\n"}.frame()},
          {"start without text", TextRecord{.kind = kFrameStart}.frame()},
          {"ready", PlainRecord{.kind = kFrameReady}.frame()},
          {"clock", ClockRecord{.wall_offset_ns = -5}.frame()},
          {"tick", PlainRecord{.kind = kFrameTick}.frame()},
          {"counters", CountersRecord{}.frame()},
          {"users", TextRecord{.kind = kFrameUsers, .text = "0:root\n"}.frame()},
          {"scan begin", PlainRecord{.kind = kFrameScanBegin}.frame()},
          {"scan end", PlainRecord{.kind = kFrameScanEnd}.frame()},
          {"stop", CountersRecord{.kind = kFrameStop}.frame()}};
}

template <typename View>
View decoded(const Frame& frame) {
  const auto view = decode(frame);
  REQUIRE(view.has_value());
  REQUIRE(std::holds_alternative<View>(*view));
  return std::get<View>(*view);
}

/// An exec record whose lengths are not those of its strings.
Frame exec_with(uint32_t redan_exec::*length, uint32_t value, size_t bytes_behind) {
  redan_exec exec = ExecRecord{.cwd = "", .filename = "", .args = ""}.fixed();
  exec.*length = value;
  Frame frame = frame_of(exec);
  append(frame, std::string(bytes_behind, 'x'));
  return frame;
}

}  // namespace

TEST_CASE("an exec record comes out with every string in its place") {
  const Frame frame = exec_with_all_strings().frame();
  const auto view = decoded<ExecView>(frame);
  CHECK(view.fixed.hdr.tgid == 100);
  CHECK(view.fixed.hdr.image_time == kSecond);
  CHECK(view.cwd == "app/srv/");
  CHECK(view.filename == "/bin/sh");
  CHECK(view.cgroup_name == "user.slice");
  CHECK(view.args == raw("sh\0-c\0"));
  CHECK(view.environment == raw("HOME=/\0"));
}

TEST_CASE("records without strings come out as they went in") {
  const auto fork = decoded<ForkView>(ForkRecord{.tgid = 8, .creator = image(7, 5), .real_parent_tgid = 3}.frame());
  CHECK(fork.fixed.hdr.tgid == 8);
  CHECK(fork.fixed.creator.tgid == 7);
  CHECK(fork.fixed.creator.time == 5);
  CHECK(fork.fixed.real_parent_tgid == 3);
  const auto exit = decoded<ExitView>(ExitRecord{.tid = 101, .code = 0x8b}.frame());
  CHECK(exit.fixed.hdr.tid == 101);
  CHECK(exit.fixed.code == 0x8b);
}

TEST_CASE("the agent's own frames come out as they went in") {
  const Frame start = TextRecord{.kind = kFrameStart, .text = "a=b\n"}.frame();
  CHECK(decoded<TextView>(start).text == "a=b\n");
  const Frame users = TextRecord{.kind = kFrameUsers, .text = "0:root\n"}.frame();
  CHECK(decoded<TextView>(users).hdr.kind == kFrameUsers);
  CHECK(decoded<ClockFrame>(ClockRecord{.wall_offset_ns = -5}.frame()).wall_offset_ns == -5);
  CHECK(decoded<CountersFrame>(CountersRecord{.counters = {.seq = 9, .lost = {1, 2, 3, 4, 5, 6}}}.frame())
            .counters.lost[5] == 6);
  for (const FrameKind kind : {kFrameReady, kFrameTick, kFrameScanBegin, kFrameScanEnd}) {
    CAPTURE(kind);
    const auto record = decoded<redan_record>(PlainRecord{.kind = kind, .time = 77}.frame());
    CHECK(record.kind == kind);
    CHECK(record.time == 77);
  }
}

TEST_CASE("a frame that lacks bytes at its end is refused at every length") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    REQUIRE(decode(sample.frame).has_value());
    for (size_t size = 0; size < sample.frame.size(); ++size) {
      CAPTURE(size);
      // A vector of its own, so that the sanitizer sees a read behind its end.
      const Frame cut(sample.frame.begin(), sample.frame.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK_FALSE(decode(cut).has_value());
    }
  }
}

TEST_CASE("bytes behind what a record holds are ignored") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.name);
    const auto whole = decode(sample.frame);
    Frame longer = sample.frame;
    append(longer, std::string(REDAN_RECORD_SLACK, '\xff'));
    const auto with_slack = decode(longer);
    REQUIRE(with_slack.has_value());
    CHECK(with_slack->index() == whole->index());
  }
  Frame exec = exec_with_all_strings().frame();
  append(exec, "slack");
  CHECK(decoded<ExecView>(exec).environment == raw("HOME=/\0"));
  Frame text = TextRecord{.text = "a=b\n"}.frame();
  append(text, "slack");
  CHECK(decoded<TextView>(text).text == "a=b\n");
}

TEST_CASE("a frame need not be aligned") {
  const Frame frame = exec_with_all_strings().frame();
  Frame shifted(1);
  shifted.insert(shifted.end(), frame.begin(), frame.end());
  const auto view = decode(Bytes(shifted).subspan(1));
  REQUIRE(view.has_value());
  CHECK(std::get<ExecView>(*view).filename == "/bin/sh");
}

TEST_CASE("each string of an exec may be as long as its limit and not longer") {
  struct Limit {
    std::string name;
    uint32_t redan_exec::*length;
    uint32_t most;
  };
  const std::array limits = {
      Limit{"cwd", &redan_exec::cwd_len, REDAN_PATH_MAX},
      Limit{"filename", &redan_exec::filename_len, REDAN_PATH_MAX},
      Limit{"cgroup_name", &redan_exec::cgroup_name_len, REDAN_CGROUP_NAME_MAX},
      Limit{"args", &redan_exec::args_len, REDAN_ARGS_MAX},
      Limit{"env", &redan_exec::env_len, REDAN_ENV_MAX},
  };
  for (const Limit& limit : limits) {
    CAPTURE(limit.name);
    const size_t plenty = limit.most + 100;
    CHECK(decode(exec_with(limit.length, limit.most, limit.most)).has_value());
    CHECK_FALSE(decode(exec_with(limit.length, limit.most + 1, plenty)).has_value());
    CHECK_FALSE(decode(exec_with(limit.length, limit.most, limit.most - 1)).has_value());
    // Lengths whose sum with the fixed part, or with one another, is small again in 32 bits.
    for (const uint32_t huge : {UINT32_MAX, UINT32_MAX - 231, UINT32_MAX / 2 + 1, uint32_t{1} << 31}) {
      CHECK_FALSE(decode(exec_with(limit.length, huge, plenty)).has_value());
    }
  }
}

TEST_CASE("lengths that add up to little in 32 bits are refused") {
  redan_exec exec = ExecRecord{.cwd = "", .filename = "", .args = ""}.fixed();
  exec.cwd_len = 0x80000000;
  exec.filename_len = 0x80000000;
  CHECK_FALSE(decode(frame_of(exec)).has_value());
  TextFrame text{.hdr = plain_frame(kFrameStart, 1), .length = UINT32_MAX, .pad0 = 0};
  CHECK_FALSE(decode(frame_of(text)).has_value());
  text.length = 1;
  CHECK_FALSE(decode(frame_of(text)).has_value());
}

TEST_CASE("a kind that nobody knows is refused") {
  for (unsigned kind = 0; kind <= UINT16_MAX; ++kind) {
    const bool known =
        (kind >= REDAN_KIND_EXEC && kind <= REDAN_KIND_HOOK) || (kind >= kFrameStart && kind <= kFrameHookLoss);
    if (known) continue;
    redan_record record{};
    record.kind = static_cast<uint16_t>(kind);
    Frame frame = frame_of(record);
    frame.resize(1024);
    if (decode(frame).has_value()) FAIL_CHECK("kind " << kind << " was decoded");
  }
}

TEST_CASE("kind and time are read from any frame that has a header") {
  const Frame frame = ForkRecord{.time = 42}.frame();
  CHECK(kind_of(frame) == REDAN_KIND_FORK);
  CHECK(time_of(frame) == 42);
  for (size_t size = 0; size < sizeof(redan_record); ++size) {
    const Frame cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(kind_of(cut) == REDAN_KIND_NONE);
    CHECK(time_of(cut) == 0);
  }
}

TEST_CASE("a working directory is spelled from its components, leaf first") {
  struct Case {
    std::string name;
    std::string record;
    std::string path;
  };
  const std::array cases = {
      Case{"nothing", "", ""},
      Case{"one component", "srv/", "/srv"},
      Case{"three components", "c/b/a/", "/a/b/c"},
      Case{"the last slash is missing, the walk was cut", "c/b/a", "/a/b/c"},
      Case{"odd names", std::string("\n/a b/\xff\xfe/"), std::string("/\xff\xfe/a b/\n")},
      Case{"only a slash", "/", "/"},
      Case{"empty components, which no sensor sends", "a//b/", "/b//a"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(cwd_text(c.record) == c.path);
  }
}

TEST_CASE("a working directory survives the way into a record and back") {
  std::string deep;
  for (int i = 0; i < 2047; ++i) deep += "/d";
  std::string longest;
  while (longest.size() + 256 < REDAN_PATH_MAX) longest += '/' + std::string(REDAN_NAME_MAX, 'n');
  longest += '/' + std::string(REDAN_PATH_MAX - 2 - longest.size(), 'e');
  REQUIRE(longest.size() == REDAN_PATH_MAX - 1);
  for (const std::string& path : {std::string(), std::string("/a"), std::string("/usr/local/bin"), deep, longest,
                                  std::string("/with space/and\nline"), std::string("/gone (deleted)")}) {
    CAPTURE(path.substr(0, 40));
    const std::string record = cwd_leaf_first(path);
    CHECK(record.size() == path.size());
    CHECK(cwd_text(record) == path);
  }
}

TEST_CASE("the root directory has no component") { CHECK(cwd_leaf_first("/").empty()); }

}  // namespace redan::event
