#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a policy's hook misses for want of memory, of a process's storage, or of room to note a return, is told in the stream with
policy, hook, cause and count; each cause is provoked. The other causes: test_policy_life.py.
"""
import ctypes
import os
import signal
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.agent import AgentError  # noqa: E402
from lib.cases import Cases, kernel_variant, parse_arguments  # noqa: E402
from lib.runs import wait_until, working_folder  # noqa: E402
from test_policy_life import AT_FDCWD, CALLED, SYS_BPF, SYS_OPENAT, Life, differs, losses_of  # noqa: E402

MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_GET_NEXT_ID, MAP_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD = 1, 2, 12, 14, 15
SYS_SIGSUSPEND = 130
CALLS = 20
BLOCKED = 30  # processes in a call at once; the kernel has room to note the returns of 10, or of two for each CPU
HEAD = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata:
  name: {name}
spec:
  kprobes:
"""
# The kernel calls this while it makes storage for a task, and gives none to who asks meanwhile.
STORED = HEAD + """  - call: bpf_local_storage_update
    syscall: false
    selectors:
    - matchBinaries:
      - operator: Prefix
        values: ["/no/such/"]
"""
RETURNED = HEAD + """  - call: {call}
    syscall: {syscall}
    return: true
    returnArg:
      index: 0
      type: int
    selectors:
    - matchReturnArgs:
      - index: 0
        operator: NotEqual
        values: ["4711"]
"""


def enabled(life, name, text):
    life.put(name + ".yaml", text)
    life.told(name, "enabled")


def told(life, policy, cause, least):
    """The sum of what was told, once it is at least that; a few seconds are enough."""
    wait_until(lambda: life.agent.read() is None or losses_of(life.agent, policy, cause) >= least,
               f"{least} of {cause} in the loss records of {policy}")
    return losses_of(life.agent, policy, cause)


def execute():
    """The sensor keeps something of who executes a program."""
    pid = os.fork()
    if pid == 0:
        os.execv("/bin/true", ["true"])
    os.waitpid(pid, 0)


def no_task_storage(cases, life):
    enabled(life, "stored", STORED.format(name="stored"))
    for _ in range(CALLS):
        execute()
    count = told(life, "stored", "no_task_storage", CALLS)
    hook = life.listed()["stored"]["hooks"][0]
    cases.check("no_task_storage: told, and listed",
                [] if hook["missing"]["no_task_storage"] >= count else [f"listed: {hook}, told: {count}"])
    os.unlink(os.path.join(life.policies, "stored.yaml"))


class Bpf:
    """bpf(2), for maps of others."""

    def __init__(self, libc):
        self.libc = libc

    def call(self, command, attributes):
        buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
        result = self.libc.syscall(SYS_BPF, command, buffer, 128)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"bpf command {command}")
        return result, buffer.raw

    def maps(self):
        """Descriptor and struct bpf_map_info of each map there is."""
        map_id = 0
        while True:
            try:
                map_id, = struct.unpack_from("<I", self.call(MAP_GET_NEXT_ID, struct.pack("<I", map_id))[1], 4)
            except FileNotFoundError:
                return
            fd = self.call(MAP_GET_FD_BY_ID, struct.pack("<I", map_id))[0]
            info = ctypes.create_string_buffer(128)
            self.call(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, 80, ctypes.addressof(info)))
            yield fd, info.raw

    def set_busy(self, busy):
        """Marks all working memory of hooks as taken, or as free: the first word of each entry. Returns how many there are."""
        entries = 0
        for fd, info in self.maps():
            _, _, _, size, count = struct.unpack_from("<5I", info)
            name = info[24:40].rstrip(b"\0")
            for index in range(count if name == b"hook_scratches" else 0):
                key = ctypes.create_string_buffer(struct.pack("<I", index), 4)
                value = ctypes.create_string_buffer(size)
                element = struct.pack("<IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
                self.call(MAP_LOOKUP_ELEM, element)
                value[:8] = struct.pack("<Q", busy)
                self.call(MAP_UPDATE_ELEM, element)
                entries += 1
            os.close(fd)
        return entries


def open_nothing(libc):
    libc.syscall(SYS_OPENAT, AT_FDCWD, b"/no/such", 0)


def no_scratch(cases, life, libc):
    enabled(life, "calls", CALLED.format(name="calls", pid=os.getpid()))
    open_nothing(libc)
    before = life.posts("calls")
    bpf = Bpf(libc)
    entries = bpf.set_busy(1)
    for _ in range(CALLS):
        open_nothing(libc)
    bpf.set_busy(0)
    count = told(life, "calls", "no_scratch", CALLS)
    open_nothing(libc)
    posts = life.posts("calls")
    cases.check("no_scratch: calls that were not decided are told, and only they",
                ([] if entries else ["no map of working memory was found"]) + ([] if before else ["nothing was posted"])
                + ([] if count >= CALLS else [f"told: {count}"]) + ([] if posts > before else ["nothing was posted afterwards"]))


def unnoted_returns(cases, life, libc):
    # A part of execve(2) that gcc has changed, so that BTF does not have it: no fexit program can be attached.
    enabled(life, "copies", RETURNED.format(name="copies", call="copy_strings.isra.0", syscall="false"))
    execute()
    life.agent.settle()
    returned = {body["return"].get("int_arg") for _, body, _ in life.agent.events("process_kprobe")
                if body.get("policy_name") == "copies"}
    cases.check("returns: of a function that BTF does not have", differs("returned", returned, {0})
                + differs("attachment", life.listed()["copies"]["hooks"][0]["attachment"], "kretprobe"))
    if "preempt" not in kernel_variant():
        cases.skip("program_skipped: returns that the kernel had no room to note are told", "fexit programs see the returns here")
        return
    enabled(life, "paused", RETURNED.format(name="paused", call="sys_rt_sigsuspend", syscall="true"))
    pids = [paused(libc) for _ in range(BLOCKED)]
    wait_until(lambda: all(is_paused(pid) for pid in pids), "processes that wait")
    for pid in pids:
        os.kill(pid, signal.SIGUSR1)
    time.sleep(1)
    wait_until(lambda: all(is_paused(pid) for pid in pids), "processes that wait again")
    posts = life.posts("paused")
    unnoted = 2 * (BLOCKED - posts)  # told when a call begins: those of the second round, too
    count = told(life, "paused", "program_skipped", unnoted)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    cases.check("program_skipped: returns that the kernel had no room to note are told",
                ([] if 0 < posts < BLOCKED else [f"{posts} of {BLOCKED} returns were seen"]) + differs("told", count, unnoted))


def paused(libc):
    """A process that waits for a signal twice."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        for _ in range(2):
            libc.syscall(SYS_SIGSUSPEND, ctypes.create_string_buffer(8), 8)
        os._exit(0)
    return pid


def is_paused(pid):
    with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
        return file.read().split()[0] == str(SYS_SIGSUSPEND)


def all_causes(arguments, cases, folder):
    life = Life(arguments, folder)
    libc = ctypes.CDLL(None, use_errno=True)
    with life.agent:
        for name, case in (("no_task_storage", lambda: no_task_storage(cases, life)),
                           ("no_scratch", lambda: no_scratch(cases, life, libc)),
                           ("returns", lambda: unnoted_returns(cases, life, libc))):
            try:
                if cases.wanted(name):
                    case()
            except (AgentError, OSError) as error:
                cases.not_ok(name, str(error))
    cases.check("whole lines of JSON", [reason for _, reason in life.agent.bad_lines])


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    if "lockdown" in kernel_variant():
        cases.skip("hook losses", "hooks read arguments by address, which lockdown=confidentiality refuses")
        return cases.finish()
    with working_folder(arguments, "hook-loss") as folder:
        os.chmod(folder, 0o755)
        all_causes(arguments, cases, os.path.join(folder, "all"))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
