// SPDX-License-Identifier: Apache-2.0
#include "engine/process_tree.h"

#include <algorithm>

namespace redan::engine {

Node* ProcessTree::find(const ImageKey& key) {
  const auto it = nodes_.find(key);
  return it == nodes_.end() ? nullptr : &it->second;
}

Node* ProcessTree::latest(uint32_t tgid) {
  const auto it = latest_.find(tgid);
  return it == latest_.end() ? nullptr : find(it->second);
}

Node* ProcessTree::current(uint32_t tgid) {
  Node* node = latest(tgid);
  return node != nullptr && node->alive ? node : nullptr;
}

template <typename Change>
void ProcessTree::update(Node& node, Change change) {
  std::list<ImageKey>& from = lists_[list_of(node)];
  change(node);
  std::list<ImageKey>& to = lists_[list_of(node)];
  if (&from != &to) to.splice(to.end(), from, node.place);
}

Node& ProcessTree::insert(Node node, uint64_t now) {
  const ImageKey key = node.process->key;
  if (const Node* before = current(key.tgid); before != nullptr && !(before->process->key == key)) {
    mark_dead(before->process->key, now, false);
  }
  node.alive = true;
  if (Node* same = find(key)) {
    // The parent may be known better now; everything that refers to this image stays.
    release(same->process->parent, same->parent_incarnation);
    living_ += same->alive ? 0 : 1;
    update(*same, [&](Node& old) {
      node.references = old.references;
      node.place = old.place;
      node.incarnation = old.incarnation;
      old = std::move(node);
    });
    same->parent_incarnation = reference(same->process->parent);
    latest_[key.tgid] = key;
    return *same;
  }
  // Before room is made: what makes it should not be this one's parent.
  node.parent_incarnation = reference(node.process->parent);
  while (nodes_.size() >= options_.capacity) evict_one();
  node.references = 0;
  node.incarnation = ++incarnations_;
  node.place = lists_[kLiving].insert(lists_[kLiving].end(), key);
  latest_[key.tgid] = key;
  ++living_;
  return nodes_.emplace(key, std::move(node)).first->second;
}

void ProcessTree::mark_dead(const ImageKey& key, uint64_t now, bool ended) {
  Node* node = find(key);
  if (node == nullptr || !node->alive) return;
  update(*node, [&](Node& dying) {
    dying.alive = false;
    dying.ended = ended;
    dying.dead_since = now;
  });
  --living_;
}

void ProcessTree::collect(uint64_t now) {
  std::list<ImageKey>& dead = lists_[kDead];
  while (!dead.empty()) {
    const ImageKey key = dead.front();
    if (now - std::min(now, find(key)->dead_since) < options_.grace_ns) return;
    erase(key);
  }
}

std::vector<ImageKey> ProcessTree::missing_from_scan(uint32_t scan, uint64_t before) const {
  std::vector<ImageKey> missing;
  for (const auto& [tgid, key] : latest_) {
    const auto it = nodes_.find(key);
    if (it != nodes_.end() && it->second.alive && it->second.scan != scan && key.time < before && tgid != 0)
      missing.push_back(key);
  }
  // A map's order is nobody's order; what follows from this list must be the same in a replay.
  std::sort(missing.begin(), missing.end(),
            [](const ImageKey& a, const ImageKey& b) { return std::pair(a.time, a.tgid) < std::pair(b.time, b.tgid); });
  return missing;
}

uint64_t ProcessTree::reference(const ImageKey& key) {
  Node* node = find(key);
  if (node == nullptr) return 0;
  update(*node, [](Node& parent) { ++parent.references; });
  return node->incarnation;
}

void ProcessTree::release(const ImageKey& key, uint64_t incarnation) {
  Node* node = find(key);
  // A parent that was evicted and came back does not count its older descendants.
  if (node == nullptr || node->incarnation != incarnation) return;
  update(*node, [](Node& parent) { --parent.references; });
}

void ProcessTree::erase(const ImageKey& key) {
  const auto it = nodes_.find(key);
  if (it == nodes_.end()) return;
  const ImageKey parent = it->second.process->parent;
  const uint64_t parent_incarnation = it->second.parent_incarnation;
  lists_[list_of(it->second)].erase(it->second.place);
  living_ -= it->second.alive ? 1 : 0;
  if (const auto last = latest_.find(key.tgid); last != latest_.end() && last->second == key) latest_.erase(last);
  nodes_.erase(it);
  release(parent, parent_incarnation);
}

void ProcessTree::evict_one() {
  uint64_t* const counters[kLists] = {&evictions_.dead, &evictions_.referenced, &evictions_.living, &evictions_.living};
  for (size_t list = 0; list < lists_.size(); ++list) {
    if (lists_[list].empty()) continue;
    ++*counters[list];
    const ImageKey key = lists_[list].front();
    erase(key);
    return;
  }
}

}  // namespace redan::engine
