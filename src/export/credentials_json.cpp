// SPDX-License-Identifier: Apache-2.0
#include "export/credentials_json.h"

#include <array>
#include <bit>
#include <string_view>
#include <utility>

#include "export/json_words.h"
#include "export/json_writer.h"

namespace redan::exporting {
namespace {

constexpr size_t kMaskBits = 64;

constexpr size_t digits(size_t number) { return number < 10 ? 1 : 2; }

constexpr size_t capability_list_size() {
  size_t size = 0;
  for (size_t i = 0; i < kMaskBits; ++i)
    size += (i < kCapabilities.size() ? kCapabilities[i].size() + 2 : digits(i)) + 1;
  return size;
}

/// The list of all capabilities, each followed by a comma: names in quotes, numbers where there is no name. A run of
/// capabilities in a set is one piece of it, and the sets that matter (all of them, or a container's few) have few
/// runs.
struct CapabilityList {
  std::array<char, capability_list_size()> text{};
  std::array<uint16_t, kMaskBits + 1> start{};  // of each capability in `text`, and the end

  constexpr CapabilityList() {
    size_t at = 0;
    const auto add = [&](char c) { text[at++] = c; };
    for (size_t i = 0; i < kMaskBits; ++i) {
      start[i] = static_cast<uint16_t>(at);
      if (i < kCapabilities.size()) {
        add('"');
        for (const char c : kCapabilities[i]) add(c);
        add('"');
      } else {
        add(static_cast<char>('0' + i / 10));
        add(static_cast<char>('0' + i % 10));
      }
      add(',');
    }
    start[kMaskBits] = static_cast<uint16_t>(at);
  }
};
constexpr CapabilityList kCapabilityList;

void put_capabilities(uint64_t mask, JsonWriter& out) {
  char open = '[';
  while (mask != 0) {
    const int first = std::countr_zero(mask);
    const int end = first + std::countr_one(mask >> first);
    const size_t from = kCapabilityList.start[static_cast<size_t>(first)];
    const size_t to = kCapabilityList.start[static_cast<size_t>(end)];
    out.put(std::exchange(open, ','));
    out.put(std::string_view(kCapabilityList.text.data() + from, to - from - 1));
    mask = end == kMaskBits ? 0 : mask >> end << end;
  }
  out.put(']');
}

}  // namespace

void put_capability_sets(const redan_credentials& cred, JsonWriter& out) {
  char open = '{';
  const auto put_set = [&](std::string_view key, uint64_t mask) {
    if (mask == 0) return;
    out.put(std::exchange(open, ','));
    out.put(key);
    put_capabilities(mask, out);
  };
  put_set(R"("permitted":)", cred.permitted);
  put_set(R"("effective":)", cred.effective);
  put_set(R"("inheritable":)", cred.inheritable);
  if (open == '{') out.put('{');  // a set message without a set field
  out.put('}');
}

void put_credential_members(const redan_credentials& cred, JsonWriter& out) {
  char open = '{';
  for (const CredentialWord& word : kCredentials) {
    out.put(std::exchange(open, ','));
    out.put('"');
    out.put(word.name);
    out.put("\":");
    out.put(cred.*word.id);
  }
  if (cred.securebits == 0) return;
  char open_list = '[';
  for (const BitWord& bit : kSecureBits) {
    if ((cred.securebits & bit.bit) == 0) continue;
    if (open_list == '[') out.put(R"(,"securebits":)");
    out.put(std::exchange(open_list, ','));
    out.put_string(bit.word);
  }
  if (open_list == ',') out.put(']');
}

}  // namespace redan::exporting
