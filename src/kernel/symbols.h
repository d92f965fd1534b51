// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the running kernel has to hook: functions and LSM hooks by its BTF, tracepoints by tracefs.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace redan::kernel {

/// A field of a classic tracepoint's record, from tracefs `format`, the common fields included.
struct RecordField {
  std::string type;  ///< as written there: "unsigned int", "const char *", "__data_loc char[]"
  std::string name;
  uint16_t offset = 0;
  uint16_t size = 0;
  bool is_signed = false;
};

/// A function as a program that is to be attached to it names it, in the running kernel.
struct AttachType {
  uint32_t id = 0;  ///< of BTF_KIND_FUNC
  Fd module;        ///< the BTF of the module that has the function; none: the kernel itself
};

/// Fields of the text of a `format` file, in its order.
std::vector<RecordField> parse_record_format(std::string_view text);

/// Names of `available_filter_functions`: of each line what is before the first space; sorted, each once.
std::vector<std::string> parse_filter_functions(std::string_view text);

/// Names of the functions in /proc/kallsyms ("ffffffff81000000 T do_exit [module]"), sorted, each once.
std::vector<std::string> parse_functions(std::string_view text);

/// Answers about one kernel, looked up when asked. Modules' types are read when a function is not the kernel's own. Not
/// thread-safe.
class KernelSymbols {
 public:
  /// `btf`: file with the kernel's types; empty: the running kernel's own. kKernel if there are none.
  static Result<KernelSymbols> load(const std::string& btf = "");

  KernelSymbols(KernelSymbols&&) noexcept;
  KernelSymbols& operator=(KernelSymbols&&) noexcept;
  ~KernelSymbols();

  /// Number of parameters of a function; nothing if BTF has none of that name.
  std::optional<int> parameters(std::string_view function) const;

  /// Types of a function's parameters as C would write them, and of what it returns, last. Empty: no such function.
  std::vector<std::string> signature(std::string_view function) const;

  /// What to attach fentry, fexit and (by "bpf_lsm_…") LSM programs to; always of the running kernel, whatever types were loaded.
  /// kKernel: no such function.
  Result<AttachType> attach_type(const std::string& function) const;

  /// Whether the BPF LSM has this hook ("file_open"); that does not say that it is active.
  bool has_lsm_hook(std::string_view hook) const;

  /// Fields of a classic tracepoint; nothing if there is no such tracepoint.
  std::optional<std::vector<RecordField>> tracepoint(std::string_view subsystem, std::string_view event) const;

  /// The number that perf_event_open(2) knows a classic tracepoint by; nothing if there is no such tracepoint.
  std::optional<uint32_t> tracepoint_id(std::string_view subsystem, std::string_view event) const;

  /// The functions that can be traced, sorted. Empty without tracefs.
  std::vector<std::string> traceable_functions() const;

  /// All functions of the kernel and its modules, sorted. Several symbols may stand for one function.
  std::vector<std::string> all_functions() const;

 private:
  struct State;
  explicit KernelSymbols(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace redan::kernel
