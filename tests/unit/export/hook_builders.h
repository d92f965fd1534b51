// SPDX-License-Identifier: Apache-2.0
#pragma once
// Arguments of hooks for the tests of src/export.

#include <cstdint>

#include "abi/hook.h"
#include "unit/export/builders.h"

namespace redan::exporting {

inline redan_arg_socket socket_of(uint16_t family) {
  redan_arg_socket socket{};
  socket.family = family;
  return socket;
}

}  // namespace redan::exporting
