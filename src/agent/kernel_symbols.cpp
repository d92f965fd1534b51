// SPDX-License-Identifier: Apache-2.0
#include "agent/kernel_symbols.h"

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

}  // namespace redan::agent
