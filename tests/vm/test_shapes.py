#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exactness: processes of every shape are run for real, say what they did (shapes/), and are compared with the agent's
events field by field: exactly one exec event for each successful execve, exactly one exit event for each process, and
no others.

There are two runs of the agent: one for nearly all shapes, and one for the options that add content (environment,
ancestors). `--agent none` only tries whether the shapes can be made; with `--results`, what they say is kept.
`--build FOLDER` compiles their programs, for `--programs FOLDER` of later calls: worth it where compiling is slow, as
in a machine that is emulated. Otherwise they are compiled on the spot.
"""
import collections
import os
import platform
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from lib.agent import Agent, AgentError
from lib.cases import Cases, kernel_variant, parse_arguments
from shapes import rules
from shapes.check import TIME_SLACK, Checker, Variant, decode_exec_id, differences, parse_time
from shapes.events import Ledger, body_of, learn_forked_images
from shapes.facts import Image, ShapeError, read_story
from shapes.places import Places, build

PROC_FD, LIFE_FD = 103, 102  # as in shapes/shape.h
SHAPE_TIMEOUT = 60
KERNEL_CHILD_FAMILY = 9  # of sockets that no module serves here: the kernel asks modprobe for it

IDENTITY = ("--enable-process-cred", "--enable-process-ns")
CONTENT = IDENTITY + ("--enable-process-environment-variables", "--enable-ancestors", "base")

Ran = collections.namedtuple("Ran", "name story began problem")


def boot_time():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Shape:
    """One run of the shapes program."""

    def __init__(self, name, places, facts_folder, old=False):
        self.name, self._facts = name, os.path.join(facts_folder, name + ".facts")
        self._stderr = os.path.join(facts_folder, name + ".stderr")
        self.began = boot_time()
        ended, life = os.pipe()
        os.dup2(life, LIFE_FD, inheritable=True)
        os.close(life)
        environment = {"REDAN_SHAPES": places.root, "PATH": "/usr/bin:/bin", **({"REDAN_OLD": "1"} if old else {})}
        with open(self._facts, "ab") as facts, open(self._stderr, "wb") as stderr:
            self._process = subprocess.Popen(
                [places.path("bin/shapes"), name], stdin=subprocess.PIPE if old else subprocess.DEVNULL,
                stdout=facts, stderr=stderr, env=environment, cwd=places.root, close_fds=False)
        os.close(LIFE_FD)
        self._ended = ended

    def await_first_fact(self):
        """Of an old shape: it has said who it is."""
        deadline = time.monotonic() + SHAPE_TIMEOUT
        while os.path.getsize(self._facts) == 0 and time.monotonic() < deadline:
            time.sleep(0.01)

    def go(self):
        self._process.stdin.write(b"!")
        self._process.stdin.close()

    def finish(self, test):
        """Waits until every process of the shape has ended."""
        problem = None
        with os.fdopen(self._ended, "rb") as ended:
            if not select.select([ended], [], [], SHAPE_TIMEOUT)[0]:
                problem = f"still running after {SHAPE_TIMEOUT} s"
                self._process.kill()
        status = self._process.wait()
        with open(self._facts, "a", encoding="ascii") as facts:
            raw_status = -status if status < 0 else status << 8
            facts.write(f'{{"is":"exit","who":"shape","status":{raw_status},"boot_ns":{boot_time()}}}\n')
        story = None
        try:
            story = read_story(self._facts, test)
        except (ShapeError, ValueError, KeyError) as error:
            problem = problem or f"the shape is wrong: {error}"
        with open(self._stderr, encoding="utf-8", errors="replace") as stderr:
            said = stderr.read().strip()
        if said and not problem:
            problem = f"the shape complains: {said}"
        if story and story.broken:
            problem = problem or f"the shape could not be made: {story.broken}"
        return Ran(self.name, story, self.began, problem)


class Run:
    """One run of the agent with some shapes."""

    def __init__(self, arguments, cases, places, folder, options):
        self.arguments, self.cases, self.places, self.folder, self.options = arguments, cases, places, folder, options
        os.makedirs(folder, exist_ok=True)
        self.agent = Agent(arguments.agent, *options, folder=folder)
        self.test = Image("old", "test", {"pid": os.getpid(), "in_tree": 0})
        self.ran = []
        self.before = self.kernel_children = None

    def make(self, names):
        """Starts the agent and makes the shapes; those called old-* are started before it."""
        old = [Shape(name, self.places, self.folder, old=True) for name in names if name.startswith("old-")]
        for shape in old:
            shape.await_first_fact()
        self.before = processes_here()
        with self.agent as agent:
            for shape in old:
                shape.go()
                self.ran.append(shape.finish(self.test))
            for name in names:
                if not name.startswith("old-"):
                    self.ran.append(Shape(name, self.places, self.folder).finish(self.test))
            if "--enable-ancestors" in self.options and self.cases.wanted("content-ancestors-of-kernel-child"):
                self.kernel_children = provoke_kernel_child()
            agent.settle()
            agent.stop()

    def compare(self):
        ledger = Ledger(self.agent.records)
        own = ledger.take_first(self.test.pid)
        if own is None:
            self.cases.not_ok("old-test", f"no exec event of the test itself (pid {self.test.pid}), which is older")
            return
        process = own["process_exec"]["process"]
        self.test.exec_id, self.test.body = process["exec_id"], body_of(process)
        ancestors = ledger.ancestors if "--enable-ancestors" in self.options else None
        checker = Checker(node_name(), host_namespaces(), time.time_ns() - boot_time(), Variant(kernel_variant()),
                          "--enable-process-environment-variables" in self.options, ancestors)
        expected_cuts = set()
        for ran in self.ran:
            if ran.story and ran.story.skipped:
                self.cases.skip(ran.name, ran.story.skipped)
            elif ran.problem:
                self.cases.not_ok(ran.name, ran.problem)
            else:
                self.compare_one(ran, ledger, checker, expected_cuts)
        self.compare_rest(ledger, checker, expected_cuts)

    def compare_one(self, ran, ledger, checker, expected_cuts):
        try:
            self.cases.check(ran.name, list(compare_shape(ran, ledger, checker, self.agent, expected_cuts)))
        except (ValueError, KeyError, TypeError) as error:  # an event that has not even the form of one
            self.cases.not_ok(ran.name, f"cannot be compared: {type(error).__name__} {error}")
        if ran.name in self.cases.passed:  # of the rest, what they said is worth keeping
            for ending in (".facts", ".stderr"):
                os.remove(os.path.join(self.folder, ran.name + ending))

    def compare_rest(self, ledger, checker, expected_cuts):
        prefix = os.path.basename(self.folder)
        if self.kernel_children is not None and self.cases.wanted("content-ancestors-of-kernel-child"):
            compare_kernel_child(self.cases, self.kernel_children, ledger, self.agent, checker)
        if self.cases.wanted("old-processes") and "--enable-ancestors" not in self.options:
            self.cases.check("old-processes", compare_old(self.before, self.agent, checker))
        name = f"{prefix}-nothing-else"
        if self.cases.wanted(name):
            self.cases.check(name, self.nothing_else(ledger, expected_cuts))

    def nothing_else(self, ledger, expected_cuts):
        for number, reason in self.agent.bad_lines:
            yield f"line {number} of the export: {reason}"
        ignored = self.agent.sentinels | {self.agent.pid}
        for kind, record in ledger.descendants_left(self.test.exec_id, ignored):
            shown = {key: record[kind]["process"].get(key) for key in ("pid", "binary", "arguments", "flags")}
            yield f"an event that nobody caused: {kind} {shown}"
        started = self.agent.records[0].get("time", "")
        for record in self.agent.records:
            if "redan" in record and parse_time(record["time"]) < parse_time(started) - TIME_SLACK:
                yield f"a record from before the agent's start at {started}: {record}"
        for loss in self.agent.own_records("loss"):
            yield f"the agent lost something: {loss}"
        for cut in self.agent.own_records("cut"):
            if cut.get("exec_id") not in expected_cuts:
                yield f"the agent cut something: {cut}"


def compare_shape(ran, ledger, checker, agent, expected_cuts):
    """All that is wrong with the events of a shape."""
    story, execs, exits = ran.story, [], []
    for life in story.lives:
        if life.exit is None:
            yield f"nobody saw the end of {life.last.who}"
            continue
        taken, problem = ledger.take_life(life)
        if problem:
            yield problem
            continue
        execs += [(image, record, life) for image, record in zip(life.images_with_exec, taken[0])]
        exits.append((life, taken[1]))
    for creator in learn_forked_images((image, record) for image, record, _ in execs):
        if creator.creator.body:
            creator.body = checker.copy_for_child(creator, ran.began, creator.fact["boot_ns"])
    for image, record, life in execs:
        earliest = ran.began if image.who == "shape" else story.images["shape"].fact["boot_ns"]
        latest = (life.exit if "ahead" in image.fact else image.fact)["boot_ns"]  # a foretold exec comes after its fact
        yield from checker.exec_event(image, record, earliest, latest)
        yield from compare_cut(image, agent, expected_cuts)
    for life, record in exits:
        yield from checker.exit_event(life, record, ran.began)
    yield from compare_identities([image for image, _, _ in execs], exits)
    for tid in story.threads:
        for kind, event, _ in agent.events_of(tid):
            yield f"an event of thread {tid}: {kind} {event['process'].get('arguments')}"


def compare_identities(images, exits):
    """Every image has an exec_id of its own, and time goes on from image to image."""
    ids = [image.exec_id for image in images] + [life.last.exec_id for life, _ in exits if life.last.kind == "fork"]
    if len(set(ids)) != len(ids):
        yield f"the same exec_id for two images: {ids}"
    for image in images:
        if image.fresh or image.creator.exec_id is None:
            continue
        if decode_exec_id(image.creator.exec_id)[1] >= decode_exec_id(image.exec_id)[1]:
            yield f"{image.who} is not younger than the image that it replaced"


def compare_cut(image, agent, expected_cuts):
    """What was cut is told with its full length in a line of its own."""
    argv = [argument.encode("latin-1") for argument in image.fact["argv"]]
    if not rules.is_cut(argv):
        return
    expected_cuts.add(image.exec_id)
    whole = rules.argument_bytes(argv)
    told = [cut for cut in agent.own_records("cut") if cut.get("exec_id") == image.exec_id]
    if len(told) != 1:
        yield f"{image.who}: {len(told)} records of the cut arguments, not 1: {told}"
        return
    cut = told[0]
    total, kept = int(cut.get("bytes", 0)), int(cut.get("kept", 0))
    if cut.get("field") != "arguments" or total not in (whole, whole + len(argv[0]) + 1):
        wanted = f"{whole} bytes, {len(argv[0]) + 1} more with argv[0]"
        yield f"{image.who}: the cut is told wrong (expected {wanted} got {cut})"
    elif not rules.KEPT_ARGUMENTS - len(argv[0]) - 1 <= kept < total:
        yield f"{image.who}: kept too little: {cut}"


# Processes older than the agent, and of the kernel


def processes_here():
    """pid -> (is a kernel thread, start in ticks) of all processes."""
    result = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[0] != "Z":
            result[int(pid)] = (bool(int(fields[6]) & 0x200000), int(fields[19]))
    return result


def compare_old(before, agent, checker):
    """Each process of user space that was there before the agent, and pid 0, has one exec event with the flag procFS.
    Kernel threads have none.
    """
    events = collections.Counter()
    for _, event, _ in agent.events("process_exec"):
        process = event["process"]
        if "procFS" in process.get("flags", "").split():
            events[process["pid"]] += 1
            if process["pid"] == 0:
                yield from differences("<kernel>", process.get("binary"), "pid 0: binary")
                yield from differences((checker.node, 1, 0), decode_exec_id(process["exec_id"]), "pid 0: exec_id")
            elif process["pid"] in before and not before[process["pid"]][0]:
                start = before[process["pid"]][1] * 10_000_000
                said = decode_exec_id(process["exec_id"])[1]
                if abs(said - start) > 20_000_000:
                    yield f"pid {process['pid']} ({process.get('binary')}): its time (expected {start} got {said})"
    for pid, (of_kernel, _) in before.items():
        if of_kernel and events[pid]:
            yield f"an exec event for kernel thread {pid}"
        elif not of_kernel and events[pid] != 1 and os.path.exists(f"/proc/{pid}"):
            yield f"{events[pid]} exec events for pid {pid}, which was there before the agent"
    if events[0] != 1:
        yield f"{events[0]} exec events for pid 0"


def provoke_kernel_child():
    """Makes the kernel run its module loader; returns its path, or the reason why it would not."""
    try:
        with open("/proc/sys/kernel/modprobe", encoding="utf-8") as file:
            loader = file.read().strip()
    except FileNotFoundError:
        return None, "this kernel loads no modules"
    if not os.access(loader, os.X_OK):
        return None, f"there is no {loader}"
    try:
        socket.socket(KERNEL_CHILD_FAMILY, socket.SOCK_SEQPACKET).close()
    except OSError:
        pass
    return loader, None


def compare_kernel_child(cases, provoked, ledger, agent, checker):
    """A child of a kernel thread: its ancestors go up to pid 2."""
    name, (loader, reason) = "content-ancestors-of-kernel-child", provoked
    wanted = f"net-pf-{KERNEL_CHILD_FAMILY}"
    found = [event for _, event, _ in agent.events("process_exec")
             if loader == event["process"].get("binary") and event["process"].get("arguments", "").endswith(wanted)]
    if reason:
        cases.skip(name, reason)
        return

    def problems():
        if len(found) != 1:
            yield f"{len(found)} exec events of {loader} for {wanted}, not 1"
            return
        process, parent = found[0]["process"], found[0].get("parent", {})
        ids = [ancestor.get("exec_id") for ancestor in found[0].get("ancestors", [])]
        flags = checker.flags({"execve", "rootcwd", "clone"}, checker.variant.optional_flags())
        yield from differences(flags, process.get("flags"), "flags")
        if not parent.get("binary", "").startswith("["):
            yield f"its parent is not a kernel thread: {parent}"
        yield from differences(ledger.ancestors(parent.get("exec_id")), ids, "ancestors")
        last = decode_exec_id(ids[-1])[2] if ids else parent.get("pid")
        yield from differences(2, last, "pid of the last ancestor")

    cases.check(name, problems())


def node_name():
    return os.environ.get("HUBBLE_NODE_NAME") or os.environ.get("NODE_NAME") or platform.node()


def host_namespaces():
    """Those of pid 1; where it may not be looked at, the test's own will do."""
    owner = "1" if os.access("/proc/1/ns/net", os.R_OK) else "self"
    links = {name: os.readlink(f"/proc/{owner}/ns/{name}") for name in os.listdir(f"/proc/{owner}/ns")}
    return {name: int(link.partition("[")[2].rstrip("]")) for name, link in links.items()}


def print_facts(places, names, folder):
    test = Image("old", "test", {"pid": os.getpid(), "in_tree": 0})
    for name in names:
        shape = Shape(name, places, folder, old=name.startswith("old-"))
        if name.startswith("old-"):
            shape.go()
        ran = shape.finish(test)
        state = ran.problem or (ran.story.skipped and f"skipped: {ran.story.skipped}") or "made"
        if not ran.problem and any(life.exit is None for life in ran.story.lives):
            state = "somebody never ended"
        print(f"{name}: {state}", flush=True)


def main():
    if sys.argv[1:2] == ["--build"] and len(sys.argv) == 3:
        build(sys.argv[2])
        return 0
    arguments = parse_arguments(__doc__, programs=(None, "folder with the compiled shapes"))
    cases = Cases(arguments.only)
    work = tempfile.mkdtemp(prefix="redan-shapes-work-")  # not the results folder, which can be slow to write to
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    os.dup2(proc, PROC_FD, inheritable=True)
    try:
        with Places(arguments.programs) as places:
            listing = subprocess.run([places.path("bin/shapes"), "--list"], capture_output=True, text=True, check=True)
            listed = listing.stdout.split()
            if arguments.agent == "none":
                print_facts(places, [name for name in listed if cases.wanted(name)], work)
                return 0
            for folder, options, content in (("identity", IDENTITY, False), ("content", CONTENT, True)):
                names = [name for name in listed if name.startswith("content-") == content and cases.wanted(name)]
                extras = ("content-ancestors-of-kernel-child",) if content else ("old-processes",)
                if names or any(cases.wanted(extra) for extra in extras + (f"{folder}-nothing-else",)):
                    run = Run(arguments, cases, places, os.path.join(work, folder), options)
                    run.make(names)
                    run.compare()
                    if cases.failed and run.agent.stderr():
                        print(f"    the agent said: {run.agent.stderr()[-2000:]}", flush=True)
    except AgentError as error:
        cases.not_ok("agent", str(error))
    finally:
        if arguments.results:
            shutil.copytree(work, arguments.results, dirs_exist_ok=True)
        shutil.rmtree(work)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
