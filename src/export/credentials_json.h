// SPDX-License-Identifier: Apache-2.0
#pragma once
// Credentials and capabilities in JSON: of processes, and as arguments of hooks.

#include <cstdint>

#include "event/process.h"

namespace redan::exporting {

class JsonWriter;

/// Message Capabilities: the sets that are not empty.
void put_capability_sets(const redan_credentials& cred, JsonWriter& out);

/// Message ProcessCredentials up to `securebits`, without the closing brace.
void put_credential_members(const redan_credentials& cred, JsonWriter& out);

}  // namespace redan::exporting
