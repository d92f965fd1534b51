// SPDX-License-Identifier: Apache-2.0
// `redan replay`: the frames of a recording through the engine and the encoder of the agent.
#include <csignal>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "agent/commands.h"
#include "agent/start_facts.h"
#include "event/decode.h"
#include "event/recording.h"
#include "export/json.h"
#include "export/line_file.h"

namespace redan::agent {
namespace {

/// Lines are handed on in pieces of about this size.
constexpr size_t kWriteBytes = 256u << 10;

Result<Start> read_start(event::RecordingReader& reader, std::vector<std::byte>& frame) {
  REDAN_ASSIGN(const std::optional<event::Bytes> first, reader.next());
  const auto view = first ? event::decode(*first) : std::nullopt;
  const auto* text = view ? std::get_if<event::TextView>(&*view) : nullptr;
  if (text == nullptr || text->hdr.kind != event::kFrameStart) {
    return Error{ErrorCode::kCorrupt, "the recording does not begin with a start frame"};
  }
  frame.assign(first->begin(), first->end());
  return parse_start_facts(event::parse_facts(text->text));
}

/// Frames in, lines out; there is no queue, because a replay may wait for its reader.
class Replay {
 public:
  Replay(const Start& start, bool own_records, exporting::LineSink& sink)
      : engine_(engine_options(start), start.wall_offset_ns),
        encoder_(json_options(start)),
        own_records_(own_records),
        sink_(sink) {}

  Result<void> handle(event::Bytes frame) {
    engine_.handle(frame, events_);
    for (const event::Event& event : events_) {
      if (own_records_ || !std::holds_alternative<event::Notice>(event)) encoder_.append(event, lines_);
    }
    events_.clear();
    return lines_.size() < kWriteBytes ? Result<void>() : flush();
  }

  Result<void> flush() {
    if (lines_.empty()) return {};
    const exporting::WriteResult result = sink_.write(lines_);
    lines_.clear();
    if (result.error) return *result.error;
    return {};
  }

 private:
  engine::Engine engine_;
  exporting::JsonEncoder encoder_;
  bool own_records_;
  exporting::LineSink& sink_;
  std::vector<event::Event> events_;
  std::string lines_;
};

}  // namespace

Result<void> run_replay(const ReplayCommand& command) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
  REDAN_ASSIGN(event::RecordingReader reader, event::RecordingReader::open(command.file));
  std::vector<std::byte> first;
  REDAN_ASSIGN(Start start, read_start(reader, first));
  if (!command.options.node_name.empty()) start.options.node_name = command.options.node_name;

  REDAN_ASSIGN(const auto sink,
               exporting::LineFile::open({.path = command.options.export_filename,
                                          .mode = static_cast<mode_t>(command.options.export_file_perm)}));
  Replay replay(start, command.options.export_own_records, *sink);
  REDAN_TRY(replay.handle(first));
  while (true) {
    const auto frame = reader.next();
    if (!frame) {
      REDAN_TRY(replay.flush());  // what came before the damage is good
      return frame.error();
    }
    if (!*frame) return replay.flush();
    REDAN_TRY(replay.handle(**frame));
  }
}

}  // namespace redan::agent
