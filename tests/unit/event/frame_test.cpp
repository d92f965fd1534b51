// SPDX-License-Identifier: Apache-2.0
#include "event/frame.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include <doctest/doctest.h>

#include "unit/event/records.h"

namespace redan::event {

TEST_CASE("facts survive being written and read, whatever their values hold") {
  const std::array values = {
      std::string(),        std::string("plain"),     std::string("two\nlines"), std::string("\n"),
      std::string("\\"),    std::string("\\n"),       std::string("\\\\n\n\\"),  std::string("a=b=c"),
      raw("nul\0in\0side"), std::string("\xff\r\t\"")};
  Facts facts;
  for (const std::string& value : values) facts.emplace_back("key" + std::to_string(facts.size()), value);
  const std::string text = facts_text(facts);
  CHECK(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) == facts.size());
  CHECK(parse_facts(text) == facts);
}

TEST_CASE("facts of random bytes survive being written and read") {
  std::mt19937 random(1);
  const std::string alphabet = raw("\\\\\\\n\n=nr\0 x");
  for (int round = 0; round < 500; ++round) {
    Facts facts;
    for (auto i = random() % 5; i > 0; --i) {
      std::string value;
      for (auto size = random() % 12; size > 0; --size) value += alphabet[random() % alphabet.size()];
      facts.emplace_back("k" + std::to_string(i), value);
    }
    CHECK(parse_facts(facts_text(facts)) == facts);
  }
}

TEST_CASE("text that no agent wrote gives what facts there are") {
  CHECK(parse_facts("").empty());
  CHECK(parse_facts("no equals sign\n\n").empty());
  CHECK(parse_facts("\na=1\nnothing\n=empty key\nb=2") == Facts{{"a", "1"}, {"", "empty key"}, {"b", "2"}});
  CHECK(parse_facts("a=\\") == Facts{{"a", "\\"}});
  CHECK(parse_facts("a=\\x") == Facts{{"a", "x"}});
}

TEST_CASE("a fact is found by its key, the first one counts") {
  const Facts facts = {{"a", "1"}, {"b", ""}, {"a", "2"}};
  CHECK(fact(facts, "a") == "1");
  CHECK(fact(facts, "b").empty());
  CHECK(fact(facts, "c").empty());
}

TEST_CASE("a plain frame has its kind and its time and nothing else") {
  const redan_record record = plain_frame(kFrameTick, 9);
  redan_record wanted{};
  wanted.kind = kFrameTick;
  wanted.time = 9;
  CHECK(frame_of(record) == frame_of(wanted));
}

TEST_CASE("a text frame holds its text and nothing else") {
  CHECK(text_frame(kFrameUsers, 9, "").size() == sizeof(TextFrame));
  CHECK(text_frame(kFrameUsers, 9, raw("a\0b")).size() == sizeof(TextFrame) + 3);
}

}  // namespace redan::event
