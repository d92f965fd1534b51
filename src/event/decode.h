// SPDX-License-Identifier: Apache-2.0
#pragma once
// From the bytes of a frame to typed views. The one place that looks at lengths: behind it nothing is checked again.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "abi/hook.h"
#include "abi/record.h"
#include "event/frame.h"

namespace redan::event {

/// The views below point into the frame that was decoded and live as long as it.

struct ExecView {
  redan_exec fixed;
  std::string_view cwd;  ///< as in the record, see cwd_text()
  std::string_view filename;
  std::string_view cgroup_name;
  std::string_view args;
  std::string_view environment;
};

struct ForkView {
  redan_fork fixed;
};

struct ExitView {
  redan_exit fixed;
};

/// An argument of a hook. Its length is one that its type can have; if it was unreadable, any.
struct ArgView {
  redan_arg fixed;
  std::string_view content;  ///< raw bytes, not aligned
};

struct HookView {
  redan_hook fixed;
  std::array<ArgView, REDAN_HOOK_SLOTS> slots;  ///< the first fixed.count are meant

  std::span<const ArgView> args() const { return std::span(slots).first(fixed.count); }
};

struct TextView {
  redan_record hdr;
  std::string_view text;
};

using FrameView =
    std::variant<ExecView, ForkView, ExitView, HookView, TextView, ClockFrame, CountersFrame, redan_record>;

/// Nothing if the bytes are not a whole, known frame. Bytes behind what a record says it holds are ignored (slack).
std::optional<FrameView> decode(Bytes frame);

/// The kind in a frame's header, REDAN_KIND_NONE if it is too short to have one.
uint16_t kind_of(Bytes frame);

/// The time in a frame's header, 0 if it is too short to have one.
uint64_t time_of(Bytes frame);

/// The path that a record's cwd spells: components in the record come leaf first, each followed by '/'.
std::string cwd_text(std::string_view leaf_first);

/// The reverse, for records that the agent makes itself. `path` is absolute and clean.
std::string cwd_leaf_first(std::string_view path);

}  // namespace redan::event
