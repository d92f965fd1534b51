// SPDX-License-Identifier: Apache-2.0
#pragma once
// The hooks that policies are generated for, where no kernel has a say.

#include <vector>

#include "policy/kernel_facts.h"
#include "property/generator.h"

namespace redan::test {

/// An operator with a type that takes it.
struct FilteredType {
  const policy::OperatorInfo* op;
  const policy::ArgTypeInfo* type;
};

/// All of them.
const std::vector<FilteredType>& filtered_types();

/// Fields of the tracepoints some/event and raw_syscalls/sys_enter, which classic tracepoints of random_shape() hang on.
std::vector<policy::TracepointField> shape_fields();

/// A function, LSM hook, raw or classic tracepoint whose first argument is of the type.
Shape random_shape(Generator& random, const FilteredType& filtered);

}  // namespace redan::test
