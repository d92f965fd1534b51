// SPDX-License-Identifier: Apache-2.0
#include "kernel/hook_shortcuts.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

namespace redan::kernel {
namespace {

constexpr uint64_t kCompat = uint64_t{1} << 31;
constexpr size_t kNameMax = 255;
// Reads of more selectors take the 6.12 verifier too long: those are decided by the whole arguments.
constexpr size_t kReadSelectors = 1;
constexpr uint16_t kSyscallField = 8;  // offset of sys_enter's number in the classic tracepoint's record

template <size_t N>
bool is_one_of(int value, const std::array<int, N>& values) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool compares_numbers(const redan_filter& filter) {
  constexpr std::array<int, 6> kOps = {REDAN_OP_EQUAL, REDAN_OP_GREATER, REDAN_OP_LESS,
                                       REDAN_OP_MASK,  REDAN_OP_RANGE,   REDAN_OP_NUMBERS};
  return is_one_of(filter.op, kOps);
}

bool is_syscall_number(const event::HookPlan& plan, const redan_hook_arg& arg) {
  if (plan.symbol != "sys_enter" || arg.type != REDAN_ARG_SYSCALL) return false;
  if (plan.info->section == event::HookSection::kRawTracepoints)
    return arg.source == REDAN_SOURCE_PARAMETER && arg.index == 1;
  return plan.info->section == event::HookSection::kTracepoints && plan.info->subsystem == "raw_syscalls" &&
         arg.source == REDAN_SOURCE_FIELD && arg.offset == kSyscallField;
}

/// Whether the number is at hand, without a read.
bool is_in_register(const event::HookPlan& plan, const redan_hook_arg& arg) {
  constexpr std::array<int, 3> kTypes = {REDAN_ARG_NUMBER, REDAN_ARG_CAPABILITY, REDAN_ARG_SYSCALL};
  if (!is_one_of(arg.type, kTypes)) return false;
  const bool is_field = plan.info->section == event::HookSection::kTracepoints;
  return is_field ? is_syscall_number(plan, arg) : arg.source == REDAN_SOURCE_PARAMETER;
}

/// Of a word that begins with the name, the bits that are not the name's.
unsigned spare_bits(std::string_view name) {
  return static_cast<unsigned>(64 - 8 * std::clamp<size_t>(name.size(), 1, 8));
}

/// The last component. Nothing: " (deleted)" behind a name could make it up, or it is no path.
std::optional<redan_leaf> leaf_of(std::string_view text) {
  const std::string_view name = text.substr(text.rfind('/') + 1);
  if (name.empty() || name.find(' ') != std::string_view::npos) return std::nullopt;
  redan_leaf leaf{.word = 0, .len = static_cast<__u32>(name.size()), .spare = spare_bits(name)};
  std::memcpy(&leaf.word, name.data(), std::min(name.size(), sizeof(leaf.word)));
  return leaf;
}

/// "/usr/lib" by components. Nothing: it is none that paths are compared with one name after the other.
std::optional<redan_path_prefix> split_prefix(std::string_view text) {
  if (!text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  redan_path_prefix prefix{};
  size_t words = 0;
  for (bool more = true; more;) {
    const size_t end = text.find('/');
    const std::string_view name = text.substr(0, end);
    more = end != std::string_view::npos;
    if (more) text.remove_prefix(end + 1);
    const bool is_closing = !more && name.empty() && prefix.count > 0;
    if (is_closing) return prefix;
    const size_t needed = (name.size() + 7) / 8;
    if ((name.empty() && more) || name.size() > kNameMax || prefix.count == REDAN_PREFIX_COMPONENTS ||
        words + needed > REDAN_PREFIX_WORDS)
      return std::nullopt;
    auto& component = prefix.components[prefix.count++];
    component.len = static_cast<__u8>(name.size());
    component.at = static_cast<__u8>(words);
    component.spare = static_cast<__u8>(spare_bits(name));
    std::memcpy(&prefix.words[words], name.data(), name.size());
    words += needed;
    prefix.open = more ? 0 : 1;
    prefix.spaced = !more && name.find(' ') != std::string_view::npos ? 1 : 0;
  }
  return prefix;
}

class ShortcutMaker {
 public:
  explicit ShortcutMaker(const event::HookPlan& plan) : plan_(plan) {}

  redan_hook_shortcuts run() {
    // A selector that the arguments refute may still be the one whose filters on the returned value are met (language reference,
    // 7.2): with several, all of them must be looked at.
    if ((plan_.program.options & REDAN_HOOK_RETURNS) != 0 && plan_.program.selectors[1].used != 0) return made_;
    for (size_t k = 0; k < REDAN_HOOK_SELECTORS; ++k) {
      if (plan_.program.selectors[k].used == 0) break;
      // Bitsets cost least, so they come first.
      for (int kind : {REDAN_SHORTCUT_BITS, REDAN_SHORTCUT_NUMBER, REDAN_SHORTCUT_SOCKET, REDAN_SHORTCUT_PREFIX})
        for (size_t i = 0; i < REDAN_HOOK_ARG_FILTERS; ++i) add(k, i, kind);
    }
    guard();
    put_leaves();
    return made_;
  }

 private:
  void add(size_t selector, size_t index, int kind) {
    const redan_filter& filter = plan_.program.selectors[selector].args[index];
    if (filter.op == REDAN_OP_NONE || kind_of(filter) != kind) return;
    redan_shortcut shortcut{.kind = static_cast<__u8>(kind), .filter = static_cast<__u8>(index)};
    if (kind == REDAN_SHORTCUT_BITS && !put_bits(filter, shortcut)) shortcut.kind = REDAN_SHORTCUT_NUMBER;
    if (kind == REDAN_SHORTCUT_PREFIX && !put_prefixes(filter, shortcut)) return;
    const bool is_read = kind == REDAN_SHORTCUT_SOCKET || kind == REDAN_SHORTCUT_PREFIX;
    if (is_read && selector >= kReadSelectors) return;
    redan_shortcut* list = is_read ? made_.read[selector] : made_.number[selector];
    *std::find_if(list, list + REDAN_HOOK_SHORTCUTS, [](const redan_shortcut& s) { return s.kind == 0; }) = shortcut;
    (is_read ? made_.reads : made_.numbers) = 1;
    made_.slots = static_cast<__u8>(made_.slots | 1u << filter.slot);
  }

  // Every selector wants one of a few binaries: who has another name is none of them.
  void put_leaves() {
    std::vector<redan_leaf> leaves;
    for (size_t k = 0; k < REDAN_HOOK_SELECTORS && plan_.program.selectors[k].used != 0; ++k) {
      if (!add_leaves(plan_.program.selectors[k], leaves)) return;
    }
    std::copy(leaves.begin(), leaves.end(), made_.leaves);
    made_.leaf_count = static_cast<__u8>(leaves.size());
  }

  /// False if the selector does not ask for binaries by their paths, or for more than there is room.
  bool add_leaves(const redan_selector& selector, std::vector<redan_leaf>& leaves) const {
    const auto filter = std::find_if(std::begin(selector.process), std::end(selector.process), [](const auto& f) {
      return f.op == REDAN_OP_TEXT && f.field == REDAN_FIELD_BINARY && (f.options & REDAN_FILTER_NEGATE) == 0;
    });
    if (filter == std::end(selector.process)) return false;
    for (const event::SetText& value : plan_.texts) {
      if (value.set != filter->set) continue;
      const auto leaf = leaf_of(value.bytes);
      if (!leaf) return false;
      const bool is_there = std::any_of(leaves.begin(), leaves.end(), [&](const redan_leaf& l) {
        return l.len == leaf->len && l.word == leaf->word;
      });
      if (is_there) continue;
      if (leaves.size() == REDAN_LEAVES) return false;
      leaves.push_back(*leaf);
    }
    return true;
  }

  int kind_of(const redan_filter& filter) const {
    const redan_hook_arg& arg = plan_.program.args[filter.slot];
    constexpr std::array<int, 4> kPaths = {REDAN_ARG_FILE, REDAN_ARG_PATH, REDAN_ARG_KIOCB, REDAN_ARG_BINPRM};
    if (compares_numbers(filter) && filter.field == REDAN_FIELD_VALUE && is_in_register(plan_, arg))
      return filter.op == REDAN_OP_NUMBERS ? REDAN_SHORTCUT_BITS : REDAN_SHORTCUT_NUMBER;
    if (arg.source != REDAN_SOURCE_PARAMETER) return REDAN_SHORTCUT_NONE;
    if (filter.op == REDAN_OP_PREFIX && is_one_of(arg.type, kPaths)) return REDAN_SHORTCUT_PREFIX;
    const bool is_socket =
        arg.type == REDAN_ARG_SOCK &&
        (filter.op == REDAN_OP_ADDRESS ||
         (compares_numbers(filter) && filter.field >= REDAN_FIELD_FAMILY && filter.field <= REDAN_FIELD_DPORT));
    return is_socket ? REDAN_SHORTCUT_SOCKET : REDAN_SHORTCUT_NONE;
  }

  bool put_bits(const redan_filter& filter, redan_shortcut& shortcut) {
    if (bitsets_ == REDAN_HOOK_BITSETS) return false;
    redan_bitset bits{};
    for (const event::SetNumber& number : plan_.numbers) {
      if (number.set != filter.set) continue;
      if ((number.value & ~(kCompat | (REDAN_BITSET_NUMBERS - 1))) != 0) return false;
      const uint64_t bit = (number.value & ~kCompat) + ((number.value & kCompat) != 0 ? REDAN_BITSET_NUMBERS : 0);
      bits.words[bit / 64] |= uint64_t{1} << bit % 64;
    }
    shortcut.index = static_cast<__u8>(bitsets_);
    made_.bitsets[bitsets_++] = bits;
    return true;
  }

  bool put_prefixes(const redan_filter& filter, redan_shortcut& shortcut) {
    size_t next = prefixes_;
    for (const event::SetText& value : plan_.prefixes) {
      if (value.set != filter.set) continue;
      const auto prefix = split_prefix(value.bytes);
      if (!prefix || next == REDAN_PATH_PREFIXES) return false;
      made_.prefixes[next++] = *prefix;
    }
    shortcut.index = static_cast<__u8>(prefixes_);
    shortcut.count = static_cast<__u8>(next - prefixes_);
    prefixes_ = next;
    return true;
  }

  // Every selector has a bitset of the number, not negated: what is in none of them matches none.
  void guard() {
    bool has_all = plan_.program.selectors[0].used != 0;
    std::array<__u64, REDAN_BITSET_NUMBERS / 64> words{};
    for (size_t k = 0; k < REDAN_HOOK_SELECTORS && plan_.program.selectors[k].used != 0; ++k) {
      const redan_shortcut& first = made_.number[k][0];
      const redan_filter& filter = plan_.program.selectors[k].args[first.filter];
      has_all = has_all && first.kind == REDAN_SHORTCUT_BITS && (filter.options & REDAN_FILTER_NEGATE) == 0 &&
                is_syscall_number(plan_, plan_.program.args[filter.slot]);
      if (!has_all) return;
      const __u64* bits = made_.bitsets[first.index].words;
      for (size_t i = 0; i < words.size(); ++i) words[i] |= bits[i] | bits[i + words.size()];
    }
    if (!has_all) return;
    made_.guarded = 1;
    std::copy(words.begin(), words.end(), made_.guard);
  }

  const event::HookPlan& plan_;
  redan_hook_shortcuts made_{};
  size_t bitsets_ = 0, prefixes_ = 0;
};

}  // namespace

redan_hook_shortcuts make_shortcuts(const event::HookPlan& plan) { return ShortcutMaker(plan).run(); }

}  // namespace redan::kernel
