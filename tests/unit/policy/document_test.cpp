// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "unit/policy/policies.h"

namespace redan::policy {

TEST_CASE("what the schema gives a default has it") {
  const Document document = document_of(with_spec("  kprobes:\n  - call: sys_x\n    args: [{index: 1}]\n"));
  const Hook& hook = document.spec.kprobes.at(0);
  CHECK(*hook.syscall);
  CHECK_FALSE(*hook.returns);
  CHECK(hook.args.at(0).type.value == &auto_type());
  CHECK(hook.call.place.line == 6);
  CHECK(hook.call.place.column == 11);
  CHECK(hook.call.place.path == "spec.kprobes[0].call");
}

TEST_CASE("mistakes of the text are told with their place, all in one run") {
  struct Case {
    std::string text;
    std::string_view said;  // a line of what is said starts with it
  };
  const std::string hook = "  kprobes:\n  - call: f\n    ";
  for (
      const Case& c : {
          Case{"", "f:1:1: error: found no policy, allowed: a document with apiVersion"},
          Case{"- a\n", "f:1:1: error: found no policy"},
          Case{"kind: Pod\nspec: {containers: []}\n",
               "f:1:7: error: kind: found 'Pod', allowed: TracingPolicy or TracingPolicyNamespaced"},
          Case{"kind: TracingPolicy\nspec: {}\n", "f:1:1: error: found no 'metadata', which is required"},
          Case{with_spec("  {}\n---\nkind: x\n"), "f:6:1: error: found a second document"},
          Case{with_spec("  kprobe: []\n"), "f:5:3: error: spec: found the key 'kprobe', allowed: kprobes, fentries"},
          Case{with_spec("  kprobe: []\n"), "did you mean 'kprobes'?"},
          Case{with_spec("  kprobes: []\n  kprobes: []\n"),
               "f:6:3: error: spec: found 'kprobes' twice, the first time at line 5; keep one of them"},
          Case{with_spec("  kprobes: {}\n"), "f:5:12: error: spec.kprobes: found a map, allowed: a list"},
          Case{with_spec("  kprobes:\n"), "f:5:3: error: spec.kprobes: found nothing, allowed: a list"},
          Case{with_spec("  kprobes:\n  - args: []\n"),
               "f:6:5: error: spec.kprobes[0]: found no 'call', which is required"},
          Case{
              with_spec(hook + "syscall: \"true\"\n"),
              "f:7:14: error: spec.kprobes[0].syscall: found 'true' in quotes, allowed: true or false, without quotes"},
          Case{with_spec(hook + "message: 5\n"), "found the number 5, allowed: text; write it in quotes: \"5\""},
          Case{with_spec(hook + "message: on\n"), "found the truth value on, allowed: text"},
          Case{with_spec(hook + "message: 1e3\n"), "found the number 1e3"},
          Case{
              with_spec(hook + "args: [{index: -1, type: int}]\n"),
              "f:7:20: error: spec.kprobes[0].args[0].index: found '-1', allowed: a whole number from 0 to 4294967295"},
          Case{with_spec(hook + "args: [{type: integer}]\n"),
               "spec.kprobes[0].args[0].type: found 'integer', allowed: auto,"},
          Case{with_spec(hook + "args: [{type: int}]\n"),
               "spec.kprobes[0].args[0]: found no 'index', which is required"},
          Case{with_spec(hook + "selectors: [{matchArgs: [{operator: SubStringIgnoreCase}]}]\n"),
               "did you mean 'SubStringIgnCase'?"},
          Case{with_spec(hook + "selectors: [{matchActions: [{action: FollowFD}]}]\n"),
               "found 'FollowFD', allowed: Post, Sigkill"},
          Case{with_spec(hook + "selectors: [{matchPIDs: [{operator: In, values: [\"1\"]}]}]\n"),
               "found '1' in quotes, allowed: a whole number from 0 to 4294967295, without quotes"},
          Case{with_spec(hook + "selectors: [{matchPIDs: [], matchPids: []}]\n"), "found 'matchPIDs' twice"},
          Case{with_spec("  a: [\n"), "not valid YAML"},
          Case{with_spec("  options: &x [*x]\n"), "found an alias inside of what it stands for"},
      }) {
    CAPTURE(c.text);
    const Parsed parsed = parse_document(c.text);
    CHECK_FALSE(parsed.document.has_value());
    const std::string said = format(parsed.diagnostics, "f");
    INFO(said);
    CHECK(contains(said, c.said));
  }
  const Parsed several = parse_document(with_spec(hook + "x: 1\n    y: 2\n    syscall: 3\n"));
  CHECK(several.diagnostics.size() == 3);
}

TEST_CASE("keys of another case, aliases and null selectors are taken") {
  const Document document = document_of(with_spec("  podSelector: null\n  kprobes:\n  - call: f\n    selectors:\n    - "
                                                  "&s {matchPids: [{operator: In, values: [1]}]}\n"
                                                  "    - *s\n"));
  CHECK_FALSE(document.spec.pod_selector.has_value());
  REQUIRE(document.spec.kprobes.at(0).selectors.size() == 2);
  CHECK(document.spec.kprobes[0].selectors[1].pids.size() == 1);
}

TEST_CASE("texts that would blow up are refused") {
  std::string bomb = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "b" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j > 0 ? ", " : "") + before;
    bomb += "]\n";
  }
  CHECK(contains(format(parse_document(bomb).diagnostics, "f"), "found more than 200000 values"));
  CHECK_FALSE(parse_document("a: " + std::string(100, '[') + std::string(100, ']')).diagnostics.empty());
  CHECK_FALSE(parse_document(std::string(5 << 20, ' ')).diagnostics.empty());
}

}  // namespace redan::policy
