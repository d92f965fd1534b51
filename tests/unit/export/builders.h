// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events for the tests of src/export, and a look into their JSON.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "event/process.h"
#include "export/event_queue.h"
#include "export/json.h"

namespace redan::exporting {

/// 2026-08-21T09:14:02.512345678Z, which is boot time 81230.045512345 s.
inline constexpr event::EventTime kTime{.boot_ns = 81'230'045'512'345, .wall_offset_ns = 1'787'222'412'466'833'333};

/// A string with NULs in it, from a literal without its terminator.
template <size_t N>
std::string bytes(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

/// Image of an unremarkable process: everything that may be missing is.
inline event::Image plain_image() {
  event::Image image;
  image.cred.auid = 1000;
  return image;
}

/// Process 7 of boot time 5 ns, without a parent.
inline event::Process plain_process(event::Image image = plain_image()) {
  event::Process process;
  process.key = {.tgid = 7, .time = 5};
  process.image = std::make_shared<event::Image>(std::move(image));
  return process;
}

inline event::ProcessRef share(event::Process process) { return std::make_shared<event::Process>(std::move(process)); }

/// An exec of `process`, with the least around it.
inline event::ProcessExec exec_of(event::Process process) {
  return {.time = kTime, .process = share(std::move(process))};
}

inline event::ProcessExit exit_of(event::Process process, uint32_t code = 0) {
  return {.time = kTime, .process = share(std::move(process)), .code = code};
}

/// So many events of these kinds, and none of the others.
inline KindCounts counts(uint64_t execs, uint64_t exits, uint64_t own) {
  KindCounts counts{};
  counts[kExec] = execs;
  counts[kExit] = exits;
  counts[kOwn] = own;
  return counts;
}

/// The line of an event, with its line feed.
inline std::string line_of(const event::Event& event, const JsonOptions& options = {.node_name = "n"}) {
  JsonEncoder encoder(options);
  std::string line;
  encoder.append(event, line);
  return line;
}

/// Size of the JSON value at the start of `text`.
inline size_t value_size(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return i;
    if (c == '"') in_string = true;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return text.size();
}

/// The value of a member of a compact JSON object as it is written; nothing if there is none.
inline std::optional<std::string> member(std::string_view object, std::string_view key) {
  size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    const size_t colon = object.find("\":", at);
    const std::string_view name = object.substr(at + 1, colon - at - 1);
    const size_t size = value_size(object.substr(colon + 2));
    if (name == key) return std::string(object.substr(colon + 2, size));
    at = colon + 2 + size + 1;
  }
  return std::nullopt;
}

/// The same along a path of keys.
template <typename... Keys>
std::optional<std::string> member(std::string_view object, std::string_view key, Keys... more) {
  const std::optional<std::string> inner = member(object, key);
  return inner ? member(*inner, more...) : std::nullopt;
}

}  // namespace redan::exporting
