// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_sets.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <fmt/format.h>

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

template <typename Key>
Result<void> insert(int map, const Key& key) {
  if (::bpf_map_update_elem(map, &key, &kPresent, 0) == 0) return {};
  return errno_error("fill a hook's value set");
}

Error too_long(std::string_view text, size_t most) {
  return Error{ErrorCode::kConfig, fmt::format("'{}…' is longer than {} bytes", text.substr(0, 40), most)};
}

Result<void> insert_affix(int map, uint16_t set, std::string_view bytes, size_t most) {
  if (bytes.size() > most) return too_long(bytes, most);
  redan_prefix_key key{};
  key.prefix_len = static_cast<uint32_t>(8 * (sizeof(key.set) + bytes.size()));
  key.set = set;
  std::memcpy(key.bytes, bytes.data(), bytes.size());
  return insert(map, key);
}

template <typename Key>
Result<void> insert_address(int map, const event::SetAddress& value) {
  Key key{};
  key.prefix_len = 8 * sizeof(key.set) + value.prefix_bits;
  key.set = value.set;
  std::copy_n(value.address.begin(), sizeof(key.address), key.address);
  return insert(map, key);
}

size_t addresses_of(const event::HookPlan& plan, bool v6) {
  return static_cast<size_t>(std::count_if(plan.addresses.begin(), plan.addresses.end(),
                                           [v6](const event::SetAddress& address) { return address.v6 == v6; }));
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

  std::vector<TextPiece> all() const {
    std::vector<TextPiece> pieces;
    for (const auto& [piece, next] : states_) {
      TextPiece& added = pieces.emplace_back();
      added.key.set = piece.state;
      added.key.len = piece.len;
      std::memcpy(added.key.bytes, piece.bytes.data(), piece.bytes.size());
      added.next = next;
    }
    return pieces;
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

bool has_long_texts(const redan_hook_plan& plan) {
  bool found = false;
  for_each_filter(plan, [&](const redan_filter& filter) {
    found = found || (filter.op == REDAN_OP_TEXT && (filter.options & REDAN_FILTER_LONG) != 0);
  });
  return found;
}

Result<void> fill_numbers(const event::HookPlan& plan, int map) {
  for (const event::SetNumber& value : plan.numbers) {
    redan_number_key key{};
    key.value = value.value;
    key.set = value.set;
    REDAN_TRY(insert(map, key));
  }
  return {};
}

Result<void> fill_texts(const event::HookPlan& plan, int map) {
  for (const event::SetText& value : plan.texts) {
    if (value.bytes.size() > REDAN_EQUAL_MAX) return too_long(value.bytes, REDAN_EQUAL_MAX);
    if (is_long(value)) continue;
    redan_text_key key{};
    key.set = value.set;
    key.len = static_cast<uint32_t>(value.bytes.size());
    std::memcpy(key.bytes, value.bytes.data(), value.bytes.size());
    REDAN_TRY(insert(map, key));
  }
  return {};
}

Result<void> fill_pieces(const event::HookPlan& plan, int map) {
  for (const TextPiece& piece : text_pieces(plan)) {
    if (::bpf_map_update_elem(map, &piece.key, &piece.next, 0) != 0) return errno_error("fill a hook's long texts");
  }
  return {};
}

Result<void> fill_prefixes(const event::HookPlan& plan, int map) {
  for (const event::SetText& value : plan.prefixes) {
    REDAN_TRY(insert_affix(map, value.set, value.bytes, REDAN_PREFIX_MAX));
  }
  return {};
}

Result<void> fill_postfixes(const event::HookPlan& plan, int map) {
  for (const event::SetText& value : plan.postfixes) {
    const std::string reversed(value.bytes.rbegin(), value.bytes.rend());
    REDAN_TRY(insert_affix(map, value.set, reversed, REDAN_POSTFIX_MAX));
  }
  return {};
}

Result<void> fill_addresses4(const event::HookPlan& plan, int map) {
  for (const event::SetAddress& value : plan.addresses) {
    if (!value.v6) REDAN_TRY(insert_address<redan_address4_key>(map, value));
  }
  return {};
}

Result<void> fill_addresses6(const event::HookPlan& plan, int map) {
  for (const event::SetAddress& value : plan.addresses) {
    if (value.v6) REDAN_TRY(insert_address<redan_address6_key>(map, value));
  }
  return {};
}

struct SetKind {
  std::string_view map;
  bool (*is_used)(const redan_hook_plan&);
  size_t (*size)(const event::HookPlan&);
  Result<void> (*fill)(const event::HookPlan&, int map);
};

constexpr std::array kSets = {
    SetKind{"hook_numbers", has_number_set, [](const event::HookPlan& plan) { return plan.numbers.size(); },
            fill_numbers},
    SetKind{"hook_texts", [](const redan_hook_plan& plan) { return has_op(plan, REDAN_OP_TEXT); },
            [](const event::HookPlan& plan) { return plan.texts.size(); }, fill_texts},
    SetKind{"hook_pieces", has_long_texts, [](const event::HookPlan& plan) { return text_pieces(plan).size(); },
            fill_pieces},
    SetKind{"hook_prefixes", [](const redan_hook_plan& plan) { return has_op(plan, REDAN_OP_PREFIX); },
            [](const event::HookPlan& plan) { return plan.prefixes.size(); }, fill_prefixes},
    SetKind{"hook_postfixes", [](const redan_hook_plan& plan) { return has_op(plan, REDAN_OP_POSTFIX); },
            [](const event::HookPlan& plan) { return plan.postfixes.size(); }, fill_postfixes},
    SetKind{"hook_addresses4", [](const redan_hook_plan& plan) { return has_op(plan, REDAN_OP_ADDRESS); },
            [](const event::HookPlan& plan) { return addresses_of(plan, false); }, fill_addresses4},
    SetKind{"hook_addresses6", [](const redan_hook_plan& plan) { return has_op(plan, REDAN_OP_ADDRESS); },
            [](const event::HookPlan& plan) { return addresses_of(plan, true); }, fill_addresses6},
};

const SetKind* find_set(std::string_view map) {
  const auto* found = std::find_if(kSets.begin(), kSets.end(), [map](const SetKind& kind) { return kind.map == map; });
  return found == kSets.end() ? nullptr : found;
}

}  // namespace

std::vector<TextPiece> text_pieces(const event::HookPlan& plan) {
  TextPieces pieces;
  for (const event::SetText& value : plan.texts) {
    if (is_long(value)) pieces.add(value.set, value.bytes);
  }
  return pieces.all();
}

bool is_hook_set(std::string_view map) { return find_set(map) != nullptr; }

std::optional<uint32_t> hook_set_entries(std::string_view map, const event::HookPlan& plan) {
  const SetKind* kind = find_set(map);
  if (kind == nullptr || !kind->is_used(plan.program)) return std::nullopt;
  return static_cast<uint32_t>(std::max<size_t>(kind->size(plan), 1));
}

Result<void> fill_hook_set(std::string_view map, const event::HookPlan& plan, int fd) {
  const SetKind* kind = find_set(map);
  return kind == nullptr ? Result<void>() : kind->fill(plan, fd);
}

}  // namespace redan::kernel
