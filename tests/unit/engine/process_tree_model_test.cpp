// SPDX-License-Identifier: Apache-2.0
// The process tree against a simple model: the same random operations, the same answers.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "engine/process_tree.h"

namespace redan::engine {
namespace {

constexpr uint64_t kGrace = 50;

/// The promises of ProcessTree in the plainest form: a list of images, searched from end to end. Knows no capacity.
class Model {
 public:
  struct Image {
    ImageKey key;
    ImageKey parent;
    bool forked = false;
    bool alive = true;
    bool ended = false;
    uint64_t dead_since = 0;
    uint64_t free_since = 0;  ///< dead, and the last time that a descendant went
    uint32_t scan = 0;
  };

  const Image* find(const ImageKey& key) const {
    const auto it = std::ranges::find(images_, key, &Image::key);
    return it == images_.end() ? nullptr : &*it;
  }
  const Image* current(uint32_t tgid) const {
    const auto it = std::ranges::find_if(images_, [&](const Image& i) { return i.key.tgid == tgid && i.alive; });
    return it == images_.end() ? nullptr : &*it;
  }
  uint32_t references(const ImageKey& key) const {
    return static_cast<uint32_t>(std::ranges::count(images_, key, &Image::parent));
  }
  size_t living() const { return static_cast<size_t>(std::ranges::count(images_, true, &Image::alive)); }
  const std::vector<Image>& images() const { return images_; }

  void insert(Image image, uint64_t now) {
    if (const Image* before = current(image.key.tgid); before != nullptr) mark_dead(before->key, now, false);
    forget(image.key, now);
    images_.push_back(image);
  }
  void mark_dead(const ImageKey& key, uint64_t now, bool ended) {
    for (Image& image : images_) {
      if (!(image.key == key) || !image.alive) continue;
      image.alive = false;
      image.ended = ended;
      image.dead_since = image.free_since = now;
    }
  }
  void see(const ImageKey& key, uint32_t scan) {
    for (Image& image : images_) {
      if (image.key == key) image.scan = scan;
    }
  }
  /// Whether a collection may remove the image.
  bool may_go(const Image& image, uint64_t now) const {
    return !image.alive && references(image.key) == 0 && now >= image.dead_since + kGrace;
  }
  /// Whether it must. What lost its last descendant queues up behind the others that are dead.
  bool must_go(const Image& image, uint64_t now) const {
    return may_go(image, now) && now >= image.free_since + kGrace;
  }

  void forget(const ImageKey& key, uint64_t now) {
    const Image* image = find(key);
    if (image == nullptr) return;
    const ImageKey parent = image->parent;
    std::erase_if(images_, [&](const Image& old) { return old.key == key; });
    for (Image& other : images_) {
      if (other.key == parent) other.free_since = now;
    }
  }

 private:
  std::vector<Image> images_;
};

Node node_of(const Model::Image& image) {
  auto process = std::make_shared<event::Process>();
  process->key = image.key;
  process->parent = image.parent;
  return {.process = std::move(process), .forked = image.forked, .scan = image.scan};
}

/// Plays the same operations to both.
class Duel {
 public:
  Duel(unsigned seed, size_t capacity) : random_(seed), tree_({.capacity = capacity, .grace_ns = kGrace}) {}

  void step() {
    now_ += pick(4);
    switch (pick(12)) {
      case 0:
      case 1:
      case 2: fork(); break;
      case 3:
      case 4:
      case 5: exec(); break;
      case 6:
      case 7: exit(); break;
      case 8: again(); break;
      case 9: scan(); break;
      default: collect(); break;
    }
  }

  ProcessTree& tree() { return tree_; }
  const Model& model() const { return model_; }
  uint64_t now() const { return now_; }

  void check_same() {
    REQUIRE(tree_.size() == model_.images().size());
    REQUIRE(tree_.living() == model_.living());
    for (const Model::Image& image : model_.images()) {
      const Node* node = tree_.find(image.key);
      REQUIRE(node != nullptr);
      REQUIRE(node->process->key == image.key);
      REQUIRE(node->process->parent == image.parent);
      REQUIRE(node->forked == image.forked);
      REQUIRE(node->alive == image.alive);
      REQUIRE((image.alive || node->ended == image.ended));
      REQUIRE((image.alive || node->dead_since == image.dead_since));
      REQUIRE(node->references == model_.references(image.key));
      REQUIRE(*node->place == image.key);
    }
    for (uint32_t tgid = 0; tgid <= kPids; ++tgid) {
      const Node* node = tree_.current(tgid);
      const Model::Image* image = model_.current(tgid);
      REQUIRE((node != nullptr) == (image != nullptr));
      if (node != nullptr) REQUIRE(node->process->key == image->key);
    }
  }

  void end_all() {
    for (uint32_t tgid = 0; tgid <= kPids; ++tgid) {
      const Node* node = tree_.current(tgid);
      if (node == nullptr) continue;
      const ImageKey key = node->process->key;
      tree_.mark_dead(key, now_, true);
      model_.mark_dead(key, now_, true);
    }
  }

 private:
  static constexpr uint32_t kPids = 12;

  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }
  ImageKey new_key(uint32_t tgid) { return {.tgid = tgid, .time = ++births_ * 1000 + now_ % 1000}; }

  /// Any image that is there, the dead among them; none if there is none.
  std::optional<ImageKey> anybody() {
    if (model_.images().empty()) return std::nullopt;
    return model_.images()[pick(static_cast<uint32_t>(model_.images().size()))].key;
  }

  void insert(const Model::Image& image) {
    model_.insert(image, now_);
    const Node& node = tree_.insert(node_of(image), now_);
    REQUIRE(node.process->key == image.key);
    REQUIRE(node.alive);
  }

  void fork() { insert({.key = new_key(1 + pick(kPids)), .parent = anybody().value_or(ImageKey{}), .forked = true}); }

  void exec() {
    const Model::Image* before = model_.current(1 + pick(kPids));
    if (before == nullptr) return;
    insert({.key = new_key(before->key.tgid), .parent = before->forked ? before->parent : before->key});
  }

  void exit() {
    const auto key = anybody();  // often somebody who is dead already
    if (!key) return;
    model_.mark_dead(*key, now_, true);
    tree_.mark_dead(*key, now_, true);
  }

  /// An image comes again, perhaps with another parent.
  void again() {
    const auto key = anybody();
    if (!key) return;
    Model::Image image = *model_.find(*key);
    if (pick(2) == 0) {
      const ImageKey parent = *anybody();
      // Not its own descendant: what is collected last must have somewhere to begin.
      if (parent.time < key->time) image.parent = parent;
    }
    image.alive = true;
    insert(image);
  }

  void scan() {
    ++scan_;
    for (const Model::Image& image : model_.images()) {
      if (!image.alive || pick(4) == 0) continue;
      tree_.find(image.key)->scan = scan_;
    }
    for (const Model::Image& image : std::vector(model_.images())) model_.see(image.key, tree_.find(image.key)->scan);
    const uint64_t before = (births_ - std::min<uint64_t>(births_, pick(3))) * 1000;
    std::vector<ImageKey> wanted;
    for (const Model::Image& image : model_.images()) {
      if (image.alive && image.scan != scan_ && image.key.time < before) wanted.push_back(image.key);
    }
    std::ranges::sort(wanted, {}, [](const ImageKey& key) { return std::pair(key.time, key.tgid); });
    REQUIRE(tree_.missing_from_scan(scan_, before) == wanted);
    for (const ImageKey& key : wanted) {
      model_.mark_dead(key, now_, true);
      tree_.mark_dead(key, now_, true);
    }
  }

  void collect() {
    if (pick(8) == 0) now_ += kGrace;
    const uint64_t now = pick(8) == 0 ? now_ / 2 : now_;  // a clock that went backwards
    tree_.collect(now);
    // Children before their parents, as what goes may be what kept another.
    for (bool gone = true; gone;) {
      gone = false;
      for (const Model::Image& image : std::vector(model_.images())) {
        if (tree_.contains(image.key) || model_.references(image.key) > 0) continue;
        REQUIRE_MESSAGE(model_.may_go(image, now), "removed too early");
        model_.forget(image.key, now);
        gone = true;
      }
    }
    // What is gone now and still in the model was an ancestor; check_same() finds it.
    for (const Model::Image& image : model_.images()) {
      REQUIRE_MESSAGE(!model_.must_go(image, now), "kept for too long");
    }
  }

  std::mt19937 random_;
  ProcessTree tree_;
  Model model_;
  uint64_t now_ = 1;
  uint64_t births_ = 0;
  uint32_t scan_ = 0;
};

}  // namespace

TEST_CASE("random forks, execs, exits and scans give the answers of a simple model") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Duel duel(seed, 100'000);
    for (int i = 0; i < 400; ++i) {
      CAPTURE(i);
      duel.step();
      duel.check_same();
    }
    CHECK(duel.tree().evictions().total() == 0);
  }
}

TEST_CASE("when everybody has ended, nothing is left after the grace period") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Duel duel(seed, 100'000);
    for (int i = 0; i < 300; ++i) duel.step();
    duel.end_all();
    CHECK(duel.tree().living() == 0);
    duel.tree().collect(duel.now() + kGrace);
    CHECK(duel.tree().size() == 0);
  }
}

TEST_CASE("random operations in a small tree never leave it larger, lost or confused") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto pick = [&](unsigned below) { return static_cast<uint32_t>(random() % below); };
    const size_t capacity = 1 + pick(12);
    ProcessTree tree({.capacity = capacity, .grace_ns = kGrace});
    std::vector<ImageKey> all;
    uint64_t now = 1;
    for (int i = 0; i < 500; ++i) {
      now += pick(5);
      const bool again = !all.empty() && pick(6) == 0;
      const ImageKey somebody = all.empty() ? ImageKey{} : all[pick(static_cast<uint32_t>(all.size()))];
      if (pick(3) != 0) {
        const ImageKey key = again ? somebody : ImageKey{.tgid = pick(20), .time = all.size() + 1};
        if (!again) all.push_back(key);
        const Node& node =
            tree.insert(node_of({.key = key, .parent = all[pick(static_cast<uint32_t>(all.size()))]}), now);
        REQUIRE(node.alive);
        REQUIRE(tree.current(key.tgid) == &node);
      } else if (pick(2) == 0) {
        tree.mark_dead(somebody, now, true);
      } else {
        tree.collect(now);
      }
      REQUIRE(tree.size() <= capacity);
      size_t found = 0;
      size_t alive = 0;
      for (const ImageKey& key : all) {
        const Node* node = tree.find(key);
        if (node == nullptr) continue;
        ++found;
        alive += node->alive ? 1 : 0;
        REQUIRE(*node->place == key);
        REQUIRE(node->alive == (tree.current(key.tgid) == node));
      }
      REQUIRE(found == tree.size());
      REQUIRE(alive == tree.living());
    }
  }
}

}  // namespace redan::engine
