// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_symbols.h"

#include <algorithm>

namespace redan::agent {

std::optional<std::vector<policy::TracepointField>> SymbolFacts::tracepoint(std::string_view subsystem,
                                                                            std::string_view event) const {
  const auto record = symbols_.tracepoint(subsystem, event);
  if (!record) return std::nullopt;
  std::vector<policy::TracepointField> fields;
  for (const kernel::RecordField& field : *record) {
    fields.push_back({.type = field.type,
                      .name = field.name,
                      .offset = field.offset,
                      .size = field.size,
                      .is_signed = field.is_signed});
  }
  return fields;
}

Result<redan_namespaces> host_namespaces(kernel::Kernel& kernel) {
  REDAN_ASSIGN(const std::vector<redan_task> tasks, kernel.tasks());
  // Where pid 1 is kept from the iterator: kthreadd has the namespaces that the kernel started with.
  for (const uint32_t pid : {1U, 2U}) {
    const auto task = std::ranges::find_if(tasks, [pid](const redan_task& t) { return t.image.tgid == pid; });
    if (task != tasks.end()) return task->ns;
  }
  return Error{ErrorCode::kKernel,
               "the task iterator lists neither pid 1 nor pid 2; is this a pid namespace below the host's?"};
}

}  // namespace redan::agent
