// SPDX-License-Identifier: Apache-2.0
#pragma once
// What all kinds of events have in common.

#include <array>
#include <cstddef>
#include <string_view>
#include <variant>

#include "event/process.h"

namespace redan::exporting {

/// Number of kinds: alternatives of event::Event. Event::index() is the kind.
inline constexpr size_t kEventKinds = std::variant_size_v<event::Event>;

/// The key of each kind in a line.
inline constexpr std::array<std::string_view, kEventKinds> kEventKeys = {"process_exec", "process_exit", "redan"};

/// When it happened.
inline const event::EventTime& time_of(const event::Event& event) {
  return std::visit([](const auto& kind) -> const event::EventTime& { return kind.time; }, event);
}

/// True for a record of Redan's own.
inline bool is_own_record(const event::Event& event) { return std::holds_alternative<event::Notice>(event); }

}  // namespace redan::exporting
