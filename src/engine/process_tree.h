// SPDX-License-Identifier: Apache-2.0
#pragma once
// The process tree: every image of every process that lives or that something alive descends from.

#include <array>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "event/process.h"

namespace redan::engine {

using event::ImageKey;
using event::ProcessRef;

/// Mixes the two parts of a key; times of neighbouring images differ in their low bits.
struct ImageKeyHash {
  size_t operator()(const ImageKey& key) const {
    return static_cast<size_t>((key.time ^ (uint64_t{key.tgid} << 40)) * 0x9e3779b97f4a7c15ULL);
  }
};

/// What the tree knows of an image beside what events show.
struct Node {
  ProcessRef process;
  bool forked = false;  ///< made by a fork; no exec yet
  bool kernel_thread = false;
  bool alive = true;                         ///< the process runs this image now
  bool ended = false;                        ///< the process is gone; false for an image that an exec replaced
  uint32_t references = 0;                   ///< images in the tree that have this one for a parent
  uint32_t scan = 0;                         ///< the last scan that saw it alive
  uint64_t incarnation = 0;                  ///< of this key in this tree: an image that was evicted can come back
  uint64_t parent_incarnation = 0;           ///< the parent that this image is counted in; 0: none
  uint64_t process_start = 0;                ///< boot ns, the same for all images of a process; 0: not known
  uint64_t dead_since = 0;                   ///< boot ns; meaningful if !alive
  std::list<ImageKey>::iterator place = {};  ///< in one of the tree's lists, see ProcessTree::list_of()
};

/// Owns the nodes. Belongs to the engine's thread. Times are boot-clock nanoseconds and come from the caller.
///
/// An image that is dead (its process ended, or an exec replaced it) stays for a grace period, so that late events find it, and
/// longer while an image that descends from it is there. If the tree would grow beyond its capacity, images are evicted: dead
/// ones without descendants first, then dead ones with, then living ones without, and of each kind the oldest; each is counted.
/// Every operation but missing_from_scan() takes constant time.
class ProcessTree {
 public:
  struct Options {
    size_t capacity = 65536;
    uint64_t grace_ns = 30'000'000'000;
  };
  struct Evictions {
    uint64_t dead = 0;        ///< dead, nothing descends from it: only the grace period was cut short
    uint64_t referenced = 0;  ///< dead, but descendants lose an ancestor
    uint64_t living = 0;      ///< a later event of this process will not know it

    uint64_t total() const { return dead + referenced + living; }
    friend bool operator==(const Evictions&, const Evictions&) = default;
  };

  explicit ProcessTree(Options options) : options_(options) {}

  /// The image with this key, or null.
  Node* find(const ImageKey& key);
  bool contains(const ImageKey& key) const { return nodes_.contains(key); }
  /// The image that the process runs now, or null.
  Node* current(uint32_t tgid);

  /// The newest image of the process that is in the tree, also if it is dead; or null.
  Node* latest(uint32_t tgid);

  /// Adds an image and makes it the one that its process runs; whatever that ran before becomes dead at `now`. An image of the
  /// same key is replaced, its descendants kept. The reference is valid until the next insert or collect.
  Node& insert(Node node, uint64_t now);

  /// The image's process ended, or (ended = false) the image was replaced. Nothing happens if it is dead already.
  void mark_dead(const ImageKey& key, uint64_t now, bool ended);

  /// Removes what has been dead for the grace period and has no descendants.
  void collect(uint64_t now);

  /// Keys of the living images that scan number `scan` did not see and that are older than `before`.
  std::vector<ImageKey> missing_from_scan(uint32_t scan, uint64_t before) const;

  size_t size() const { return nodes_.size(); }
  size_t living() const { return living_; }
  const Evictions& evictions() const { return evictions_; }

 private:
  /// Counts a descendant in; returns the parent's incarnation, 0 if it is not there.
  uint64_t reference(const ImageKey& key);
  void release(const ImageKey& key, uint64_t incarnation);
  void erase(const ImageKey& key);
  void evict_one();

  /// The lists in the order in which they are evicted from; in each, images stand in the order in which they came to it.
  enum List { kDead, kDeadReferenced, kLiving, kLivingReferenced, kLists };
  static List list_of(const Node& node) {
    return static_cast<List>((node.alive ? kLiving : kDead) + (node.references > 0 ? 1 : 0));
  }
  /// Applies `change` to the node and moves it to the list where it belongs then.
  template <typename Change>
  void update(Node& node, Change change);

  Options options_;
  Evictions evictions_;
  std::unordered_map<ImageKey, Node, ImageKeyHash> nodes_;
  std::unordered_map<uint32_t, ImageKey> latest_;
  size_t living_ = 0;
  uint64_t incarnations_ = 0;
  std::array<std::list<ImageKey>, kLists> lists_;
};

}  // namespace redan::engine
