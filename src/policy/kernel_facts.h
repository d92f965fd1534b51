// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a policy must know of the kernel that it is compiled for. The compiler stays pure: somebody else looks it up.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/record.h"

namespace redan::policy {

/// A field of a classic tracepoint's record, from tracefs `format`, the common fields included.
struct TracepointField {
  std::string type;  ///< as written there: "unsigned int", "const char *", "__data_loc char[]"
  std::string name;
  uint16_t offset = 0;
  uint16_t size = 0;
  bool is_signed = false;
};

/// Answers about one kernel. Implementations may be slow; nothing here is on the event path. Not thread-safe.
class KernelFacts {
 public:
  virtual ~KernelFacts() = default;

  /// Number of parameters of a function in the kernel's BTF (modules included); nothing if there is no such function.
  virtual std::optional<int> parameters(std::string_view function) const = 0;

  /// Names of the types of a function's parameters as C would write them ("struct file *"), and of what it returns, last.
  virtual std::vector<std::string> signature(std::string_view function) const = 0;

  /// Whether the BPF LSM has this hook ("file_open").
  virtual bool has_lsm_hook(std::string_view hook) const = 0;

  /// Fields of a classic tracepoint; nothing if there is no such tracepoint.
  virtual std::optional<std::vector<TracepointField>> tracepoint(std::string_view subsystem,
                                                                 std::string_view event) const = 0;

  /// tracefs available_filter_functions up to the first line with a space, sorted, each once.
  virtual std::vector<std::string> traceable_functions() const = 0;

  /// All functions, whether BTF knows them or not, sorted.
  virtual std::vector<std::string> all_functions() const = 0;

  /// Namespaces of pid 1, for `host_ns`.
  virtual redan_namespaces host_namespaces() const = 0;
};

}  // namespace redan::policy
