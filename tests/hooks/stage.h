// SPDX-License-Identifier: Apache-2.0
#pragma once
// Hooks on the running kernel, for tests: plans by hand, what they do, and the records that come of it.

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "kernel/bpf_kernel.h"
#include "kernel/hook_targets.h"

namespace redan::test {

/// The value of a Result, or the end of the test with the error's message.
template <typename T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().message);
  return std::move(result).value();
}
inline void must(Result<void> result) {
  if (!result) FAIL(result.error().message);
}

/// An argument as it came.
struct SentArg {
  redan_arg head{};
  std::string bytes;

  /// The bytes as a T, which may be longer than they are.
  template <typename T>
  T as() const {
    T value{};
    std::memcpy(&value, bytes.data(), std::min(sizeof(value), bytes.size()));
    return value;
  }
  uint64_t number() const { return as<uint64_t>(); }

  const std::string& path() const { return bytes; }
};

struct SentHook {
  redan_hook head{};
  std::vector<SentArg> args;
};

SentHook parse_hook(event::Bytes record);

/// A plan under construction; every method returns it again. Filters go to the selector that was begun last.
class Plan {
 public:
  Plan(event::HookSection section, std::string symbol, std::string subsystem = "");

  Plan& arg(int slot, redan_arg_type type, uint8_t index, uint8_t options = 0, uint8_t size = 0);
  Plan& source(int slot, redan_arg_source source, uint16_t offset = 0);
  Plan& size_slot(int slot, int from);
  Plan& options(uint32_t options);
  Plan& selector(redan_action action = REDAN_ACTION_POST, bool post = true);
  redan_selector& last_selector() { return plan_.program.selectors[selector_]; }
  Plan& only_me();
  Plan& process(redan_field field, redan_op op, std::vector<uint64_t> values, uint8_t options = 0);
  Plan& binary(redan_op op, std::vector<std::string> values, uint8_t options = 0);
  Plan& number(int slot, redan_op op, std::vector<uint64_t> values, uint8_t options = 0,
               redan_field field = REDAN_FIELD_VALUE);
  Plan& range(int slot, std::vector<std::pair<uint64_t, uint64_t>> values, uint8_t options = 0);
  Plan& text(int slot, redan_op op, std::vector<std::string> values, uint8_t options = 0);
  Plan& address(int slot, redan_field field, std::vector<event::SetAddress> values, uint8_t options);
  Plan& gained(int slot_old, int slot_new, uint8_t options = 0);
  Plan& returned(redan_op op, std::vector<uint64_t> values, uint8_t options = 0);

  event::HookPlan build() const { return plan_; }
  /// A hook at the same place that matches nothing.
  event::HookPlan build_idle() const;

 private:
  redan_filter& add(redan_filter* list, size_t most);
  redan_filter numbers(redan_field field, redan_op op, const std::vector<uint64_t>& values, uint8_t options);
  uint16_t put_texts(redan_op op, const std::vector<std::string>& values);

  event::HookPlan plan_;
  int selector_ = -1;
  uint16_t sets_ = 1;
};

/// A sensor that is loaded but not attached, so that the ring holds what hooks send and nothing else.
struct Boards {
  explicit Boards(uint64_t ring_bytes);

  std::unique_ptr<kernel::BpfKernel> sensor;
  std::unique_ptr<kernel::HookLoader> loader;
  /// What watch() has attached once, by its way and place; and, where it has come again, a hook that matches nothing. It keeps the
  /// place open: to attach and to detach the first and the last hook of a place takes the kernel longer than all the rest.
  std::map<std::pair<kernel::HookAttachment, std::string>, std::unique_ptr<kernel::LoadedHook>> places;
};

/// What a case works with. The boards are common to all cases of the process, for loading them takes long; records that nobody has
/// read do not stay there.
class Stage {
 public:
  Stage();
  /// With boards of its own.
  explicit Stage(uint64_t ring_bytes);
  /// Likewise; hooks are attached as on a kernel of which this is true.
  explicit Stage(const kernel::HookingFacts& assumed);
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage();

  kernel::BpfKernel& sensor() { return *boards_->sensor; }
  kernel::HookLoader& loader() { return *boards_->loader; }
  std::unique_ptr<kernel::LoadedHook> load(const Plan& plan) { return must(loader().load(plan.build())); }

  /// What has been sent since the last call.
  std::vector<SentHook> records();

  /// Attaches the plan's hook, does the deed, detaches, and returns what was sent.
  std::vector<SentHook> watch(const Plan& plan, const std::function<void()>& deed);

  /// Which of the plan's selectors the one call that the deed makes was sent by; -1: it was not sent, or more than one was.
  int selector_of(const Plan& plan, const std::function<void()>& deed);

  /// The counters of the last watch().
  redan_hook_counters counted{};
  kernel::HookFacts facts{};

 private:
  void keep_open(const Plan& plan);

  std::shared_ptr<Boards> boards_;
};

/// Whether this kernel gets no fentry and fexit programs, because it is fully preemptible.
bool without_fentry();

/// Opens and closes a file for reading.
void open_file(const std::string& path);
/// A folder that goes with the test.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const;

 private:
  std::string path_;
};

}  // namespace redan::test
