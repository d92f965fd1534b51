// SPDX-License-Identifier: Apache-2.0
#pragma once
// Regular expressions of lists, in time proportional to pattern times text: a policy must not be able to hang the agent.

#include <bitset>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace redan::policy {

/// The part of RE2's syntax that is of use for names of functions: literals, `.`, classes, `^ $`, `| ( ) (?: )`,
/// `* + ? {n} {n,} {n,m}` (greedy or not, which makes no difference to a search), `\d \w \s \D \W \S` and escaped letters.
class Regex {
 public:
  /// Errors: kConfig, what was found where (counted from 1) and what is allowed. Patterns have at most 1000 characters.
  static Result<Regex> compile(std::string_view pattern);

  /// Whether some part of `text` matches.
  bool search(std::string_view text) const;

 private:
  friend class RegexParser;
  enum class Op : uint8_t { kBytes, kSplit, kJump, kStart, kEnd, kMatch };
  struct Step {
    Op op = Op::kMatch;
    uint32_t next = 0, other = 0;  // steps; kSplit has both
    std::bitset<256> bytes;
  };
  void follow(uint32_t step, bool at_start, bool at_end, std::vector<uint32_t>& active, std::vector<bool>& seen) const;

  std::vector<Step> steps_;
};

}  // namespace redan::policy
