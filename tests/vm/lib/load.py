# SPDX-License-Identifier: Apache-2.0
"""Processes in quantity (load/storm.c), and the comparison of what they did with the events of an agent."""
import base64
import collections
import hashlib
import os
import shutil
import signal
import subprocess
import time

SOURCES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "load")
FOLDER = "/run/redan-test-load"
COMMANDS = {
    "tiny": ("-static", "-nostdlib"),
    "storm": ("-static", "-pthread"),
}
TINY = os.path.join(FOLDER, "tiny")
STORM = os.path.join(FOLDER, "storm")


class LoadError(Exception):
    """The load was not made as described: no fault of the agent."""


def prepare():
    """Compiles the programs, once per machine: later test files find them."""
    sources = {name: os.path.join(SOURCES, name + ".c") for name in COMMANDS}
    digest = hashlib.sha256(b"".join(open(path, "rb").read() for path in sources.values())).hexdigest()
    stamp = os.path.join(FOLDER, digest)
    if os.path.exists(stamp):
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.mkdir(FOLDER, 0o755)
    for name, flags in COMMANDS.items():
        subprocess.run(["cc", "-O1", *flags, "-o", os.path.join(FOLDER, name), sources[name]], check=True)
    open(stamp, "w", encoding="ascii").close()


class Spoken:
    """A process whose standard output, lines of words, is read while it runs."""

    def __init__(self, command, path):
        self.path = path
        self.words = []  # of each line so far
        self._offset, self._rest = 0, b""
        with open(path, "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output)

    def read(self):
        with open(self.path, "rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        new = [line.decode().split() for line in lines]
        self.words += new
        return new

    def wait_for(self, what, predicate, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            ended = self.process.poll()
            self.read()
            if predicate():
                return
            if ended is not None:
                raise LoadError(f"{self.process.args} ended with {ended} before {what}")
            if time.monotonic() > deadline:
                raise LoadError(f"{self.process.args}: no {what} within {timeout} s")
            time.sleep(0.01)

    def wait(self, timeout=120):
        """Its end, which must be a good one."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LoadError(f"{self.process.args} still ran after {timeout} s") from None
        self.read()
        if code != 0:
            raise LoadError(f"{self.process.args} ended with {code}")


class Storm(Spoken):
    """`storm run`: `count` processes altogether, from loops that run in parallel; count 0: until stop()."""

    def __init__(self, folder, prefix, count=0, loops=8):
        self.prefix = prefix
        os.makedirs(folder, exist_ok=True)
        command = [STORM, "run", TINY, prefix, str(loops), str(count // loops)]
        self.main, self.loops, self.steps, self.counts = None, {}, 0, {}
        super().__init__(command, os.path.join(folder, prefix + ".storm"))
        self.wait_for("all loops", lambda: len(self.loops) == loops)

    def read(self):
        new = super().read()
        for verb, *numbers in new:
            numbers = [int(number) for number in numbers]
            if verb == "main":
                self.main = numbers[0]
            elif verb == "loop":
                self.loops[numbers[0]] = numbers[1]
            elif verb == "end":
                self.counts[numbers[0]] = numbers[1]
            else:
                self.steps += 1
        return new

    def more_steps(self, number):
        """Waits until that many turns more are done."""
        self.read()
        wanted = self.steps + number
        self.wait_for(f"{wanted} steps", lambda: self.steps >= wanted, timeout=60 + number / 20)

    def stop(self):
        for pid in self.loops.values():
            os.kill(pid, signal.SIGTERM)
        self.wait()

    def tokens(self):
        """All that were run, as (loop, turn, token)."""
        for loop, count in self.counts.items():
            for turn in range(count):
                yield loop, turn, f"{self.prefix}-{loop}-{turn}"

    def executed(self):
        """Number of execs: the storm's own and its children's."""
        return 1 + sum(self.counts.values())

    def ended(self):
        """Number of processes."""
        return self.executed() + len(self.loops) + sum(count // 2 for count in self.counts.values())


def is_from_procfs(body):
    return "procFS" in body["process"]["flags"].split()


def bodies(records, kind):
    return [record[kind] for record in records if kind in record]


def twice(items):
    return [item for item, number in collections.Counter(items).items() if number > 1]


def unique_ids(records):
    """Problems with the identity of processes: it is never given twice, and nothing ends twice."""
    for kind in ("process_exec", "process_exit"):
        for exec_id in twice(body["process"]["exec_id"] for body in bodies(records, kind)):
            yield f"two {kind} events with exec_id {exec_id}"


def ghosts(records, living):
    """Processes that were found by listing (procFS) although they were something else already, or gone: the records
    neither tell of their end nor of another image of theirs, and their pid is not among the living."""
    told = {}  # by pid
    for record in records:
        executed, ended = record.get("process_exec"), record.get("process_exit")
        if executed and is_from_procfs(executed):
            told[executed["process"]["pid"]] = executed["process"]
        elif executed:
            told.pop(executed["process"]["pid"], None)
        elif ended and told.get(ended["process"]["pid"], {}).get("exec_id") == ended["process"]["exec_id"]:
            del told[ended["process"]["pid"]]
    for pid, process in told.items():
        if pid not in living and pid != 0:
            yield f"pid {pid} ({process.get('binary')}, exec_id {process['exec_id']}) is told to live, and never ends"


class StormEvents:
    """What the records say of a storm."""

    def __init__(self, storm, records):
        self.storm = storm
        self.execs = collections.defaultdict(list)  # by token
        self.exits = collections.defaultdict(list)  # by exec_id
        self.plain_ends = collections.defaultdict(list)  # of children that only forked, by the loop's exec_id
        self.loop_ids = {}  # exec_id of each loop
        loops = {pid: loop for loop, pid in storm.loops.items()}
        for body in bodies(records, "process_exec"):
            process = body["process"]
            if process.get("binary") == TINY and process.get("arguments", "").startswith(storm.prefix + "-"):
                if not is_from_procfs(body):
                    self.execs[process["arguments"]].append(body)
            elif process["pid"] in loops and process.get("binary") == STORM and is_from_procfs(body):
                self.loop_ids[loops[process["pid"]]] = process["exec_id"]
        for body in bodies(records, "process_exit"):
            process, parent = body["process"], body.get("parent", {})
            self.exits[process["exec_id"]].append(body)
            if process.get("binary") != STORM or parent.get("binary") != STORM:
                continue
            if process["pid"] in loops and parent["pid"] == storm.main:
                self.loop_ids.setdefault(loops[process["pid"]], process["exec_id"])
            elif parent["pid"] in loops:
                self.plain_ends[parent["exec_id"]].append(body)
        self.untold = set(storm.loops) - set(self.loop_ids)
        for loop in self.untold:
            self._learn(loop)

    def _learn(self, loop):
        """The id of a loop that has no event of its own, because its exit was lost: the one that its children name. That it
        is the loop's is checked by what it says, the pid."""
        for token, execs in self.execs.items():
            if token.startswith(f"{self.storm.prefix}-{loop}-"):
                exec_id = execs[0]["process"].get("parent_exec_id", "")
                if base64.b64decode(exec_id).decode().endswith(f":{self.storm.loops[loop]}"):
                    self.loop_ids[loop] = exec_id
                return

    def missing(self):
        """Tokens without an exec event."""
        return [token for _, _, token in self.storm.tokens() if token not in self.execs]

    def problems(self, complete=True):
        """Everything that is wrong. Not complete: events may be missing, but those that are there must be right."""
        if complete and self.untold:
            yield f"{len(self.untold)} of {len(self.storm.loops)} loops are not told"
        for loop, turn, token in self.storm.tokens():
            execs = self.execs.get(token, [])
            if len(execs) > 1 or (complete and not execs):
                yield f"{len(execs)} execs of {token}"
            for body in execs:
                yield from self._wrong_parent(token, loop, body)
                yield from self._wrong_exit(token, loop, body, complete)
        known = {token for _, _, token in self.storm.tokens()}
        yield from (f"an exec of {token}, which nobody ran" for token in self.execs if token not in known)
        for loop, count in self.storm.counts.items():
            ends = self.plain_ends.get(self.loop_ids.get(loop), [])
            if complete and len(ends) != count // 2:
                yield f"{len(ends)} ends of children that loop {loop} only forked, expected {count // 2}"
            # One whose exec was lost ends as what it was forked as, with status 0.
            good = (loop + 1,) if complete else (loop + 1, None)
            for body in ends:
                if body.get("status") not in good or "signal" in body:
                    yield f"a forked child of loop {loop} ended with {body.get('status')} {body.get('signal', '')}"

    def _wrong_parent(self, token, loop, body):
        parent, own = body.get("parent", {}), self.loop_ids.get(loop)
        pid = self.storm.loops[loop]
        if parent.get("pid") != pid or parent.get("exec_id") != own or body["process"].get("parent_exec_id") != own:
            yield (f"parent of {token}: pid {parent.get('pid')}, exec_id {parent.get('exec_id')}, parent_exec_id "
                   f"{body['process'].get('parent_exec_id')}, expected {pid}, {own}")

    def _wrong_exit(self, token, loop, body, complete):
        exits = self.exits.get(body["process"]["exec_id"], [])
        if len(exits) > 1 or (complete and not exits):
            yield f"{len(exits)} exits of {token}"
        for end in exits:
            yield from self._wrong_parent("the exit of " + token, loop, end)
            if "signal" in end or "status" in end or end["process"].get("arguments") != token:
                yield f"exit of {token}: {end.get('signal')}, {end.get('status')}, {end['process'].get('arguments')}"
