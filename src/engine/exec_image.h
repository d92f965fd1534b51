// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an exec record says about the new image: pure functions from the record to the event's values.

#include <string_view>
#include <vector>

#include "event/decode.h"
#include "event/process.h"

namespace redan::engine {

/// The image, without user name.
event::Image exec_image(const event::ExecView& view);

/// The bits of ProcessFlag that come from the record itself: not procFS, clone, inInitTree and miss, which the tree knows.
/// REDAN_EXEC_BACKFILL leaves out `execve`.
uint32_t exec_flags(const event::ExecView& view);

event::BinaryProperties exec_properties(const redan_exec& exec);

/// A field of which only a part was kept.
struct Cut {
  std::string_view field;
  uint32_t total;  ///< bytes
  uint32_t kept;
};
std::vector<Cut> exec_cuts(const event::ExecView& view);

/// User names are those of the host's /etc/passwd, so they go with processes of the host's user and mount namespaces alone.
bool in_host_namespaces(const redan_namespaces& process, const redan_namespaces& host);

}  // namespace redan::engine
