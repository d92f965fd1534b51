# SPDX-License-Identifier: Apache-2.0
"""What the agent is to answer to each of the real policies, and where its events are wanted to differ from the recorded ones.
docs/policies.md tells people the same."""
import collections
import dataclasses
import json
import re
import typing

# --- checks of wanted differences: expected and actual events → problems ---


def keys(events, forget=None):
    texts = (json.dumps(event, sort_keys=True) for event in events)
    return collections.Counter(re.sub(forget, "N", text) if forget else text for text in texts)


def names_of(events):
    """How often each function was seen: for steps whose events differ in names that normalize.py gave by order."""
    return collections.Counter(body.get("function_name") for event in events for body in event.values())


def more(expected, actual):
    """All that was recorded, and more."""
    missing = names_of(expected) - names_of(actual)
    return [f"missing: {missing}"] if missing else []


def other_pids(expected, actual):
    """The same but for process ids in paths below /proc."""
    missing = keys(expected, r'(?<="/)\d+') - keys(actual, r'(?<="/)\d+')
    return [f"missing: {text}" for text in missing]


def other_permission(expected, actual):
    """The same but for the permission of a file that an earlier run had changed, or another distribution mounts otherwise."""
    mode = r'"permission": "[^"]*"'
    missing = keys(expected, mode) - keys(actual, mode)
    return [f"missing: {text}" for text in missing]


def copied_up(expected, actual):
    """The same, and before it the reads by which the overlay file system copies the file to where it can be written. The
    recorded machine had done so earlier."""
    reads = [event for event in actual if any(arg.get("int_arg") == 4 for body in event.values() for arg in body["args"])]
    return [] if keys(event for event in actual if event not in reads) == keys(expected) else [f"{expected} | {actual}"]


def unreadable_told(_, actual):
    """The policy is for kernels before 5.5; read by it, today's arguments are no file. Redan says so."""
    args = [body["args"] for event in actual for body in event.values()]
    return [] if args and all("error_arg" in some[0] for some in args) else [f"arguments {args}"]


def other_names(expected, actual):
    """The same from other functions: this kernel's have other names, and the policy lists both."""
    def nameless(events):
        return keys(events, r'(?<="function_name": )"[^"]*"')
    return [] if nameless(expected) == nameless(actual) else [f"{expected} | {actual}"]


def unchecked(_expected, _actual):
    """Tetragon's policy stopped the operation here, Redan's does not yet: see the enforcement issue."""
    return []


# --- the table ---


@dataclasses.dataclass
class Answer:
    """Accepted, or refused with `reason` in the error. `wanted`: step → check, where Redan's answer is the better one; the step
    "*" stands for all. `in_softirqs`: steps of which lib/softirqs.py says whether they are right."""
    accepted: bool = True
    reason: str = ""
    wanted: dict[str, typing.Callable] = dataclasses.field(default_factory=dict)
    in_softirqs: tuple[str, ...] = ()

    def differs(self, step):
        return self.wanted.get(step, self.wanted.get("*"))


def refused(reason):
    return Answer(accepted=False, reason=reason)


def accepted(**wanted):
    return Answer(wanted=wanted)


CONNECTS = ("n_connect_443", "n_connect_443@/usr/bin/curl", "n_connect_refused", "n_connect_v6")
# Sockets that the end of a process closes: Tetragon has forgotten the process by then.
CLOSED_AT_EXIT = dict.fromkeys(CONNECTS, more)
LISTENERS = ("n_listen_accept", "n_listen_accept@/usr/sbin/sshd", "n_listen_accept@/usr/sbin/tcpserver")
# The child has its creator for a parent, so that its events belong to the step.
ADOPTED = {"p_clone_parent": more, "p_orphan": more}

TABLE = {
    "other/file-block-kubectl-exec-access.yaml": refused("kind"),
    "policylibrary/sshd.yaml": Answer(wanted=CLOSED_AT_EXIT, in_softirqs=LISTENERS),
    "quickstart/file_monitoring.yaml": accepted(f_append_shadow=copied_up),
    "quickstart/file_monitoring_enforce.yaml": refused("kind"),
    "tracingpolicy/dev_hard_start_xmit.yaml": Answer(in_softirqs=CONNECTS + LISTENERS),
    "tracingpolicy/dev_queue_xmit.yaml": refused("dev_queue_xmit"),
    "tracingpolicy/fd_install_ns_host.yaml": Answer(wanted=ADOPTED | dict.fromkeys(
        ("f_chmod_setuid", "f_tty_write", "p_exec_setuid"), other_permission)),
    "tracingpolicy/list-generated-ftrace.yaml": refused("ksys_"),
    "tracingpolicy/lsm_bprm_check.yaml": refused("imaHash"),
    "tracingpolicy/modules-nohost.yaml": refused("podSelector"),
    "tracingpolicy/open_geturl.yaml": refused("GetUrl"),
    "tracingpolicy/override-security.yaml": accepted(**{"*": unchecked}),
    "tracingpolicy/security_inode_follow_link.yaml": Answer(wanted=ADOPTED | dict.fromkeys(
        ("f_mmap_exec", "f_mmap_exec@/usr/sbin/sshd", "f_read_by_fd_path"), other_pids)),
    "tracingpolicy/stack_traces.yaml": refused("kfree_skb_reason"),
    "tracingpolicy/tcp-connect.yaml": Answer(wanted=CLOSED_AT_EXIT),
    "tracingpolicy/tty.yaml": accepted(f_tty_write=other_permission),
    "tracingpolicy/tty_54.yaml": accepted(f_tty_write=unreadable_told),
    "tracingpolicy/uprobe-host.yaml": refused("uprobes"),
    "tracingpolicy/uprobe.yaml": refused("uprobes"),
    "tracingpolicy/usdt-set.yaml": refused("usdts"),
}


# What is other than in TABLE on an older kernel. The recorded events are from 6.12.
ON_6_1 = {
    "tracingpolicy/bpf.yaml": accepted(k_bpf_map=other_names),
    "tracingpolicy/stack_traces.yaml": refused("kernelStackTrace"),
}


def answers(variant):
    """By path of the policy; those that are missing are accepted without a difference."""
    return TABLE | ON_6_1 if variant.split("+")[0] == "6.1" else TABLE
