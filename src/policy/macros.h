// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "policy/diagnostic.h"
#include "policy/document.h"

namespace redan::policy {

/// Copies the lists of the macros that a selector names into it, in all hooks of all sections. What is wrong (an unknown
/// macro, one that uses macros, a list that is there twice) is reported, and that macro left out.
void expand_macros(Document& document, Diagnostics& diagnostics);

}  // namespace redan::policy
