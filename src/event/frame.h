// SPDX-License-Identifier: Apache-2.0
#pragma once
// Frames: everything that goes into the engine, in the order in which it goes in. A frame is either a record of the sensor
// (abi/record.h) or one of the agent's own, which share the record's header. Because the engine sees nothing else - no clock, no
// /proc, no options - a recording of the frames replays to the same events.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "abi/record.h"

namespace redan::event {

/// Kinds of the agent's own frames; those of the sensor are enum redan_kind.
enum FrameKind : uint16_t {
  kFrameStart = 0x100,      ///< TextFrame: "key=value" lines, see Facts; the first frame
  kFrameReady = 0x101,      ///< redan_record: hooks are attached and the first scan is in
  kFrameClock = 0x102,      ///< ClockFrame: the wall clock was set
  kFrameTick = 0x103,       ///< redan_record: time passes; about once a second
  kFrameCounters = 0x104,   ///< CountersFrame: the sensor's counters, when they changed or a heartbeat is due
  kFrameUsers = 0x105,      ///< TextFrame: "uid:name" lines, replaces what was known
  kFrameScanBegin = 0x106,  ///< redan_record: processes follow as exec records flagged REDAN_EXEC_BACKFILL
  kFrameScanEnd = 0x107,    ///< redan_record: those that did not come are gone
  kFrameStop = 0x108,       ///< CountersFrame: the last frame
  kFrameHook = 0x109,       ///< TextFrame: facts that describe a policy hook, before its first record; see hook_facts()
  kFramePolicy = 0x10A,     ///< TextFrame: facts about what became of a policy, told as they are
  kFrameHookLoss = 0x10B,   ///< TextFrame: facts about what a policy hook has missed, told as they are
};

struct ClockFrame {
  redan_record hdr;
  int64_t wall_offset_ns;  ///< wall clock minus boot clock
};

struct CountersFrame {
  redan_record hdr;
  redan_counters counters;
};

/// Followed by `length` bytes of text.
struct TextFrame {
  redan_record hdr;
  uint32_t length;
  uint32_t pad0;
};

/// "key=value" pairs of a start or hook frame. Keys hold no '=' or LF; values hold no LF (they are written with "\n" and "\\").
using Facts = std::vector<std::pair<std::string, std::string>>;

std::string facts_text(const Facts& facts);
Facts parse_facts(std::string_view text);
/// The value of `key`, or "" if there is none.
std::string_view fact(const Facts& facts, std::string_view key);

using Bytes = std::span<const std::byte>;

/// The bytes of a plain struct.
template <typename T>
Bytes bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

/// A frame that is only a header.
redan_record plain_frame(FrameKind kind, uint64_t now);

/// A text frame.
std::vector<std::byte> text_frame(FrameKind kind, uint64_t now, std::string_view text);

}  // namespace redan::event
