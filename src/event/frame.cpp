// SPDX-License-Identifier: Apache-2.0
#include "event/frame.h"

namespace redan::event {

std::string facts_text(const Facts& facts) {
  std::string out;
  for (const auto& [key, value] : facts) {
    out += key;
    out += '=';
    for (const char c : value) {
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\\') {
        out += "\\\\";
      } else {
        out += c;
      }
    }
    out += '\n';
  }
  return out;
}

Facts parse_facts(std::string_view text) {
  Facts facts;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);

    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    std::string value;
    for (size_t i = equals + 1; i < line.size(); ++i) {
      if (line[i] == '\\' && i + 1 < line.size()) {
        value += line[++i] == 'n' ? '\n' : line[i];
      } else {
        value += line[i];
      }
    }
    facts.emplace_back(line.substr(0, equals), std::move(value));
  }
  return facts;
}

std::string_view fact(const Facts& facts, std::string_view key) {
  for (const auto& [name, value] : facts) {
    if (name == key) return value;
  }
  return "";
}

redan_record plain_frame(FrameKind kind, uint64_t now) {
  redan_record record{};
  record.kind = kind;
  record.time = now;
  return record;
}

std::vector<std::byte> text_frame(FrameKind kind, uint64_t now, std::string_view text) {
  const TextFrame frame{.hdr = plain_frame(kind, now), .length = static_cast<uint32_t>(text.size()), .pad0 = 0};
  std::vector<std::byte> bytes(sizeof(frame) + text.size());
  std::memcpy(bytes.data(), &frame, sizeof(frame));
  if (!text.empty()) std::memcpy(bytes.data() + sizeof(frame), text.data(), text.size());
  return bytes;
}

}  // namespace redan::event
