// SPDX-License-Identifier: Apache-2.0
// Policies as people use them: which are taken, which are refused, and why. They are no part of the project.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>

#include "policy/compile.h"
#include "unit/policy/fake_kernel_facts.h"

namespace redan::policy {
namespace {

struct Expected {
  std::string_view file;
  std::string_view refused = "";  // part of the error; empty: taken
};

// clang-format off
const Expected kPolicies[] = {
    {"other/file-block-kubectl-exec-access.yaml", "kind: found 'Pod'"},
    {"policylibrary/egress.yaml"},
    {"policylibrary/modules.yaml"},
    {"policylibrary/privileges/privileges-raise.yaml"},
    {"policylibrary/sshd.yaml"},
    {"quickstart/file_monitoring.yaml"},
    {"quickstart/file_monitoring_enforce.yaml", "found no 'namespace'"},
    {"quickstart/network_egress_cluster.yaml"},
    {"tracingpolicy/bpf.yaml"},
    {"tracingpolicy/cves/cve-2024-3094-xz-ssh.yaml"},
    {"tracingpolicy/datagram-with-selectors.yaml"},
    {"tracingpolicy/datagram.yaml"},
    {"tracingpolicy/dev_hard_start_xmit.yaml"},
    {"tracingpolicy/dev_queue_xmit.yaml", "the kernel has no function 'dev_queue_xmit'"},
    {"tracingpolicy/fd_install_cap_changes.yaml", ""},
    {"tracingpolicy/fd_install_ns.yaml"},
    {"tracingpolicy/fd_install_ns_host.yaml"},
    {"tracingpolicy/filename_monitoring_filtered.yaml"},
    {"tracingpolicy/hardlink-override.yaml"},
    {"tracingpolicy/host-changes/monitor-kernel-modules.yaml"},
    {"tracingpolicy/killer.yaml"},
    {"tracingpolicy/list-generated-ftrace.yaml", "write syscall: false"},
    {"tracingpolicy/list-syscalls-generated.yaml"},
    {"tracingpolicy/list-syscalls.yaml"},
    {"tracingpolicy/lsm_bprm_check.yaml", "hashes of files (imaHash) is not supported yet"},
    {"tracingpolicy/lsm_file_open.yaml"},
    {"tracingpolicy/modules-nohost.yaml", "selecting pods (podSelector) is not supported yet"},
    {"tracingpolicy/open_geturl.yaml", "the action GetUrl is not supported yet"},
    {"tracingpolicy/openat_write.yaml"},
    {"tracingpolicy/override-security.yaml"},
    {"tracingpolicy/process-credentials/creds-capability-usage.yaml"},
    {"tracingpolicy/process-credentials/process-creds-installed.yaml"},
    {"tracingpolicy/process-credentials/process.credentials.changes.at.syscalls.yaml"},
    {"tracingpolicy/raw_syscalls.yaml"},
    {"tracingpolicy/sandbox/linux-namespaces/kill_unprivileged_user_namespace.yaml"},
    {"tracingpolicy/sandbox/linux-namespaces/kill_unprivileged_user_namespace_in_pid_namespace.yaml"},
    {"tracingpolicy/security-socket-connect-block-others.yaml"},
    {"tracingpolicy/security-socket-connect.yaml"},
    {"tracingpolicy/security_inode_follow_link.yaml"},
    {"tracingpolicy/stack_traces.yaml", "the kernel has no function 'kfree_skb_reason'"},
    {"tracingpolicy/symlink-override.yaml"},
    {"tracingpolicy/sys_mount.yaml"},
    {"tracingpolicy/sys_pivot_root.yaml"},
    {"tracingpolicy/sys_setuid.yaml"},
    {"tracingpolicy/tcp-connect-only-local-addrs.yaml"},
    {"tracingpolicy/tcp-connect-only-private-addrs.yaml"},
    {"tracingpolicy/tcp-connect.yaml"},
    {"tracingpolicy/tty.yaml"},
    {"tracingpolicy/tty_54.yaml"},
    {"tracingpolicy/uprobe-host.yaml", "(uprobes) is not supported yet"},
    {"tracingpolicy/uprobe.yaml", "(uprobes) is not supported yet"},
    {"tracingpolicy/usdt-set.yaml", "(usdts) is not supported yet"},
    {"tracingpolicy/write.yaml"},
};
// clang-format on

// A kernel with every function but those that 6.12 lacks.
class Kernel612 : public FakeKernelFacts {
 public:
  Kernel612() {
    has_everything = true;
    tracepoints["raw_syscalls/sys_enter"] = sys_enter_fields();
    traceable = {"ksys_read", "ksys_write", "vfs_read"};
  }
  std::optional<int> parameters(std::string_view function) const override {
    const bool is_missing = function == "dev_queue_xmit" || function == "kfree_skb_reason" ||
                            function == "security_bpf_map_alloc" ||
                            (function.starts_with("__x64_") && function.find("ksys_") != std::string_view::npos);
    return is_missing ? std::nullopt : FakeKernelFacts::parameters(function);
  }
};

std::string read_policy(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& [name, value] : {std::pair<std::string_view, std::string_view>{"${PODCIDR}", "10.244.0.0/16"},
                                    {"${SERVICECIDR}", "10.96.0.0/12"}})
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at))
      text.replace(at, name.size(), value);
  return text;
}

std::string answer_to(const std::string& text) {
  const Parsed parsed = parse_document(text);
  if (!parsed.document) return format(parsed.diagnostics, "policy.yaml");
  const auto policy = compile(*parsed.document, Kernel612(), {.file = "policy.yaml"});
  if (!policy) return policy.error().message;
  CHECK_FALSE(policy->statuses.empty());
  return "";
}

}  // namespace

TEST_CASE("policies as people use them are taken or refused with a reason") {
  // The working directory is tests/, below the checkout.
  const auto folder = std::filesystem::current_path().parent_path().parent_path() / "shared" / "compat" / "policies";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no folder ", folder.string());
    return;
  }
  CHECK(std::size(kPolicies) == 53);
  for (const Expected& expected : kPolicies) {
    CAPTURE(expected.file);
    const std::string answer = answer_to(read_policy(folder / expected.file));
    INFO(answer);
    if (expected.refused.empty())
      CHECK(answer.empty());
    else
      CHECK(answer.find(expected.refused) != std::string::npos);
  }
}

}  // namespace redan::policy
