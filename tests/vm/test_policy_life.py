#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole life of policies: files that come, change, break and go; what `redan policy` does; what it shows; and that
what a hook misses is told."""
import ctypes
import json
import os
import signal
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.agent import Agent, AgentError  # noqa: E402
from lib.cases import Cases, kernel_variant, parse_arguments  # noqa: E402
from lib.runs import number, run_redan, stopped, wait_until, working_folder  # noqa: E402

SYS_OPENAT = 257
AT_FDCWD = -100
EFAULT = 14
SYS_BPF = 321
MAP_CREATE, MAP_UPDATE_ELEM, LPM_TRIE, NO_PREALLOC = 0, 2, 11, 1
UPDATES = 50
FLOOD = 2000  # opened files, whose records a ring of 64 KiB cannot hold

OPENED = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  kprobes:
  - call: security_file_open
    syscall: false
    args:
    - index: 0
      type: file
    selectors:
    - matchArgs:
      - index: 0
        operator: Prefix
        values: ["{prefix}"]
      matchActions:
      - action: {action}
"""
CALLED = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  kprobes:
  - call: sys_openat
    args:
    - index: 0
      type: int
    - index: 1
      type: string
    selectors:
    - matchPIDs:
      - operator: In
        isNamespacePID: false
        values: [{pid}]
"""
ALLOCATED = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  tracepoints:
  - subsystem: kmem
    event: kmalloc
    selectors:
    - matchPIDs:
      - operator: In
        isNamespacePID: false
        values: [{pid}]
      matchActions:
      - action: NoPost
"""


def opened(name, prefix, action="Post"):
    return OPENED.format(name=name, prefix=prefix, action=action)


class Life:
    """An agent that watches a folder of policies, and folders whose files are opened."""

    def __init__(self, arguments, folder, *options):
        self.binary = arguments.agent
        self.policies = os.path.join(folder, "policies")
        self.run_dir = os.path.join("/run", "redan-life-" + os.path.basename(folder))
        os.makedirs(self.policies, exist_ok=True)
        # A file of an overlay is opened twice, as itself and as what it lies over.
        self.folder = os.path.join("/dev/shm", "redan-life-" + os.path.basename(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.seen = 0  # records about policies
        self.agent = Agent(arguments.agent, "--tracing-policy-dir", self.policies, "--run-dir", self.run_dir, *options,
                           folder=folder)

    def put(self, name, text):
        """As an editor does: another file first."""
        path = os.path.join(self.policies, name)
        with open(path + "~", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + "~", path)
        return path

    def outside(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def place(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def open_in(self, name):
        """Opens a file in the place; returns its path."""
        path = os.path.join(self.place(name), "file")
        with open(path, "a", encoding="utf-8"):
            return path

    def read_posts(self, policy):
        return sum(body.get("policy_name") == policy for _, body, _ in self.agent.events("process_kprobe", "process_lsm"))

    def posts(self, policy):
        """How many events of the policy there are, once everything has arrived."""
        self.agent.settle()
        return self.read_posts(policy)

    def posts_of_open(self, policy, place):
        """How many events an open in the place makes, where nothing else has been opened since the last call."""
        before = self.read_posts(policy)
        self.open_in(place)
        return self.posts(policy) - before

    def told(self, policy, state):
        """Waits for the next record about that policy in that state, after the one of the last call."""
        found = []

        def is_told():
            self.agent.read()
            records = self.agent.own_records("policy")
            for index in range(self.seen, len(records)):
                if (records[index]["policy"], records[index]["state"]) == (policy, state):
                    self.seen = index + 1
                    found.append(records[index])
                    return True
            return False

        wait_until(is_told, f"policy {policy} {state}")
        return found[0]

    def policy(self, *words):
        return run_redan(self.binary, "policy", *words, "--run-dir", self.run_dir)

    def listed(self):
        """By name."""
        outcome = self.policy("list", "-o", "json")
        if outcome.code != 0:
            raise AgentError(f"policy list: {outcome.code}, {outcome.stderr}")
        return {policy["name"]: policy for policy in json.loads(outcome.stdout)["policies"]}

    def states(self):
        return {name: policy["state"] for name, policy in self.listed().items()}


def differs(what, found, expected):
    return [] if found == expected else [f"{what}: {found!r}, expected {expected!r}"]


def files(arguments, cases, folder):
    life = Life(arguments, folder)
    one, two = life.place("one"), life.place("two")
    life.put("a.yaml", opened("watched", one))
    with life.agent:
        life.told("watched", "enabled")
        cases.check("files: in force from the start", differs("posts", life.posts_of_open("watched", "one"), 1))

        life.put("a.yaml", opened("watched", two))
        life.told("watched", "enabled")
        cases.check("files: a changed one is replaced",
                    differs("posts of the new", life.posts_of_open("watched", "two"), 1)
                    + differs("posts of the old", life.posts_of_open("watched", "one"), 0))

        life.put("a.yaml", "spec: [")
        error = life.told("watched", "enabled").get("error", "")
        listed = life.listed()["watched"]
        cases.check("files: a broken one leaves the one before it in force, and says so",
                    differs("state", listed["state"], "enabled") + differs("error listed", listed["error"], error)
                    + ([] if "a.yaml" in error and "stays" in error else [f"the error: {error!r}"])
                    + ([] if "a.yaml" in life.agent.stderr() else ["the log does not name the file"])
                    + differs("posts", life.posts_of_open("watched", "two"), 1))

        life.put("b.yaml", opened("watched", one))
        life.told("watched", "load_error")
        os.remove(os.path.join(life.policies, "a.yaml"))
        life.told("watched", "deleted")
        life.told("watched", "enabled")
        cases.check("files: one that disappears is deleted, and one that waited for its name takes its place",
                    differs("states", life.states(), {"watched": "enabled"})
                    + differs("posts of the second", life.posts_of_open("watched", "one"), 1)
                    + differs("posts of the first", life.posts_of_open("watched", "two"), 0))
        cases.check("files: whole lines of JSON", [reason for _, reason in life.agent.bad_lines])


def clients(arguments, cases, folder):
    life = Life(arguments, folder)
    place = life.place("a place")
    good = life.outside("a good one.yaml", opened("added", place))
    kill = life.outside("kill.yaml", opened("kill", place + "/none", "Sigkill"))
    bad = life.outside("bad.yaml", opened("bad", place, "Pots"))
    missing = life.outside("missing.yaml", opened("missing", place).replace("security_file_open", "no_such_function"))
    with life.agent:
        added = life.policy("add", good)
        cases.check("clients: add",
                    differs("exit code", added.code, 0)
                    + differs("said", added.stdout.decode(), f'tracing policy "{good}" added\n')
                    + differs("posts", life.posts_of_open("added", "a place"), 1))
        listed = life.listed()["added"]
        hook = listed["hooks"][0]
        cases.check("clients: list",
                    differs("facts", (listed["state"], listed["mode"], listed["source"], listed["origin"]),
                            ("enabled", "monitor_only", good, "client"))
                    + differs("hook", (hook["name"], hook["selectors"]),
                              ("kprobe/security_file_open", [{"matched": 1, "posts": 1}]))
                    + ([] if hook["instructions"] > 0 and hook["kernel_memory_bytes"] > 0 else [f"costs nothing: {hook}"])
                    + ([] if hook["attachment"] in ("lsm", "fentry", "kprobe") else [f"attachment: {hook}"]))
        text = life.policy("list").stdout.decode()
        cases.check("clients: list for people",
                    [f"no {word!r} in {text!r}" for word in ("added", "enabled", "posts by selector: 1", " ns each", good)
                     if word not in text])
        refused = {
            "a second time": (("add", good), 3, "redan policy delete added"),
            "a bad one": (("add", bad), 3, "Pots"),
            "a missing function": (("add", missing), 3, "no_such_function"),
            "an absent file": (("add", "/nowhere.yaml"), 1, "/nowhere.yaml"),
            "two, one absent": (("add", "/nowhere.yaml", good), 1, "2 of 2"),
            "delete of none": (("delete", "nobody"), 3, "nobody"),
            "a mode that the policy has not": (("set-mode", "added", "monitor"), 3, "monitor_only"),
        }
        for name, (words, code, said) in refused.items():
            outcome = life.policy(*words)
            cases.check(f"clients: {name} is refused",
                        differs("exit code", outcome.code, code)
                        + ([] if said in outcome.stderr else [f"no {said!r} in {outcome.stderr!r}"]))
        cases.check("clients: the others are untouched",
                    differs("states", {name: state for name, state in life.states().items() if state != "load_error"},
                            {"added": "enabled"}))
        cases.check("clients: disable",
                    differs("exit code", life.policy("disable", "added").code, 0)
                    + differs("state", life.states().get("added"), "disabled")
                    + differs("posts", life.posts_of_open("added", "a place"), 0))
        cases.check("clients: enable",
                    differs("exit code", life.policy("enable", "added").code, 0)
                    + differs("posts", life.posts_of_open("added", "a place"), 1))
        told = life.policy("add", kill)
        enforce = life.policy("set-mode", "kill", "enforce")
        cases.check("clients: enforcement is refused, not silently monitored",
                    differs("exit codes", (told.code, enforce.code), (0, 3))
                    + ([] if "asks for enforcement" in told.stderr else [f"add said {told.stderr!r}"])
                    + ([] if "stays in mode monitor" in enforce.stderr else [f"set-mode said {enforce.stderr!r}"])
                    + differs("modes", (life.listed()["kill"]["mode"], life.listed()["kill"]["asked_mode"]),
                              ("monitor", "enforce")))
        deleted, told = life.policy("delete", "kill"), life.policy("add", "-m", "monitor", kill)
        cases.check("clients: add in mode monitor",
                    differs("exit codes", (deleted.code, told.code), (0, 0))
                    + ([f"add said {told.stderr!r}"] if "asks for enforcement" in told.stderr else [])
                    + differs("asked mode", life.listed()["kill"]["asked_mode"], "monitor"))
        cases.check("clients: delete",
                    differs("exit code", life.policy("delete", "added").code, 0)
                    + differs("listed", "added" in life.states(), False)
                    + differs("posts", life.posts_of_open("added", "a place"), 0))
    without = life.policy("list")
    cases.check("clients: without an agent",
                differs("exit code", without.code, 1)
                + ([] if "is one running" in without.stderr else [f"said {without.stderr!r}"]))


def explain(arguments, cases, folder):
    path = os.path.join(folder, "p.yaml")
    os.makedirs(folder)
    with open(path, "w", encoding="utf-8") as file:
        file.write(opened("told", "/etc/"))
    os.chmod(folder, 0o755)
    outcome = run_redan(arguments.agent, "policy", "explain", "-o", "json", path)
    problems = differs("exit code", outcome.code, 0)
    if not problems:
        hook = json.loads(outcome.stdout)["policies"][0]["hooks"][0]
        problems = (differs("selectors", hook["selectors"], ["posts when the path of argument 0 starts with '/etc/'"])
                    + differs("user memory", hook["arguments"][0]["user_memory"], False)
                    + [f"{name} is {hook.get(name)}" for name in ("instructions", "verified_instructions",
                                                                  "kernel_memory_bytes") if not hook.get(name)])
    cases.check("explain: what a hook becomes", problems)
    unprivileged = run_redan(arguments.agent, "policy", "explain", path,
                             before=("setpriv", "--reuid", "65534", "--clear-groups", "--bounding-set", "-all"))
    cases.check("explain: without root it says so, and what is known",
                differs("exit code", unprivileged.code, 5)
                + ([] if "starts with '/etc/'" in unprivileged.stdout.decode() else [f"said {unprivileged.stdout!r}"])
                + ([] if "no hook was loaded" in unprivileged.stderr else [f"said {unprivileged.stderr!r}"]))


def losses_of(agent, policy, cause):
    return sum(number(loss, "count") for loss in agent.own_records("loss")
               if loss.get("policy") == policy and loss["cause"] == cause and loss["hook"].startswith(("kprobe/", "tracepoint/kmem/")))


class MapAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("type", "key_size", "value_size", "max_entries", "flags")]


class ElementAttr(ctypes.Structure):
    _fields_ = [("map", ctypes.c_uint32), ("key", ctypes.c_void_p), ("value", ctypes.c_void_p), ("flags", ctypes.c_uint64)]


def update_trie(libc):
    """Allocates memory where the kernel runs no BPF programs: inside the update of a map."""
    attr = MapAttr(LPM_TRIE, 8, 4, UPDATES, NO_PREALLOC)
    fd = libc.syscall(SYS_BPF, MAP_CREATE, ctypes.byref(attr), ctypes.sizeof(attr))
    assert fd >= 0, os.strerror(ctypes.get_errno())
    for number_of in range(UPDATES):
        key = ctypes.create_string_buffer(struct.pack("<II", 32, number_of), 8)
        value = ctypes.create_string_buffer(4)
        element = ElementAttr(fd, ctypes.addressof(key), ctypes.addressof(value), 0)
        assert libc.syscall(SYS_BPF, MAP_UPDATE_ELEM, ctypes.byref(element), ctypes.sizeof(element)) == 0
    os.close(fd)


def skipped(cases, life, libc):
    name = "loss: programs that the kernel skipped are told"
    if os.uname().release.startswith("6.1."):
        cases.skip(name, "6.1 counts none but those of fentry, which cannot be provoked at will")
        return
    update_trie(libc)
    wait_until(lambda: life.agent.read() is None or losses_of(life.agent, "memory", "program_skipped") >= UPDATES,
               "the loss records of skipped programs")
    hook = life.listed()["memory"]["hooks"][0]
    cases.check(name, ([] if hook["missing"]["program_skipped"] >= UPDATES else [f"listed: {hook}"])
                + differs("attachment", hook["attachment"], "tracepoint"))


def loss(arguments, cases, folder):
    life = Life(arguments, folder, "--rb-size-total", "64K")
    place = life.place("flooded")
    life.put("flood.yaml", opened("flood", place))
    life.put("memory.yaml", ALLOCATED.format(name="memory", pid=os.getpid()))
    life.put("calls.yaml", CALLED.format(name="calls", pid=os.getpid()))
    with life.agent:
        for name in ("calls", "flood", "memory"):
            life.told(name, "enabled")
        libc = ctypes.CDLL(None, use_errno=True)
        for _ in range(3):
            assert libc.syscall(SYS_OPENAT, AT_FDCWD, ctypes.c_void_p(8), 0) == -1 and ctypes.get_errno() == EFAULT
        wait_until(lambda: life.agent.read() is None or losses_of(life.agent, "calls", "unreadable_argument") >= 3,
                   "the loss record of the argument")
        cases.check("loss: arguments that could not be read are told",
                    differs("count", losses_of(life.agent, "calls", "unreadable_argument"), 3))
        skipped(cases, life, libc)
        with stopped(life.agent.pid):
            path = os.path.join(place, "file")
            for _ in range(FLOOD):
                os.close(os.open(path, os.O_CREAT | os.O_RDONLY))
        wait_until(lambda: life.agent.read() is None or losses_of(life.agent, "flood", "ring_full") > 0,
                   "the loss record of the flood")
        posts = life.posts("flood")
        listed = life.listed()["flood"]["hooks"][0]
        lost = losses_of(life.agent, "flood", "ring_full")
        cases.check("loss: events that the ring did not hold are told, and none else is missing",
                    differs("events and lost ones", posts + lost, FLOOD)
                    + differs("lost, as listed", listed["missing"]["ring_full"], lost)
                    + differs("posts, as listed", listed["selectors"][0]["posts"], posts)
                    + ([] if "were missed" in life.agent.stderr() else ["the log says nothing"]))
    cases.check("loss: whole lines of JSON", [reason for _, reason in life.agent.bad_lines])


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    if "lockdown" in kernel_variant():
        cases.skip("policies", "hooks read arguments by address, which lockdown=confidentiality refuses")
        return cases.finish()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with working_folder(arguments, "life") as folder:
        os.chmod(folder, 0o755)
        for name, case in (("files", files), ("clients", clients), ("explain", explain), ("loss", loss)):
            if cases.wanted(name):
                try:
                    case(arguments, cases, os.path.join(folder, name))
                except AgentError as error:
                    cases.not_ok(name, str(error))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
