// SPDX-License-Identifier: Apache-2.0
// Lines of hooks beside those that a running Tetragon wrote: the same keys in the same order, the same words. The data stands
// outside of the project; without it the test says so and checks nothing.

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "export/hook_words.h"
#include "unit/export/hook_builders.h"

namespace redan::exporting {
namespace {

using event::ArgType;
using Keys = std::vector<std::string>;

/// What a set of lines looks like: the keys of each object, by its place ("process_kprobe/args[]/sock_arg").
using Shape = std::map<std::string, std::set<Keys>>;

/// Adds the object or list at the start of `text`, which is compact JSON.
void add_shape(std::string_view text, const std::string& place, Shape& shape) {
  if (text.starts_with('[')) {
    text.remove_prefix(1);
    while (!text.empty() && text.front() != ']') {
      const size_t size = value_size(text);
      add_shape(text.substr(0, size), place + "[]", shape);
      text.remove_prefix(size + (text[size] == ',' ? 1 : 0));
    }
    return;
  }
  if (!text.starts_with('{')) return;
  Keys keys;
  text.remove_prefix(1);
  while (text.starts_with('"')) {
    const size_t colon = text.find("\":");
    keys.emplace_back(text.substr(1, colon - 1));
    text.remove_prefix(colon + 2);
    const size_t size = value_size(text);
    add_shape(text.substr(0, size), place + '/' + keys.back(), shape);
    text.remove_prefix(size);
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  std::erase(keys, "refcnt");  // upstream's debugging aid
  shape[place].insert(keys);
}

bool is_subsequence(const Keys& keys, const Keys& of) {
  auto at = of.begin();
  for (const std::string& key : keys) {
    at = std::find(at, of.end(), key);
    if (at == of.end()) return false;
    ++at;
  }
  return true;
}

/// An argument of each type, with all that it can have.
std::vector<Arg> all_args() {
  const event::FileArg file{.path = "/f", .mode = 0100644, .unresolved = true};
  redan_arg_socket socket = socket_of(2);
  socket.type = socket.protocol = socket.sport = socket.dport = 1;
  socket.cookie = socket.state = 1;
  socket.mark = socket.priority = socket.hash = socket.len = socket.sec_path_len = socket.sec_path_olen = 1;
  redan_arg_cred cred{};
  cred.cred.securebits = 1;
  cred.cred.permitted = cred.cred.effective = cred.cred.inheritable = 1;
  cred.user_ns.inum = 1;
  const redan_arg_bpf bpf{.type = 1, .count = 1, .key_size = 1, .value_size = 1, .name = "b"};
  const event::PerfEventArg perf{.config = 1, .probe_offset = 1, .type = 1, .function = "f"};
  const std::vector<std::pair<ArgType, event::ArgValue>> values = {
      {ArgType::kInt32, uint64_t{1}},
      {ArgType::kUint32, uint64_t{1}},
      {ArgType::kInt64, uint64_t{1}},
      {ArgType::kUint64, uint64_t{1}},
      {ArgType::kString, std::string("s")},
      {ArgType::kString, event::UnreadableArg{}},
      {ArgType::kCharBuf, event::BufferArg{"b", 1}},
      {ArgType::kCharBuf, event::BufferArg{"b", 2}},
      {ArgType::kFile, file},
      {ArgType::kPath, file},
      {ArgType::kBinprm, file},
      {ArgType::kSock, socket},
      {ArgType::kSkb, socket},
      {ArgType::kSockaddr, socket},
      {ArgType::kSockaddrUn, event::UnixAddressArg{1, "/s"}},
      {ArgType::kCred, cred},
      {ArgType::kUserNamespace, cred.user_ns},
      {ArgType::kCapability, uint64_t{1}},
      {ArgType::kKernelCap, uint64_t{1}},
      {ArgType::kCapInheritable, uint64_t{1}},
      {ArgType::kCapPermitted, uint64_t{1}},
      {ArgType::kCapEffective, uint64_t{1}},
      {ArgType::kBpfAttr, bpf},
      {ArgType::kBpfProg, bpf},
      {ArgType::kBpfMap, bpf},
      {ArgType::kBpfCmd, uint64_t{1}},
      {ArgType::kPerfEvent, perf},
      {ArgType::kModule, event::ModuleArg{.taints = 1, .name = "m"}},
      {ArgType::kLoadInfo, event::ModuleArg{.taints = 1, .name = "m"}},
      {ArgType::kSyscall64, uint64_t{1}},
  };
  std::vector<Arg> args;
  for (const auto& [type, value] : values) args.push_back({{.type = type, .label = "l"}, value});
  args.push_back({{.type = ArgType::kInt32, .is_return = true}, uint64_t{0}});
  args.push_back({{.type = ArgType::kInt32, .is_data = true}, uint64_t{0}});
  return args;
}

/// A process with all fields set.
event::ProcessRef full_process() {
  event::Image image;
  image.binary = image.cwd = "/x";
  image.args = "a";
  image.cgroup_name = "docker-" + std::string(64, 'a') + ".scope";
  image.cred.permitted = image.cred.effective = image.cred.inheritable = 1;
  image.cred.securebits = 1;
  for (uint32_t& inum : image.ns.inum) inum = 1;
  event::Process process = plain_process(image);
  process.has_parent = true;
  process.flags = event::kFlagExecve;
  return share(process);
}

/// The shape of our own lines with everything in them.
Shape own_shape() {
  JsonOptions options{.node_name = "n", .process = {.credentials = true, .namespaces = true}};
  for (uint32_t& inum : options.process.host_namespaces.inum) inum = 1;
  Shape shape;
  for (const auto section :
       {event::HookSection::kKprobes, event::HookSection::kTracepoints, event::HookSection::kLsmHooks}) {
    event::HookEvent hook = hook_of(
        {.section = section, .name = "f", .subsystem = "s", .policy = "p", .message = "m", .tags = {"t"}}, all_args());
    hook.process = hook.parent = full_process();
    hook.ancestors = {hook.parent};
    std::string line = line_of(hook, options);
    line.pop_back();
    add_shape(line, "", shape);
  }
  return shape;
}

/// The words of all enumerations of arguments.
std::set<std::string, std::less<>> own_words() {
  std::set<std::string, std::less<>> words;
  const auto add = [&](const auto& table) { words.insert(table.begin(), table.end()); };
  add(kActions);
  add(kFamilies);
  add(kSocketTypes);
  add(kTcpStates);
  add(kBpfProgramTypes);
  add(kBpfMapTypes);
  add(kBpfCommands);
  add(kPerfTypes);
  for (const NumberWord& protocol : kProtocols) words.emplace(protocol.word);
  return words;
}

/// The strings in a line that look like words of an enumeration.
std::vector<std::string> words_in(std::string_view line) {
  std::vector<std::string> words;
  for (const std::string_view prefix : {"\"AF_", "\"SOCK_", "\"IPPROTO_", "\"TCP_", "\"BPF_", "\"PERF_", "\"KPROBE_"}) {
    for (size_t at = line.find(prefix); at != std::string_view::npos; at = line.find(prefix, at + 1)) {
      words.emplace_back(line.substr(at + 1, line.find('"', at + 1) - at - 1));
    }
  }
  return words;
}

std::string golden_file() {
  const char* const folder = std::getenv("REDAN_GOLDEN");
  return std::string(folder != nullptr ? folder : "../../shared/compat/golden") + "/sample.jsonl";
}

}  // namespace

TEST_CASE("lines of hooks have the keys and words of Tetragon's, in its order") {
  std::ifstream file(golden_file());
  if (!file) {
    MESSAGE("skipped: no " << golden_file() << "; REDAN_GOLDEN names the folder with recorded lines");
    return;
  }
  const Shape own = own_shape();
  const auto words = own_words();
  size_t lines = 0;
  for (std::string line; std::getline(file, line);) {
    const bool is_hook = line.starts_with(R"({"process_kprobe")") || line.starts_with(R"({"process_tracepoint")") ||
                         line.starts_with(R"({"process_lsm")");
    if (!is_hook) continue;
    ++lines;
    Shape golden;
    add_shape(line, "", golden);
    for (const auto& [place, lists] : golden) {
      CAPTURE(place);
      CAPTURE(line);
      const auto ours = own.find(place);
      CHECK(ours != own.end());
      if (ours == own.end()) continue;
      for (const Keys& keys : lists) {
        const bool found = std::ranges::any_of(ours->second, [&](const Keys& of) { return is_subsequence(keys, of); });
        CHECK(found);
      }
    }
    for (const std::string& word : words_in(line)) {
      CAPTURE(word);
      CHECK(words.contains(word));
    }
  }
  CHECK(lines > 10);
}

}  // namespace redan::exporting
