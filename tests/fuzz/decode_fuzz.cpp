// SPDX-License-Identifier: Apache-2.0
// Any bytes as a sequence of frames, through decoder, engine and encoder: no crash, no hang, no leak, every event one line.
//
// Input: one byte of options, then frames, each behind its length (16 bits, little-endian, cut to what is left). The engine keeps
// its state from frame to frame, so the tree is fuzzed with the decoder. It knows hook n for section n, and each shows its
// slots as arguments of all types.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "event/decode.h"
#include "event/frame.h"
#include "event/hook_facts.h"
#include "export/json.h"

namespace {

using redan::event::Bytes;
using redan::event::Event;

constexpr size_t kLengthSize = 2;

/// The tree is small, so that few frames fill it: bits 0 to 4 are its capacity. Bit 5 asks for ancestors, bit 6 for all fields.
struct Options {
  explicit Options(uint8_t byte)
      : capacity(1 + (byte & 0x1f)), ancestors((byte & 0x20) != 0), all_fields((byte & 0x40) != 0) {}
  size_t capacity;
  bool ancestors;
  bool all_fields;
};

/// The frames that tell of the hooks.
std::vector<std::vector<std::byte>> hook_frames() {
  using redan::event::ArgType;
  using redan::event::HookSection;
  std::vector<std::vector<std::byte>> frames;
  for (size_t section = 0; section <= static_cast<size_t>(HookSection::kLsmHooks); ++section) {
    redan::event::HookInfo hook;
    hook.id = static_cast<uint32_t>(section);
    hook.section = static_cast<HookSection>(section);
    hook.name = hook.subsystem = hook.policy = hook.message = "a \"name\"";
    hook.tags = {"one", "two"};
    for (size_t type = 0; type <= static_cast<size_t>(ArgType::kNop); ++type) {
      redan::event::HookArg arg;
      arg.slot = static_cast<uint8_t>((type + section) % REDAN_HOOK_SLOTS);
      arg.type = static_cast<ArgType>(type);
      arg.label = type % 2 == 0 ? "label" : "";
      arg.is_return = arg.slot == REDAN_HOOK_SLOT_RETURN;
      arg.is_data = arg.slot == 1;
      hook.args.push_back(std::move(arg));
    }
    frames.push_back(redan::event::text_frame(redan::event::kFrameHook, 0,
                                              redan::event::facts_text(redan::event::hook_facts(hook))));
  }
  return frames;
}

/// The line of an event is one line, whatever the event holds.
void check_line(const std::string& line) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
  if (line.size() < 3 || line.front() != '{' || !line.ends_with("}\n")) std::abort();
  if (std::count_if(line.begin(), line.end(), is_control) != 1) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Options options(data[0]);
  redan::engine::EngineOptions engine_options;
  engine_options.tree.capacity = options.capacity;
  engine_options.ancestors = options.ancestors;
  engine_options.start_notice = {{"version", "0"}};
  redan::engine::Engine engine(engine_options, 0);
  redan::exporting::JsonOptions json;
  json.node_name = "n";
  json.process.credentials = json.process.namespaces = json.process.environment = options.all_fields;
  redan::exporting::JsonEncoder encoder(json);

  std::vector<Event> events;
  std::string line;
  static const auto hooks = hook_frames();
  for (const auto& hook : hooks) engine.handle(hook, events);
  for (Bytes rest = std::as_bytes(std::span(data, size)).subspan(1); rest.size() >= kLengthSize;) {
    const size_t wanted = std::to_integer<size_t>(rest[0]) | std::to_integer<size_t>(rest[1]) << 8;
    rest = rest.subspan(kLengthSize);
    const size_t length = std::min(wanted, rest.size());
    // Memory of its own, so that the sanitizer sees a read behind the frame.
    const std::vector<std::byte> frame(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length));
    rest = rest.subspan(length);

    engine.handle(frame, events);
    for (const Event& event : events) {
      line.clear();
      encoder.append(event, line);
      check_line(line);
    }
    events.clear();
    if (engine.tree().size() > options.capacity || engine.tree().living() > engine.tree().size()) std::abort();
  }
  return 0;
}
