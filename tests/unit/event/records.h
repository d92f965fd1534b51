// SPDX-License-Identifier: Apache-2.0
#pragma once
// Builders of frames: one struct per kind, with defaults for all that a test does not care about.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/record.h"
#include "event/decode.h"
#include "event/frame.h"

namespace redan::event {

using Frame = std::vector<std::byte>;

inline constexpr uint64_t kMs = 1'000'000;
inline constexpr uint64_t kSecond = 1'000 * kMs;

/// A string with NULs in it, from a literal without its terminator.
template <size_t N>
std::string raw(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

inline redan_image image(uint32_t tgid, uint64_t time, unsigned flags = 0) {
  return {.time = time, .tgid = tgid, .flags = flags};
}

template <typename T>
Frame frame_of(const T& value) {
  const Bytes bytes = bytes_of(value);
  return {bytes.begin(), bytes.end()};
}

inline void append(Frame& frame, std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  frame.insert(frame.end(), data, data + text.size());
}

/// An execve, or with `scanned` a process found by a scan.
struct ExecRecord {
  uint32_t tgid = 100;
  uint32_t tid = 0;  ///< 0: the leader
  uint64_t time = kSecond;
  uint64_t image_time = 0;  ///< 0: as `time`
  uint64_t seq = 0;
  unsigned flags = 0;
  bool scanned = false;
  redan_image previous = {};  ///< without a tgid: not known
  redan_image creator = {};
  uint64_t start_time = 0;  ///< 0: of a process that was forked, when that was; otherwise not known
  redan_credentials cred = {};
  redan_namespaces ns = {};
  uint32_t exe_nlink = 1;
  uint64_t exe_ino = 0;
  uint64_t cgroup_id = 0;
  std::string cwd = "/srv/app";  ///< absolute and clean
  std::string filename = "/bin/true";
  std::string cgroup_name = {};
  std::string args = raw("true\0");
  std::string environment = {};
  std::optional<uint32_t> args_total = {};  ///< nothing: all of them are there
  std::optional<uint32_t> env_total = {};

  redan_exec fixed() const {
    redan_exec exec{};
    exec.hdr.kind = REDAN_KIND_EXEC;
    exec.hdr.flags = static_cast<uint16_t>(flags | (scanned ? unsigned{REDAN_EXEC_BACKFILL} : 0U));
    exec.hdr.seq = seq;
    exec.hdr.time = time;
    exec.hdr.image_time = image_time != 0 ? image_time : time;
    exec.hdr.tgid = tgid;
    exec.hdr.tid = tid != 0 ? tid : tgid;
    exec.previous = previous;
    if (previous.tgid == 0 && !scanned) exec.previous.tgid = tgid;
    exec.creator = creator;
    exec.start_time = start_time == 0 && (previous.flags & REDAN_IMAGE_FORKED) != 0 ? previous.time : start_time;
    exec.cred = cred;
    exec.ns = ns;
    exec.exe_nlink = exe_nlink;
    exec.exe_ino = exe_ino;
    exec.cgroup_id = cgroup_id;
    exec.cwd_len = static_cast<uint32_t>(cwd_leaf_first(cwd).size());
    exec.filename_len = static_cast<uint32_t>(filename.size());
    exec.cgroup_name_len = static_cast<uint32_t>(cgroup_name.size());
    exec.args_len = static_cast<uint32_t>(args.size());
    exec.env_len = static_cast<uint32_t>(environment.size());
    exec.args_total = args_total.value_or(exec.args_len);
    exec.env_total = env_total.value_or(exec.env_len);
    return exec;
  }

  Frame frame() const {
    Frame frame = frame_of(fixed());
    for (const std::string& text : {cwd_leaf_first(cwd), filename, cgroup_name, args, environment}) append(frame, text);
    return frame;
  }
};

struct ForkRecord {
  uint32_t tgid = 100;
  uint64_t time = kSecond;
  uint64_t seq = 0;
  unsigned flags = 0;
  redan_image creator = {};
  uint32_t real_parent_tgid = 0;  ///< 0: the creator

  Frame frame() const {
    redan_fork fork{};
    fork.hdr.kind = REDAN_KIND_FORK;
    fork.hdr.flags = static_cast<uint16_t>(flags);
    fork.hdr.seq = seq;
    fork.hdr.time = fork.hdr.image_time = time;
    fork.hdr.tgid = fork.hdr.tid = tgid;
    fork.creator = creator;
    fork.real_parent_tgid = real_parent_tgid != 0 ? real_parent_tgid : creator.tgid;
    return frame_of(fork);
  }
};

struct ExitRecord {
  uint32_t tgid = 100;
  uint32_t tid = 0;  ///< 0: the leader
  uint64_t time = 2 * kSecond;
  uint64_t image_time = kSecond;
  uint64_t seq = 0;
  unsigned flags = 0;
  uint64_t start_time = 0;  ///< of the process; 0: not known
  uint32_t code = 0;

  Frame frame() const {
    redan_exit exit{};
    exit.hdr.kind = REDAN_KIND_EXIT;
    exit.hdr.flags = static_cast<uint16_t>(flags);
    exit.hdr.seq = seq;
    exit.hdr.time = time;
    exit.hdr.image_time = image_time;
    exit.hdr.tgid = tgid;
    exit.hdr.tid = tid != 0 ? tid : tgid;
    exit.start_time = start_time;
    exit.code = code;
    return frame_of(exit);
  }
};

/// Counters of the sensor, or with kFrameStop the last frame.
struct CountersRecord {
  uint64_t time = kSecond;
  FrameKind kind = kFrameCounters;
  redan_counters counters = {};

  Frame frame() const { return frame_of(CountersFrame{.hdr = plain_frame(kind, time), .counters = counters}); }
};

/// A frame that is only a header.
struct PlainRecord {
  FrameKind kind = kFrameTick;
  uint64_t time = kSecond;

  Frame frame() const { return frame_of(plain_frame(kind, time)); }
};

struct ClockRecord {
  uint64_t time = kSecond;
  int64_t wall_offset_ns = 0;

  Frame frame() const { return frame_of(ClockFrame{plain_frame(kFrameClock, time), wall_offset_ns}); }
};

struct TextRecord {
  FrameKind kind = kFrameStart;
  uint64_t time = kSecond;
  std::string text = {};

  Frame frame() const { return text_frame(kind, time, text); }
};

}  // namespace redan::event
