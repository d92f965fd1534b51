// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration file: no crash, no leak, and what is accepted can be printed and read again.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace redan::agent;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Configuration configuration;
  const auto applied = apply_yaml(text, "input", configuration);
  if (!applied) {
    if (!applied.error().message.starts_with("input:")) std::abort();
    return 0;
  }
  Configuration again;
  if (!apply_yaml(show_configuration(configuration), "printed", again) || again.options != configuration.options)
    std::abort();
  return 0;
}
