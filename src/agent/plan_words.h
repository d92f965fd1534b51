// SPDX-License-Identifier: Apache-2.0
#pragma once
// The plan of a hook in words, for `redan policy explain`: what the kernel decides, from what was compiled and not from what was
// written.

#include <string>
#include <vector>

#include "event/hook.h"

namespace redan::agent {

/// A sentence for each selector, in the order in which they are tried: "posts when the path of argument 0 starts with \"/etc/\"
/// and the binary is \"/usr/bin/cat\"". The first that matches counts. A hook without selectors has one sentence.
std::vector<std::string> selector_words(const event::HookPlan& plan);

/// An argument that the hook reads.
struct ArgumentWords {
  std::string name;  ///< "argument 0", its label, "the returned value"
  std::string type;  ///< as the policy spells it
  std::string read;  ///< where its value comes from, and whether that can change afterwards
  bool is_user_memory = false;
};
std::vector<ArgumentWords> argument_words(const event::HookPlan& plan);

}  // namespace redan::agent
