// SPDX-License-Identifier: Apache-2.0
#include "hooks/kernel_objects.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

#include <bpf/btf.h>

#include "hooks/observed.h"

namespace redan::test {
namespace {

using policy::Observed;

constexpr std::array kTypes = {REDAN_ARG_FD,   REDAN_ARG_FILE,   REDAN_ARG_PATH,   REDAN_ARG_DENTRY,
                               REDAN_ARG_SOCK, REDAN_ARG_SOCKET, REDAN_ARG_CAP_SET};

/// What an LSM hook is called with, of which the deed makes exactly one call.
uint64_t told_by(Stage& stage, const char* hook, uint8_t index, const std::function<void()>& deed) {
  Plan plan(event::HookSection::kLsmHooks, hook);
  plan.arg(0, REDAN_ARG_NUMBER, index, 0, 8).selector().only_me();
  const auto sent = stage.watch(plan, deed);
  REQUIRE(sent.size() == 1);
  return sent[0].args[0].number();
}

/// Offset of a member in the running kernel, in bytes.
uint64_t offset_of(const char* type, std::string_view member) {
  const std::unique_ptr<btf, void (*)(btf*)> kernel(::btf__load_vmlinux_btf(), ::btf__free);
  REQUIRE(kernel != nullptr);
  const int id = ::btf__find_by_name_kind(kernel.get(), type, BTF_KIND_STRUCT);
  REQUIRE(id > 0);
  const btf_type* found = ::btf__type_by_id(kernel.get(), static_cast<__u32>(id));
  for (__u32 i = 0; i < btf_vlen(found); ++i)
    if (::btf__name_by_offset(kernel.get(), btf_members(found)[i].name_off) == member)
      return btf_member_bit_offset(found, i) / 8;
  FAIL("no member " << type << "." << std::string(member));
  return 0;
}

uint64_t symbol(std::string_view wanted) {
  std::ifstream symbols("/proc/kallsyms");
  std::string address, kind, name, rest;
  while (symbols >> address >> kind >> name && std::getline(symbols, rest))
    if (name == wanted) return std::stoull(address, nullptr, 16);
  return 0;
}

Observed unreadable(uint64_t word) {
  Observed value;
  value.is_readable = false;
  value.number = word;
  return value;
}

}  // namespace

bool KernelObjects::has(redan_arg_type type) { return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end(); }

KernelObjects::KernelObjects(Stage& stage) {
  for (const redan_arg_type type : kTypes) {
    constexpr uint64_t kNoFd = 100000;
    if (type != REDAN_ARG_CAP_SET) known_[type].push_back(unreadable(type == REDAN_ARG_FD ? kNoFd : kUnreadable));
  }
  for (const char* name : {"a", "ab", "abc", "ab.d/cc/c", "b.so", "dir/"}) add_file(stage, name, false);
  add_file(stage, "gone", true);
  add_socket(stage, AF_INET, SOCK_STREAM, 2222);
  add_socket(stage, AF_INET, SOCK_DGRAM, 4444);
  add_socket(stage, AF_INET6, SOCK_STREAM, 1023);
  add_socket(stage, AF_INET6, SOCK_DGRAM, 1024);
  add_socket(stage, AF_UNIX, SOCK_STREAM, 0);
  add_capability_sets();
}

void KernelObjects::add_file(Stage& stage, const std::string& name, bool is_deleted) {
  std::string path = folder_.path() + "/" + name;
  const bool is_folder = name.ends_with('/');
  if (is_folder) {
    path.pop_back();
    std::filesystem::create_directories(path);
  } else {
    folder_.file(name);
  }
  Fd fd;
  const uint64_t file = told_by(stage, "file_open", 0, [&] { fd = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); });
  REQUIRE(fd);
  Observed seen = observed_file(path, static_cast<uint64_t>(fd.get()));
  if (is_deleted) seen.text += " (deleted)";
  // A dentry does not say where its file system is mounted.
  Observed within = seen;
  within.text.erase(0, folder_.path().size());
  if (!is_folder) {
    const std::string other = path + ".link";
    within.number = told_by(stage, "inode_link", 0, [&] { REQUIRE(::link(path.c_str(), other.c_str()) == 0); });
    known_[REDAN_ARG_DENTRY].push_back(within);
  }
  if (is_deleted) std::filesystem::remove(path);
  known_[REDAN_ARG_FD].push_back(seen);
  seen.number = file;
  known_[REDAN_ARG_FILE].push_back(seen);
  seen.number = file + offset_of("file", "f_path");
  known_[REDAN_ARG_PATH].push_back(seen);
  open_.push_back(std::move(fd));
}

void KernelObjects::add_socket(Stage& stage, int family, int type, uint16_t port) {
  Fd socket(::socket(family, type | SOCK_CLOEXEC, 0));
  REQUIRE(socket);
  Observed seen;
  seen.socket.family = static_cast<uint32_t>(family);
  seen.socket.state = 7;  // TCP_CLOSE, which sockets begin with
  if (family != AF_UNIX) {
    seen.socket.protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
    const LoopbackAddress address = loopback(family, port);
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address.bytes), address.size) == 0);
    fill(seen.socket, address, true);
    if (type == SOCK_STREAM) {
      REQUIRE(::listen(socket.get(), 1) == 0);
      seen.socket.state = 10;  // TCP_LISTEN
    } else {
      const LoopbackAddress peer = loopback(family, static_cast<uint16_t>(port + 1));
      REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer.bytes), peer.size) == 0);
      fill(seen.socket, peer, false);
      seen.socket.state = 1;  // TCP_ESTABLISHED
    }
  }
  const auto ask = [&] {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  };
  seen.number = told_by(stage, "socket_getsockname", 0, ask);
  known_[REDAN_ARG_SOCKET].push_back(seen);
  // Its struct sock is what the record calls a cookie.
  Plan plan(event::HookSection::kLsmHooks, "socket_getsockname");
  plan.arg(0, REDAN_ARG_SOCKET, 0).selector().only_me();
  const auto sent = stage.watch(plan, ask);
  REQUIRE(sent.size() == 1);
  seen.number = sent[0].args[0].as<redan_arg_socket>().cookie;
  known_[REDAN_ARG_SOCK].push_back(seen);
  open_.push_back(std::move(socket));
}

// Those of the credentials that the kernel began with (kernel/cred.c): all capabilities, and none.
void KernelObjects::add_capability_sets() {
  const uint64_t cred = symbol("init_cred");
  REQUIRE(cred != 0);
  int last = 0;
  std::ifstream("/proc/sys/kernel/cap_last_cap") >> last;
  const uint64_t all = (uint64_t{2} << last) - 1;
  capability_sets_[all] = cred + offset_of("cred", "cap_effective");
  capability_sets_[0] = cred + offset_of("cred", "cap_inheritable");
  for (const uint64_t value : {all, uint64_t{0}}) {
    Observed set;
    set.number = value;
    known_[REDAN_ARG_CAP_SET].push_back(set);
  }
  known_[REDAN_ARG_CAP_SET].push_back(unreadable(0));
}

uint64_t KernelObjects::capability_set(const Observed& value) const {
  return value.is_readable ? capability_sets_.at(value.number) : kUnreadable;
}

}  // namespace redan::test
