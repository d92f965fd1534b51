// SPDX-License-Identifier: Apache-2.0
#pragma once
// How one thread hands values to another without ever waiting for it.

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace redan {

/// What BoundedQueue::pop_all() came back with.
enum class PopResult {
  kItems,    ///< at least one item
  kTimeout,  ///< nothing arrived in time
  kClosed,   ///< nothing is left, and nothing will come
};

/// A first-in first-out queue of at most `capacity` items from any number of producer threads to one consumer thread.
/// Pushing never blocks (but for the short lock): what does not fit is destroyed and counted, the oldest items stay.
/// The consumer takes everything at once, by exchanging vectors, so that in the long run no memory is allocated.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t capacity) : capacity_(capacity) {}
  BoundedQueue(const BoundedQueue&) = delete;
  BoundedQueue& operator=(const BoundedQueue&) = delete;

  /// Appends an item; false if it was rejected because the queue is full or closed. Any thread.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    if (room() == 0) {
      ++rejected_;
      return false;
    }
    items_.push_back(std::move(item));
    wake_consumer(std::move(lock), 1);
    return true;
  }

  /// Appends the items in their order, as many as fit, and returns how many those were: the first ones. Leaves `batch`
  /// empty, its memory kept for the caller's next batch. Any thread.
  size_t push_all(std::vector<T>& batch) {
    std::unique_lock lock(mutex_);
    const size_t accepted = batch.size() < room() ? batch.size() : room();
    rejected_ += batch.size() - accepted;
    const auto end = batch.begin() + static_cast<std::ptrdiff_t>(accepted);
    items_.insert(items_.end(), std::make_move_iterator(batch.begin()), std::make_move_iterator(end));
    wake_consumer(std::move(lock), accepted);
    batch.clear();
    return accepted;
  }

  /// Replaces the content of `out` with everything that is queued. If that is nothing, waits for the first item, for
  /// close() or for the timeout; without one it waits for ever. Consumer thread.
  PopResult pop_all(std::vector<T>& out, std::optional<std::chrono::nanoseconds> timeout = std::nullopt) {
    out.clear();
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return !items_.empty() || closed_; };
    if (!timeout) {
      arrived_.wait(lock, ready);
    } else if (!arrived_.wait_for(lock, *timeout, ready)) {
      return PopResult::kTimeout;
    }
    if (items_.empty()) return PopResult::kClosed;
    items_.swap(out);
    return PopResult::kItems;
  }

  /// Rejects all later pushes; what is queued can still be taken. Any thread, any number of times.
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    arrived_.notify_one();
  }

  /// How many items were rejected since the start. Any thread.
  uint64_t rejected() const {
    const std::lock_guard lock(mutex_);
    return rejected_;
  }

  /// How many items wait for the consumer. Any thread.
  size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  size_t room() const { return closed_ ? 0 : capacity_ - items_.size(); }

  /// After `added` items. The consumer waits only while the queue is empty, so only the first items need to wake it.
  void wake_consumer(std::unique_lock<std::mutex> lock, size_t added) {
    const bool was_empty = items_.size() == added;
    lock.unlock();
    if (added > 0 && was_empty) arrived_.notify_one();
  }

  const size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<T> items_;
  uint64_t rejected_ = 0;
  bool closed_ = false;
};

}  // namespace redan
