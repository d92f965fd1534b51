// SPDX-License-Identifier: Apache-2.0
#include "hooks/observed.h"

#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "property/generator.h"

namespace redan::test {
namespace {

/// Fields of /proc/PROCESS/status.
std::map<std::string, std::string> status_of(const std::string& process) {
  std::ifstream file("/proc/" + process + "/status");
  std::map<std::string, std::string> fields;
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (colon != std::string::npos) fields[line.substr(0, colon)] = line.substr(colon + 1);
  }
  return fields;
}

uint64_t hexadecimal(const std::string& text) { return std::stoull(text, nullptr, 16); }

}  // namespace

redan_namespaces namespaces_of(const std::string& process) {
  // In the order of enum redan_ns.
  constexpr std::array kFiles = {"uts",    "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children",
                                 "cgroup", "user"};
  redan_namespaces found{};
  for (size_t i = 0; i < kFiles.size(); ++i) {
    struct stat facts {};
    if (::stat(fmt::format("/proc/{}/ns/{}", process, kFiles[i]).c_str(), &facts) == 0)
      found.inum[i] = static_cast<__u32>(facts.st_ino);
  }
  return found;
}

policy::ObservedProcess this_process() {
  policy::ObservedProcess process;
  auto fields = status_of("self");
  process.effective = hexadecimal(fields["CapEff"]);
  process.permitted = hexadecimal(fields["CapPrm"]);
  process.inheritable = hexadecimal(fields["CapInh"]);
  process.binary = std::filesystem::read_symlink("/proc/self/exe").string();
  process.namespaces = namespaces_of("self");
  while (fields.contains("Tgid")) {
    const auto pid = static_cast<uint32_t>(std::stoul(fields["Tgid"]));
    std::istringstream numbers(fields["NSpid"]);
    uint32_t outermost = 0, own = 0;
    numbers >> outermost;
    while (numbers >> own) {
    }
    process.levels.push_back({pid, own});
    fields = status_of(std::to_string(std::stoul(fields["PPid"])));
  }
  process.levels.push_back({0, 0});  // the idle task
  return process;
}

policy::FakeKernelFacts facts_for_random_policies() {
  policy::FakeKernelFacts kernel;
  kernel.has_everything = true;
  kernel.namespaces = namespaces_of("1");
  return kernel;
}

std::string only_this_process() { return fmt::format("matchPIDs: [{{operator: In, values: [{}]}}]", ::getpid()); }

policy::Observed observed_number(const std::string& type, uint64_t number) {
  policy::Observed value;
  value.number = widened(*policy::find_arg_type(type), number);
  return value;
}

policy::Observed observed_file(const std::string& path, uint64_t number) {
  constexpr unsigned kTypeShift = 12;  // S_IFMT
  struct stat facts {};
  policy::Observed file;
  if (::stat(path.c_str(), &facts) == 0) file.file_type = facts.st_mode >> kTypeShift;
  file.text = path;
  file.number = number;
  return file;
}

LoopbackAddress loopback(int family, uint16_t port, uint8_t last_byte) {
  LoopbackAddress address;
  if (family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last_byte);
    std::memcpy(&address.bytes, &in, address.size = sizeof(in));
  } else {
    sockaddr_in6 in6{};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    in6.sin6_addr = in6addr_loopback;
    std::memcpy(&address.bytes, &in6, address.size = sizeof(in6));
  }
  return address;
}

void fill(policy::ObservedSocket& socket, const LoopbackAddress& from, bool is_source) {
  socket.family = from.bytes.ss_family;
  auto& address = is_source ? socket.saddr : socket.daddr;
  auto& port = is_source ? socket.sport : socket.dport;
  if (socket.family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &from.bytes, sizeof(in));
    port = ntohs(in.sin_port);
    std::memcpy(address.data(), &in.sin_addr, sizeof(in.sin_addr));
  } else {
    sockaddr_in6 in6{};
    std::memcpy(&in6, &from.bytes, sizeof(in6));
    port = ntohs(in6.sin6_port);
    std::memcpy(address.data(), &in6.sin6_addr, sizeof(in6.sin6_addr));
  }
}

}  // namespace redan::test
