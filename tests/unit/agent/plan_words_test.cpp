// SPDX-License-Identifier: Apache-2.0
#include "agent/plan_words.h"

#include <doctest/doctest.h>

#include "policy/compile.h"
#include "unit/policy/fake_kernel_facts.h"

namespace redan::agent {
namespace {

/// The plan of a hook on security_file_open or sys_openat, written as the indented text below `kprobes: -`.
event::HookPlan plan_of(const std::string& hook) {
  policy::FakeKernelFacts facts;
  facts.has_everything = true;
  const std::string text =
      "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n  kprobes:\n" + hook;
  const policy::Parsed parsed = policy::parse_document(text);
  REQUIRE_MESSAGE(parsed.document, policy::format(parsed.diagnostics, "p"));
  const auto compiled = policy::compile(*parsed.document, facts);
  REQUIRE_MESSAGE(compiled.ok(), compiled.error().message);
  REQUIRE(compiled->hooks.size() == 1);
  return compiled->hooks[0];
}

using Words = std::vector<std::string>;

constexpr std::string_view kFileOpen = "  - call: security_file_open\n    syscall: false\n"
                                       "    args:\n    - index: 0\n      type: file\n";

}  // namespace

TEST_CASE("a hook without selectors posts every call") {
  CHECK(selector_words(plan_of(std::string(kFileOpen))) == Words{"posts every call"});
}

TEST_CASE("a selector is said in words: what is looked at, how it is compared, with what") {
  CHECK(
      selector_words(plan_of(std::string(kFileOpen) + R"(    selectors:
    - matchArgs:
      - index: 0
        operator: Prefix
        values: ["/etc/", "/root/"]
      matchBinaries:
      - operator: NotIn
        values: ["/usr/bin/cat"]
    - matchArgs:
      - index: 0
        operator: NotPostfix
        values: [".so"]
      matchPIDs:
      - operator: In
        values: [0, 1]
        isNamespacePID: false
      matchActions:
      - action: Sigkill
    - matchActions:
      - action: NoPost
    - matchActions:
      - action: Post
        rateLimit: "5m"
        rateLimitScope: process
)")) ==
      Words{
          "posts when the binary is not '/usr/bin/cat' and the path of argument 0 starts with one of '/etc/', '/root/'",
          "posts (and asks for Sigkill, which is not carried out yet) when the pid is one of 0, 1 and the path of "
          "argument 0 does not end with '.so'",
          "does not post every call", "posts (at most once in 300 s for the same process and arguments) every call"});
}

TEST_CASE("numbers, ports and addresses are written as people do") {
  CHECK(selector_words(plan_of(R"(  - call: tcp_connect
    syscall: false
    args:
    - index: 0
      type: sock
      label: peer
    selectors:
    - matchArgs:
      - index: 0
        operator: NotDAddr
        values: ["10.0.0.0/8", "::1"]
      - index: 0
        operator: DPort
        values: ["443", "8000:8080"]
      - index: 0
        operator: Protocol
        values: ["IPPROTO_TCP"]
)")) == Words{"posts when the destination address of argument 0 (peer) is not in any of 10.0.0.0/8, ::1/128 and the "
              "destination port of argument 0 (peer) is one of 443, 8000 to 8080 and the protocol of argument 0 (peer) "
              "is IPPROTO_TCP"});
}

TEST_CASE("what is read from user memory is told from the kernel's own objects") {
  const auto words = argument_words(plan_of(R"(  - call: sys_openat
    args:
    - index: 0
      type: int
    - index: 1
      type: string
)"));
  REQUIRE(words.size() == 2);
  CHECK(words[0].type == "int");
  CHECK_FALSE(words[0].is_user_memory);
  CHECK(words[1].name == "argument 1");
  CHECK(words[1].type == "string");
  CHECK(words[1].is_user_memory);
  CHECK(words[1].read.find("can change it after") != std::string::npos);
  const auto file = argument_words(plan_of(std::string(kFileOpen)));
  REQUIRE(file.size() == 1);
  CHECK_FALSE(file[0].is_user_memory);
  CHECK(file[0].read.find("resolved") != std::string::npos);
}

}  // namespace redan::agent
