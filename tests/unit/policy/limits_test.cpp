// SPDX-License-Identifier: Apache-2.0
// What is refused or warned about: limits, quirks, things that do not go together.
#include <doctest/doctest.h>

#include "unit/policy/policies.h"

namespace redan::policy {
namespace {

struct Case {
  std::string text;
  std::string_view said;  // part of what is said; empty: nothing is said
};

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += std::string(i > 0 ? ", " : "") + std::string(text);
  return all;
}

void check_all(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const std::string said = said_about(c.text);
    INFO(said);
    CHECK((c.said.empty() ? said.empty() : contains(said, c.said)));
  }
}

const std::string kInt = "{index: 0, type: int}";

}  // namespace

TEST_CASE("counts have limits, and at the limit all is well") {
  const std::string filter = "{index: 0, operator: Equal, values: [\"1\"]}";
  const std::string pid = "{operator: In, values: [1]}";
  const std::string ns = "{namespace: Pid, operator: In, values: [host_ns]}";
  check_all({
      {with_hook(repeated(kInt, 5), ""), ""},
      {with_hook(repeated(kInt, 6), ""), "found 6 arguments, allowed: 5"},
      {with_hook("{index: 5, type: int}", ""), "found 5, allowed: 0 to 4"},
      {with_hook(kInt, repeated("{}", 5)), ""},
      {with_hook(kInt, repeated("{}", 6)), "found 6 selectors, allowed: 5"},
      {with_hook(kInt, "{matchArgs: [" + repeated(filter, 5) + "]}"), ""},
      {with_hook(kInt, "{matchArgs: [" + repeated(filter, 6) + "]}"), "found 6 filters on arguments, allowed: 5"},
      {with_hook(kInt, "{matchActions: [" + repeated("{action: NoPost}", 3) + "]}"), ""},
      {with_hook(kInt, "{matchActions: [" + repeated("{action: NoPost}", 4) + "]}"), "found 4 actions, allowed: 3"},
      {with_hook(kInt, "{matchPIDs: [" + repeated(pid, 12) + "]}"), ""},
      {with_hook(kInt, "{matchPIDs: [" + repeated(pid, 13) + "]}"), "one filter on the process too many"},
      {with_hook(kInt, "{matchNamespaces: [" + repeated(ns, 10) + "]}"), ""},
      {with_hook(kInt, "{matchNamespaces: [" + repeated(ns, 11) + "]}"), "found 11 entries, allowed: 10"},
      {with_hook(kInt, "{matchNamespaces: [{namespace: Pid, operator: In, values: [" + repeated("\"1\"", 5) + "]}]}"),
       "found 5 values, allowed: 4"},
      {with_hook(kInt, "{matchBinaries: [" + repeated("{operator: In, values: [/a]}", 2) + "]}"),
       "found 2 entries, allowed: 1"},
      {with_hook(kInt, "{matchCapabilities: [" + repeated("{operator: In, values: [CAP_BPF]}", 2) + "]}"),
       "found 2 entries, allowed: 1"},
      {with_hook(kInt, "", "    tags: [" + repeated("ab", 16) + "]\n"), ""},
      {with_hook(kInt, "", "    tags: [" + repeated("ab", 17) + "]\n"), "found 17 tags, allowed: 16"},
      {with_hook(kInt, "", "    tags: [a]\n"), "a tag of at least 2 bytes"},
      {with_hook(kInt, "", "    message: a\n"), "a message of at least 2 bytes"},
      {with_hook(kInt, "", "    message: " + std::string(257, 'a') + "\n"),
       "warning: spec.kprobes[0].message: is longer than 256"},
      {with_filter("string", "Equal", std::string(4096, 'a')), ""},
      {with_filter("string", "Equal", std::string(4097, 'a')), "of 4097 bytes, allowed: 0 to 4096 bytes"},
      {with_filter("string", "Prefix", std::string(252, 'a')), ""},
      {with_filter("string", "Prefix", std::string(253, 'a')), "allowed: 0 to 252 bytes"},
      {with_filter("string", "Postfix", std::string(127, 'a')), ""},
      {with_filter("string", "Postfix", std::string(128, 'a')), "allowed: 1 to 127 bytes"},
      {with_filter("string", "Postfix", "\"\""), "allowed: 1 to 127 bytes"},
      {with_filter("string", "Equal", "\"\\0\""), "allowed: 1 to 4096 bytes"},
      {with_filter("char_buf", "Postfix", "\"\""), ""},
      {with_filter("uint32", "InMap", "\"0:65535\""), ""},
      {with_filter("uint32", "InMap", "\"0:4294967295\""), ""},
      {with_filter("uint32", "InMap", "\"1\", \"3\", \"5\", \"7\", \"10:70000\""), "found more than 65536 numbers"},
      {with_hook("{index: 0, type: char_buf, sizeArgIndex: 16}", ""), "allowed: 1 to 15"},
      {with_hook(repeated("{index: 1, type: string}", 4) + ", {index: 0, type: char_buf, sizeArgIndex: 3}", ""),
       "the size of this argument needs a sixth one"},
  });
}

TEST_CASE("numbers are read as what they are compared with") {
  check_all({
      {with_filter("int", "Equal", "\"-2147483648\""), ""},
      {with_filter("int", "Equal", "\"2147483648\""), "allowed: a signed number of 32 bits"},
      {with_filter("uint32", "Equal", "\"4294967295\""), ""},
      {with_filter("uint32", "Equal", "\"-1\""), "allowed: an unsigned number of 32 bits"},
      {with_filter("uint64", "InRange", "\"0x8000000000000000:0xffffffffffffffff\""), ""},
      {with_filter("size_t", "GT", "\"8589934592\""), ""},
      {with_filter("int64", "LT", "\"-9223372036854775808\""), ""},
      {with_filter("int", "Equal", "\"0b101\", \"0o17\", \"017\", \"1_000\""), ""},
      {with_filter("int", "Equal", "\"\""), "found ''"},
      {with_filter("int", "Equal", "\"08\""), "found '08'"},
      {with_filter("int", "InRange", "\"7\""), "allowed: MIN:MAX"},
      {with_filter("int", "InRange", "\"7:1\""), "no number is in this range"},
      {with_filter("int", "InMap", "\"0x10\""), "allowed: decimal numbers"},
      {with_filter("int", "InMap", "\"list:x\""), "allowed: lists at tracepoints"},
      {with_filter("cap_effective", "Equal", "\"CAP_BOGUS\""), "names such as CAP_SYS_ADMIN,CAP_NET_RAW"},
      {with_filter("sock", "DPort", "\"65536\""), "allowed: a port from 0 to 65535"},
      {with_filter("sock", "SAddr", "10.0.0.0/33"), "allowed: an address such as 192.0.2.1"},
      {with_filter("sock", "SAddr", "localhost"), "found 'localhost'"},
      {with_filter("sock", "Protocol", "IPPROTO_TPC"), "did you mean 'IPPROTO_TCP'?"},
      {with_filter("file", "FileType", "folder"), "allowed: sock, socket"},
      {with_filter("skb", "State", "TCP_LISTEN"), "is never true"},
      {with_filter("int", "Equal", ""), "has no values: it is never true"},
  });
}

TEST_CASE("operators are refused for types that they say nothing about") {
  check_all({
      {with_filter("int", "Prefix", "\"a\""), "found Prefix for an argument of type int, allowed: Equal, NotEqual"},
      {with_filter("cred", "Equal", "\"1\""), "no operator, for this type cannot be filtered"},
      {with_filter("char_iovec", "Prefix", "\"a\""), "no operator"},
      {with_filter("sockaddr", "DAddr", "127.0.0.1"), "found DAddr"},
      {with_filter("sockaddr_un", "Postfix", "\"a\""), "found Postfix"},
      {with_filter("sockaddr_un", "Equal", "\"\\0name\""), ""},
      {with_filter("dentry", "FileType", "reg"), "found FileType"},
      {with_filter("filename", "Prefix", "/etc"), ""},
      {with_filter("bpf_cmd", "Equal", "\"5\""), ""},
      {with_filter("string", "SubString", "\"a\""), "searching inside of texts is not supported yet"},
      {with_filter("int", "CelExpr", "\"arg0 > 1\""), "the operator CelExpr is not supported yet"},
      {with_hook("{index: 0, type: auto}", ""), "only classic tracepoints know their own"},
      {with_hook("{index: 0}", ""), "no type is given"},
      {with_hook("{index: 0, type: syscall64}", ""), "allowed: types that a function can have"},
      {with_hook("{index: 0, type: const_buf}", ""), "arrays of tracepoints have the type auto"},
      {with_hook(kInt, "{matchArgs: [{index: 1, operator: Equal, values: [\"1\"]}]}"), "found the index 1, allowed: 0"},
      {with_hook(kInt, "{matchArgs: [{args: [1], operator: Equal, values: [\"1\"]}]}"),
       "found 1, allowed: the position"},
      {with_hook(kInt, "{matchArgs: [{operator: CapabilitiesGained}]}"), "needs args: [OLD, NEW]"},
  });
}

TEST_CASE("actions are refused where they can do nothing") {
  const auto acting = [](std::string_view action) {
    return with_hook(kInt, "{matchActions: [{" + std::string(action) + "}]}");
  };
  const auto at = [](std::string_view section, std::string_view action) {
    return with_spec("  " + std::string(section) + "\n    selectors: [{matchActions: [{" + std::string(action) +
                     "}]}]\n");
  };
  const std::string raw = "tracepoints:\n  - subsystem: a\n    event: b\n    raw: true";
  const std::string lsm = "lsmhooks:\n  - hook: file_open";
  const std::string fentry = "fentries:\n  - call: f\n    syscall: false";
  check_all({
      {acting("action: Override, argError: -1"), "allowed: at system calls, functions named security_"},
      {acting("action: NotifyEnforcer"), "found NotifyEnforcer without spec.enforcers"},
      {acting("action: Sigkill"), "warning: spec.kprobes[0].selectors[0].matchActions[0]: Sigkill is not enforced yet"},
      {acting("action: NoPost, rateLimit: 5m"), "allowed: with the action Post"},
      {acting("action: Post, rateLimit: 5d"), "a number of seconds such as 5 or 5s"},
      {acting("action: Post, rateLimit: 5m, rateLimitScope: host"), "allowed: thread, process or global"},
      {acting("action: Post, rateLimitScope: host"), ""},
      {acting("action: Post, kernelStackTrace: true"), "recording stack traces is not supported yet"},
      {acting("action: NoPost, kernelStackTrace: true"), "allowed: with the action Post"},
      {acting("action: TrackSock"), "the position in args of one of type sock or socket"},
      {acting("action: GetUrl, argUrl: \"http://a\""), "the action GetUrl is not supported yet"},
      {acting("action: Set"), "found Set at a function"},
      {at(raw, "action: Override"), "found Override at a raw tracepoint"},
      {at(raw, "action: NotifyEnforcer"), "found NotifyEnforcer at a raw tracepoint"},
      {at(lsm, "action: TrackSock"), "found TrackSock at a LSM hook"},
      {at(lsm, "action: Override, argError: 13"), "a positive error is taken for the negative one, -13"},
      {at(fentry, "action: Sigkill"), "found Sigkill at fentries"},
  });
}

TEST_CASE("what needs something that is not there is told") {
  check_all({
      {with_hook(kInt, "", "    return: true\n"), "found true without a returnArg"},
      {with_hook(kInt, "{matchReturnArgs: [{operator: Equal, values: [\"1\"]}]}"),
       "has no effect without return: true"},
      {with_hook(kInt, "{matchReturnArgs: [{index: 1, operator: Equal, values: [\"1\"]}]}",
                 "    return: true\n    returnArg: {index: 0, type: int}\n"),
       "found the index 1, allowed: 0, which is that of returnArg"},
      {with_hook(kInt, "", "    returnArgAction: Post\n"), "allowed: TrackSock or UntrackSock"},
      {with_hook("{index: 0, type: int, source: pt_regs}", ""), "allowed: nothing, for this is an argument"},
      {with_hook("{index: 0, type: int, resolve: a.b}", ""), "(resolve) is not supported yet"},
      {with_hook("{index: 0, type: char_buf, maxData: true}", ""), "the first 4095 bytes are reported"},
      {with_hook("{index: 0, type: int, returnCopy: true}", ""), "with the types char_buf and char_iovec only"},
      {with_spec("  kprobes: [{call: f}]\n  lsmhooks: [{hook: file_open}]\n"),
       "allowed: one section of hooks in a policy"},
      {with_spec("  loader: true\n"), "(loader) is not supported yet"},
      {with_spec("  podSelector: {}\n"), "(podSelector) is not supported yet"},
      {with_spec("  hostSelector: {}\n"), "has no effect outside of Kubernetes"},
      {with_hook(kInt, "{matchNamespaceChanges: [{operator: In, values: [Mnt]}, {operator: In, values: [Net]}]}"),
       "found 2 entries, allowed: 1"},
      {with_hook(kInt, "{matchNamespaceChanges: [{operator: In, values: []}]}"), "is never true"},
      {with_hook(kInt, "{matchCapabilityChanges: [{operator: In, values: [CAP_SYS_ADMN]}]}"), "CAP_SYS_ADMIN"},
      {with_hook(kInt, "{matchActions: [{action: CleanupEnforcerNotification}]}"), "no notification is ever pending"},
      {with_spec("  hostSelector: {matchLabels: {a: b}}\n"), "found labels or expressions, allowed: {}"},
      {with_spec("  uprobes: [{path: /bin/sh, symbols: [main]}]\n"), "(uprobes) is not supported yet"},
      {with_spec("  options: [{name: policy-mode, value: kill}]\n"), "allowed: enforce or monitor"},
      {with_spec("  options: [{name: policy-mod, value: monitor}]\n"), "did you mean 'policy-mode'?"},
      {with_spec("  options: [{name: disable-kprobe-multi, value: \"1\"}]\n"), ""},
      {with_spec("  enforcers: [{calls: [tcp_connect]}]\n"),
       "allowed: system calls (sys_NAME) and functions named security_"},
      {with_spec("  enforcers: [{calls: [sys_a]}, {calls: [sys_b]}]\n"), "found 2 enforcers, allowed: 1"},
      {with_spec("  {}\n"), ""},
      {"kind: TracingPolicy\nmetadata: {name: A_b}\nspec: {}\n", "lower-case letters, digits"},
      {"kind: TracingPolicy\nmetadata: {name: a, namespace: b}\nspec: {}\n",
       "allowed: with the kind TracingPolicyNamespaced"},
      {"kind: TracingPolicyNamespaced\nmetadata: {name: a, namespace: b}\nspec: {}\n",
       "a policy for one Kubernetes namespace is not supported yet"},
  });
}

}  // namespace redan::policy
