// SPDX-License-Identifier: Apache-2.0
#include "base/suggest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace redan {
namespace {

// Longer words are no slips, and the table below grows with the square.
constexpr size_t kLongestWord = 64;
constexpr size_t kShortestBeginning = 4;

std::string in_our_spelling(std::string_view word) {
  std::string spelled(word);
  for (char& c : spelled) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return spelled;
}

}  // namespace

size_t edit_distance(std::string_view from, std::string_view to) {
  // Three rows of the table of optimal string alignment: the one before the last is needed for swapped neighbours.
  std::vector<size_t> before(to.size() + 1), last(to.size() + 1), row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[to.size()];
}

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string spelled = in_our_spelling(word);
  const size_t near_enough = std::max<size_t>(1, spelled.size() / 3);

  std::optional<std::string_view> best;
  size_t best_distance = near_enough + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = edit_distance(spelled, in_our_spelling(candidate));
    if (distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  if (best || spelled.size() < kShortestBeginning) return best;
  const auto longer =
      std::ranges::find_if(candidates, [&](std::string_view c) { return in_our_spelling(c).starts_with(spelled); });
  return longer == candidates.end() ? best : *longer;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates, std::string_view prefix) {
  const auto candidate = nearest(word, candidates);
  if (!candidate) return "";
  return "; did you mean '" + std::string(prefix) + std::string(*candidate) + "'?";
}

}  // namespace redan
