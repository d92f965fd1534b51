// SPDX-License-Identifier: Apache-2.0
#pragma once
// The closed vocabularies of the language, each a table of spelling and meaning.

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

#include "policy/document.h"

namespace redan::policy {

template <typename E>
struct Word {
  std::string_view name;
  E value;
};

// One overload for each vocabulary; the argument says which and is not used.
std::span<const Word<PolicyKind>> words_of(PolicyKind);
std::span<const Word<InOperator>> words_of(InOperator);
std::span<const Word<BinaryOperator>> words_of(BinaryOperator);
std::span<const Word<CapabilityType>> words_of(CapabilityType);
std::span<const Word<ListType>> words_of(ListType);
std::span<const Word<ActionKind>> words_of(ActionKind);
std::span<const Word<redan_ns>> words_of(redan_ns);

/// How `value` is spelled.
template <typename E>
std::string_view word_for(E value) {
  for (const Word<E>& word : words_of(value))
    if (word.value == value) return word.name;
  return "";
}

/// "A, B or C", after `candidates` of which none is empty.
std::string one_of(std::span<const std::string_view> candidates);

}  // namespace redan::policy
