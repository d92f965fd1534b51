// SPDX-License-Identifier: Apache-2.0
#include "property/shapes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace redan::test {
namespace {

using policy::ArgTypeInfo;

constexpr uint32_t kMostArgs = 5;
constexpr uint32_t kFirstField = 4;  // behind the common ones

struct Origin {
  policy::TypeSections section;
  std::string_view head;
  bool returns;
};
constexpr std::array kOrigins = {
    Origin{policy::kInFunctions, "  kprobes:\n  - call: function\n    syscall: false\n", true},
    Origin{policy::kInLsm, "  lsmhooks:\n  - hook: file_open\n", false},
    Origin{policy::kInRaw, "  tracepoints:\n  - subsystem: some\n    event: event\n    raw: true\n", false},
    Origin{policy::kInTracepoints, "  tracepoints:\n  - subsystem: some\n    event: event\n", false},
    // Which has the number of the system call in its second word, raw or not.
    Origin{policy::kInRaw, "  tracepoints:\n  - subsystem: raw_syscalls\n    event: sys_enter\n    raw: true\n", false},
    Origin{policy::kInTracepoints, "  tracepoints:\n  - subsystem: raw_syscalls\n    event: sys_enter\n", false},
};

std::vector<const ArgTypeInfo*> types_of(policy::TypeSections section) {
  std::vector<const ArgTypeInfo*> types;
  for (const ArgTypeInfo& type : policy::arg_types())
    if ((type.sections & section) != 0 && !operators_of(type).empty()) types.push_back(&type);
  return types;
}

const ArgTypeInfo* another_type(Generator& random, const std::vector<const ArgTypeInfo*>& types, bool is_capabilities) {
  if (is_capabilities && random.one_in(2)) return policy::find_arg_type("cap_permitted");
  return random.pick(types);
}

}  // namespace

const std::vector<FilteredType>& filtered_types() {
  static const std::vector<FilteredType> all = [] {
    std::vector<FilteredType> found;
    for (const ArgTypeInfo& type : policy::arg_types())
      for (const policy::OperatorInfo* op : operators_of(type)) found.push_back({op, &type});
    return found;
  }();
  return all;
}

std::vector<policy::TracepointField> shape_fields() {
  std::vector<policy::TracepointField> fields = {{"unsigned short", "common_type", 0, 2, false},
                                                 {"unsigned char", "common_flags", 2, 1, false},
                                                 {"unsigned char", "common_preempt_count", 3, 1, false},
                                                 {"int", "common_pid", 4, 4, true}};
  for (uint16_t i = 0; i < 8; ++i)
    fields.push_back({"unsigned long", fmt::format("word{}", i), static_cast<uint16_t>(8 + 8 * i), 8, false});
  return fields;
}

Shape random_shape(Generator& random, const FilteredType& filtered) {
  std::vector<const Origin*> origins;
  for (const Origin& origin : kOrigins)
    if ((filtered.type->sections & origin.section) != 0) origins.push_back(&origin);
  const Origin& origin = *random.pick(origins);
  const bool is_field = origin.section == policy::kInTracepoints;
  const auto types = types_of(origin.section);
  Shape shape{.head = std::string(origin.head), .filters_processes = true, .filters_changes = true};
  const bool is_capabilities = (filtered.type->matching & policy::kMatchCapabilities) != 0;
  const uint64_t count = 1 + random.below(3);
  uint32_t next = is_field ? kFirstField : 0;
  uint32_t slots = 0;
  for (uint64_t i = 0; i < count; ++i) {
    ShapeArg arg{.type = i == 0 ? filtered.type : another_type(random, types, is_capabilities), .index = next++};
    const bool has_size = arg.type->extraction == REDAN_ARG_BYTES;
    // Its size is the next parameter, which is a hidden argument.
    slots += has_size ? 2 : 1;
    if (slots > kMostArgs || next - (is_field ? kFirstField : 0) > kMostArgs) break;
    if (has_size) arg.size = ++next;
    if (next - (is_field ? kFirstField : 0) > kMostArgs) break;
    shape.args.push_back(arg);
  }
  // Two files of one process do not have the same number, and a call is of 32 bits or of 64.
  for (const redan_arg_type once : {REDAN_ARG_FD, REDAN_ARG_SYSCALL}) {
    bool is_there = false;
    std::erase_if(shape.args,
                  [&](const ShapeArg& arg) { return arg.type->extraction == once && std::exchange(is_there, true); });
  }
  if (origin.returns && random.one_in(3)) {
    std::vector<const ArgTypeInfo*> numbers;
    for (const ArgTypeInfo* type : types)
      if (type->is_number()) numbers.push_back(type);
    shape.returned = random.pick(numbers);
  }
  if (filtered.type->extraction == REDAN_ARG_SYSCALL)
    shape.tail =
        "  lists:\n  - name: calls\n    type: syscalls\n    values: [sys_read, sys_openat, sys_clone, i386/sys_read]\n";
  return shape;
}

}  // namespace redan::test
