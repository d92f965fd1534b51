// SPDX-License-Identifier: Apache-2.0
// Each type of argument, as the kernel's own objects have it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>

#include <bpf/bpf.h>
#include <fmt/format.h>

#include "hooks/stage.h"
#include "kernel/symbols.h"

using namespace redan;
using namespace redan::test;
using event::HookSection;

namespace {

constexpr uint8_t kNegate = REDAN_FILTER_NEGATE;

Plan lsm(const char* hook, redan_arg_type type, uint8_t index = 0) {
  Plan plan(HookSection::kLsmHooks, hook);
  plan.arg(0, type, index).selector().only_me();
  return plan;
}

/// A listening socket on loopback.
struct Listener {
  explicit Listener(int domain) : fd(::socket(domain, SOCK_STREAM, 0)), family(domain) {
    if (domain == AF_INET) {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      start(&in, sizeof(in));
      port = ntohs(in.sin_port);
    } else {
      sockaddr_in6 in{};
      in.sin6_family = AF_INET6;
      in.sin6_addr = in6addr_loopback;
      start(&in, sizeof(in));
      port = ntohs(in.sin6_port);
    }
  }

  template <typename Address>
  void start(Address* address, socklen_t size) {
    auto* generic = reinterpret_cast<sockaddr*>(address);
    REQUIRE(::bind(fd.get(), generic, size) == 0);
    REQUIRE(::listen(fd.get(), 5) == 0);
    REQUIRE(::getsockname(fd.get(), generic, &size) == 0);
  }

  /// A connection to it.
  Fd connect() const {
    Fd client(::socket(family, SOCK_STREAM, 0));
    if (family == AF_INET) {
      sockaddr_in in{};
      in.sin_family = AF_INET;
      in.sin_port = htons(port);
      in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      CHECK(::connect(client.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) == 0);
    } else {
      sockaddr_in6 in{};
      in.sin6_family = AF_INET6;
      in.sin6_port = htons(port);
      in.sin6_addr = in6addr_loopback;
      CHECK(::connect(client.get(), reinterpret_cast<sockaddr*>(&in), sizeof(in)) == 0);
    }
    return client;
  }

  Fd fd;
  int family = 0;
  uint16_t port = 0;
};

event::SetAddress v4(std::array<uint8_t, 4> bytes, uint8_t bits) {
  event::SetAddress value{.prefix_bits = bits};
  std::copy(bytes.begin(), bytes.end(), value.address.begin());
  return value;
}

event::SetAddress v6_loopback() {
  event::SetAddress value{.v6 = true, .prefix_bits = 128};
  value.address[15] = 1;
  return value;
}

}  // namespace

TEST_CASE("sockets: numbers, addresses, state") {
  Stage stage;
  for (const int family : {AF_INET, AF_INET6}) {
    CAPTURE(family);
    const Listener listener(family);
    Plan plan(HookSection::kFentries, "tcp_close");
    plan.arg(0, REDAN_ARG_SOCK, 0).selector().only_me();
    plan.number(0, REDAN_OP_NUMBERS, {listener.port}, 0, REDAN_FIELD_DPORT);
    plan.number(0, REDAN_OP_EQUAL, {static_cast<uint64_t>(family)}, 0, REDAN_FIELD_FAMILY);
    plan.number(0, REDAN_OP_EQUAL, {IPPROTO_TCP}, 0, REDAN_FIELD_PROTOCOL);
    plan.number(0, REDAN_OP_EQUAL, {1}, 0, REDAN_FIELD_STATE);  // TCP_ESTABLISHED
    plan.address(0, REDAN_FIELD_SADDR, {v4({127, 1, 1, 1}, 8), v6_loopback()}, 0);
    const auto sent = stage.watch(plan, [&] { listener.connect(); });
    REQUIRE(sent.size() == 1);
    const auto socket = sent[0].args[0].as<redan_arg_socket>();
    CHECK(socket.family == family);
    CHECK(socket.type == SOCK_STREAM);
    CHECK(socket.dport == listener.port);
    CHECK(socket.sport != 0);
    CHECK(socket.cookie != 0);
    if (family == AF_INET) {
      CHECK(std::memcmp(socket.daddr, "\x7f\0\0\x01", 4) == 0);
    } else {
      CHECK(std::memcmp(socket.daddr, in6addr_loopback.s6_addr, 16) == 0);
    }
  }
}

TEST_CASE("addresses: sets by family, negated, and what has none") {
  struct Case {
    std::vector<event::SetAddress> set;
    bool negate;
    int family;
    bool matches;
  };
  const std::vector<Case> cases = {
      {{v4({127, 0, 0, 1}, 32)}, false, AF_INET, true}, {{v4({127, 0, 0, 1}, 32)}, true, AF_INET, false},
      {{v4({10, 0, 0, 0}, 8)}, false, AF_INET, false},  {{v4({10, 0, 0, 0}, 8)}, true, AF_INET, true},
      {{v4({0, 0, 0, 0}, 0)}, false, AF_INET, true},    {{v6_loopback()}, false, AF_INET, false},
      {{v6_loopback()}, true, AF_INET, true},           {{v6_loopback()}, false, AF_INET6, true},
      {{v4({127, 0, 0, 1}, 32)}, true, AF_INET6, true}, {{v4({127, 0, 0, 1}, 32)}, false, AF_INET6, false},
  };
  Stage stage;
  for (const Case& test : cases) {
    CAPTURE(test.negate);
    CAPTURE(test.family);
    const Listener listener(test.family);
    Plan plan = lsm("socket_connect", REDAN_ARG_SOCKADDR, 1);
    plan.address(0, REDAN_FIELD_SADDR, test.set, test.negate ? kNegate : 0);
    const auto sent = stage.watch(plan, [&] { listener.connect(); });
    CHECK(sent.size() == (test.matches ? 1 : 0));
    if (!sent.empty()) CHECK(sent[0].args[0].as<redan_arg_socket>().sport == listener.port);
  }
  for (const uint8_t options : {uint8_t{0}, kNegate}) {  // AF_UNIX
    Plan plan = lsm("socket_connect", REDAN_ARG_SOCKADDR, 1);
    plan.address(0, REDAN_FIELD_SADDR, {v4({127, 0, 0, 1}, 32)}, options);
    CHECK(stage
              .watch(plan,
                     [] {
                       sockaddr_un un{};
                       un.sun_family = AF_UNIX;
                       std::strcpy(un.sun_path, "/no/such");
                       const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
                       ::connect(fd.get(), reinterpret_cast<sockaddr*>(&un), sizeof(un));
                     })
              .empty());
  }
}

TEST_CASE("names of Unix sockets") {
  Stage stage;
  const auto connect = [](const std::string& name) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    name.copy(un.sun_path, sizeof(un.sun_path));
    const Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + 1);
    ::connect(fd.get(), reinterpret_cast<sockaddr*>(&un), size);
  };
  Plan plan = lsm("socket_connect", REDAN_ARG_SOCKADDR_UN, 1);
  plan.number(0, REDAN_OP_EQUAL, {AF_UNIX}, 0, REDAN_FIELD_FAMILY);
  const auto sent = stage.watch(plan, [&] {
    connect("/run/some.sock");
    connect(std::string("\0abstract", 9));
  });
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].args[0].bytes == "/run/some.sock");
  CHECK(sent[0].args[0].head.aux == AF_UNIX);
  CHECK(sent[1].args[0].bytes.size() == 108);
  CHECK(sent[1].args[0].bytes.substr(0, 9) == std::string("\0abstract", 9));
  Plan exact = lsm("socket_connect", REDAN_ARG_SOCKADDR_UN, 1);
  exact.text(0, REDAN_OP_TEXT, {"/run/some.sock"});
  CHECK(stage.watch(exact, [&] { connect("/run/some.sock"), connect("/run/some.sock2"); }).size() == 1);
}

TEST_CASE("a tracked socket's events are its owner's") {
  Stage stage;
  const Listener listener(AF_INET);
  Plan track(HookSection::kFentries, "tcp_connect");
  track.arg(0, REDAN_ARG_SOCK, 0).selector(REDAN_ACTION_TRACK_SOCK).only_me();
  track.last_selector().track_slot = 1;
  Plan close(HookSection::kFentries, "tcp_close");
  close.arg(0, REDAN_ARG_SOCK, 0)
      .selector(REDAN_ACTION_UNTRACK_SOCK)
      .process(REDAN_FIELD_PID, REDAN_OP_PIDS, {static_cast<uint64_t>(::getpid())});
  close.last_selector().untrack_slot = 1;
  close.number(0, REDAN_OP_EQUAL, {listener.port}, 0, REDAN_FIELD_DPORT);
  const auto tracking = stage.load(track);
  const auto closing = stage.load(close);
  must(tracking->attach());
  must(closing->attach());
  listener.connect();
  const auto sent = stage.records();
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].head.action == REDAN_ACTION_TRACK_SOCK);
  CHECK(sent[1].head.owner.tgid == static_cast<uint32_t>(::getpid()));
  CHECK(sent[1].head.owner.time == sent[0].head.hdr.image_time);
  CHECK(sent[1].head.owner_tid == static_cast<uint32_t>(::gettid()));
}

TEST_CASE("a socket is tracked when what was returned matches") {
  Stage stage;
  const Listener listener(AF_INET);
  for (const bool matches : {false, true}) {
    CAPTURE(matches);
    Plan track(HookSection::kKprobes, "tcp_connect");
    track.arg(0, REDAN_ARG_SOCK, 0)
        .arg(REDAN_HOOK_SLOT_RETURN, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4)
        .source(REDAN_HOOK_SLOT_RETURN, REDAN_SOURCE_RETURN)
        .options(REDAN_HOOK_RETURNS);
    // Of the two selectors the first whose filters on the returned value match acts.
    track.selector().only_me().returned(REDAN_OP_EQUAL, {4711}).last_selector().return_untrack_slot = 1;
    track.selector().only_me().returned(REDAN_OP_EQUAL, {matches ? 0u : 4712u}).last_selector().return_track_slot = 1;
    track.last_selector().return_action = REDAN_ACTION_TRACK_SOCK;
    Plan close(HookSection::kFentries, "tcp_close");
    close.arg(0, REDAN_ARG_SOCK, 0).selector().only_me();
    close.number(0, REDAN_OP_EQUAL, {listener.port}, 0, REDAN_FIELD_DPORT);
    const auto tracking = stage.load(track);
    const auto closing = stage.load(close);
    must(tracking->attach());
    must(closing->attach());
    stage.records();
    listener.connect();
    const auto sent = stage.records();
    REQUIRE(sent.size() == (matches ? 2 : 1));
    CHECK(sent.back().head.owner.tgid == (matches ? static_cast<uint32_t>(::getpid()) : 0u));
    if (matches) CHECK(sent[0].head.return_action == REDAN_ACTION_TRACK_SOCK);
  }
}

TEST_CASE("packets") {
  Stage stage;
  const Fd receiver(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(in);
  REQUIRE(::bind(receiver.get(), reinterpret_cast<sockaddr*>(&in), size) == 0);
  REQUIRE(::getsockname(receiver.get(), reinterpret_cast<sockaddr*>(&in), &size) == 0);
  Plan plan(HookSection::kFentries, "ip_send_skb");
  plan.arg(0, REDAN_ARG_SKB, 1)
      .selector()
      .only_me()
      .number(0, REDAN_OP_NUMBERS, {ntohs(in.sin_port)}, 0, REDAN_FIELD_DPORT);
  plan.address(0, REDAN_FIELD_SADDR, {v4({127, 0, 0, 0}, 8)}, 0);
  const auto sent = stage.watch(plan, [&] {
    const Fd sender(::socket(AF_INET, SOCK_DGRAM, 0));
    CHECK(::sendto(sender.get(), "hello", 5, 0, reinterpret_cast<sockaddr*>(&in), sizeof(in)) == 5);
  });
  REQUIRE(sent.size() == 1);
  const auto packet = sent[0].args[0].as<redan_arg_socket>();
  CHECK(packet.family == AF_INET);
  CHECK(packet.protocol == IPPROTO_UDP);
  CHECK(packet.len == 20 + 8 + 5);
  CHECK(packet.dport == ntohs(in.sin_port));
}

TEST_CASE("files by path, dentry, number, name, binprm and kiocb") {
  Stage stage;
  ScratchFolder folder;
  const std::string file = folder.file("a/b");

  Plan path = lsm("path_chmod", REDAN_ARG_PATH);
  auto sent = stage.watch(path.text(0, REDAN_OP_TEXT, {file}), [&] { CHECK(::chmod(file.c_str(), 0600) == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == file);
  CHECK((sent[0].args[0].head.aux & S_IFMT) == S_IFREG);

  Plan dentry = lsm("inode_mkdir", REDAN_ARG_DENTRY, 1);
  sent = stage.watch(dentry.text(0, REDAN_OP_TEXT, {"/a/new"}),
                     [&] { CHECK(::mkdir((folder.path() + "/a/new").c_str(), 0700) == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == "/a/new");

  const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  Plan by_fd(HookSection::kKprobes, "__x64_sys_fchdir");
  by_fd.arg(0, REDAN_ARG_FD, 0).source(0, REDAN_SOURCE_SYSCALL).selector().only_me();
  sent = stage.watch(by_fd, [&] {
    CHECK(::fchdir(fd.get()) != 0);
    CHECK(::fchdir(12345) != 0);
  });
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].args[0].path() == file);
  CHECK(sent[1].args[0].head.flags == REDAN_ARG_UNREADABLE);

  Plan name(HookSection::kFentries, "do_filp_open");
  name.arg(0, REDAN_ARG_FILENAME, 1).selector().only_me();
  sent = stage.watch(name, [&] { open_file(file); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].bytes == file);

  Plan exec(HookSection::kLsmHooks, "bprm_check_security");
  exec.arg(0, REDAN_ARG_BINPRM, 0).selector().text(0, REDAN_OP_POSTFIX, {"/true"});
  sent = stage.watch(exec, [&] { CHECK(std::system("/bin/true") == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == "/usr/bin/true");

  Plan kiocb(HookSection::kFentries, "generic_file_write_iter");
  kiocb.arg(0, REDAN_ARG_KIOCB, 0).arg(1, REDAN_ARG_IOV_ITER, 1).selector().only_me().text(0, REDAN_OP_TEXT, {file});
  sent = stage.watch(kiocb, [&] {
    CHECK(::write(fd.get(), "some bytes", 10) == 10);
    iovec two[] = {{const_cast<char*>("first"), 5}, {const_cast<char*>("second"), 6}};
    CHECK(::writev(fd.get(), two, 2) == 11);
  });
  if (stage.counted.matched[0] != 0) {  // 6.12's tmpfs has a function of its own
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].args[0].path() == file);
    CHECK(sent[0].args[1].bytes == "some bytes");
    CHECK(sent[1].args[1].bytes == "first");
  }
}

TEST_CASE("bytes of user memory, whole and cut, and vectors") {
  Stage stage;
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  Plan plan(HookSection::kKprobes, "__x64_sys_write");
  plan.arg(0, REDAN_ARG_BYTES, 1, REDAN_ARG_USER).source(0, REDAN_SOURCE_SYSCALL).size_slot(0, 1);
  plan.arg(1, REDAN_ARG_NUMBER, 2, REDAN_ARG_HIDDEN).source(1, REDAN_SOURCE_SYSCALL);
  plan.selector().only_me().text(0, REDAN_OP_PREFIX, {std::string("some\0", 5)});
  std::string large = std::string("some\0", 5) + std::string(9000, 'b');
  auto sent = stage.watch(plan, [&] {
    CHECK(::write(null.get(), "some\0bytes", 10) == 10);
    CHECK(::write(null.get(), large.data(), large.size()) == static_cast<ssize_t>(large.size()));
    CHECK(::write(null.get(), "some", 4) == 4);
  });
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].args.size() == 1);
  CHECK(sent[0].args[0].bytes == std::string("some\0bytes", 10));
  CHECK(sent[1].args[0].head.flags == REDAN_ARG_CUT);
  CHECK(sent[1].args[0].head.aux == large.size());
  CHECK(sent[1].args[0].bytes == large.substr(0, 4095));

  Plan vector(HookSection::kKprobes, "__x64_sys_writev");
  vector.arg(0, REDAN_ARG_IOVEC, 1, REDAN_ARG_USER).source(0, REDAN_SOURCE_SYSCALL).size_slot(0, 1);
  vector.arg(1, REDAN_ARG_NUMBER, 2).source(1, REDAN_SOURCE_SYSCALL);
  vector.selector().only_me();
  std::string piece(700, 'p');
  sent = stage.watch(vector, [&] {
    std::vector<iovec> pieces(3, iovec{piece.data(), piece.size()});
    CHECK(::writev(null.get(), pieces.data(), 3) == 2100);
    pieces.assign(9, iovec{piece.data(), 1});
    CHECK(::writev(null.get(), pieces.data(), 9) == 9);
  });
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].args[0].bytes == piece + piece + piece);
  CHECK(sent[1].args[0].bytes == "ppppppp");
}

TEST_CASE("credentials, capability sets, capabilities and user namespaces") {
  Stage stage;
  Plan cred(HookSection::kFentries, "commit_creds");
  cred.arg(0, REDAN_ARG_CRED, 0)
      .selector()
      .process(REDAN_FIELD_PID, REDAN_OP_PIDS, {static_cast<uint64_t>(::getpid())});
  auto sent = stage.watch(cred, [] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::syscall(SYS_setresuid, 1001, 1002, 1003) == 0 ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  });
  REQUIRE(sent.size() >= 1);
  const auto arg = sent.back().args[0].as<redan_arg_cred>();
  CHECK(arg.cred.uid == 1001);
  CHECK(arg.cred.euid == 1002);
  CHECK(arg.cred.suid == 1003);
  CHECK(arg.user_ns.level == 0);
  CHECK(arg.user_ns.inum == 0xEFFFFFFD);

  Plan capability(HookSection::kLsmHooks, "capable");
  capability.arg(0, REDAN_ARG_CAPABILITY, 2).arg(1, REDAN_ARG_USER_NS, 1).selector().only_me();
  capability.number(0, REDAN_OP_EQUAL, {18});  // CAP_SYS_CHROOT
  sent = stage.watch(capability, [] { CHECK(::chroot("/") == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].number() == 18);
  CHECK(sent[0].args[1].as<redan_arg_user_ns>().inum == 0xEFFFFFFD);

  // capset(new, old, effective, inheritable, permitted)
  for (const bool gained : {true, false}) {
    Plan sets(HookSection::kLsmHooks, "capset");
    sets.arg(0, REDAN_ARG_CAP_SET, 2)
        .arg(1, REDAN_ARG_CAP_SET, 4)
        .selector()
        .process(REDAN_FIELD_PID, REDAN_OP_PIDS, {static_cast<uint64_t>(::getpid())});
    sets.gained(0, 1, gained ? 0 : kNegate);
    sent = stage.watch(sets, [] {
      const pid_t child = ::fork();
      if (child == 0) {
        const uint32_t header[2] = {0x20080522, 0};
        const uint32_t data[6] = {0x3, 0x7, 0, 0, 0, 0};  // effective, permitted, inheritable; then their upper halves
        ::_exit(::syscall(SYS_capset, header, data) == 0 ? 0 : 1);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      CHECK(status == 0);
    });
    CHECK(sent.size() == (gained ? 1 : 0));
    if (sent.empty()) continue;
    CHECK(sent[0].args[0].number() == 3);
    CHECK(sent[0].args[1].number() == 7);
  }
}

TEST_CASE("programs and maps of BPF") {
  Stage stage;
  Plan map = lsm("bpf_map", REDAN_ARG_BPF_MAP);
  int made = -1;
  auto sent = stage.watch(map, [&] { made = ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "mine", 4, 24, 3, nullptr); });
  ::close(made);
  REQUIRE(sent.size() >= 1);
  auto bpf = sent[0].args[0].as<redan_arg_bpf>();
  CHECK(bpf.type == BPF_MAP_TYPE_ARRAY);
  CHECK(bpf.count == 3);
  CHECK(bpf.key_size == 4);
  CHECK(bpf.value_size == 24);
  CHECK(std::string(bpf.name) == "mine");

  const auto load = [] {
    bpf_insn insns[2] = {};
    insns[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    insns[1].code = BPF_JMP | BPF_EXIT;
    ::close(::bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "tiny", "GPL", insns, 2, nullptr));
  };
  Plan attr = lsm("bpf", REDAN_ARG_BPF_ATTR, 1);
  attr.arg(1, REDAN_ARG_NUMBER, 0, 0, 4).number(1, REDAN_OP_EQUAL, {BPF_PROG_LOAD});
  sent = stage.watch(attr, load);
  REQUIRE(sent.size() >= 1);
  bpf = sent[0].args[0].as<redan_arg_bpf>();
  CHECK(bpf.type == BPF_PROG_TYPE_SOCKET_FILTER);
  CHECK(bpf.count == 2);
  CHECK(std::string(bpf.name) == "tiny");

  Plan program = lsm("bpf_prog", REDAN_ARG_BPF_PROG);
  sent = stage.watch(program, load);
  REQUIRE(sent.size() >= 1);
  bpf = sent[0].args[0].as<redan_arg_bpf>();
  CHECK(bpf.type == BPF_PROG_TYPE_SOCKET_FILTER);
  CHECK(std::string(bpf.name) == "tiny");
}

TEST_CASE("strings of the kernel: a mount's device and type") {
  Stage stage;
  ScratchFolder folder;
  Plan plan(HookSection::kLsmHooks, "sb_mount");
  plan.arg(0, REDAN_ARG_STRING, 0).arg(1, REDAN_ARG_PATH, 1).arg(2, REDAN_ARG_STRING, 2).arg(3, REDAN_ARG_NUMBER, 3);
  plan.selector().only_me().text(2, REDAN_OP_TEXT, {"tmpfs"}).text(0, REDAN_OP_PREFIX, {"my"});
  const auto sent = stage.watch(plan, [&] {
    CHECK(::mount("mydevice", folder.path().c_str(), "tmpfs", MS_NOSUID, nullptr) == 0);
    ::umount(folder.path().c_str());
  });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].bytes == "mydevice");
  CHECK(sent[0].args[1].path() == folder.path());
  CHECK(sent[0].args[2].bytes == "tmpfs");
  CHECK((sent[0].args[3].number() & MS_NOSUID) != 0);
}

TEST_CASE("classic tracepoints: fields, dynamic strings, arrays, the system call") {
  Stage stage;
  const auto symbols = must(kernel::KernelSymbols::load());
  const auto field = [&](const char* subsystem, const char* event, std::string_view name) {
    const auto fields = symbols.tracepoint(subsystem, event);
    REQUIRE(fields);
    for (const kernel::RecordField& each : *fields) {
      if (each.name == name) return each;
    }
    FAIL("no such field");
    return kernel::RecordField{};
  };
  const auto filename = field("sched", "sched_process_exec", "filename");
  const auto pid = field("sched", "sched_process_exec", "pid");
  Plan exec(HookSection::kTracepoints, "sched_process_exec", "sched");
  exec.arg(0, REDAN_ARG_DATA_LOC, 0, 0, 4).source(0, REDAN_SOURCE_FIELD, filename.offset);
  exec.arg(1, REDAN_ARG_NUMBER, 0, REDAN_ARG_SIGNED, 4).source(1, REDAN_SOURCE_FIELD, pid.offset);
  exec.selector().text(0, REDAN_OP_TEXT, {"/bin/true"});
  auto sent = stage.watch(exec, [] { CHECK(std::system("exec /bin/true") == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].bytes == "/bin/true");
  CHECK(sent[0].args[1].number() == sent[0].head.hdr.tgid);

  const auto id = field("raw_syscalls", "sys_enter", "id");
  const auto args = field("raw_syscalls", "sys_enter", "args");
  Plan enter(HookSection::kTracepoints, "sys_enter", "raw_syscalls");
  enter.arg(0, REDAN_ARG_SYSCALL, 0, 0, 8).source(0, REDAN_SOURCE_FIELD, id.offset);
  enter.arg(1, REDAN_ARG_ARRAY, 0, 0, static_cast<uint8_t>(args.size)).source(1, REDAN_SOURCE_FIELD, args.offset);
  enter.selector().only_me().number(0, REDAN_OP_EQUAL, {SYS_getsid});
  sent = stage.watch(enter, [] { ::syscall(SYS_getsid, 11, 22, 33, 44, 55, 66); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].number() == SYS_getsid);
  CHECK(sent[0].args[1].as<std::array<uint64_t, 6>>() == std::array<uint64_t, 6>{11, 22, 33, 44, 55, 66});
}

TEST_CASE("raw tracepoints") {
  Stage stage;
  Plan plan(HookSection::kRawTracepoints, "sched_process_exec");
  plan.arg(0, REDAN_ARG_BINPRM, 2).selector().text(0, REDAN_OP_POSTFIX, {"/true"});
  const auto sent = stage.watch(plan, [] { CHECK(std::system("exec /bin/true") == 0); });
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].args[0].path() == "/usr/bin/true");
}
