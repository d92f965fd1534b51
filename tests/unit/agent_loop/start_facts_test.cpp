// SPDX-License-Identifier: Apache-2.0
#include "agent/start_facts.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace redan::agent {
namespace {

using namespace std::chrono_literals;

/// Nothing in it is a default.
Start unusual_start() {
  Start start;
  start.options.cluster_name = "prod eu";
  start.options.node_name = "edge\n07=\\n";
  start.options.arguments_max_size = 4096;
  start.options.process_cache_size = 2048;
  start.options.process_cache_gc_interval = 90s;
  start.options.enable_process_cred = true;
  start.options.enable_process_ns = true;
  start.options.enable_ancestors = {AncestorKind::kBase, AncestorKind::kLsm};
  start.options.enable_process_environment_variables = true;
  start.options.filter_environment_variables = {"HOME", "PATH"};
  start.options.username_metadata = UsernameMetadata::kUnix;
  start.options.export_own_records = false;
  start.options.event_queue_size = 77;
  start.options.heartbeat_interval = 0s;
  start.host.kernel_release = "6.12.0 odd";
  start.host.boot_id = "boot";
  start.host.machine_id = "machine";
  for (uint32_t i = 0; i < REDAN_NS_COUNT; ++i) start.host.namespaces.inum[i] = UINT32_MAX - i;
  start.wall_offset_ns = -123456789;
  start.wall_time = 1'700'000'012'000'000'000;
  start.predecessor = Predecessor{.pid = 7, .last_alive = 1'700'000'000'000'000'000};
  start.kernel_reads = false;
  return start;
}

}  // namespace

TEST_CASE("what a start frame says is what the agent was started with") {
  for (const Start& start : {Start{}, unusual_start()}) {
    const event::Facts facts = event::parse_facts(event::facts_text(start_facts(start)));
    CHECK(facts == start_facts(start));
    const auto again = parse_start_facts(facts);
    REQUIRE(again.ok());
    CHECK(again->options == start.options);
    CHECK(again->host.kernel_release == start.host.kernel_release);
    CHECK(again->host.boot_id == start.host.boot_id);
    CHECK(again->host.machine_id == start.host.machine_id);
    CHECK(std::ranges::equal(again->host.namespaces.inum, start.host.namespaces.inum));
    CHECK(again->wall_offset_ns == start.wall_offset_ns);
    CHECK(again->kernel_reads == start.kernel_reads);
    CHECK(again->predecessor.has_value() == start.predecessor.has_value());
    CHECK(engine_options(*again).start_notice == engine_options(start).start_notice);
    CHECK(engine_options(*again).gap_notice == engine_options(start).gap_notice);
  }
}

TEST_CASE("where things are on the machine of the recording stays there") {
  Start start;
  start.options.export_filename = "/var/log/events";
  start.options.procfs = "/host/proc";
  start.options.run_dir = "/run/elsewhere";
  const std::string text = event::facts_text(start_facts(start));
  for (const char* path : {"/var/log/events", "/host/proc", "/run/elsewhere"}) {
    CAPTURE(path);
    CHECK(text.find(path) == std::string::npos);
  }
}

TEST_CASE("facts that no agent writes are an error that names them") {
  struct Case {
    std::string name;
    const char* key;
    const char* value;  ///< null: left out
  };
  const std::array cases = {
      Case{"no time", "wall_offset_ns", nullptr},
      Case{"empty time", "wall_offset_ns", ""},
      Case{"time with a rest", "wall_offset_ns", "12x"},
      Case{"time out of range", "wall_offset_ns", "99999999999999999999"},
      Case{"no kernel_reads", "kernel_reads", nullptr},
      Case{"a namespace that is too large", "host_namespace.3", "4294967296"},
      Case{"no namespace", "host_namespace.9", nullptr},
      Case{"an unknown option", "option.colour", "blue"},
      Case{"a bad value", "option.process-cache-size", "many"},
      Case{"a value out of range", "option.process-cache-size", "0"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    event::Facts facts = start_facts({});
    std::erase_if(facts, [&](const auto& fact) { return fact.first == c.key; });
    if (c.value != nullptr) facts.emplace_back(c.key, c.value);
    const auto parsed = parse_start_facts(facts);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().code == ErrorCode::kCorrupt);
    CHECK(parsed.error().message.find(c.key) != std::string::npos);
  }
}

TEST_CASE("the engine is made of the options that decide what events are") {
  const Start start = unusual_start();
  const engine::EngineOptions engine = engine_options(start);
  CHECK(engine.tree.capacity == 2048);
  CHECK(engine.tree.grace_ns == 90'000'000'000);
  CHECK(engine.ancestors);
  CHECK(engine.heartbeat_ns == 0);
  CHECK(std::ranges::equal(engine.host_namespaces.inum, start.host.namespaces.inum));
  CHECK(event::fact(engine.start_notice, "kernel") == "6.12.0 odd");
  CHECK_FALSE(event::fact(engine.start_notice, "not_readable").empty());
  CHECK(engine.gap_notice == event::Facts{{"cause", "agent_killed"},
                                          {"pid", "7"},
                                          {"last_alive", "2023-11-14T22:13:20Z"},
                                          {"milliseconds", "12000"}});
  CHECK(engine_options({}).gap_notice.empty());
  CHECK(event::fact(engine_options({}).start_notice, "not_readable").empty());
  CHECK(event::fact(engine_options({}).start_notice, "options").empty());
}

}  // namespace redan::agent
