// SPDX-License-Identifier: Apache-2.0
#pragma once
// Message KprobeArgument of the export format.

#include <string_view>

#include "event/arg_value.h"
#include "event/hook.h"

namespace redan::exporting {

class JsonWriter;

/// How upstream's events of tracepoints differ from those of other hooks.
enum class ArgStyle { kFull, kTracepoint };

/// Appends `before` and an argument, which is one object or, if it is an array, one for each element. False, and nothing
/// written, if there is nothing to show: the record does not have it.
bool put_argument(const event::HookArg& arg, const event::ArgValue& value, ArgStyle style, std::string_view before,
                  JsonWriter& out);

}  // namespace redan::exporting
