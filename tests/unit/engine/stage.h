// SPDX-License-Identifier: Apache-2.0
#pragma once
// An engine under test: frames in, events out as short texts that tables can hold.

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "export/json_words.h"
#include "unit/event/records.h"
#include "unit/event/texts.h"

namespace redan::engine {

using event::ClockRecord;
using event::CountersRecord;
using event::ExecRecord;
using event::ExitRecord;
using event::ForkRecord;
using event::Frame;
using event::image;
using event::PlainRecord;
using event::raw;
using event::TextRecord;

/// Boot time in seconds. Tests keep processes seconds apart, because procfs knows starts to 10 ms only.
constexpr uint64_t at(uint64_t seconds) { return seconds * event::kSecond; }

inline constexpr redan_image kInit{.time = at(1), .tgid = 1, .flags = REDAN_IMAGE_LEARNT};
inline constexpr redan_image kKthreadd{.time = at(1), .tgid = 2, .flags = REDAN_IMAGE_LEARNT};
inline constexpr redan_image kKernel{};

/// Images: made by a fork, made by an exec, not seen being made.
constexpr redan_image forked(uint32_t tgid, uint64_t seconds) {
  return {.time = at(seconds), .tgid = tgid, .flags = REDAN_IMAGE_FORKED};
}
constexpr redan_image execed(uint32_t tgid, uint64_t seconds) {
  return {.time = at(seconds), .tgid = tgid, .flags = 0};
}
constexpr redan_image learnt(uint32_t tgid, uint64_t seconds, unsigned flags = 0) {
  return {.time = at(seconds), .tgid = tgid, .flags = REDAN_IMAGE_LEARNT | flags};
}

/// Process `tgid` is forked at 105 s and calls exec at 106 s.
inline std::vector<Frame> started_process(uint32_t tgid, const redan_image& creator = kInit, unsigned fork_flags = 0) {
  return {ForkRecord{.tgid = tgid, .time = at(105), .flags = fork_flags, .creator = creator}.frame(),
          ExecRecord{.tgid = tgid, .time = at(106), .previous = forked(tgid, 105), .creator = creator}.frame()};
}

using Texts = std::vector<std::string>;

/// "100@106000": process 100 at 106 s, in milliseconds.
inline std::string text_of(const event::ImageKey& key) {
  return std::to_string(key.tgid) + '@' + std::to_string(key.time / event::kMs);
}

inline std::string text_of(const event::ProcessRef& process) {
  return process == nullptr ? "nobody" : text_of(process->key);
}

/// The words of the flags, a space before each.
inline std::string flag_text(uint32_t flags) {
  std::string text;
  for (const exporting::BitWord& flag : exporting::kFlagWords) {
    if ((flags & flag.bit) != 0) text += ' ' + std::string(flag.word);
  }
  return text;
}

/// "exec 100@106000 of 1@1000: execve clone", "exit 100@106000 of nobody: miss", "loss cause=ring_full exec=3".
struct EventText {
  std::string operator()(const event::ProcessExec& exec) const {
    return "exec " + text_of(exec.process) + " of " + text_of(exec.parent) + ':' + flag_text(exec.process->flags);
  }
  std::string operator()(const event::ProcessExit& exit) const {
    return "exit " + text_of(exit.process) + " of " + text_of(exit.parent) + ':' + flag_text(exit.process->flags);
  }
  /// "hook 100@106000/101 of 1@1000: execve, NAME 2 args, action 1"
  std::string operator()(const event::HookEvent& hook) const {
    return "hook " + text_of(hook.process) + '/' + std::to_string(hook.tid) + " of " + text_of(hook.parent) + ':' +
           flag_text(hook.process->flags) + ", " + hook.hook->name + ' ' + std::to_string(hook.args.size()) +
           " args, action " + std::to_string(hook.action);
  }
  std::string operator()(const event::Notice& notice) const {
    std::string text = notice.kind;
    for (const auto& field : notice.fields) text += ' ' + field.name + '=' + std::visit(*this, field.value);
    return text;
  }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(uint64_t value) const { return std::to_string(value); }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(const event::ImageKey& value) const { return text_of(value); }
};

inline Texts texts_of(const std::vector<event::Event>& events) {
  Texts texts;
  for (const event::Event& event : events) texts.push_back(std::visit(EventText(), event));
  return texts;
}

inline ExecRecord scanned(const redan_image& process, const redan_image& creator, unsigned flags = 0) {
  return {.tgid = process.tgid,
          .time = at(100),
          .image_time = process.time,
          .flags = flags,
          .scanned = true,
          .previous = {.flags = process.flags},
          .creator = creator};
}

/// The frames of a scan that finds init, kthreadd and `others`.
inline std::vector<Frame> scan_frames(uint64_t time, const std::vector<ExecRecord>& others) {
  std::vector<Frame> frames = {PlainRecord{.kind = event::kFrameScanBegin, .time = time}.frame(),
                               scanned(kInit, kKernel).frame(),
                               scanned(kKthreadd, kKernel, REDAN_EXEC_KTHREAD).frame()};
  for (ExecRecord record : others) {
    record.time = time;
    frames.push_back(record.frame());
  }
  frames.push_back(PlainRecord{.kind = event::kFrameScanEnd, .time = time}.frame());
  return frames;
}

/// An engine that has started at 100 s, has scanned init and kthreadd, and is ready.
class Stage {
 public:
  explicit Stage(EngineOptions options = {}, int64_t wall_offset_ns = 0) : engine_(std::move(options), wall_offset_ns) {
    started = give(TextRecord{.kind = event::kFrameStart, .time = at(100)});
    give(scan_frames(at(100), {}));
    give(PlainRecord{.kind = event::kFrameReady, .time = at(100)});
  }

  /// The events that follow from frames or records.
  std::vector<event::Event> give(event::Bytes frame) {
    std::vector<event::Event> events;
    engine_.handle(frame, events);
    return events;
  }
  std::vector<event::Event> give(const std::vector<Frame>& frames) {
    std::vector<event::Event> events;
    for (const Frame& frame : frames) engine_.handle(frame, events);
    return events;
  }
  template <typename Record>
  std::vector<event::Event> give(const Record& record) {
    const Frame frame = record.frame();
    return give(event::Bytes(frame));
  }

  /// The same as texts.
  template <typename Record>
  Texts tell(const Record& record) {
    return texts_of(give(record));
  }

  /// A scan that finds init, kthreadd and `others`.
  Texts scan(uint64_t time, const std::vector<ExecRecord>& others) { return tell(scan_frames(time, others)); }

  Engine& engine() { return engine_; }

  /// The image that the process runs, "none" if the tree knows none.
  std::string running(uint32_t tgid) {
    // The engine shows its tree as const, and the tree's look-ups are for its owner.
    auto& tree = const_cast<ProcessTree&>(engine_.tree());
    const Node* node = tree.current(tgid);
    return node != nullptr ? text_of(node->process->key) : "none";
  }

  std::vector<event::Event> started;  ///< what followed from the start frame

 private:
  Engine engine_;
};

}  // namespace redan::engine
