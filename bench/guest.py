#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of bench/run that works inside the virtual machine, as root: guest.py PLAN.

PLAN is a JSON file (see bench/run). What was measured goes to $REDAN_RESULTS/measured.json. Nobody but the measured
processes does anything while a block runs: this process waits for the answer of `cycles`.
"""
import array
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

FOLDER = "/tmp/redan-bench"  # a tmpfs: the two-component working directory, and all files of the cycles
OUTPUT = "/run/redan-bench"  # a tmpfs: what the agent writes
OPERATIONS = ("exec", "fork")
WARM_UP = 150  # cycles before each block
QUIET = 0.5  # seconds without a new line in the export file: the agent has caught up

# Pids of the cycles, and of everything else that is started meanwhile.
CYCLE_PIDS, OTHER_PIDS, PIDS_PER_NODE = 8192, 20000, 64

# What the two kinds of cycles may take of the ring, in bytes: an exec record with its slack, a fork and an exit record.
RING_BYTES = {"exec": 1280 + 72 + 64, "fork": 72 + 64}


class GuestError(Exception):
    """The measurement is worth nothing; the text says why."""


class Cycles:
    """The measuring process: one for the whole boot, so that every fork copies the same memory."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [f"{folder}/cycles", f"{folder}/target"], cwd=folder, env={}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def warm_up(self, operation):
        next_pid(CYCLE_PIDS)
        self.run(operation, WARM_UP)

    def run(self, operation, count):
        """Instructions of each of `count` cycles, and what they left to be done after them."""
        self._process.stdin.write(f"{operation} {count}\n".encode())
        self._process.stdin.flush()
        durations = array.array("I")
        durations.frombytes(self._process.stdout.read((count + 1) * durations.itemsize))
        if len(durations) != count + 1:
            raise GuestError("cycles ended early")
        return durations[:-1], durations[-1]

    def end(self):
        self._process.stdin.close()
        self._process.wait()


class Agent:
    """One run of the agent that writes to a file of its own."""

    def __init__(self, binary, *options, export=None):
        self.export = export or f"{OUTPUT}/events.json"
        next_pid(OTHER_PIDS)
        self._log = open(f"{OUTPUT}/agent.log", "wb")
        command = [binary, "agent", "--export-filename", self.export, "--run-dir", f"{OUTPUT}/run", *options]
        stdout = subprocess.PIPE if self.export == "-" else self._log
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=self._log)

    def wait_until_ready(self):
        while not self._says(b'"kind":"ready"'):
            if self.process.poll() is not None:
                raise GuestError(f"the agent ended: {pathlib.Path(OUTPUT, 'agent.log').read_text()}")
            time.sleep(0.05)
        self.settle()

    def _says(self, text):
        return os.path.exists(self.export) and text in pathlib.Path(self.export).read_bytes()

    def settle(self):
        """Waits until everything that has happened is in the export file."""
        before = -1
        while (size := os.path.getsize(self.export)) != before:
            before = size
            time.sleep(QUIET)

    def signal(self, number):
        self.process.send_signal(number)

    def cpu_ns(self):
        """Time that its threads have had on the processor."""
        return sum(int(path.read_text().split()[0]) for path in self._tasks("schedstat"))

    def switches(self):
        """How often its threads went to sleep by themselves."""
        return sum(status_number(path, "voluntary_ctxt_switches") for path in self._tasks("status"))

    def _tasks(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/task").glob(f"*/{name}")

    def end(self):
        """Ends it and returns the counters of its last record."""
        self.signal(signal.SIGTERM)
        if self.process.wait() != 0:
            raise GuestError(f"the agent failed: {pathlib.Path(OUTPUT, 'agent.log').read_text()}")
        with open(self.export, "rb") as lines:
            last = [line for line in lines if b'{"redan":' in line][-1]
        os.unlink(self.export)
        stop = json.loads(last)["redan"]
        if stop["kind"] != "stop" or int(stop["records_lost"]) or stop["records_sent"] != stop["records_received"]:
            raise GuestError(f"records were lost: {stop}")
        return stop


def next_pid(pid):
    pathlib.Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))


def status_number(path, key):
    """A number of a /proc/PID/status file."""
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(key + ":"))


# --- blocks ---


class Rounds:
    """Rounds of: without the agent, agent stopped, agent running; each a block of cycles of both kinds. One more of the
    first kind ends them, so that every round lies between two blocks without the agent."""

    def __init__(self, plan):
        self._plan = plan
        self._cycles = Cycles(FOLDER)
        self.blocks = []
        self.images = 0
        self.memory_after_load = None
        for operation in OPERATIONS:
            if RING_BYTES[operation] * (plan["count"][operation] + WARM_UP) > plan["ring_bytes"]:
                raise GuestError(f"{plan['count'][operation]} {operation} cycles fill the ring of a stopped agent: take fewer")

    def run(self):
        for number in range(self._plan["rounds"]):
            self._without(number)
            self._with_agent(number)
            print(f"round {number + 1} of {self._plan['rounds']} done", flush=True)
        self._without(self._plan["rounds"])
        self._cycles.end()

    def _block(self, number, condition, operation):
        durations, later = self._cycles.run(operation, self._plan["count"][operation])
        block = {"round": number, "condition": condition, "operation": operation,
                 "mean": (sum(durations) + later) / len(durations), "median": statistics.median(durations)}
        self.blocks.append(block)
        return block

    def _without(self, number):
        time.sleep(2)  # what the kernel frees behind an agent that has ended
        for operation in OPERATIONS:
            self._cycles.warm_up(operation)
            self._block(number, "without", operation)

    def _with_agent(self, number):
        agent = Agent(self._plan["redan"])
        agent.wait_until_ready()
        for operation in OPERATIONS:
            self._stopped(agent, number, operation)
        for operation in OPERATIONS:
            self._running(agent, number, operation)
        self.memory_after_load = memory(agent.process.pid)
        self.images = max(self.images, int(agent.end()["images"]))

    def _stopped(self, agent, number, operation):
        # Stopped in the midst of traffic, so that it has asked for what a busy agent asks for: see docs/performance.md.
        self._cycles.warm_up(operation)
        agent.signal(signal.SIGSTOP)
        self._block(number, "stopped", operation)
        agent.signal(signal.SIGCONT)
        agent.settle()

    def _running(self, agent, number, operation):
        self._cycles.warm_up(operation)
        agent.settle()
        before = agent.cpu_ns()
        block = self._block(number, "running", operation)
        agent.settle()
        block["agent_cpu"] = (agent.cpu_ns() - before) / self._plan["count"][operation]


# --- everything else ---


def memory(pid):
    """KiB resident: all, anonymous, and what of it is the ring, which is mapped twice. By the page tables: the counts of
    /proc/PID/status lag behind on 6.1."""
    result, in_ring = {"rss": 0, "anonymous": 0, "ring": 0}, False
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, *words = line.split()
        if "-" in key:
            in_ring = "bpf-map" in line
        elif key == "Rss:":
            result["rss"] += int(words[0])
            result["ring"] += int(words[0]) * in_ring
        elif key == "Anonymous:":
            result["anonymous"] += int(words[0])
    return result


def footprint(plan):
    """The idle agent: its wake-ups, and its memory with the processes of the plan running."""
    agent = Agent(plan["redan"])
    agent.wait_until_ready()
    time.sleep(3)
    before = agent.switches()
    time.sleep(10)
    result = {"wakeups_per_second": (agent.switches() - before) / 10, "memory_idle": memory(agent.process.pid)}
    sleepers = [subprocess.Popen([f"{FOLDER}/target", "wait"]) for _ in range(plan["processes"])]
    agent.settle()
    result["processes"] = sum(name.isdigit() for name in os.listdir("/proc"))
    result["memory"] = memory(agent.process.pid)
    end_all(sleepers)
    agent.end()
    return result


def start_up(plan):
    """Instructions from the start of the agent to its first line and to its ready record."""
    begun = time.monotonic_ns()
    agent = Agent(plan["redan"], export="-")
    result = {}
    for line in agent.process.stdout:
        result.setdefault("first_line", time.monotonic_ns() - begun)
        if b'"kind":"ready"' in line:
            result["ready"] = time.monotonic_ns() - begun
            break
    agent.process.kill()
    agent.process.wait()
    return result


def programs(plan):
    """The BPF programs of the sensor as this kernel has them."""
    text = subprocess.run([plan["redan"], "features", "-o", "json"], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(text)


def shared_program(plan):
    """What somebody else's program says of the same operations, without the agent and with it stopped."""
    lines = {}
    run = [plan["shared"], "21"]
    os.makedirs("/tmp/a", exist_ok=True)
    with tmpfs("/tmp/a"):
        shutil.copy(f"{FOLDER}/target", "/tmp/a/t")
        for condition in ("without", "stopped"):
            agent = None
            if condition == "stopped":
                agent = Agent(plan["redan"])
                agent.wait_until_ready()
                agent.signal(signal.SIGSTOP)
            lines[condition] = "".join(
                subprocess.run(run + [name], check=True, cwd="/tmp/a", stdout=subprocess.PIPE, text=True).stdout
                for name in OPERATIONS).split()
            if agent:
                agent.signal(signal.SIGCONT)
                agent.settle()
                agent.end()
    return lines


def start_neighbours(cycles):
    """Processes that make the kernel's state the same in all blocks, whatever else was started and has ended. One for each
    node of 64 in the tree of pids, so that no fork has to make a node; and by the end of every second one many small holes
    in per-CPU memory, as many as there are in a machine that has been running for a while: a fork that takes the last hole
    works longer."""
    staying, ending = [], []
    for pid in range(CYCLE_PIDS, CYCLE_PIDS + cycles + PIDS_PER_NODE, PIDS_PER_NODE):
        next_pid(pid)
        staying.append(subprocess.Popen([f"{FOLDER}/target", "wait"]))
        next_pid(OTHER_PIDS)
        ending.append(subprocess.Popen([f"{FOLDER}/target", "wait"]))
    end_all(ending)
    return staying


def end_all(processes):
    for process in processes:
        process.kill()
        process.wait()


@contextlib.contextmanager
def tmpfs(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder], check=True)
    yield
    subprocess.run(["umount", "--lazy", folder], check=True)


def measure(plan):
    pathlib.Path("/proc/sys/kernel/randomize_va_space").write_text("0")  # the same addresses in every process
    os.makedirs(OUTPUT, exist_ok=True)
    with tmpfs(FOLDER):
        for name in ("cycles", "target"):
            shutil.copy(plan[name], FOLDER)
        result = {"kernel": os.uname().release, "features": programs(plan), "start": start_up(plan)}
        result |= footprint(plan)
        if plan.get("shared"):
            result["shared"] = shared_program(plan)
        neighbours = start_neighbours(max(plan["count"].values()) + WARM_UP)
        rounds = Rounds(plan)
        rounds.run()
        end_all(neighbours)
        result |= {"blocks": rounds.blocks, "images": rounds.images, "memory_after_load": rounds.memory_after_load}
    return result


def main():
    plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
    try:
        measured = measure(plan)
    except GuestError as error:
        print(f"bench/guest.py: {error}", file=sys.stderr)
        return 1
    pathlib.Path(os.environ["REDAN_RESULTS"], "measured.json").write_text(json.dumps(measured, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
