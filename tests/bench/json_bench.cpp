// SPDX-License-Identifier: Apache-2.0
// What lines cost: encodes COUNT pairs of an exec and an exit, each of a process of its own with the same parent. Count
// instructions with
//
//   valgrind --tool=callgrind --toggle-collect='encode_all*' build/release/bin/json_bench CASE COUNT
//
// and divide "Collected" by COUNT. Without arguments: the cases, with the size of their lines.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/json.h"

namespace {

namespace event = redan::event;
using redan::exporting::JsonEncoder;
using redan::exporting::JsonOptions;

constexpr uint64_t kBoot = 81'230'045'512'345;
constexpr int64_t kWallOffset = 1'787'217'612'345'000'123;

redan_namespaces host_namespaces() {
  redan_namespaces ns{};
  for (uint32_t i = 0; i < REDAN_NS_COUNT; ++i) ns.inum[i] = 4026531834 + i;
  return ns;
}

event::ProcessRef process(uint32_t pid, uint64_t start, event::ImageKey parent, std::string binary, std::string args) {
  auto image = std::make_shared<event::Image>();
  image->binary = std::move(binary);
  image->args = std::move(args);
  image->cwd = "/srv/app";
  image->cgroup_name = "session-1.scope";
  image->cred.auid = 1000;
  image->cred.permitted = image->cred.effective = (uint64_t{1} << 41) - 1;
  image->ns = host_namespaces();
  auto made = std::make_shared<event::Process>();
  made->key = {pid, start};
  made->parent = parent;
  made->has_parent = true;
  made->flags = event::kFlagExecve | event::kFlagRootCwd | event::kFlagClone;
  made->start_time = start;
  made->image = image;
  return made;
}

struct Case {
  std::string_view name;
  JsonOptions options;
  bool repeat;  // parent and exit repeat what was written before, as in reality
};

const Case kCases[] = {
    {"bare", {.node_name = "edge-07.example.org"}, true},
    {"bare-cold", {.node_name = "edge-07.example.org"}, false},
    {"cred-ns",
     {.node_name = "edge-07.example.org",
      .process = {.credentials = true, .namespaces = true, .host_namespaces = host_namespaces()}},
     true},
    {"cred-ns-cold",
     {.node_name = "edge-07.example.org",
      .process = {.credentials = true, .namespaces = true, .host_namespaces = host_namespaces()}},
     false},
};

/// `count` pairs of exec and exit. Without `repeat` no process occurs twice.
std::vector<event::Event> events(long count, bool repeat) {
  std::vector<event::Event> made;
  const auto new_parent = [] {
    return process(998, kBoot - 90'000'000, {1, 1'490'000'000}, "/bin/bash", std::string("-c\0make -j2 all\0", 16));
  };
  const auto new_child = [](uint64_t start, event::ImageKey parent) {
    return process(4120, start, parent, "/usr/bin/x86_64-linux-gnu-gcc-12",
                   std::string("-O2\0-o\0main.o\0-c\0main.c\0", 24));
  };
  event::ProcessRef parent = new_parent();
  for (long i = 0; i < count; ++i) {
    const uint64_t start = kBoot + static_cast<uint64_t>(i) * 3'000'000;
    event::ProcessRef child = new_child(start, parent->key);
    made.emplace_back(event::ProcessExec{.time = {start + 12'345, kWallOffset}, .process = child, .parent = parent});
    if (!repeat) {
      child = new_child(start, parent->key);
      parent = new_parent();
    }
    made.emplace_back(event::ProcessExit{
        .time = {start + 2'012'345, kWallOffset}, .process = child, .parent = parent, .code = 1 << 8});
    if (!repeat) parent = new_parent();
  }
  return made;
}

[[gnu::noinline]] size_t encode_all(JsonEncoder& encoder, const std::vector<event::Event>& all, std::string& text) {
  size_t bytes = 0;
  for (const event::Event& one : all) {
    text.clear();
    encoder.append(one, text);
    bytes += text.size();
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Case& c : kCases) {
    JsonEncoder encoder(c.options);
    std::string text;
    if (argc < 3) {
      std::printf("%-14s %zu bytes per pair\n", std::string(c.name).c_str(),
                  encode_all(encoder, events(1, c.repeat), text));
    } else if (argv[1] == c.name) {
      const std::vector<event::Event> all = events(std::atol(argv[2]), c.repeat);
      encode_all(encoder, all, text);
    }
  }
}
