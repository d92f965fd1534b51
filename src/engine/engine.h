// SPDX-License-Identifier: Apache-2.0
#pragma once
// The engine: frames in, events out. Owns the process tree and the order of work.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/process_tree.h"
#include "event/decode.h"
#include "event/frame.h"
#include "event/process.h"

namespace redan::engine {

/// What decides, beside the frames, which events come out. A recording carries all of it in its start frame.
struct EngineOptions {
  ProcessTree::Options tree;
  bool ancestors = false;                  ///< events carry the chain of ancestors
  uint64_t heartbeat_ns = 60'000'000'000;  ///< 0: no heartbeats
  redan_namespaces host_namespaces{};      ///< those of pid 1
  event::Facts start_notice;               ///< fields of the notice `start`, in this order
  event::Facts gap_notice;                 ///< fields of a notice `loss` that follows it; empty: nothing was missed
};

/// Turns frames into events, deterministically: the same frames and options give the same events. Not thread-safe; one thread
/// calls it and nothing in it waits.
class Engine {
 public:
  explicit Engine(EngineOptions options, int64_t wall_offset_ns);

  /// Takes one frame and appends the events that follow from it to `out`. Bytes that are no frame are counted and reported.
  void handle(event::Bytes frame, std::vector<event::Event>& out);

  /// Records were lost since the last scan began: the processes should be scanned again. Set by the frame that told of it.
  bool wants_scan() const { return wants_scan_; }

  const ProcessTree& tree() const { return tree_; }

 private:
  struct Received {
    uint64_t exec = 0, fork = 0, exit = 0, hook = 0, malformed = 0;
    uint64_t total() const { return exec + fork + exit + hook + malformed; }
  };

  void on(const event::ExecView& view, std::vector<event::Event>& out);
  void on(const event::ForkView& view, std::vector<event::Event>& out);
  void on(const event::ExitView& view, std::vector<event::Event>& out);
  void on(const event::HookView& view, std::vector<event::Event>& out);
  void on(const event::TextView& view, std::vector<event::Event>& out);
  void on(const event::ClockFrame& frame, std::vector<event::Event>& out);
  void on(const event::CountersFrame& frame, std::vector<event::Event>& out);
  void on(const redan_record& frame, std::vector<event::Event>& out);

  void on_exec(const event::ExecView& view, std::vector<event::Event>& out);
  void on_scanned_process(const event::ExecView& view, std::vector<event::Event>& out);
  void on_start(uint64_t now, std::vector<event::Event>& out);
  void on_users(std::string_view text);
  void on_hook_facts(const event::TextView& view, std::vector<event::Event>& out);
  void on_malformed(std::vector<event::Event>& out);
  void on_scan_end(uint64_t now, std::vector<event::Event>& out);
  void report_losses(const event::CountersFrame& frame, std::vector<event::Event>& out);
  void insert_kernel(uint64_t now, std::vector<event::Event>& out);

  std::shared_ptr<const event::Image> image_of(const event::ExecView& view) const;
  void publish_exec(const Node& node, uint64_t time, const event::BinaryProperties& properties,
                    std::vector<event::Event>& out);
  /// The image, also if the tree knows the start of its process from procfs alone, which rounds down.
  Node* find_image(const ImageKey& key);
  /// What the process with that start runs, by an image that the sensor knows of it: an image whose record was lost is not in
  /// the tree, and without task storage the sensor knows the first image alone.
  Node* find_running(const ImageKey& key, uint64_t process_start);
  /// What the process ran when it made a record of that image; null if the tree does not know.
  Node* find_acting(const ImageKey& key);
  ProcessRef process_at(const ImageKey& key);
  std::vector<ProcessRef> ancestors_of(const ProcessRef& parent);
  event::EventTime at(uint64_t boot_ns) const { return {.boot_ns = boot_ns, .wall_offset_ns = wall_offset_ns_}; }
  event::Notice notice(uint64_t now, std::string kind, const event::Facts& fields = {}) const;
  void add_totals(event::Notice& notice) const;

  EngineOptions options_;
  int64_t wall_offset_ns_;
  ProcessTree tree_;
  std::unordered_map<uint32_t, std::string> user_names_;
  std::unordered_map<uint32_t, std::shared_ptr<const event::HookInfo>> hooks_;  ///< by id
  Received received_;
  redan_counters counters_{};
  ProcessTree::Evictions reported_evictions_;
  uint64_t heartbeat_at_ = 0;
  uint64_t last_time_ = 0;  ///< of the last good frame
  uint64_t scan_began_ = 0;
  uint32_t scan_ = 0;
  uint64_t scan_added_ = 0;
  bool wants_scan_ = false;
  bool ready_ = false;
};

}  // namespace redan::engine
