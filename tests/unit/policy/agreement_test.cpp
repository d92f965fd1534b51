// SPDX-License-Identifier: Apache-2.0
// The compiled plan and the letter of the policy must agree on every call: each operator with each type that takes it, over
// values at and around those of the filter.
#include <random>

#include <doctest/doctest.h>

#include "policy/operators.h"
#include "unit/policy/plan_evaluator.h"
#include "unit/policy/policies.h"

namespace redan::policy {
namespace {

// Values to filter by, for each family and kind of type; several lists each, short, long and mixed.
struct Values {
  OperatorFamily family;
  uint16_t matching;
  std::vector<std::string> lists;
};
const std::vector<Values>& value_lists() {
  static const std::vector<Values> lists = {
      {OperatorFamily::kEqual,
       kMatchNumber,
       {"", "\"1\"", "\"0\", \"0x7f\", \"017\"", "\"1\", \"2\", \"3\", \"5\", \"8\", \"13\""}},
      {OperatorFamily::kEqual,
       kMatchCapabilities,
       {"\"0\"", "\"CAP_CHOWN,CAP_SYS_ADMIN\", \"0x3\"", "\"0xffffffffffffffff\""}},
      {OperatorFamily::kEqual,
       kMatchText,
       {"", "\"/etc/passwd\"", "\"a\", \"b\", \"/etc\", \"/etc/shadow\", \"ab\", \"a\""}},
      {OperatorFamily::kText, kMatchText, {"", "\"/etc\"", "\"/etc/\", \"a\", \"passwd\", \"shadow\", \"ab\", \"/\""}},
      {OperatorFamily::kNumber, kMatchNumber, {"", "\"2\"", "\"9\", \"1\", \"127\", \"3\", \"64\""}},
      {OperatorFamily::kNumber, kMatchCapabilities, {"\"CAP_SYS_ADMIN\"", "\"1\", \"2\", \"4\", \"8\", \"16\""}},
      {OperatorFamily::kRange,
       kMatchNumber,
       {"\"1:5\"", "\"5:1\"", "\"0:1\", \"3:4\", \"6:7\", \"9:10\", \"12:13\", \"15:15\""}},
      {OperatorFamily::kMap,
       kMatchNumber,
       {"\"1\"", "\"5:1\", \"7\"", "\"0\", \"2\", \"4\", \"6\", \"8\", \"10\", \"12\""}},
      {OperatorFamily::kAddress,
       kMatchSource | kMatchDestination,
       {"", "10.0.0.0/8", "10.1.2.3, \"2001:db8::/33\", 0.0.0.0/1", "\"::/0\""}},
      {OperatorFamily::kPort,
       kMatchSource | kMatchDestination,
       {"\"80\"", "\"90:80\", \"443\"", "\"1\",\"3\",\"5\",\"7\",\"9\",\"80\""}},
      {OperatorFamily::kPrivileged, kMatchSource | kMatchDestination, {""}},
      {OperatorFamily::kNamed,
       kMatchProtocol,
       {"IPPROTO_TCP", "\"6\", \"17:20\"", "\"1\", \"3\", \"5\", \"7\", \"9\", IPPROTO_UDP"}},
      {OperatorFamily::kNamed, kMatchFamily, {"AF_INET", "AF_INET, AF_INET6, \"1\""}},
      {OperatorFamily::kNamed, kMatchState, {"TCP_LISTEN", "\"1:3\", TCP_CLOSE"}},
      {OperatorFamily::kFileType, kMatchFileType, {"reg", "dir, lnk, fifo, sock", "reg, dir, lnk, fifo, sock, blk"}},
  };
  return lists;
}

class RandomCalls {
 public:
  Observation next() {
    Observation seen;
    seen.process.levels = {{pick<uint32_t>({1, 2, 5, 7}), pick<uint32_t>({0, 1, 2})},
                           {pick<uint32_t>({1, 2, 3}), pick<uint32_t>({0, 1})}};
    if (coin(5)) seen.process.binary = pick<std::string>({"/usr/bin/cat", "/usr/bin/bash", "/bin/sh", "/tmp/x"});
    if (coin(3)) seen.process.descent = {"/sbin/init", pick<std::string>({"/usr/bin/bash", "/bin/sh", "/tmp/x"})};
    seen.process.effective = random_() & random_();
    seen.process.is_in_other_user_ns = coin(2) == 0;
    seen.process.namespace_changes = pick<uint64_t>({0, 1, 4, 0x3ff, random_() & 0x3ff});
    for (uint64_t* changes :
         {&seen.process.effective_changes, &seen.process.inheritable_changes, &seen.process.permitted_changes})
      *changes = pick<uint64_t>({0, 1, 0x2000, 0x200000, random_()});
    for (__u32& inode : seen.process.namespaces.inum) inode = pick<uint32_t>({1, 2, 3, 4, 4026531836});
    for (int i = 0; i < 2; ++i) seen.args.push_back(value());
    seen.returned = value();
    seen.host = FakeKernelFacts().namespaces;
    return seen;
  }

 private:
  template <typename T>
  T pick(std::vector<T> from) {
    return from[random_() % from.size()];
  }
  bool coin(unsigned sides) { return random_() % sides != 0; }

  Observed value() {
    Observed value;
    value.is_readable = coin(8);
    value.number =
        coin(4) ? random_() % 20 : pick<uint64_t>({127, 128, ~uint64_t{0}, uint64_t{1} << 63, 1U << 31, 0x200001, 3});
    value.text = pick<std::string>({"", "a", "ab", "/", "/etc", "/etc/", "/etc/passwd", "/etc/shadow", "b/passwd"});
    value.file_type = pick<uint32_t>({0, 1, 2, 4, 6, 8, 10, 12});
    ObservedSocket& socket = value.socket;
    socket.family = pick<uint32_t>({0, 1, 2, 10});
    socket.protocol = pick<uint32_t>({1, 4, 6, 17, 19, 262});
    socket.state = static_cast<uint32_t>(random_() % 13);
    socket.sport = pick<uint32_t>({0, 1, 2, 80, 85, 443, 1023, 1024, 65535});
    socket.dport = pick<uint32_t>({0, 1, 2, 80, 85, 443, 1023, 1024, 65535});
    for (auto* address : {&socket.saddr, &socket.daddr})
      *address = pick<std::array<uint8_t, 16>>(
          {{10, 1, 2, 3}, {10, 9}, {200, 1}, {0x20, 0x01, 0x0d, 0xb8, 0x7f}, {0x20, 0x01, 0x0d, 0xb8, 0x80}, {}});
    return value;
  }

  std::mt19937_64 random_{20};  // the same calls in every run
};

void check_agreement(const std::string& text, int calls) {
  CAPTURE(text);
  const Document document = document_of(text);
  const Policy policy = policy_of(text);
  REQUIRE(policy.hooks.size() == 1);
  const Hook& hook = document.spec.kprobes.at(0);
  RandomCalls random;
  for (int i = 0; i < calls; ++i) {
    const Observation seen = random.next();
    CAPTURE(i);
    const PlanEvaluator plan(policy.hooks[0], seen);
    const auto expected = matching_selector(document, hook, seen);
    CHECK(plan.entering() == expected);
    if (hook.returns.value && expected)
      CHECK(plan.returning(*expected) == returning_selector(document, hook, seen, *expected));
  }
}

}  // namespace

TEST_CASE("each operator means the same in the plan as in the policy, with every type that takes it") {
  int cases = 0;
  for (const ArgTypeInfo& type : arg_types()) {
    if (!(type.sections & kInFunctions)) continue;
    for (const OperatorInfo& op : operators()) {
      for (const Values& values : value_lists()) {
        if (op.family != values.family || !(type.matching & values.matching & op.matching)) continue;
        for (const std::string& list : values.lists) {
          ++cases;
          check_agreement(with_filter(type.name, op.name, list), 60);
        }
      }
    }
  }
  CHECK(cases > 500);
}

TEST_CASE("whole selectors mean the same in the plan as in the policy") {
  const std::string args = "{index: 0, type: int64}, {index: 3, type: cap_effective}";
  for (const std::string selector : {
           "{matchPIDs: [{operator: In, values: [1, 2]}]}",
           "{matchPIDs: [{operator: NotIn, values: [1, 2, 3, 4, 5, 6]}, {operator: NotIn, values: [9]}]}",
           "{matchPIDs: [{operator: NotIn, followForks: true, isNamespacePID: true, values: [1]}]}",
           "{matchPIDs: [{operator: In, followForks: true, values: [1, 3, 4, 5, 6]}]}",
           "{matchPIDs: [{operator: NotIn, followForks: true, values: []}]}",
           "{matchPIDs: [{operator: In, isNamespacePID: true, values: [0]}]}",
           "{matchBinaries: [{operator: In, values: [/bin/sh, /usr/bin/cat]}]}",
           "{matchBinaries: [{operator: In, followChildren: true, values: [/bin/sh, /usr/bin/cat]}]}",
           "{matchBinaries: [{operator: NotIn, followChildren: true, values: [/usr/bin/bash]}]}",
           "{matchBinaries: [{operator: NotPrefix, values: [/usr]}]}",
           "{matchBinaries: [{operator: Postfix, values: [sh]}]}",
           "{matchBinaries: [{operator: NotIn, values: []}]}",
           "{matchNamespaces: [{namespace: Pid, operator: In, values: [host_ns]}, {namespace: Net, operator: NotIn, "
           "values: [\"1\"]}]}",
           "{matchCapabilities: [{operator: In, values: [CAP_SYS_ADMIN, cap_chown]}]}",
           "{matchCapabilities: [{operator: NotIn, isNamespaceCapability: true, values: [CAP_SYS_ADMIN]}]}",
           "{matchNamespaceChanges: [{operator: In, values: [Mnt, Net]}]}",
           "{matchNamespaceChanges: [{operator: NotIn, values: [Uts, User]}]}, {matchPIDs: [{operator: In, values: "
           "[1]}]}",
           "{matchNamespaceChanges: [{operator: NotIn}]}",
           "{matchCapabilityChanges: [{operator: In, values: [CAP_NET_RAW, cap_chown]}]}",
           "{matchCapabilityChanges: [{type: Permitted, operator: NotIn, values: [CAP_SYS_ADMIN]}]}",
           "{matchCapabilityChanges: [{type: Inheritable, operator: NotIn, isNamespaceCapability: true, values: "
           "[CAP_CHOWN]}]}",
           "{matchArgs: [{args: [1, 1], operator: CapabilitiesGained}]}",
           "{matchArgs: [{index: 0, operator: InRange, values: [\"-5:3\"]}, {index: 3, operator: Mask, values: "
           "[CAP_CHOWN]}]}",
           "{matchArgs: [{index: 0, operator: LT, values: [\"-1\", \"3\"]}]}, {matchArgs: [{index: 0, operator: Equal, "
           "values: "
           "[\"-1\"]}]}, {}",
           "{matchReturnArgs: [{index: 0, operator: LT, values: [\"0\"]}]}, {matchReturnArgs: [{index: 0, operator: "
           "InMap, "
           "values: [\"-3:9\"]}]}",
       })
    check_agreement(with_hook(args, selector, "    return: true\n    returnArg: {index: 0, type: int64}\n"), 300);
}

}  // namespace redan::policy
