// SPDX-License-Identifier: Apache-2.0
#pragma once
// This process and its files and sockets, as the reference evaluator of policies sees them. Facts come from /proc and from system
// calls, not from hooks.

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "hooks/stage.h"
#include "policy/evaluate.h"
#include "unit/policy/fake_kernel_facts.h"

namespace redan::test {

policy::ObservedProcess this_process();

/// Namespaces of a process, "self" or a number.
redan_namespaces namespaces_of(const std::string& process);

/// A kernel that has every function; namespaces are those of pid 1.
policy::FakeKernelFacts facts_for_random_policies();

/// A filter on this process alone.
std::string only_this_process();

policy::Observed observed_number(const std::string& type, uint64_t number);

/// A file of which the path is known; number: that of its descriptor, if it has one.
policy::Observed observed_file(const std::string& path, uint64_t number = 0);

/// An address of the loopback.
struct LoopbackAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};
LoopbackAddress loopback(int family, uint16_t port, uint8_t last_byte = 1);
void fill(policy::ObservedSocket& socket, const LoopbackAddress& from, bool is_source);

}  // namespace redan::test
