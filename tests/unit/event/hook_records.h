// SPDX-License-Identifier: Apache-2.0
#pragma once
// Builders of hook records and of what describes them.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "abi/hook.h"
#include "event/hook.h"
#include "event/hook_facts.h"
#include "unit/event/records.h"

namespace redan::event {

/// The bytes of a plain struct, as an argument's content.
template <typename T>
std::string content_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline std::string number_content(uint64_t number) { return content_of(number); }

/// An argument in a hook record.
struct ArgRecord {
  unsigned type = REDAN_ARG_NUMBER;  ///< enum redan_arg_type
  uint8_t slot = 0;
  unsigned flags = 0;
  uint32_t aux = 0;
  std::string content = number_content(0);
};

/// Fills up to a multiple of eight bytes, as the sensor does between arguments.
inline void pad(Frame& frame) { frame.resize((frame.size() + 7) / 8 * 8, std::byte{0xee}); }

struct HookRecord {
  uint32_t tgid = 100;
  uint32_t tid = 0;  ///< 0: the leader
  uint64_t time = 2 * kSecond;
  uint64_t image_time = kSecond;
  uint64_t seq = 0;
  uint32_t id = 1;
  uint8_t selector = 0;
  uint8_t action = REDAN_ACTION_POST;
  uint8_t return_action = 0;
  redan_image owner = {};
  uint32_t owner_tid = 0;
  std::vector<ArgRecord> args = {};

  Frame frame() const {
    redan_hook hook{};
    hook.hdr.kind = REDAN_KIND_HOOK;
    hook.hdr.seq = seq;
    hook.hdr.time = time;
    hook.hdr.image_time = image_time;
    hook.hdr.tgid = tgid;
    hook.hdr.tid = tid != 0 ? tid : tgid;
    hook.id = id;
    hook.selector = selector;
    hook.action = action;
    hook.return_action = return_action;
    hook.count = static_cast<uint8_t>(args.size());
    hook.owner = owner;
    hook.owner_tid = owner_tid;
    Frame content;
    for (const ArgRecord& arg : args) {
      pad(content);
      const redan_arg fixed{.type = static_cast<uint8_t>(arg.type),
                            .slot = arg.slot,
                            .flags = static_cast<uint16_t>(arg.flags),
                            .aux = arg.aux,
                            .len = static_cast<uint32_t>(arg.content.size()),
                            .pad0 = 0};
      append(content, content_of(fixed));
      append(content, arg.content);
    }
    hook.args_len = static_cast<uint32_t>(content.size());
    Frame frame = frame_of(hook);
    frame.reserve(frame.size() + content.size());  // gcc 12 sees an overflow where the vector grows
    frame.insert(frame.end(), content.begin(), content.end());
    return frame;
  }
};

/// The frame that tells of a hook.
inline Frame hook_frame(const HookInfo& hook, uint64_t time = kSecond) {
  return text_frame(kFrameHook, time, facts_text(hook_facts(hook)));
}

}  // namespace redan::event
