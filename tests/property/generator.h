// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random selectors, and calls of the hook they stand in whose arguments are at and around the values of the filters. What comes
// out depends on the seed alone.

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "policy/arg_types.h"
#include "policy/evaluate.h"
#include "policy/operators.h"

namespace redan::test {

/// An argument of the generated hook.
struct ShapeArg {
  const policy::ArgTypeInfo* type = nullptr;
  uint32_t index = 0;  ///< the policy's
  uint32_t size = 0;   ///< sizeArgIndex; 0: none
  /// Values that it can have, where they are no free choice: files and sockets that a test has made. Empty: any.
  std::vector<policy::Observed> choices;
};

/// The hook whose selectors are generated.
struct Shape {
  std::string head;  ///< YAML of the hook up to its args, e.g. "  kprobes:\n  - call: f\n"
  std::vector<ShapeArg> args;
  const policy::ArgTypeInfo* returned = nullptr;  ///< null: the hook does not look at what is returned
  bool filters_processes = false;
  bool filters_changes = false;  ///< of a process's namespaces and capabilities
  std::string everywhere;        ///< entries of every selector, e.g. "matchPIDs: [...]"
  std::string tail;              ///< more of spec, e.g. lists
  /// The process that calls, where it is a real one.
  std::optional<policy::ObservedProcess> process;
  redan_namespaces host{{1, 2, 3, 4, 4, 6, 7, 7, 9, 10}};  ///< of pid 1
  std::optional<policy::Observed> result;                  ///< what is returned, where it is known
  /// Values of all arguments, where only some go together: calls that a test can make.
  std::vector<std::vector<policy::Observed>> scenarios;
};

/// The operators that a type takes and that Redan has.
std::vector<const policy::OperatorInfo*> operators_of(const policy::ArgTypeInfo& type);

/// What a number becomes in an argument of this type.
uint64_t widened(const policy::ArgTypeInfo& type, uint64_t number);

/// Makes one policy and calls for it.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed), rare_(~seed) {}

  /// The whole policy. `first`, if not null, is the operator of the first filter, which is on the first argument.
  std::string policy(const Shape& shape, const policy::OperatorInfo* first);

  /// A call of the hook that policy() was last asked for.
  policy::Observation call();
  /// Which of Shape.scenarios the last call() took.
  size_t scenario() const { return scenario_; }

  uint64_t below(uint64_t end) { return random_() % end; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  template <typename Range>
  const auto& pick(const Range& from) {
    return from[below(std::size(from))];
  }

 private:
  // What has been filtered by, so that calls come near it.
  struct Pool {
    std::array<std::vector<uint64_t>, REDAN_SLOT_FIELDS> numbers;
    std::vector<std::string> texts;
    std::vector<std::array<uint8_t, 16>> v4, v6;
  };
  using Values = std::vector<std::string>;

  void prepare_pools();
  void remember(const ShapeArg& arg, const policy::Observed& value, Pool& pool);
  std::string selector(const policy::OperatorInfo* first);
  std::string arg_filter(size_t position, const policy::OperatorInfo& op);
  std::string return_filter();
  std::string process_filters();
  std::string binary_filter();
  std::string pid_filter();
  std::string namespace_filter();
  std::string capability_filter();
  std::string change_filters();

  size_t how_many();
  Values values_of(const policy::ArgTypeInfo& type, const policy::OperatorInfo& op, Pool& pool);
  std::string value_of(const policy::ArgTypeInfo& type, const policy::OperatorInfo& op, Pool& pool, bool is_narrow);
  uint64_t number_near(std::vector<uint64_t>& pool);
  uint64_t filter_number(const policy::ArgTypeInfo& type, Pool& pool);
  std::string number_text(const policy::ArgTypeInfo& type, uint64_t number, bool is_decimal);
  std::string range_text(const policy::ArgTypeInfo& type, Pool& pool, bool is_decimal, bool is_narrow);
  std::string capabilities_text(Pool& pool);
  std::string small_value(policy::OperatorFamily family, redan_field field, Pool& pool);
  std::string file_type_value(Pool& pool);
  std::string address_value(Pool& pool);
  std::string text_value(const policy::ArgTypeInfo& type, redan_op op, Pool& pool);
  std::string fresh_text(redan_arg_type type);
  void make_long(std::string& text);
  std::string text_near(redan_arg_type type, Pool& pool);
  std::string changed(std::string text);

  policy::Observed value(const ShapeArg& arg, Pool& pool);
  policy::ObservedSocket socket(redan_arg_type type, Pool& pool);
  std::array<uint8_t, 16> address(uint32_t family, Pool& pool);
  policy::ObservedProcess process();
  void change(policy::ObservedProcess& process);
  bool is_rare(uint64_t n) { return rare_() % n == 0; }

  std::mt19937_64 random_;
  std::mt19937_64 rare_;  // decides on what was added later, so that seeds without it keep their policies
  Shape shape_;
  std::vector<Pool> pools_;  // of the arguments, then of what is returned
  Pool process_pool_;
  size_t scenario_ = 0;
};

/// Makes a text what an argument of this type can be: paths have no empty components, strings no NUL, and so on.
std::string possible_text(redan_arg_type type, std::string text);

/// Says what a call is, for the message of a failure.
std::string describe(const policy::Observation& call);

}  // namespace redan::test
