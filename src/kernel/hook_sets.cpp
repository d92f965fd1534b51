// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_sets.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "generated/hook.skel.h"

namespace redan::kernel {
namespace {

constexpr uint8_t kPresent = 1;

template <typename Call>
void for_each_filter(const redan_hook_plan& plan, Call&& call) {
  for (const redan_selector& selector : plan.selectors) {
    for (const redan_filter& filter : selector.process) call(filter);
    for (const redan_filter& filter : selector.args) call(filter);
    for (const redan_filter& filter : selector.returned) call(filter);
  }
}

bool has_op(const redan_hook_plan& plan, redan_op op) {
  bool found = false;
  for_each_filter(plan, [&](const redan_filter& filter) { found = found || filter.op == op; });
  return found;
}

/// Whether some filter looks a number up in a set.
bool has_number_set(const redan_hook_plan& plan) {
  bool found = has_op(plan, REDAN_OP_NUMBERS);
  for_each_filter(
      plan, [&](const redan_filter& filter) { found = found || (filter.op == REDAN_OP_PIDS && filter.count == 0); });
  return found;
}

void size_map(bpf_map* map, bool used, size_t entries) {
  ::bpf_map__set_autocreate(map, used);
  if (used) ::bpf_map__set_max_entries(map, static_cast<uint32_t>(std::max<size_t>(entries, 1)));
}

template <typename Key>
Result<void> insert(bpf_map* map, const Key& key) {
  if (::bpf_map__update_elem(map, &key, sizeof(key), &kPresent, sizeof(kPresent), 0) == 0) return {};
  return errno_error(fmt::format("fill {}", ::bpf_map__name(map)));
}

Error too_long(std::string_view text, size_t most) {
  return Error{ErrorCode::kConfig, fmt::format("'{}…' is longer than {} bytes", text.substr(0, 40), most)};
}

Result<void> insert_affix(bpf_map* map, uint16_t set, std::string_view bytes, size_t most) {
  if (bytes.size() > most) return too_long(bytes, most);
  redan_prefix_key key{};
  key.prefix_len = static_cast<uint32_t>(8 * (sizeof(key.set) + bytes.size()));
  key.set = set;
  std::memcpy(key.bytes, bytes.data(), bytes.size());
  return insert(map, key);
}

Result<void> insert_address(hook& skeleton, const event::SetAddress& value) {
  if (value.v6) {
    redan_address6_key key{};
    key.prefix_len = 8 * sizeof(key.set) + value.prefix_bits;
    key.set = value.set;
    std::copy_n(value.address.begin(), sizeof(key.address), key.address);
    return insert(skeleton.maps.hook_addresses6, key);
  }
  redan_address4_key key{};
  key.prefix_len = 8 * sizeof(key.set) + value.prefix_bits;
  key.set = value.set;
  std::copy_n(value.address.begin(), sizeof(key.address), key.address);
  return insert(skeleton.maps.hook_addresses4, key);
}

/// Values of a text set that are too long for one key, as the pieces that the program looks up one after the other.
class TextPieces {
 public:
  void add(uint16_t set, std::string_view bytes) {
    uint32_t state = set;
    for (; bytes.size() > REDAN_PIECE; bytes.remove_prefix(REDAN_PIECE)) {
      state = next(state, REDAN_PIECE, bytes.substr(0, REDAN_PIECE));
    }
    next(state, static_cast<uint32_t>(bytes.size()) | REDAN_PIECE_LAST, bytes);
  }

  size_t size() const { return states_.size(); }

  Result<void> insert_into(bpf_map* map) const {
    for (const auto& [piece, next] : states_) {
      redan_text_key key{};
      key.set = piece.state;
      key.len = piece.len;
      std::memcpy(key.bytes, piece.bytes.data(), piece.bytes.size());
      if (::bpf_map__update_elem(map, &key, sizeof(key), &next, sizeof(next), 0) != 0) {
        return errno_error(fmt::format("fill {}", ::bpf_map__name(map)));
      }
    }
    return {};
  }

 private:
  struct Piece {
    uint32_t state, len;
    std::string bytes;
    auto operator<=>(const Piece&) const = default;
  };

  uint32_t next(uint32_t state, uint32_t len, std::string_view bytes) {
    const auto fresh = static_cast<uint32_t>(REDAN_FIRST_STATE + states_.size());
    return states_.emplace(Piece{state, len, std::string(bytes)}, fresh).first->second;
  }

  std::map<Piece, uint32_t> states_;
};

bool is_long(const event::SetText& value) { return value.bytes.size() > REDAN_EQUAL_SHORT; }

TextPieces pieces_of(const event::HookPlan& plan) {
  TextPieces pieces;
  for (const event::SetText& value : plan.texts) {
    if (is_long(value)) pieces.add(value.set, value.bytes);
  }
  return pieces;
}

bool has_long_texts(const redan_hook_plan& plan) {
  bool found = false;
  for_each_filter(plan, [&](const redan_filter& filter) {
    found = found || (filter.op == REDAN_OP_TEXT && (filter.options & REDAN_FILTER_LONG) != 0);
  });
  return found;
}

}  // namespace

void size_hook_sets(const event::HookPlan& plan, hook& skeleton) {
  const redan_hook_plan& program = plan.program;
  const auto is_v6 = [](const event::SetAddress& address) { return address.v6; };
  const auto v6 = static_cast<size_t>(std::count_if(plan.addresses.begin(), plan.addresses.end(), is_v6));
  const bool addresses = has_op(program, REDAN_OP_ADDRESS);
  size_map(skeleton.maps.hook_numbers, has_number_set(program), plan.numbers.size());
  size_map(skeleton.maps.hook_texts, has_op(program, REDAN_OP_TEXT), plan.texts.size());
  size_map(skeleton.maps.hook_pieces, has_long_texts(program), pieces_of(plan).size());
  size_map(skeleton.maps.hook_prefixes, has_op(program, REDAN_OP_PREFIX), plan.prefixes.size());
  size_map(skeleton.maps.hook_postfixes, has_op(program, REDAN_OP_POSTFIX), plan.postfixes.size());
  size_map(skeleton.maps.hook_addresses4, addresses, plan.addresses.size() - v6);
  size_map(skeleton.maps.hook_addresses6, addresses, v6);
}

Result<void> fill_hook_sets(const event::HookPlan& plan, hook& skeleton) {
  for (const event::SetNumber& value : plan.numbers) {
    redan_number_key key{};
    key.value = value.value;
    key.set = value.set;
    REDAN_TRY(insert(skeleton.maps.hook_numbers, key));
  }
  for (const event::SetText& value : plan.texts) {
    if (value.bytes.size() > REDAN_EQUAL_MAX) return too_long(value.bytes, REDAN_EQUAL_MAX);
    if (is_long(value)) continue;
    redan_text_key key{};
    key.set = value.set;
    key.len = static_cast<uint32_t>(value.bytes.size());
    std::memcpy(key.bytes, value.bytes.data(), value.bytes.size());
    REDAN_TRY(insert(skeleton.maps.hook_texts, key));
  }
  if (has_long_texts(plan.program)) REDAN_TRY(pieces_of(plan).insert_into(skeleton.maps.hook_pieces));
  for (const event::SetText& value : plan.prefixes) {
    REDAN_TRY(insert_affix(skeleton.maps.hook_prefixes, value.set, value.bytes, REDAN_PREFIX_MAX));
  }
  for (const event::SetText& value : plan.postfixes) {
    const std::string reversed(value.bytes.rbegin(), value.bytes.rend());
    REDAN_TRY(insert_affix(skeleton.maps.hook_postfixes, value.set, reversed, REDAN_POSTFIX_MAX));
  }
  for (const event::SetAddress& value : plan.addresses) REDAN_TRY(insert_address(skeleton, value));
  return {};
}

}  // namespace redan::kernel
