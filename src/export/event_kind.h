// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all kinds of events have in common.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "event/process.h"

namespace redan::exporting {

/// Kinds of events: what their objects are called in lines.
enum EventKind : uint8_t { kExec, kExit, kKprobe, kTracepoint, kLsm, kOwn, kEventKinds };

/// The key of each kind in a line.
inline constexpr std::array<std::string_view, kEventKinds> kEventKeys = {
    "process_exec", "process_exit", "process_kprobe", "process_tracepoint", "process_lsm", "redan"};

/// The kind of a hook's events, by event::HookSection.
inline constexpr std::array<EventKind, 5> kHookKinds = {kKprobe, kKprobe, kTracepoint, kTracepoint, kLsm};
static_assert(kHookKinds.size() == static_cast<size_t>(event::HookSection::kLsmHooks) + 1);

inline EventKind kind_of(const event::ProcessExec&) { return kExec; }
inline EventKind kind_of(const event::ProcessExit&) { return kExit; }
inline EventKind kind_of(const event::HookEvent& hook) { return kHookKinds[static_cast<size_t>(hook.hook->section)]; }
inline EventKind kind_of(const event::Notice&) { return kOwn; }
inline EventKind kind_of(const event::Event& event) {
  return std::visit([](const auto& alternative) { return kind_of(alternative); }, event);
}

/// When it happened.
inline const event::EventTime& time_of(const event::Event& event) {
  return std::visit([](const auto& kind) -> const event::EventTime& { return kind.time; }, event);
}

/// True for a record of Redan's own.
inline bool is_own_record(const event::Event& event) { return std::holds_alternative<event::Notice>(event); }

}  // namespace redan::exporting
