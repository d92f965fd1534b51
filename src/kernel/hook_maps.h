// SPDX-License-Identifier: Apache-2.0
#pragma once
// The maps of hooks: made for each one from what the template declares, or shared by all.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "abi/hook.h"
#include "abi/record.h"
#include "base/fd.h"
#include "base/result.h"
#include "event/hook.h"
#include "kernel/hook_template.h"

namespace redan::kernel {

/// What hooks take from the sensor.
struct SensorMaps {
  Fd ring, task_states, counters;
};

/// A hook's counters, mapped from the kernel.
class HookCounters {
 public:
  HookCounters() = default;
  HookCounters(HookCounters&& other) noexcept;
  HookCounters& operator=(HookCounters&& other) noexcept;
  ~HookCounters();

  static Result<HookCounters> map(int fd, size_t size);
  redan_hook_counters counters() const;
  uint64_t runs() const;
  /// Of all runs, by those that were timed.
  uint64_t nanoseconds() const;

 private:
  void* page_ = nullptr;
  size_t size_ = 0;
};

/// The maps that one hook's program refers to. Loaded, it keeps them by itself; but the kernel empties `next` when nobody has it open.
struct HookMaps {
  std::vector<Fd>
      own;  ///< by index of HookTemplate::maps; empty where the map is not the hook's, or the plan has no use for it
  std::vector<int> all;  ///< likewise, with those that are shared; -1: none
  HookCounters counters;
  size_t next = 0;     ///< which of `own` holds the next hook's program
  uint64_t bytes = 0;  ///< of `own`, as the kernel accounts them
};

/// The maps of a program at a function's entry.
struct EntryMaps {
  Fd place;
  std::vector<int> all;  ///< as HookMaps::all
};

/// Makes them. Belongs to one thread.
class HookMapMaker {
 public:
  /// `shapes` must outlive this.
  HookMapMaker(const HookTemplate& shapes, SensorMaps sensor, uint32_t scratch_entries)
      : template_(shapes), sensor_(std::move(sensor)), scratch_entries_(scratch_entries) {}

  /// kConfig: a value is longer than a key. `settings`, `own_settings`: what stands beside the plan; `follow_marks`: -1 if the plan
  /// follows no binaries.
  Result<HookMaps> make(const event::HookPlan& plan, const redan_hook_plan& program, const redan_settings& settings,
                        const redan_hook_settings& own_settings, int follow_marks);

  Result<EntryMaps> make_for_entry();

 private:
  Result<Fd> create(const HookMapShape& shape, uint32_t max_entries) const;
  Result<int> pool(const HookMapShape& shape);
  Result<Fd> create_plan(const HookMapShape& shape, const event::HookPlan& plan, const redan_hook_plan& program,
                         const redan_settings& settings, const redan_hook_settings& own_settings) const;
  Result<void> add(HookMaps& maps, size_t index, const event::HookPlan& plan);

  const HookTemplate& template_;
  SensorMaps sensor_;
  uint32_t scratch_entries_;
  std::map<std::string, Fd> pools_;  ///< made with the first hook that needs them
};

}  // namespace redan::kernel
