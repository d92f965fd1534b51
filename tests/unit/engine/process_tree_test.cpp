// SPDX-License-Identifier: Apache-2.0
#include "engine/process_tree.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

namespace redan::engine {
namespace {

constexpr uint64_t kGrace = 100;
constexpr ImageKey kInit{.tgid = 1, .time = 1};

Node node_of(const ImageKey& key, const ImageKey& parent = kInit, bool forked = false) {
  auto process = std::make_shared<event::Process>();
  process->key = key;
  process->parent = parent;
  process->has_parent = true;
  return {.process = std::move(process), .forked = forked};
}

ProcessTree tree_of(size_t capacity) { return ProcessTree({.capacity = capacity, .grace_ns = kGrace}); }

/// A tree of `capacity` with init in it.
ProcessTree tree_with_init(size_t capacity = 1000) {
  ProcessTree tree = tree_of(capacity);
  tree.insert(node_of(kInit, {}), 1);
  return tree;
}

using Evictions = ProcessTree::Evictions;

}  // namespace

TEST_CASE("what was inserted is found, and is what its process runs") {
  ProcessTree tree = tree_with_init();
  const ImageKey key{.tgid = 7, .time = 10};
  const Node& inserted = tree.insert(node_of(key), 10);
  CHECK(inserted.alive);
  CHECK(tree.find(key) == &inserted);
  CHECK(tree.current(7) == &inserted);
  CHECK(tree.contains(key));
  CHECK(tree.find({.tgid = 7, .time = 11}) == nullptr);
  CHECK(tree.find({.tgid = 8, .time = 10}) == nullptr);
  CHECK(tree.current(8) == nullptr);
  CHECK(tree.size() == 2);
  CHECK(tree.living() == 2);
}

TEST_CASE("an exec replaces the image, and the old one stays as dead but not ended") {
  ProcessTree tree = tree_with_init();
  const ImageKey forked{.tgid = 7, .time = 10};
  const ImageKey shell{.tgid = 7, .time = 20};
  tree.insert(node_of(forked, kInit, true), 10);
  tree.insert(node_of(shell), 20);
  REQUIRE(tree.find(forked) != nullptr);
  CHECK_FALSE(tree.find(forked)->alive);
  CHECK_FALSE(tree.find(forked)->ended);
  CHECK(tree.find(forked)->dead_since == 20);
  CHECK(tree.current(7) == tree.find(shell));
  CHECK(tree.living() == 2);
}

TEST_CASE("the dead stay for the grace period and not longer") {
  ProcessTree tree = tree_with_init();
  const ImageKey key{.tgid = 7, .time = 10};
  tree.insert(node_of(key), 10);
  tree.mark_dead(key, 50, true);
  CHECK(tree.find(key)->ended);
  CHECK(tree.current(7) == nullptr);
  for (const uint64_t now : {uint64_t{50}, 50 + kGrace - 1}) {
    tree.collect(now);
    CHECK(tree.contains(key));
  }
  tree.collect(50 + kGrace);
  CHECK_FALSE(tree.contains(key));
  CHECK(tree.size() == 1);
  CHECK(tree.evictions() == Evictions{});
}

TEST_CASE("the living are never collected") {
  ProcessTree tree = tree_with_init();
  tree.insert(node_of({.tgid = 7, .time = 10}), 10);
  tree.collect(UINT64_MAX);
  CHECK(tree.size() == 2);
}

TEST_CASE("dying twice changes nothing") {
  ProcessTree tree = tree_with_init();
  const ImageKey key{.tgid = 7, .time = 10};
  tree.insert(node_of(key), 10);
  tree.mark_dead(key, 50, true);
  tree.mark_dead(key, 90, false);
  CHECK(tree.find(key)->ended);
  CHECK(tree.find(key)->dead_since == 50);
  tree.mark_dead({.tgid = 99, .time = 1}, 50, true);  // nobody
  CHECK(tree.living() == 1);
}

TEST_CASE("time that goes backwards removes nothing early and breaks nothing") {
  ProcessTree tree = tree_with_init();
  const ImageKey key{.tgid = 7, .time = 10};
  tree.insert(node_of(key), 10);
  tree.mark_dead(key, 1000, true);
  for (const uint64_t now : {uint64_t{0}, uint64_t{999}, uint64_t{1000}, uint64_t{5}}) {
    tree.collect(now);
    CHECK(tree.contains(key));
  }
  tree.collect(1000 + kGrace);
  CHECK_FALSE(tree.contains(key));
}

TEST_CASE("an ancestor stays as long as something that descends from it, and then goes at once") {
  ProcessTree tree = tree_with_init();
  const ImageKey shell{.tgid = 7, .time = 10};
  const ImageKey child{.tgid = 8, .time = 20};
  const ImageKey grandchild{.tgid = 9, .time = 30};
  tree.insert(node_of(shell), 10);
  tree.insert(node_of(child, shell), 20);
  tree.insert(node_of(grandchild, child), 30);
  CHECK(tree.find(shell)->references == 1);
  tree.mark_dead(shell, 40, true);
  tree.mark_dead(child, 41, true);
  tree.collect(40 + 10 * kGrace);
  CHECK(tree.contains(shell));
  CHECK(tree.contains(child));

  tree.mark_dead(grandchild, 5000, true);
  tree.collect(5000 + kGrace - 1);
  CHECK(tree.size() == 4);
  tree.collect(5000 + kGrace);  // and with it all that only it kept
  CHECK(tree.size() == 1);
}

TEST_CASE("an image that comes again replaces the first and keeps its descendants") {
  ProcessTree tree = tree_with_init();
  const ImageKey other{.tgid = 2, .time = 2};
  const ImageKey shell{.tgid = 7, .time = 10};
  tree.insert(node_of(other, {}), 2);
  tree.insert(node_of(shell, kInit), 10);
  tree.insert(node_of({.tgid = 8, .time = 20}, shell), 20);
  tree.mark_dead(shell, 30, true);

  const Node& again = tree.insert(node_of(shell, other), 40);
  CHECK(again.alive);
  CHECK_FALSE(again.ended);
  CHECK(again.references == 1);
  CHECK(tree.current(7) == &again);
  CHECK(tree.find(kInit)->references == 0);
  CHECK(tree.find(other)->references == 1);
  CHECK(tree.size() == 4);
  CHECK(tree.living() == 4);
}

TEST_CASE("a full tree gives up the dead first, then dead ancestors, then the living, the oldest of each first") {
  ProcessTree tree = tree_of(7);
  const ImageKey parent1{.tgid = 11, .time = 1}, parent2{.tgid = 12, .time = 2};
  const ImageKey child1{.tgid = 21, .time = 3}, child2{.tgid = 22, .time = 4};
  const ImageKey dead1{.tgid = 31, .time = 5}, dead2{.tgid = 32, .time = 6}, alone{.tgid = 41, .time = 7};
  for (const ImageKey& key : {parent1, parent2}) tree.insert(node_of(key, {}), key.time);
  tree.insert(node_of(child1, parent1), 3);
  tree.insert(node_of(child2, parent2), 4);
  for (const ImageKey& key : {dead1, dead2, alone}) tree.insert(node_of(key, {}), key.time);
  // Death in another order than birth: what counts is since when they are dead.
  for (const ImageKey& key : {dead2, dead1, parent2, parent1}) tree.mark_dead(key, 10, true);

  struct Step {
    ImageKey evicted;
    Evictions total;
  };
  const std::array steps = {
      Step{dead2, {.dead = 1}},
      Step{dead1, {.dead = 2}},
      Step{parent2, {.dead = 2, .referenced = 1}},
      Step{parent1, {.dead = 2, .referenced = 2}},
      Step{child1, {.dead = 2, .referenced = 2, .living = 1}},
      Step{child2, {.dead = 2, .referenced = 2, .living = 2}},
      Step{alone, {.dead = 2, .referenced = 2, .living = 3}},
  };
  uint32_t tgid = 1000;
  for (const Step& step : steps) {
    CAPTURE(step.evicted.tgid);
    REQUIRE(tree.contains(step.evicted));
    ++tgid;
    tree.insert(node_of({.tgid = tgid, .time = tgid}, {}), tgid);
    CHECK_FALSE(tree.contains(step.evicted));
    CHECK(tree.evictions() == step.total);
    CHECK(tree.size() == 7);
  }
  CHECK(tree.evictions().total() == steps.size());
}

TEST_CASE("a living parent is the last to go") {
  ProcessTree tree = tree_of(2);
  tree.insert(node_of(kInit, {}), 1);
  tree.insert(node_of({.tgid = 2, .time = 2}, kInit), 2);
  tree.insert(node_of({.tgid = 3, .time = 3}, kInit), 3);
  CHECK(tree.contains(kInit));
  CHECK_FALSE(tree.contains({.tgid = 2, .time = 2}));
  CHECK(tree.evictions() == Evictions{.living = 1});
}

TEST_CASE("a process that was evicted while it lived can die and come back") {
  ProcessTree tree = tree_of(1);
  const ImageKey key{.tgid = 7, .time = 10};
  tree.insert(node_of(key), 10);
  tree.insert(node_of({.tgid = 8, .time = 11}), 11);
  CHECK(tree.current(7) == nullptr);
  CHECK(tree.living() == 1);
  tree.mark_dead(key, 12, true);
  tree.insert(node_of(key), 13);
  CHECK(tree.current(7) != nullptr);
  CHECK(tree.current(8) == nullptr);
}

TEST_CASE("trees of the least capacities hold no more than they may") {
  for (size_t capacity = 1; capacity <= 3; ++capacity) {
    CAPTURE(capacity);
    ProcessTree tree = tree_of(capacity);
    ImageKey parent{};
    for (uint32_t i = 1; i <= 50; ++i) {
      const ImageKey key{.tgid = i % 5 + 1, .time = i};
      CHECK(tree.insert(node_of(key, parent), i).process->key == key);
      CHECK(tree.size() == std::min<size_t>(i, capacity));
      CHECK(tree.living() <= tree.size());
      if (i % 3 == 0) tree.mark_dead(key, i, true);
      if (i % 7 == 0) tree.collect(i + kGrace);
      parent = key;
    }
  }
}

TEST_CASE("an image whose parent has to make room for it counts as a lost ancestor") {
  // Process 7 calls exec in a full tree: of init (alive) and its own former image, the latter goes, and it is an ancestor.
  ProcessTree tree = tree_with_init(2);
  const ImageKey before{.tgid = 7, .time = 10};
  tree.insert(node_of(before), 10);
  tree.insert(node_of({.tgid = 7, .time = 20}, before), 20);
  CHECK(tree.contains(kInit));
  CHECK_FALSE(tree.contains(before));
  CHECK(tree.evictions() == Evictions{.referenced = 1});
}

TEST_CASE("what makes room for an image is not its parent, if there is another") {
  ProcessTree tree = tree_with_init(4);
  const ImageKey parent{.tgid = 7, .time = 10};
  const ImageKey other{.tgid = 8, .time = 11};
  tree.insert(node_of(parent), 10);
  tree.insert(node_of(other), 11);
  tree.mark_dead(parent, 12, true);
  tree.mark_dead(other, 13, true);
  tree.insert(node_of({.tgid = 9, .time = 20}), 20);
  tree.insert(node_of({.tgid = 10, .time = 21}, parent), 21);
  CHECK(tree.contains(parent));
  CHECK_FALSE(tree.contains(other));
}

TEST_CASE("an evicted parent that came back is kept by a younger child when an older one goes") {
  ProcessTree tree = tree_of(3);
  const ImageKey parent{.tgid = 7, .time = 10};
  const ImageKey older{.tgid = 8, .time = 20};
  const ImageKey younger{.tgid = 9, .time = 30};
  tree.insert(node_of(older, parent), 20);  // when its parent had been evicted
  tree.insert(node_of(parent, {}), 25);     // a scan brings it back
  tree.insert(node_of(younger, parent), 30);
  tree.mark_dead(parent, 40, true);
  tree.mark_dead(older, 41, true);
  tree.collect(41 + kGrace);
  CHECK_FALSE(tree.contains(older));
  CHECK(tree.contains(parent));
  tree.collect(41 + 2 * kGrace);
  CHECK(tree.contains(parent));  // the younger child is alive
}

TEST_CASE("a process that calls exec ten thousand times is bounded by the capacity") {
  constexpr size_t kCapacity = 1000;
  constexpr uint32_t kExecs = 10'000;
  ProcessTree tree = tree_with_init(kCapacity);
  ImageKey parent = kInit;
  for (uint32_t i = 1; i <= kExecs; ++i) {
    const ImageKey key{.tgid = 7, .time = 10 + i};
    tree.insert(node_of(key, parent), key.time);
    tree.collect(key.time);
    REQUIRE(tree.size() <= kCapacity);
    parent = key;
  }
  CHECK(tree.size() == kCapacity);
  CHECK(tree.living() == 2);
  CHECK(tree.current(7)->process->key == parent);
  CHECK(tree.evictions() == Evictions{.referenced = kExecs + 1 - kCapacity});
  // The chain is whole as far as it goes.
  size_t length = 0;
  for (const Node* node = tree.current(7); node != nullptr; node = tree.find(node->process->parent)) ++length;
  CHECK(length == kCapacity - 1);

  tree.mark_dead(parent, 50'000, true);
  tree.collect(50'000 + kGrace);
  CHECK(tree.size() == 1);
}

TEST_CASE("a long chain of the dead is removed in one go") {
  ProcessTree tree = tree_of(100'000);
  ImageKey parent{};
  for (uint32_t i = 1; i <= 50'000; ++i) {
    const ImageKey key{.tgid = i, .time = i};
    tree.insert(node_of(key, parent), i);
    tree.mark_dead(key, i, true);
    parent = key;
  }
  tree.collect(50'000 + kGrace);
  CHECK(tree.size() == 0);
}

TEST_CASE("living images that a scan did not see and that are older than it are missing, in the order of their age") {
  ProcessTree tree = tree_of(100);
  struct Case {
    ImageKey key;
    uint32_t scan;
    bool alive;
  };
  const std::array cases = {
      Case{{.tgid = 0, .time = 1}, 0, true},   // the kernel itself: no scan lists it
      Case{{.tgid = 5, .time = 9}, 3, true},   // not seen
      Case{{.tgid = 4, .time = 9}, 3, true},   // not seen, of the same age
      Case{{.tgid = 9, .time = 2}, 0, true},   // never seen, the oldest
      Case{{.tgid = 6, .time = 5}, 4, true},   // seen
      Case{{.tgid = 7, .time = 5}, 3, false},  // dead
      Case{{.tgid = 8, .time = 20}, 0, true},  // began with the scan
      Case{{.tgid = 10, .time = 19}, 0, true},
  };
  for (const Case& c : cases) {
    tree.insert(node_of(c.key, {}), c.key.time).scan = c.scan;
    if (!c.alive) tree.mark_dead(c.key, 15, true);
  }
  const std::vector<ImageKey> wanted = {
      {.tgid = 9, .time = 2}, {.tgid = 4, .time = 9}, {.tgid = 5, .time = 9}, {.tgid = 10, .time = 19}};
  CHECK(tree.missing_from_scan(4, 20) == wanted);
}

TEST_CASE("a process that is its own parent is an ordinary node") {
  ProcessTree tree = tree_of(2);
  const ImageKey self{.tgid = 7, .time = 10};
  tree.insert(node_of(self, self), 10);
  tree.insert(node_of(self, self), 11);
  tree.mark_dead(self, 20, true);
  tree.insert(node_of({.tgid = 8, .time = 21}, self), 21);
  tree.insert(node_of({.tgid = 9, .time = 22}, self), 22);
  CHECK_FALSE(tree.contains(self));
  CHECK(tree.size() == 2);
}

}  // namespace redan::engine
