// SPDX-License-Identifier: Apache-2.0
#include "policy/lint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "policy/lists.h"
#include "policy/macros.h"
#include "policy/syscalls.h"

namespace redan::policy {
namespace {

// What else does the same as some system calls, and the hook that all of it passes.
struct Way {
  std::string_view calls;    // names between spaces
  std::string_view also;     // "the same is done by …"
  std::string_view instead;  // LSM hook; the function is security_ and this
};
constexpr std::array kWays = {
    Way{" open openat openat2 creat open_by_handle_at ", "open, openat, openat2, creat, open_by_handle_at and io_uring",
        "file_open"},
    Way{" read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 sendfile splice ",
        "other calls that read and write, mmap and io_uring", "file_permission"},
    Way{" execve execveat ", "execve and execveat", "bprm_check_security"},
    Way{" connect ", "sendto with MSG_FASTOPEN and io_uring", "socket_connect"},
    Way{" accept accept4 ", "accept, accept4 and io_uring", "socket_accept"},
    Way{" bind ", "io_uring", "socket_bind"},
    Way{" listen ", "io_uring", "socket_listen"},
    Way{" socket ", "io_uring", "socket_create"},
    Way{" sendto sendmsg sendmmsg ", "other calls that send and io_uring", "socket_sendmsg"},
    Way{" recvfrom recvmsg recvmmsg ", "other calls that receive and io_uring", "socket_recvmsg"},
    Way{" unlink unlinkat ", "unlink, unlinkat and io_uring", "path_unlink"},
    Way{" rename renameat renameat2 ", "rename, renameat, renameat2 and io_uring", "path_rename"},
    Way{" mkdir mkdirat ", "mkdir, mkdirat and io_uring", "path_mkdir"},
    Way{" link linkat ", "link, linkat and io_uring", "path_link"},
    Way{" symlink symlinkat ", "symlink, symlinkat and io_uring", "path_symlink"},
    Way{" truncate ftruncate ", "truncate, ftruncate, open with O_TRUNC and io_uring", "path_truncate"},
    Way{" chmod fchmod fchmodat fchmodat2 ", "the other calls of this family", "path_chmod"},
    Way{" chown fchown lchown fchownat ", "the other calls of this family", "path_chown"},
    Way{" setxattr lsetxattr fsetxattr setxattrat ", "the other calls of this family and io_uring", "inode_setxattr"},
    Way{" mount ", "fsopen, fsmount and move_mount", "sb_mount (and move_mount)"},
    Way{" init_module finit_module ", "init_module and finit_module", "kernel_read_file (and kernel_load_data)"},
    Way{" ptrace ", "process_vm_readv, process_vm_writev and /proc/PID/mem", "ptrace_access_check"},
    Way{" setuid setreuid setresuid setfsuid ", "the other calls of this family", "task_fix_setuid"},
    Way{" setgid setregid setresgid setfsgid ", "the other calls of this family", "task_fix_setgid"},
    Way{" mmap mprotect ", "mmap, mprotect and pkey_mprotect", "mmap_file (and file_mprotect)"},
};

// The name in "__x64_sys_NAME" or "sys_NAME".
std::string_view syscall_name(std::string_view symbol) {
  const size_t at = symbol.find("sys_");
  return at == std::string_view::npos ? symbol : symbol.substr(at + 4);
}

std::vector<std::string> calls_of(const Document& document, const Hook& hook, Diagnostics& scratch) {
  if (const List* list = find_list(document, hook.call, scratch)) {
    std::vector<std::string> calls;
    for (const ListMember& member : list_members(*list, nullptr)) calls.push_back(member.symbol);
    return calls;
  }
  return {*hook.call};
}

class Linter {
 public:
  Linter(const Document& document, Diagnostics& diagnostics) : document_(document), diagnostics_(diagnostics) {}

  void run() {
    const Spec& spec = document_.spec;
    for (const std::vector<Hook>* hooks : {&spec.kprobes, &spec.fentries})
      for (const Hook& hook : *hooks) note_i386(hook);
    for (Section section : {Section::kKprobes, Section::kFentries, Section::kTracepoints, Section::kLsmHooks})
      for (const Hook& hook : spec.hooks(section)) lint_hook(hook);
  }

 private:
  static bool is_syscall(const Hook& hook) {
    const bool is_function = hook.section == Section::kKprobes || hook.section == Section::kFentries;
    if (is_function) return *hook.syscall;
    return hook.section == Section::kTracepoints && *hook.subsystem == "syscalls";
  }

  void note_i386(const Hook& hook) {
    Diagnostics scratch;
    for (const std::string& call : calls_of(document_, hook, scratch))
      if (call.starts_with(kI386Prefix)) i386_.emplace(syscall_name(call));
  }

  void lint_hook(const Hook& hook) {
    if (is_syscall(hook)) {
      lint_call(hook);
      lint_user_memory(hook);
    }
    lint_paths(hook);
  }

  void lint_call(const Hook& hook) {
    Diagnostics scratch;
    const bool is_tracepoint = hook.section == Section::kTracepoints;
    const std::vector<std::string> calls =
        is_tracepoint ? std::vector{*hook.event} : calls_of(document_, hook, scratch);
    const Place& place = is_tracepoint ? hook.event.place : hook.call.place;
    for (const std::string& call : calls) {
      const std::string name(is_tracepoint ? after_enter(*hook.event) : syscall_name(call));
      const auto way = std::ranges::find_if(
          kWays, [&](const Way& w) { return w.calls.find(" " + name + " ") != std::string_view::npos; });
      if (way != kWays.end())
        diagnostics_.lint(place, "the same is done by " + std::string(way->also) +
                                     ", which this hook does not see; the LSM hook " + std::string(way->instead) +
                                     " does");
      const bool is_missed = !call.starts_with(kI386Prefix) && !i386_.contains(name) && !is_tracepoint;
      if (is_missed)
        diagnostics_.lint(place, "32-bit programs call the kernel by another entry, which this hook does not see; hook "
                                 "__ia32_sys_" +
                                     name + " (or __ia32_compat_sys_" + name + "), too, or an LSM hook");
    }
  }

  static std::string_view after_enter(std::string_view event) {
    for (std::string_view prefix : {"sys_enter_", "sys_exit_"})
      if (event.starts_with(prefix)) return event.substr(prefix.size());
    return event;
  }

  // The argument that a filter looks at, or null.
  static const Arg* arg_of(const Hook& hook, const ArgFilter& filter) {
    if (!filter.args.empty()) return *filter.args[0] < hook.args.size() ? &hook.args[*filter.args[0]] : nullptr;
    const auto found = std::ranges::find_if(hook.args, [&](const Arg& arg) { return *arg.index == *filter.index; });
    if (found != hook.args.end()) return &*found;
    const bool is_slot = hook.section == Section::kTracepoints && *filter.index < hook.args.size();
    return is_slot ? &hook.args[*filter.index] : nullptr;
  }

  void lint_user_memory(const Hook& hook) {
    constexpr std::array kKinds = {REDAN_ARG_STRING, REDAN_ARG_BYTES, REDAN_ARG_IOVEC, REDAN_ARG_SOCKADDR,
                                   REDAN_ARG_SOCKADDR_UN};
    for (const Selector& selector : hook.selectors) {
      for (const ArgFilter& filter : selector.args) {
        const Arg* arg = arg_of(hook, filter);
        if (!arg || std::ranges::find(kKinds, arg->type.value->extraction) == kKinds.end()) continue;
        diagnostics_.lint(
            filter.place,
            "looks at the memory of the program, which it can change after it was read here, and which may "
            "not be there yet; an LSM hook sees what the kernel uses");
      }
    }
  }

  void lint_paths(const Hook& hook) {
    constexpr std::array kKinds = {REDAN_ARG_FILE,  REDAN_ARG_PATH,   REDAN_ARG_DENTRY,  REDAN_ARG_FD,
                                   REDAN_ARG_KIOCB, REDAN_ARG_BINPRM, REDAN_ARG_FILENAME};
    for (const Selector& selector : hook.selectors) {
      for (const ArgFilter& filter : selector.args) {
        const Arg* arg = arg_of(hook, filter);
        if (!arg || std::ranges::find(kKinds, arg->type.value->extraction) == kKinds.end()) continue;
        const OperatorInfo& op = **filter.op;
        if (op.family != OperatorFamily::kEqual && op.family != OperatorFamily::kText) continue;
        const bool is_dentry = arg->type.value->extraction == REDAN_ARG_DENTRY;
        diagnostics_.lint(
            filter.place,
            std::string(is_dentry ? "a dentry's path starts at its file system, not at the root, and a" : "a") +
                " hard link or bind mount gives the same file another path");
      }
    }
  }

  const Document& document_;
  Diagnostics& diagnostics_;
  std::set<std::string, std::less<>> i386_;  // system calls whose 32-bit entry is hooked
};

}  // namespace

std::vector<Diagnostic> lint(const Document& document) {
  Document expanded = document;
  Diagnostics scratch, diagnostics;
  expand_macros(expanded, scratch);
  Linter(expanded, diagnostics).run();
  return diagnostics.sorted();
}

}  // namespace redan::policy
