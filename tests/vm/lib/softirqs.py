# SPDX-License-Identifier: Apache-2.0
"""Events of what the kernel does in softirqs, which run in whatever process is there: mostly that of the step which caused
them; under load, and before 6.4 whenever it is awake, the kernel thread ksoftirqd.

There, no filter on the binary matches: a policy with one has no such event, and is right. So there is a witness, a policy on
the same functions without filters. What the step is missing must be among the witness's events of other processes, and to
the same sockets. The witness sees sockets as numbers: events of a socket that is tracked would be told of its owner.
"""
import collections
import json
import re

WITNESS = "softirq-witness"
STEP = re.compile(r"[a-z]_\w+(@/[\w/-]+)?")  # as the arguments of its process
WITNESSED = ("sk_free", "tcp_set_state", "tcp_create_openreq_child")


def write_witness(path):
    calls = [{"call": call, "syscall": False, "args": [{"index": 0, "type": "uint64"}]} for call in WITNESSED]
    spec = json.dumps({"spec": {"kprobes": calls}})[1:-1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {WITNESS}}}\n{spec}\n")
    return path


class Event:
    """Who did what to which sockets."""

    def __init__(self, body):
        self.step = body.get("process", {}).get("arguments", "")
        self.function = body["function_name"]
        values = [value for arg in [*body.get("args", []), body.get("return", {})] for value in arg.values()]
        self.sockets = {value["cookie"] for value in values if isinstance(value, dict) and "cookie" in value}
        self.sockets |= {arg["size_arg"] for arg in body.get("args", []) if "size_arg" in arg}


def events_of(lines, policy):
    bodies = (json.loads(line).get("process_kprobe", {}) for line in lines if f'"policy_name":"{policy}"' in line)
    return [Event(body) for body in bodies if body.get("policy_name") == policy]


class Softirqs:
    """The events of one policy, and of its witness, in a run of all steps."""

    def __init__(self, lines, policy):
        self.own = events_of(lines, policy)
        self.witnessed = events_of(lines, WITNESS)
        # Of no step's process, and not yet given to one. A policy without a filter on binaries is its own witness.
        self.elsewhere = [event for event in self.own + self.witnessed if not STEP.fullmatch(event.step)]

    def problems(self, step, expected):
        """What was recorded, and neither the step's process did nor, to its sockets, somebody else; and what the witness saw
        its process do otherwise than the policy. More than was recorded may be: packets are sent again after a while."""
        own = [event for event in self.own if event.step == step]
        sockets = set().union(*(event.sockets for event in own))
        missing = collections.Counter(body["function_name"] for event in expected for body in event.values())
        missing -= collections.Counter(event.function for event in own)
        for event in list(self.elsewhere):
            if missing[event.function] > 0 and (not event.sockets or event.sockets & sockets):
                missing[event.function] -= 1
                self.elsewhere.remove(event)
        problems = [f"missing, also of other processes: {dict(+missing)}"] if +missing else []
        told = sum(event.function == "sk_free" for event in own)
        seen = sum(event.function == "sk_free" and event.step == step and bool(event.sockets & sockets)
                   for event in self.witnessed)
        if told and seen != told:
            problems.append(f"{told} sk_free, {seen} without the policy's filters")
        return problems
