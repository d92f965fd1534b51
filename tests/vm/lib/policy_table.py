# SPDX-License-Identifier: Apache-2.0
"""What the agent is to answer to each of the real policies, and where its events are wanted to differ from the recorded ones.
docs/policies.md tells people the same."""
import dataclasses
import typing


@dataclasses.dataclass
class Answer:
    """Accepted, or refused with `reason` in the error. `wanted`: step → check of expected and actual events, where Redan's
    answer is the better one."""
    accepted: bool = True
    reason: str = ""
    wanted: dict[str, typing.Callable] = dataclasses.field(default_factory=dict)

    def differs(self, step):
        return self.wanted.get(step)


def refused(reason):
    return Answer(accepted=False, reason=reason)


TABLE = {
    "other/file-block-kubectl-exec-access.yaml": refused("kind"),
    "quickstart/file_monitoring_enforce.yaml": refused("TracingPolicyNamespaced"),
    "tracingpolicy/dev_queue_xmit.yaml": refused("dev_queue_xmit"),
    "tracingpolicy/list-generated-ftrace.yaml": refused("ksys_"),
    "tracingpolicy/modules-nohost.yaml": refused("podSelector"),
    "tracingpolicy/open_geturl.yaml": refused("GetUrl"),
    "tracingpolicy/stack_traces.yaml": refused("kernelStackTrace"),
    "tracingpolicy/uprobe-host.yaml": refused("uprobes"),
    "tracingpolicy/uprobe.yaml": refused("uprobes"),
    "tracingpolicy/usdt-set.yaml": refused("usdts"),
}


def answers(_variant):
    """By path of the policy; those that are missing are accepted without a difference."""
    return TABLE
