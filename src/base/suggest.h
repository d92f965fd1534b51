// SPDX-License-Identifier: Apache-2.0
#pragma once
// "did you mean …?" for a name that nothing has: flags, config keys, environment variables, commands, words of policies.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace redan {

/// How many letters must be added, left out, replaced or swapped with their neighbour to get from one word to the other.
size_t edit_distance(std::string_view from, std::string_view to);

/// The candidate that is most likely meant by `word`, or nothing when none is near. Upper case counts as
/// lower case and `_` as `-`; a beginning of at least four letters is near enough.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean 'CANDIDATE'?", or nothing. `prefix` goes before the candidate, e.g. "--".
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates,
                         std::string_view prefix = "");

}  // namespace redan
