// SPDX-License-Identifier: Apache-2.0
#pragma once
// Events of hooks for the tests of src/export.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "abi/hook.h"
#include "unit/export/builders.h"

namespace redan::exporting {

/// An argument and what it was.
struct Arg {
  event::HookArg info;
  event::ArgValue value;
};

/// A hook that matched in process 7, thread 8, with the least around it.
inline event::HookEvent hook_of(event::HookInfo info, const std::vector<Arg>& args = {}) {
  event::HookEvent hook{.time = kTime, .process = share(plain_process()), .tid = 8};
  for (const Arg& arg : args) {
    info.args.push_back(arg.info);
    hook.args.push_back(arg.value);
  }
  hook.hook = std::make_shared<event::HookInfo>(std::move(info));
  return hook;
}

inline redan_arg_socket socket_of(uint16_t family) {
  redan_arg_socket socket{};
  socket.family = family;
  return socket;
}

}  // namespace redan::exporting
