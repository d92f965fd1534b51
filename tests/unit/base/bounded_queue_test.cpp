// SPDX-License-Identifier: Apache-2.0
#include "base/bounded_queue.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

namespace redan {
namespace {

using namespace std::chrono_literals;
using Ints = std::vector<int>;

/// What is queued now, without waiting.
Ints drain(BoundedQueue<int>& queue) {
  Ints out;
  queue.pop_all(out, 0ns);
  return out;
}

}  // namespace

TEST_CASE("items come out in the order in which they went in") {
  BoundedQueue<int> queue(10);
  CHECK(queue.push(1));
  Ints batch = {2, 3};
  CHECK(queue.push_all(batch) == 2);
  CHECK(batch.empty());
  CHECK(queue.push(4));
  CHECK(queue.size() == 4);
  CHECK(drain(queue) == Ints{1, 2, 3, 4});
  CHECK(queue.size() == 0);
  CHECK(queue.rejected() == 0);
}

TEST_CASE("what does not fit is rejected and counted, the oldest items stay") {
  struct Case {
    const char* name;
    size_t capacity;
    Ints batch;
    size_t accepted;
    Ints kept;
  };
  const std::array cases = {
      Case{"all fit", 4, {1, 2, 3}, 3, {0, 1, 2, 3}}, Case{"the first ones fit", 3, {1, 2, 3}, 2, {0, 1, 2}},
      Case{"none fits", 1, {1, 2, 3}, 0, {0}},        Case{"nothing to push", 1, {}, 0, {0}},
      Case{"no capacity at all", 0, {1}, 0, {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    BoundedQueue<int> queue(c.capacity);
    const uint64_t first_rejected = queue.push(0) ? 0 : 1;
    Ints batch = c.batch;
    CHECK(queue.push_all(batch) == c.accepted);
    CHECK(batch.empty());
    CHECK(queue.rejected() == first_rejected + c.batch.size() - c.accepted);
    CHECK(drain(queue) == c.kept);
    CHECK(queue.push(9) == (c.capacity > 0));
  }
}

TEST_CASE("a closed queue rejects, and ends when it is empty") {
  BoundedQueue<int> queue(10);
  CHECK(queue.push(1));
  queue.close();
  queue.close();
  CHECK_FALSE(queue.push(2));
  Ints batch = {3, 4};
  CHECK(queue.push_all(batch) == 0);
  CHECK(queue.rejected() == 3);
  Ints out;
  CHECK(queue.pop_all(out) == PopResult::kItems);
  CHECK(out == Ints{1});
  CHECK(queue.pop_all(out) == PopResult::kClosed);
  CHECK(out.empty());
  CHECK(queue.pop_all(out, 1h) == PopResult::kClosed);
}

TEST_CASE("a pop gives up at its timeout and forgets what the vector held") {
  BoundedQueue<int> queue(1);
  Ints out = {7};
  CHECK(queue.pop_all(out, 0ns) == PopResult::kTimeout);
  CHECK(out.empty());
  CHECK(queue.pop_all(out, 1ms) == PopResult::kTimeout);
}

TEST_CASE("items that can only be moved are moved, rejected ones are destroyed") {
  BoundedQueue<std::shared_ptr<int>> queue(1);
  const auto kept = std::make_shared<int>(1);
  const auto rejected = std::make_shared<int>(2);
  std::vector<std::shared_ptr<int>> batch = {kept, rejected};
  CHECK(queue.push_all(batch) == 1);
  CHECK(kept.use_count() == 2);
  CHECK(rejected.use_count() == 1);

  BoundedQueue<std::unique_ptr<int>> owners(1);
  CHECK(owners.push(std::make_unique<int>(5)));
  std::vector<std::unique_ptr<int>> out;
  CHECK(owners.pop_all(out) == PopResult::kItems);
  REQUIRE(out.size() == 1);
  CHECK(*out[0] == 5);
}

TEST_CASE("a waiting consumer wakes for an item and for the end") {
  BoundedQueue<int> queue(4);
  Ints seen;
  std::thread consumer([&] {
    Ints out;
    while (queue.pop_all(out) == PopResult::kItems) seen.insert(seen.end(), out.begin(), out.end());
  });
  CHECK(queue.push(1));
  CHECK(queue.push(2));
  queue.close();
  consumer.join();
  CHECK(seen == Ints{1, 2});
}

TEST_CASE("with many producers nothing is lost, invented or taken out of order") {
  constexpr int kProducers = 4;
  constexpr int kPerProducer = 5'000;
  constexpr int kBatch = 7;
  BoundedQueue<int> queue(64);

  std::vector<std::thread> producers;
  producers.reserve(kProducers);
  std::array<size_t, kProducers> accepted{};
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&queue, &mine = accepted.at(static_cast<size_t>(producer)), producer] {
      Ints batch;
      for (int i = 0; i < kPerProducer; ++i) {
        const int item = producer * kPerProducer + i;
        if (producer % 2 == 0) {
          mine += queue.push(item) ? 1 : 0;
          continue;
        }
        batch.push_back(item);
        if (batch.size() == kBatch || i == kPerProducer - 1) mine += queue.push_all(batch);
      }
    });
  }

  std::array<Ints, kProducers> received;
  std::thread consumer([&] {
    Ints out;
    for (PopResult result{}; (result = queue.pop_all(out, 1ms)) != PopResult::kClosed;) {
      for (const int item : out) received.at(static_cast<size_t>(item / kPerProducer)).push_back(item);
    }
  });
  for (std::thread& producer : producers) producer.join();
  queue.close();
  consumer.join();

  uint64_t total = 0;
  for (size_t producer = 0; producer < kProducers; ++producer) {
    CHECK(received.at(producer).size() == accepted.at(producer));
    CHECK(std::is_sorted(received.at(producer).begin(), received.at(producer).end()));
    total += accepted.at(producer);
  }
  CHECK(total + queue.rejected() == uint64_t{kProducers} * kPerProducer);
}

}  // namespace redan
