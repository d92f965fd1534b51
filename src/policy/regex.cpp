// SPDX-License-Identifier: Apache-2.0
// Thompson's construction: a pattern becomes a list of steps, and a search keeps the set of steps it may be at.
#include "policy/regex.h"

#include <optional>
#include <string>

#include "base/quote.h"

namespace redan::policy {

// Recursive descent. Code is made in order; a piece that is repeated is parsed again from its place in the pattern.
class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : pattern_(pattern) {}

  Result<Regex> parse() {
    if (pattern_.size() > kMostCharacters)
      return Error{ErrorCode::kConfig, "the pattern is longer than 1000 characters"};
    alternatives(0);
    if (problem_.empty() && at_ < pattern_.size()) fail("found ')' without '('");
    if (!problem_.empty())
      return Error{ErrorCode::kConfig,
                   "in the pattern, at character " + std::to_string(problem_at_ + 1) + ": " + problem_};
    emit({.op = Regex::Op::kMatch});
    return std::move(regex_);
  }

 private:
  using Op = Regex::Op;
  using Step = Regex::Step;
  static constexpr size_t kMostCharacters = 1000;
  static constexpr size_t kMostSteps = 20'000;
  static constexpr int kMostDepth = 50;
  static constexpr uint32_t kMostRepeats = 1000;

  void fail(std::string what) {
    if (!problem_.empty()) return;
    problem_ = std::move(what);
    problem_at_ = at_;
  }
  bool more() const { return problem_.empty() && at_ < pattern_.size(); }
  bool next_is(char c) const { return more() && pattern_[at_] == c; }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  uint32_t here() const { return static_cast<uint32_t>(regex_.steps_.size()); }
  uint32_t emit(Step step) {
    if (here() >= kMostSteps) fail("the pattern repeats too much");
    if (problem_.empty()) regex_.steps_.push_back(step);
    return problem_.empty() ? here() - 1 : 0;
  }

  // Moves the steps from `first` on by one, to put one before them.
  void insert(uint32_t first, Step step) {
    if (!problem_.empty()) return;
    for (uint32_t i = first; i < here(); ++i) {
      Step& moved = regex_.steps_[i];
      if (moved.next >= first) ++moved.next;
      if (moved.op == Op::kSplit && moved.other >= first) ++moved.other;
    }
    regex_.steps_.insert(regex_.steps_.begin() + first, step);
  }

  void alternatives(int depth) {
    if (depth > kMostDepth) return fail("groups are nested too deeply");
    const uint32_t first = here();
    sequence(depth);
    while (take('|')) {
      insert(first, {.op = Op::kSplit, .next = first + 1});
      const uint32_t jump = emit({.op = Op::kJump});
      if (!problem_.empty()) return;
      regex_.steps_[first].other = here();
      alternatives_rest(depth);
      if (!problem_.empty()) return;
      regex_.steps_[jump].next = here();
    }
  }
  void alternatives_rest(int depth) { sequence(depth); }

  void sequence(int depth) {
    while (more() && !next_is('|') && !next_is(')')) repeated(depth);
  }

  void repeated(int depth) {
    const uint32_t first = here();
    const size_t start = at_;
    atom(depth);
    while (more()) {
      if (take('*')) {
        star(first);
      } else if (take('+')) {
        emit({.op = Op::kSplit, .next = first, .other = here() + 1});
      } else if (take('?')) {
        maybe(first);
      } else if (!next_is('{') || !counted(first, start, depth)) {
        return;
      }
      take('?');  // not greedy
      if (next_is('*') || next_is('+') || next_is('?')) return fail("found a second repetition");
    }
  }

  void star(uint32_t first) {
    insert(first, {.op = Op::kSplit, .next = first + 1});
    const uint32_t jump = emit({.op = Op::kJump, .next = first});
    if (problem_.empty()) regex_.steps_[first].other = jump + 1;
  }

  void maybe(uint32_t first) {
    insert(first, {.op = Op::kSplit, .next = first + 1});
    if (problem_.empty()) regex_.steps_[first].other = here();
  }

  // {n}, {n,} or {n,m}: the piece that starts at `start` is made anew as often as it is repeated. False: a literal brace.
  bool counted(uint32_t first, size_t start, int depth) {
    const size_t brace = at_++;
    const auto low = number();
    std::optional<uint32_t> high = low;
    const bool has_comma = take(',');
    if (has_comma) high = number();
    if (!low || !take('}')) {
      at_ = brace;
      return false;
    }
    if (*low > kMostRepeats || (high && (*high > kMostRepeats || *high < *low))) {
      fail("found a count that is not allowed: at most 1000, the first not above the second");
      return true;
    }
    const size_t after = at_;
    regex_.steps_.resize(first);
    for (uint32_t i = 0; i < *low; ++i) again(start, brace, depth);
    if (!high) {
      const uint32_t last = here();
      again(start, brace, depth);
      star(last);
    }
    for (uint32_t i = *low; high && i < *high; ++i) {
      const uint32_t last = here();
      again(start, brace, depth);
      maybe(last);
    }
    at_ = after;
    return true;
  }

  void again(size_t start, size_t end, int depth) {
    if (!problem_.empty()) return;
    at_ = start;
    const std::string_view whole = pattern_;
    pattern_ = pattern_.substr(0, end);
    repeated(depth + 1);
    pattern_ = whole;
    if (depth > kMostDepth) fail("groups are nested too deeply");
  }

  std::optional<uint32_t> number() {
    uint32_t value = 0;
    const size_t start = at_;
    while (more() && pattern_[at_] >= '0' && pattern_[at_] <= '9' && value <= kMostRepeats)
      value = value * 10 + static_cast<uint32_t>(pattern_[at_++] - '0');
    return at_ == start ? std::nullopt : std::optional(value);
  }

  void atom(int depth) {
    const char c = pattern_[at_];
    if (c == '*' || c == '+' || c == '?') return fail("found a repetition of nothing");
    ++at_;
    if (c == '(') {
      if (take('?') && !take(':')) return fail("found '(?', allowed: (…) and (?:…)");
      alternatives(depth + 1);
      if (!take(')')) fail("found '(' without ')'");
      return;
    }
    Step step{.op = Op::kBytes, .next = here() + 1};
    if (c == '^' || c == '$') step.op = c == '^' ? Op::kStart : Op::kEnd;
    if (c == '.')
      step.bytes.set().reset('\n');
    else if (c == '[')
      step.bytes = bytes_in_class();
    else if (c == '\\')
      step.bytes = escaped();
    else
      step.bytes.set(static_cast<unsigned char>(c));
    emit(step);
  }

  std::bitset<256> bytes_in_class() {
    std::bitset<256> bytes;
    const bool is_negated = take('^');
    bool first = true;
    while (more() && (first || !next_is(']'))) {
      first = false;
      const std::bitset<256> low = class_member();
      const bool is_range = next_is('-') && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']';
      bytes |= low;
      if (!is_range) continue;
      ++at_;
      const std::bitset<256> high = class_member();
      if (low.count() != 1 || high.count() != 1 || low._Find_first() > high._Find_first()) {
        fail("found a range that is not allowed");
        break;
      }
      for (size_t i = low._Find_first(); i <= high._Find_first(); ++i) bytes.set(i);
    }
    if (!take(']')) fail("found '[' without ']'");
    return is_negated ? ~bytes : bytes;
  }

  std::bitset<256> class_member() {
    if (take('\\')) return escaped();
    if (!more()) return {};
    if (pattern_.substr(at_).starts_with("[:")) fail("found a named class, allowed: a range such as a-z");
    return std::bitset<256>().set(static_cast<unsigned char>(pattern_[at_++]));
  }

  std::bitset<256> escaped() {
    std::bitset<256> bytes;
    if (!more()) {
      fail("found nothing after '\\'");
      return bytes;
    }
    const char c = pattern_[at_++];
    const char lower = static_cast<char>(c | 0x20);
    for (unsigned i = 0; i < 128 && (lower == 'd' || lower == 'w' || lower == 's'); ++i) {
      const bool is_digit = i >= '0' && i <= '9';
      const bool is_letter = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z') || i == '_';
      const bool is_space = i == ' ' || (i >= '\t' && i <= '\r' && i != '\v');
      if (lower == 'd' ? is_digit : lower == 'w' ? is_digit || is_letter : is_space) bytes.set(i);
    }
    if (bytes.any()) return c == lower ? bytes : ~bytes;
    const bool is_letter = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
    if (is_letter) fail("found " + in_quotes(std::string("\\") + c) + ", allowed: \\d, \\w, \\s, \\D, \\W, \\S");
    return bytes.set(static_cast<unsigned char>(c));
  }

  std::string_view pattern_;
  size_t at_ = 0;
  std::string problem_;
  size_t problem_at_ = 0;
  Regex regex_;
};

Result<Regex> Regex::compile(std::string_view pattern) { return RegexParser(pattern).parse(); }

// Adds the steps that read a byte, or match, and can be reached from `step` without reading.
void Regex::follow(uint32_t step, bool at_start, bool at_end, std::vector<uint32_t>& active,
                   std::vector<bool>& seen) const {
  std::vector<uint32_t> open = {step};
  while (!open.empty()) {
    const uint32_t index = open.back();
    open.pop_back();
    if (seen[index]) continue;
    seen[index] = true;
    const Step& at = steps_[index];
    switch (at.op) {
      case Op::kBytes:
      case Op::kMatch: active.push_back(index); break;
      case Op::kSplit: open.push_back(at.other); [[fallthrough]];
      case Op::kJump: open.push_back(at.next); break;
      case Op::kStart:
        if (at_start) open.push_back(at.next);
        break;
      case Op::kEnd:
        if (at_end) open.push_back(at.next);
        break;
    }
  }
}

bool Regex::search(std::string_view text) const {
  std::vector<uint32_t> active, next;
  std::vector<bool> seen(steps_.size());
  for (size_t i = 0;; ++i) {
    follow(0, i == 0, i == text.size(), active, seen);
    for (uint32_t step : active)
      if (steps_[step].op == Op::kMatch) return true;
    if (i == text.size()) return false;
    next.clear();
    seen.assign(steps_.size(), false);
    for (uint32_t step : active)
      if (steps_[step].bytes.test(static_cast<unsigned char>(text[i])))
        follow(steps_[step].next, false, i + 1 == text.size(), next, seen);
    std::swap(active, next);
  }
}

}  // namespace redan::policy
