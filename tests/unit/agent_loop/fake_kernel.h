// SPDX-License-Identifier: Apache-2.0
#pragma once
// A kernel without a kernel: records that a test submits, and a memory of what the loop asked for.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "base/clock.h"
#include "base/fd.h"
#include "kernel/kernel.h"
#include "unit/event/records.h"

namespace redan::agent {

/// Behaves like the sensor as far as the loop can tell. The hooks run on the loop's thread, so that a test without a second
/// thread can act at an exact moment; submit() may be called from any thread.
class FakeKernel final : public kernel::Kernel {
 public:
  enum class Call { kAttach, kDetach, kTasks, kConsume, kWish };
  struct Entry {
    Call call;
    uint64_t at;       ///< boot ns
    size_t value = 0;  ///< records consumed, or the wish
  };

  /// Called with how often this was called before.
  std::function<void(size_t)> on_consume = [](size_t) {};
  /// Between the look at the ring and the wish.
  std::function<void(redan_wakeup)> before_wish = [](redan_wakeup) {};
  /// Between the wish and the sleep.
  std::function<void(redan_wakeup)> after_wish = [](redan_wakeup) {};
  std::function<void()> on_detach = [] {};
  std::function<void()> on_tasks = [] {};
  /// The counters that the loop sees; seq is filled in.
  std::function<redan_counters()> on_counters = [] { return redan_counters{}; };
  std::function<Result<std::unique_ptr<kernel::Hook>>(const event::HookPlan&)> on_load_hook =
      [](const event::HookPlan&) {
        return Error{ErrorCode::kKernel, "this kernel has no hooks"};
      };
  std::vector<redan_task> processes;
  std::optional<Error> attach_error, tasks_error, consume_error;

  /// What the sensor does at its end of a probe: the record goes to the ring, and a consumer that wished it is woken.
  void submit(event::Frame record) {
    const std::lock_guard lock(mutex_);
    ring_.push_back(std::move(record));
    ++submitted_;
    if (wish_ != REDAN_WAKEUP_ANY) return;
    wish_ = REDAN_WAKEUP_NONE;
    const uint64_t one = 1;
    CHECK(::write(wakeup_.get(), &one, sizeof(one)) == sizeof(one));
  }

  std::vector<Entry> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::vector<Entry> calls(Call wanted) const {
    std::vector<Entry> found;
    for (const Entry& entry : calls()) {
      if (entry.call == wanted) found.push_back(entry);
    }
    return found;
  }

  Result<void> attach() override {
    remember(Call::kAttach);
    if (attach_error) return *attach_error;
    return {};
  }
  void detach() override {
    remember(Call::kDetach);
    on_detach();
  }
  Result<size_t> consume(const kernel::RecordSink& sink, size_t most) override {
    on_consume(consumed_++);
    if (consume_error) return *consume_error;
    std::vector<event::Frame> taken;
    {
      const std::lock_guard lock(mutex_);
      uint64_t ignored = 0;
      if (ring_.size() <= most) (void)!::read(wakeup_.get(), &ignored, sizeof(ignored));
      while (taken.size() < most && !ring_.empty()) {
        taken.push_back(std::move(ring_.front()));
        ring_.pop_front();
      }
    }
    remember(Call::kConsume, taken.size());
    for (const event::Frame& record : taken) sink(record);
    return taken.size();
  }
  int wakeup_fd() const override { return wakeup_.get(); }
  void want_wakeup(redan_wakeup wish) override {
    before_wish(wish);
    {
      const std::lock_guard lock(mutex_);
      wish_ = wish;
    }
    remember(Call::kWish, wish);
    after_wish(wish);
  }
  redan_counters counters() const override {
    redan_counters counters = on_counters();
    const std::lock_guard lock(mutex_);
    counters.seq = submitted_;
    return counters;
  }
  Result<std::vector<redan_task>> tasks() override {
    remember(Call::kTasks);
    on_tasks();
    if (tasks_error) return *tasks_error;
    return processes;
  }
  Result<std::unique_ptr<kernel::Hook>> load_hook(const event::HookPlan& plan) override { return on_load_hook(plan); }

 private:
  void remember(Call call, size_t value = 0) {
    const std::lock_guard lock(mutex_);
    calls_.push_back({.call = call, .at = boot_ns(), .value = value});
  }

  mutable std::mutex mutex_;
  Fd wakeup_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::deque<event::Frame> ring_;
  redan_wakeup wish_ = REDAN_WAKEUP_NONE;
  uint64_t submitted_ = 0;
  size_t consumed_ = 0;
  std::vector<Entry> calls_;
};

}  // namespace redan::agent
