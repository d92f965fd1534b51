// SPDX-License-Identifier: Apache-2.0
// From hooks to plans: names, places of arguments, actions, modes, lists, macros.
#include <doctest/doctest.h>

#include "policy/lint.h"
#include "unit/policy/policies.h"

namespace redan::policy {
namespace {

FakeKernelFacts small_kernel() {
  FakeKernelFacts kernel;
  kernel.functions = {{"__x64_sys_openat", {"const struct pt_regs *", "long int"}},
                      {"__x64_sys_newstat", {"const struct pt_regs *", "long int"}},
                      {"__ia32_sys_open", {"const struct pt_regs *", "long int"}},
                      {"tcp_connect", {"struct sock *", "int"}},
                      {"tcp_close", {"struct sock *", "long int", "void"}},
                      {"vfs_read", {"struct file *", "char *", "size_t", "loff_t *", "ssize_t"}}};
  kernel.traceable = {"tcp_close", "tcp_connect", "vfs_read"};
  kernel.lsm_hooks = {"file_open"};
  kernel.tracepoints["raw_syscalls/sys_enter"] = sys_enter_fields();
  return kernel;
}

}  // namespace

TEST_CASE("system calls get the machine's prefix, and their arguments come from registers") {
  const Policy policy =
      policy_of(with_spec("  kprobes:\n"
                          "  - {call: sys_openat, message: \"a \\\"b\\\"\\n\", tags: [\"t\\x01\"], args: "
                          "[{index: 1, type: string, label: name}]}\n"
                          "  - {call: __ia32_sys_open, args: [{index: 0, type: string}]}\n"
                          "  - {call: tcp_connect, syscall: false, args: [{index: 0, type: sock}]}\n"),
                small_kernel());
  REQUIRE(policy.hooks.size() == 3);
  const event::HookPlan& open = policy.hooks[0];
  CHECK(open.symbol == "__x64_sys_openat");
  CHECK(open.info->name == "__x64_sys_openat");
  CHECK(open.info->policy == "test");
  CHECK(open.info->message == R"(a \"b\"\n)");
  CHECK(open.info->tags == std::vector<std::string>{R"(t\x01)"});
  CHECK(open.info->id == 7);
  CHECK(open.program.id == 7);
  CHECK(open.syscall);
  CHECK(open.program.args[0].source == REDAN_SOURCE_SYSCALL);
  CHECK(open.program.args[0].index == 1);
  CHECK(open.program.args[0].options == REDAN_ARG_USER);
  REQUIRE(open.info->args.size() == 1);
  CHECK(open.info->args[0].label == "name");
  CHECK(policy.hooks[1].program.args[0].options == (REDAN_ARG_USER | REDAN_ARG_COMPAT));
  CHECK(policy.hooks[1].program.id == 8);
  CHECK_FALSE(policy.hooks[2].syscall);
  CHECK(policy.hooks[2].program.args[0].source == REDAN_SOURCE_PARAMETER);
  CHECK(policy.mode == PolicyMode::kMonitorOnly);
}

TEST_CASE("functions that the kernel lacks are refused with a way out, or tolerated") {
  struct Case {
    std::string_view hook, said;
  };
  for (const Case& c :
       {Case{"{call: openat}", "did you mean 'sys_openat'?"},
        Case{"{call: tcp_connect}", "for a function that is no system call write syscall: false"},
        Case{"{call: sys_openat, syscall: false}", "write syscall: true"},
        Case{"{call: tcp_conect, syscall: false}", "write ignore: {callNotFound: true}"},
        Case{"{call: \"list:x\"}", "found the list 'x', allowed: the lists of spec.lists (there is none)"}}) {
    CAPTURE(c.hook);
    const std::string said = said_about(with_spec("  kprobes: [" + std::string(c.hook) + "]\n"), small_kernel());
    INFO(said);
    CHECK(contains(said, c.said));
  }
  const Policy policy =
      policy_of(with_spec("  lists: [{name: l, values: [tcp_close, tcp_gone]}]\n"
                          "  kprobes:\n  - {call: tcp_gone, syscall: false, ignore: {callNotFound: true}}\n"
                          "  - {call: \"list:l\", syscall: false, ignore: {callNotFound: true}}\n"),
                small_kernel());
  REQUIRE(policy.statuses.size() == 2);
  CHECK(policy.statuses[0].state == HookState::kCallNotFound);
  CHECK(policy.statuses[1].state == HookState::kPartialCallNotFound);
  CHECK(policy.statuses[1].description == "not found: tcp_gone");
  REQUIRE(policy.hooks.size() == 1);
  CHECK(policy.hooks[0].may_be_missing);
  CHECK(contains(said_about(with_spec("  lsmhooks: [{hook: security_file_open}]\n"), small_kernel()),
                 "did you mean 'file_open'?"));
  CHECK(contains(said_about(with_spec("  tracepoints: [{subsystem: a, event: b}]\n"), small_kernel()),
                 "no tracepoint 'a/b'"));
}

TEST_CASE("lists of all kinds name what is hooked") {
  const auto symbols = [](std::string_view list) {
    std::string all;
    for (const auto& hook :
         policy_of(with_spec("  lists: [" + std::string(list) + "]\n  kprobes: [{call: \"list:l\", syscall: false}]\n"),
                   small_kernel())
             .hooks)
      all += hook.symbol + (hook.syscall ? "() " : " ");
    return all;
  };
  CHECK(symbols("{name: l, values: [tcp_connect, tcp_close]}") == "tcp_connect tcp_close ");
  CHECK(symbols("{name: l, type: syscalls, values: [sys_openat, i386/sys_open]}") ==
        "__x64_sys_openat() __ia32_sys_open() ");
  CHECK(symbols("{name: l, type: generated_syscalls}") == "__x64_sys_newstat() __x64_sys_openat() ");
  CHECK(symbols("{name: l, type: generated_ftrace, pattern: \"^tcp_\"}") == "tcp_close tcp_connect ");
  for (const auto& [list, said] :
       {std::pair<std::string_view, std::string_view>{"{name: l, type: generated_ftrace}", "found no pattern"},
        {"{name: l, type: generated_ftrace, pattern: \"(\"}", "found '(' without ')'"},
        {"{name: l, type: generated_syscalls, values: [sys_a]}", "allowed: none, for the list is generated"},
        {"{name: l, type: syscalls, values: [openat]}", "allowed: a system call as sys_NAME"},
        {"{name: l, type: syscalls, values: [x64/__ia32_sys_a]}", "allowed: a system call as sys_NAME"},
        {"{name: l}, {name: l}", "found a second list 'l'"}}) {
    CAPTURE(list);
    CHECK(contains(said_about(with_spec("  lists: [" + std::string(list) + "]\n"), small_kernel()), said));
  }
}

TEST_CASE("lists cannot make a policy of any size") {
  FakeKernelFacts kernel = small_kernel();
  kernel.has_everything = true;
  kernel.traceable.assign(4097, "f");
  const std::string spec =
      "  lists: [{name: l, type: generated_ftrace, pattern: f}]\n  kprobes: [{call: \"list:l\", syscall: false";
  CHECK(contains(said_about(with_spec(spec + "}]\n"), kernel), "found 4097 functions, allowed: 4096 hooks"));
  kernel.traceable.resize(20);
  const std::string filter =
      ", args: [{index: 0, type: int}], selectors: [{matchArgs: [{index: 0, operator: InMap, values: [\"0:60000\"";
  CHECK(policy_of(with_spec(spec + filter + "]}]}]}]\n"), kernel).hooks.size() == 20);
  CHECK(contains(said_about(with_spec(spec + filter + ", \"70000\", \"70002\", \"70004\", \"70006\"]}]}]}]\n"), kernel),
                 "more than 1048576 values"));
}

TEST_CASE("tracepoints find arguments by field, their types by themselves, and numbers of system calls by list") {
  const Policy policy =
      policy_of(with_spec("  lists: [{name: l, type: syscalls, values: [sys_dup, sys_dup2, __ia32_sys_dup]}]\n"
                          "  tracepoints:\n  - {subsystem: raw_syscalls, event: sys_enter, args: [{index: 5, label: "
                          "x}, {index: 4, type: syscall64}, {index: 3, type: int32}],\n"
                          "     selectors: [{matchArgs: [{index: 4, operator: InMap, values: [\"list:l\"]}, {index: 2, "
                          "operator: Equal, values: [\"3\"]}]}]}\n"),
                small_kernel());
  const event::HookPlan& plan = policy.hooks.at(0);
  CHECK(plan.info->subsystem == "raw_syscalls");
  CHECK(plan.info->name == "sys_enter");
  CHECK(plan.info->section == event::HookSection::kTracepoints);
  CHECK(plan.info->args.at(0).label.empty());
  CHECK(plan.info->args.at(0).type == event::ArgType::kConstBuf);
  CHECK(plan.program.args[0].type == REDAN_ARG_ARRAY);
  CHECK(plan.program.args[0].offset == 16);
  CHECK(plan.program.args[0].size == 48);
  CHECK(plan.program.args[1].type == REDAN_ARG_SYSCALL);
  CHECK(plan.program.args[2].size == 4);
  const redan_filter& calls = plan.program.selectors[0].args[0];
  CHECK(calls.slot == 1);
  CHECK(calls.op == REDAN_OP_RANGE);  // 32 and 33 are neighbours
  CHECK(calls.count == 2);
  CHECK(calls.values[0][0] == 32);
  CHECK(calls.values[0][1] == 33);
  CHECK(calls.values[1][0] == (uint64_t{1} << 31 | 41));
  CHECK(plan.program.selectors[0].args[1].slot == 2);  // by position
  const std::string last = "  tracepoints: [{subsystem: raw_syscalls, event: sys_enter, args: [{index: 6}]}]\n";
  CHECK(contains(said_about(with_spec(last), small_kernel()), "found 6, allowed: 0 to 5"));
}

TEST_CASE("tracepoints show arrays of long only, and their pointers to user memory are read as such") {
  FakeKernelFacts kernel = kernel_with_everything();
  kernel.tracepoints["task/task_rename"] = {{"char", "oldcomm[16]", 12, 16, false}};
  kernel.tracepoints["syscalls/sys_enter_connect"] = {{"struct sockaddr *", "uservaddr", 24, 8, false}};
  const std::string rename = with_spec("  tracepoints: [{subsystem: task, event: task_rename, args: [{index: 0}]}]\n");
  CHECK(contains(said_about(rename, kernel), "'char oldcomm[16]' is left out of events"));
  CHECK(policy_of(rename, kernel).hooks.at(0).program.args[0].type == REDAN_ARG_NONE);
  const Policy connect = policy_of(with_spec("  tracepoints: [{subsystem: syscalls, event: sys_enter_connect, args: "
                                             "[{index: 0, type: sockaddr}]}]\n"),
                                   kernel);
  CHECK((connect.hooks.at(0).program.args[0].options & REDAN_ARG_USER) != 0);
}

TEST_CASE("the size of a buffer comes from an argument or from a hidden one") {
  const auto plan = [](std::string_view args) {
    return policy_of(with_spec("  kprobes: [{call: vfs_read, syscall: false, args: [" + std::string(args) + "]}]\n"),
                     small_kernel())
        .hooks.at(0);
  };
  const auto shown = plan("{index: 1, type: char_buf, sizeArgIndex: 3}, {index: 2, type: size_t}");
  CHECK(shown.program.args[0].size_slot == 2);
  CHECK(shown.program.args[0].options == REDAN_ARG_USER);
  const auto hidden = plan("{index: 1, type: char_buf, sizeArgIndex: 3}");
  CHECK(hidden.program.args[0].size_slot == 2);
  CHECK(hidden.program.args[1].type == REDAN_ARG_NUMBER);
  CHECK(hidden.program.args[1].index == 2);
  CHECK(hidden.program.args[1].options == REDAN_ARG_HIDDEN);
  CHECK(hidden.info->args.size() == 1);
  const auto copied = plan("{index: 1, type: char_buf, returnCopy: true}");
  CHECK((copied.program.args[0].options & REDAN_ARG_RETURN_COPY) != 0);
  CHECK((copied.program.options & REDAN_HOOK_RETURNS) != 0);
}

TEST_CASE("parameters that a function does not have, or that have another type, are warned about") {
  const Policy beyond =
      policy_of(with_spec("  kprobes: [{call: tcp_connect, syscall: false, args: [{index: 2, type: int}], selectors: "
                          "[{matchArgs: [{index: 2, operator: NotEqual, values: [\"1\"]}]}]}]\n"),
                small_kernel());
  CHECK(contains(format(beyond.warnings, "f"), "'tcp_connect' has 1 parameters"));
  CHECK(beyond.hooks[0].program.args[0].type == REDAN_ARG_NONE);
  CHECK(beyond.hooks[0].program.selectors[0].args[0].options == 0);  // never true, not even negated
  CHECK(contains(
      said_about(with_spec("  kprobes: [{call: tcp_connect, syscall: false, args: [{index: 0, type: file}]}]\n"),
                 small_kernel()),
      "the type file does not fit parameter 0 of 'tcp_connect', which is 'struct sock *'"));
}

TEST_CASE("actions become what the event shows") {
  const Policy policy = policy_of(
      with_spec("  options: [{name: policy-mode, value: enforce}]\n"
                "  kprobes:\n  - call: tcp_connect\n    syscall: false\n    return: true\n    returnArg: {index: 0, "
                "type: sock}\n"
                "    returnArgAction: tracksock\n    args: [{index: 0, type: sock}]\n    selectors:\n"
                "    - matchActions: [{action: NoPost}, {action: Post, rateLimit: 1m, rateLimitScope: process}]\n"
                "    - matchActions: [{action: Signal, argSig: 9}]\n      matchReturnActions: [{action: Post}]\n"
                "    - matchActions: [{action: UntrackSock, argSock: 0}]\n      matchReturnActions: [{action: "
                "TrackSock, argSock: "
                "0}]\n    - matchReturnActions: [{action: UntrackSock, argSock: 0}]\n"),
      small_kernel());
  const redan_hook_plan& plan = policy.hooks.at(0).program;
  CHECK(plan.options == (REDAN_HOOK_RETURNS | REDAN_HOOK_TRACK_RETURN));
  CHECK(plan.args[REDAN_HOOK_SLOT_RETURN].type == REDAN_ARG_SOCK);
  CHECK(policy.hooks[0].info->args.back().is_return);
  CHECK(plan.selectors[0].post == 0);
  CHECK(plan.selectors[0].action == REDAN_ACTION_POST);
  CHECK(plan.selectors[0].rate_ms == 60000);
  CHECK(plan.selectors[0].rate_scope == REDAN_RATE_PROCESS);
  CHECK(plan.selectors[1].action == REDAN_ACTION_SIGNAL);
  CHECK(plan.selectors[1].return_action == REDAN_ACTION_POST);
  CHECK(plan.selectors[2].untrack_slot == 1);
  CHECK(plan.selectors[2].return_track_slot == 1);
  CHECK(plan.selectors[2].return_action == REDAN_ACTION_TRACK_SOCK);
  CHECK(plan.selectors[3].return_untrack_slot == 1);
  CHECK(plan.selectors[3].track_slot == 0);
  CHECK(plan.selectors[3].post == 1);
  CHECK_FALSE(plan.selectors[4].used);
  CHECK(policy.asked_mode == PolicyMode::kEnforce);
  CHECK(policy.mode == PolicyMode::kMonitor);
}

TEST_CASE("macros are copied into selectors, and make a policy one that enforces") {
  const std::string macros = "  selectorsMacros:\n    m: {label: from, matchBinaries: [{operator: In, values: [/a]}], "
                             "matchActions: [{action: Sigkill}]}\n"
                             "    n: {macros: [m]}\n    o: {matchActions: [{action: Post}]}\n";
  const auto with = [&](std::string_view selector, std::string_view defined) {
    return with_spec(std::string(defined) + "  kprobes: [{call: tcp_connect, syscall: false, selectors: [" +
                     std::string(selector) + "]}]\n");
  };
  const std::string sound = macros.substr(0, macros.find("    n:"));
  const Policy policy = policy_of(with("{macros: [m]}", sound), small_kernel());
  CHECK(policy.asked_mode == PolicyMode::kEnforce);
  CHECK(policy.hooks.at(0).texts.at(0).bytes == "/a");
  CHECK(policy.hooks[0].program.fields == 1U << REDAN_FIELD_BINARY);
  CHECK(contains(said_about(with("{macros: [k]}", sound), small_kernel()),
                 "found 'k', allowed: the macros of spec.selectorsMacros"));
  CHECK(contains(said_about(with("{macros: [k]}", ""), small_kernel()), "spec.selectorsMacros has none"));
  CHECK(contains(said_about(with("{}", macros), small_kernel()), "found a macro inside of a macro"));
  CHECK(contains(said_about(with("{macros: [m], matchActions: [{action: Post}]}", sound), small_kernel()),
                 "found a macro with matchActions, which the selector has already"));
}

TEST_CASE("without a kernel the same is found but for what only a kernel knows") {
  CHECK(check(document_of(with_hook("{index: 0, type: int}", ""))).empty());
  CHECK(contains(format(check(document_of(with_filter("int", "Prefix", "\"a\""))), "f"), "f:9:"));
  CHECK(
      check(document_of(with_spec("  lists: [{name: l, type: generated_syscalls}]\n  kprobes: [{call: \"list:l\"}]\n")))
          .empty());
  CHECK(check(document_of(with_spec("  tracepoints: [{subsystem: a, event: b, args: [{index: 9}], selectors: "
                                    "[{matchArgs: [{index: 9, operator: Prefix, values: [a]}]}]}]\n")))
            .empty());
}

TEST_CASE("known ways around a policy are named") {
  const auto lints = [](const std::string& text) { return format(lint(document_of(text)), "f"); };
  const std::string open =
      lints(with_spec("  kprobes: [{call: sys_openat, args: [{index: 1, type: string}], selectors: [{matchArgs: "
                      "[{index: 1, operator: Equal, values: [/x]}]}]}]\n"));
  CHECK(contains(open, "openat2"));
  CHECK(contains(open, "io_uring"));
  CHECK(contains(open, "file_open"));
  CHECK(contains(open, "__ia32_sys_openat"));
  CHECK(contains(open, "change after it was read"));
  CHECK(contains(lints(with_filter("file", "Prefix", "/etc")), "hard link or bind mount"));
  CHECK(contains(lints(with_filter("dentry", "Equal", "/etc")), "starts at its file system"));
  CHECK(lints(with_filter("sock", "DPort", "\"80\"")).empty());
  CHECK_FALSE(contains(lints(with_spec("  kprobes: [{call: sys_dup}, {call: __ia32_sys_dup}]\n")), "__ia32_"));
}

}  // namespace redan::policy
