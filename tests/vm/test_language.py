#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy language, item by item: small policies, calls made for them, and the events that the language promises.

All policies are in force in one agent; what each posts for the children of its item is looked at. Items of the language's
checklist bear its words. Later parts of the language (enforcement, resolve, workloads) have tests of their own.
"""
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.agent import Agent  # noqa: E402
from lib.cases import Cases, kernel_variant, parse_arguments, shorten  # noqa: E402
from lib.language_policies import FOREBEAR, LENGTHS, LONG_PATHS, POLICIES  # noqa: E402
from lib.syscalls import (NET_RAW, SYS_TIME, UNSHARE_IPC, UNSHARE_PID, UNSHARE_UTS, call, child, rmdir, rmdir_i386, seek,  # noqa: E402
                          set_effective, unshare)

ANSWERED = 120  # seconds until all policies are in force
HOOK_KINDS = ("process_kprobe", "process_tracepoint", "process_lsm")


class Seen:
    """The events of one policy and some processes, in file order."""

    def __init__(self, agent):
        self.agent = agent

    def of(self, policy, *pids):
        return [event for _, event, _ in self.agent.events(*HOOK_KINDS)
                if event.get("policy_name") == policy and event["process"]["pid"] in pids]

    def args(self, policy, *pids):
        """Of each event the values of its arguments, without their names and labels."""
        return [[next(value for key, value in arg.items() if key != "label") for arg in event.get("args", [])]
                for event in self.of(policy, *pids)]

    def arg(self, number, policy, *pids):
        return [args[number] for args in self.args(policy, *pids)]


def expect(what, found, expected):
    return [] if found == expected else [f"{what}: {shorten(found)}, expected {shorten(expected)}"]


# --- items: each makes its calls and returns a function that says what is wrong with the events ---


def first_match_wins():
    pid = child(rmdir(b"/no/secret"), rmdir(b"/no/other"), rmdir(b"/other"))
    return lambda seen: expect("paths", seen.arg(0, "first-match", pid), ["/no/other"])


def negated_values_of_a_text():
    unreadable = 8
    pid = child(rmdir(b"/no/a"), rmdir(b"/no/b"), rmdir(b"/no/c"), rmdir(b""), rmdir(unreadable))
    return lambda seen: (expect("NotEqual", seen.arg(0, "not-equal", pid), ["/no/c", ""]) +
                         expect("NotPrefix", seen.arg(0, "not-prefix", pid), [""]) +
                         expect("NotPostfix", seen.arg(0, "not-postfix", pid), ["/no/c", ""]))


def negated_values_of_a_path():
    ends = os.pipe()
    listed, other = (os.open(path, os.O_RDONLY) for path in ("/etc/passwd", "/bin/true"))
    pid = child(*(lambda fd=fd: call("fdatasync", fd) for fd in (ends[1], 999, listed, other)))
    path = os.path.realpath("/bin/true")
    return lambda seen: expect("files", [file["path"] for file in seen.arg(0, "not-prefix-path", pid)], [path])


def tracepoint_field_or_position():
    pid = child(seek(8100), seek(8101), seek(8102))
    return lambda seen: (expect("by field", seen.args("by-field", pid), [["0", "8100"]]) +
                         expect("by position", seen.args("by-position", pid), [[0, "8101"]]))


def hidden_size_arguments():
    null = os.open("/dev/null", os.O_WRONLY)
    pid = child(lambda: call("write", null, b"hidden size, of which the end is left out", 11))
    return lambda seen: expect("events", seen.args("hidden-size", pid), [["aGlkZGVuIHNpemU="]])


def sized_bytes():
    null = os.open("/dev/null", os.O_WRONLY)
    short, long = b"sized bytes\0more", b"sized" + b"x" * 4995
    pid = child(lambda: call("write", null, short, len(short)), lambda: call("write", null, long, len(long)))

    def problems(seen):
        found = seen.args("sized-bytes", pid)
        wanted = [[null, "c2l6ZWQgYnl0ZXMAbW9yZQ==", "16"], None]
        if len(found) != 2 or found[0] != wanted[0] or found[1][1].get("orig_size") != "5000":
            return [f"events {shorten(found)}"]
        return expect("bytes that were kept", len(found[1][1]["bytes_arg"]) * 3 // 4, 4095)
    return problems


def bytes_at_return():
    buffer = ctypes.create_string_buffer(100)
    ends = os.pipe()
    os.write(ends[1], b"returned")
    pid = child(lambda: os.dup2(ends[0], 777), lambda: call("read", 777, buffer, 100))
    return lambda seen: expect("events", seen.args("return-copy", pid), [[777, "cmV0dXJuZWQ="]])


def entry_and_return():
    file = os.open("/bin/true", os.O_RDONLY)
    pid = child(*(lambda offset=offset: call("lseek", file, offset, 0) for offset in (5000, 5001, 5002)), seek(5001))

    def problems(seen):
        events = seen.of("entry-return", pid)
        return expect("returned", [event.get("return") for event in events], [{"long_arg": "5001"}]) + expect(
            "actions", [(event["action"], event["return_action"]) for event in events],
            [("KPROBE_ACTION_POST", "KPROBE_ACTION_POST")])
    return problems


def rate_limits():
    def in_two_threads(offset):
        def step():
            thread = threading.Thread(target=seek(offset))
            thread.start()
            thread.join()
            seek(offset)()
        return step

    by_thread = child(seek(6000), seek(6000), seek(6001), seek(6000), in_two_threads(6002))
    by_process = child(in_two_threads(6010))
    everywhere = [child(seek(6020)), child(seek(6020))]
    return lambda seen: (expect("per thread", seen.arg(1, "rate", by_thread), ["6000", "6001", "6002", "6002"]) +
                         expect("per process", seen.arg(1, "rate", by_process), ["6010"]) +
                         expect("everywhere", seen.arg(1, "rate", *everywhere), ["6020"]))


def follow_forks():
    pids = []

    def parent():
        seek(7000)()
        child(seek(7001))

    pids.append(child(parent))
    outside = child(seek(7010))

    def first_of_namespace():
        unshare(UNSHARE_PID)()
        child(lambda: child(seek(7010)))

    child(first_of_namespace)

    def problems(seen):
        events = [event for _, event, _ in seen.agent.events("process_kprobe")]
        host = [event["args"][1]["long_arg"] for event in events if event["policy_name"] == "forks"]
        inside = [event["process"]["pid"] for event in events if event["policy_name"] == "forks-in-namespace"]
        return (expect("descendants of the test", host, ["7000", "7001"]) +
                expect("descendants of pid 1 of a namespace", len(inside), 1) +
                expect("a process of the initial namespace", outside in inside, False))
    return problems


# A program that seeks, and what its family is to do.
SEEKS = "import ctypes; ctypes.CDLL(None).lseek(-1, ctypes.c_long({}), 0)"
PYTHON = "/usr/bin/python3 -S -E -c"


class Family:
    """A process of the binary that a policy follows, and its child: they are there before the policy is."""

    def __init__(self):
        shutil.copy(os.path.realpath("/bin/sh"), FOREBEAR)
        waiting = f"{PYTHON} 'print(flush=True); input(); {SEEKS.format(7300)}; {SEEKS.format(7310)}'"
        self.process = subprocess.Popen([FOREBEAR, "-c", f"{waiting}; true"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.read(1)

    def go_on(self):
        self.process.communicate(b"\n", timeout=60)


def follow_children(family):
    def run(script, **environment):
        subprocess.run([FOREBEAR, "-c", script], check=False, timeout=60, env=os.environ | environment)

    family.go_on()
    run(f"{PYTHON} '{SEEKS.format(7301)}'; true")
    grandchild = f"{PYTHON} '{SEEKS.format(7303)}'"
    run(f"{PYTHON} 'import os; {SEEKS.format(7302)}; os.system(os.environ[\"GRANDCHILD\"])'; true", GRANDCHILD=grandchild)
    run(f"exec {PYTHON} '{SEEKS.format(7304)}; {SEEKS.format(7311)}'")
    child(seek(7305), seek(7312))

    def problems(seen):
        offsets = [event["args"][1]["long_arg"] for _, event, _ in seen.agent.events("process_kprobe")
                   if event["policy_name"] == "children"]
        return expect("offsets", offsets, ["7300", "7301", "7302", "7303", "7304", "7312"])
    return problems


def many_pids():
    pid = child(seek(7020))
    return lambda seen: expect("NotIn many", len(seen.of("many-pids", pid)), 1)


def namespace_changes():
    pid = child(seek(7100), unshare(UNSHARE_UTS), seek(7100), seek(7100), unshare(UNSHARE_IPC), seek(7100),
                unshare(UNSHARE_UTS), seek(7100))
    other = child(unshare(UNSHARE_UTS), seek(7101), unshare(UNSHARE_IPC), seek(7101), seek(7101))
    return lambda seen: (expect("In", len(seen.of("changes", pid)), 2) + expect("NotIn", len(seen.of("changes", other)), 1))


def namespaces_of_an_exec():
    script = "import ctypes; c = ctypes.CDLL(None); c.unshare(0x04000000); [c.lseek(-1, ctypes.c_long(7100), 0) for i in '12']"
    pid = child(lambda: os.execv("/usr/bin/python3", ["python3", "-S", "-E", "-c", script]))
    return lambda seen: expect("events", len(seen.of("changes", pid)), 1)


def capability_changes():
    pid = child(seek(7102), set_effective(NET_RAW, False), seek(7102), seek(7102), set_effective(SYS_TIME, False), seek(7102),
                set_effective(NET_RAW, True), seek(7102))
    other = child(set_effective(NET_RAW, False), seek(7103), set_effective(NET_RAW, True), set_effective(SYS_TIME, False),
                  seek(7103), seek(7103))
    return lambda seen: (expect("In", len(seen.of("changes", pid)), 2) + expect("NotIn", len(seen.of("changes", other)), 1))


def namespaces_and_capabilities():
    inside = child(unshare(UNSHARE_UTS), seek(7200), seek(7201))
    outside = child(seek(7200), seek(7201))
    without = child(set_effective(NET_RAW, False), seek(7202), seek(7203))
    with_it = child(seek(7202), seek(7203))
    return lambda seen: sum((expect(what, seen.arg(1, "identity", pid), offsets) for what, pid, offsets in (
        ("in another namespace", inside, ["7201"]), ("in the host's", outside, ["7200"]),
        ("without the capability", without, ["7203"]), ("with it", with_it, ["7202"]))), [])


def lengths_of_paths():
    os.makedirs(os.path.dirname(LONG_PATHS[0]), exist_ok=True)
    files = [os.open(path, os.O_RDWR | os.O_CREAT) for path in LONG_PATHS + tuple(path[:-1] + "x" for path in LONG_PATHS)]
    pid = child(*(lambda file=file: call("fdatasync", file) for file in files))
    return lambda seen: expect("paths", [file["path"] for file in seen.arg(0, "long-paths", pid)], list(LONG_PATHS))


def lengths_of_texts():
    texts = [b"/" + b"l" * (length - 1) for length in LENGTHS]
    near = [text[:-1] + b"x" for text in texts]
    pid = child(*(rmdir(text) for text in texts + near))
    return lambda seen: expect("lengths", [len(path) for path in seen.arg(0, "lengths", pid)], list(LENGTHS))


def addresses_and_ports():
    def connect(family, address, port):
        def step():
            with socket.socket(family, socket.SOCK_STREAM) as one:
                one.connect_ex((address, port))
        return step

    wanted = []
    steps = []
    for port, v4, v6 in ((4400, True, False), (4402, True, False), (4403, False, True), (4404, False, True),
                         (4405, True, True), (4406, False, False)):
        for family, address, matches in ((socket.AF_INET, "127.0.0.1", v4), (socket.AF_INET6, "::1", v6)):
            steps.append(connect(family, address, port))
            wanted += [(address, port)] if matches else []
    pid = child(*steps)
    return lambda seen: expect("connections", [(sock["daddr"], sock["dport"]) for sock in seen.arg(0, "sockets", pid)], wanted)


def numbers_of_all_kinds():
    offsets = [-5, -4, -16, -17, -30001 & 0xffff, -29999 & 0xffff, 0x1000 + 0xf9, 0x1000 + 0xfa]
    pid = child(*(seek(offset) for offset in offsets))
    matching = [-5, -16, -30001 & 0xffff, 0x1000 + 0xf9]
    return lambda seen: expect("offsets", seen.arg(0, "numbers", pid), [str(offset) for offset in matching])


def masks_maps_and_ranges():
    offsets = [9000, 9001, 9003, 9004, 9008, 9012, 9100, 9105, 9110]
    pid = child(*(seek(offset) for offset in offsets))
    return lambda seen: expect("offsets", seen.arg(0, "operators", pid), [str(o) for o in (9001, 9003, 9100, 9110)])


def addresses_in_user_memory():
    def connect():
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.connect_ex(("127.0.0.1", 4499))
    pid = child(connect)
    return lambda seen: expect("addresses", seen.arg(0, "user-address", pid),
                               [{"family": "AF_INET", "addr": "127.0.0.1", "port": 4499}])


def raw_tracepoints():
    def rename():
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write("language-raw")
    pid = child(rename)
    return lambda seen: expect("names", seen.arg(0, "raw-tracepoint", pid), ["language-raw"])


def functions_by_fentry():
    pid = child(lambda: call("getpgid", 12345678), lambda: call("getpgid", 12345679))
    return lambda seen: expect("arguments", seen.args("fentry", pid), [[12345678]])


def lsm_hooks():
    folder = tempfile.mkdtemp(prefix="language-lsm-")
    os.mkdir(f"{folder}/inner")
    pid = child(rmdir(f"{folder}/inner".encode()))
    # An overlay file system removes the folder below it, too.
    return lambda seen: expect("paths", [path["path"] for path in seen.arg(0, "lsm", pid)][:1], [f"{folder}/inner"])


def executables():
    pid = child(lambda: os.execv("/bin/true", ["true"]))
    path = os.path.realpath("/bin/true")
    return lambda seen: expect("files", [file["path"] for file in seen.arg(0, "binprm", pid)], [path])


def both_kinds_of_system_calls():
    pid = child(rmdir(b"/list/x64"), rmdir_i386(b"/list/i386"))
    return lambda seen: expect("functions", [(event["function_name"], event["args"][0].get("string_arg"))
                                             for event in seen.of("syscall-list", pid)],
                               [("__x64_sys_rmdir", "/list/x64"), ("__ia32_sys_rmdir", "/list/i386")])


def message_tags_and_labels():
    pid = child(rmdir(b"/told/this"))

    def problems(seen):
        events = seen.of("told", pid)
        if len(events) != 1:
            return [f"events {shorten(events)}"]
        event = events[0]
        return (expect("message", event.get("message"), 'a \\"quoted\\"\\nmessage') +
                expect("tags", event.get("tags"), ["first tag", "observability.filesystem"]) +
                expect("label", event["args"][0].get("label"), "the path"))
    return problems


def functions_that_are_missing():
    def problems(seen):
        states = {record["policy"]: record for record in seen.agent.own_records("policy")}
        return expect("state", states.get("missing", {}).get("state"), "partially_enabled")
    return problems


def functions_without_parameters():
    pid = child(os.getppid)
    return lambda seen: expect("returned", [event.get("return") for event in seen.of("no-parameters", pid)],
                               [{"int_arg": os.getpid()}])


# The numbers are those of the language's checklist.
ITEMS = {
    "1 first match wins, NoPost included": first_match_wins,
    "2 negated values of a text": negated_values_of_a_text,
    "2 negated values of a path, which may be empty": negated_values_of_a_path,
    "3 tracepoint arguments by field or position": tracepoint_field_or_position,
    "3 hidden size arguments": hidden_size_arguments,
    "4 bytes with a size, cut": sized_bytes,
    "4 bytes at return": bytes_at_return,
    "5 entry and return": entry_and_return,
    "8 rate limits by scope and arguments": rate_limits,
    "9 followForks": follow_forks,
    "10 changes of namespaces, once each": namespace_changes,
    "10 changes of namespaces since the exec": namespaces_of_an_exec,
    "10 changes of capabilities, once each": capability_changes,
    "11 lengths of texts": lengths_of_texts,
    "11 lengths of paths": lengths_of_paths,
    "12 addresses, ports and states": addresses_and_ports,
    "14 functions that are missing": functions_that_are_missing,
    "many pids": many_pids,
    "matchNamespaces, matchCapabilities": namespaces_and_capabilities,
    "numbers by their types": numbers_of_all_kinds,
    "masks, maps and ranges": masks_maps_and_ranges,
    "addresses in user memory at a tracepoint": addresses_in_user_memory,
    "raw tracepoints": raw_tracepoints,
    "fentries": functions_by_fentry,
    "system calls without parameters": functions_without_parameters,
    "lsmhooks": lsm_hooks,
    "executables": executables,
    "lists of 64-bit and 32-bit system calls": both_kinds_of_system_calls,
    "message, tags, labels": message_tags_and_labels,
}


def write_policies(folder):
    os.makedirs(folder, exist_ok=True)
    files = []
    for name, spec in POLICIES.items():
        file = os.path.join(folder, name + ".yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {{name: {name}}}\n" +
                      json.dumps({"spec": spec(os.getpid())})[1:-1] + "\n")
        files.append(file)
    return files


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    if "lockdown" in kernel_variant():
        cases.skip("language", "hooks read arguments by address, which lockdown=confidentiality refuses")
        return cases.finish()
    family = Family()
    items = ITEMS | {"9 followChildren, before and after the policy came": lambda: follow_children(family)}
    folder = os.path.join(arguments.results or tempfile.mkdtemp(), "language")
    files = write_policies(folder)
    options = [word for file in files for word in ("--tracing-policy", file)]
    with Agent(arguments.agent, "--rb-size-total", "16M", *options, folder=folder) as agent:
        agent.wait_for(lambda record: record.get("redan", {}).get("policy") == list(POLICIES)[-1], timeout=ANSWERED,
                       what="the answer to the last policy")
        refused = [f"{record['policy']}: {record.get('error')}" for record in agent.own_records("policy")
                   if record["state"] not in ("enabled", "partially_enabled")]
        cases.check("all policies are accepted", refused)
        checks = {name: item() for name, item in items.items() if cases.wanted(name)}
        agent.settle()
    for name, problems in checks.items():
        cases.check(name, problems(Seen(agent)))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
