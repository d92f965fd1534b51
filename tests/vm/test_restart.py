#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that is killed under load and started again knows every process again, goes on with the export file, and
says what it may have missed. Beside a running agent no second one starts.
"""
import calendar
import collections
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import load  # noqa: E402
from lib.cases import Cases, full_counts, parse_arguments, shorten  # noqa: E402
from lib.load import STORM, TINY, Spoken, Storm, StormEvents, ghosts, is_from_procfs, unique_ids  # noqa: E402
from lib.runs import LaterAgent, losses, own, read_lines, run_redan, working_folder  # noqa: E402

BUSY = 6
KERNEL_THREAD = 0x00200000  # PF_KTHREAD in /proc/PID/stat
LIFE_SIGN_AGE = 5  # seconds: an agent shows each second that it lives; the machine is emulated

Task = collections.namedtuple("Task", "pid parent started kernel_thread")


def tasks_here():
    """All processes that have not ended, by pid; `started` in clock ticks since boot."""
    tasks = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                words = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0] not in "ZX":
            tasks[pid] = Task(pid, int(words[1]), int(words[19]), int(words[6]) & KERNEL_THREAD != 0)
    return tasks


class Life:
    """Of an agent: started, watched for a while under load, killed (or stopped, the last)."""

    def __init__(self, agent):
        self.agent = agent
        self.killed_at = self.living = self.seen = None
        self.old = tasks_here()
        agent.start()
        now = tasks_here()
        # Only those that were there during the whole start; what came and went meanwhile is the storm's check.
        self.old = {pid: task for pid, task in self.old.items() if now.get(pid) == task and not task.kernel_thread}

    def look(self):
        """To be called in the middle of the life."""
        self.agent.settle()
        self.living = set(tasks_here())
        self.seen = len(self.agent.records)

    def ghosts(self):
        return ghosts(self.agent.records[:self.seen], self.living)

    def kill(self):
        self.killed_at = time.time()
        self.agent.kill()

    def records(self):
        return self.agent.records

    def found(self):
        """Bodies of the events of processes that were there before, by pid."""
        found = collections.defaultdict(list)
        for record in self.records():
            body = record.get("process_exec")
            if body and is_from_procfs(body):
                found[body["process"]["pid"]].append(body)
        return found

    def problems(self):
        """With the tree after the start: each process once, below the one that /proc names, if that lives."""
        found = self.found()
        for pid, task in self.old.items():
            events = found.get(pid, [])
            if len(events) != 1:
                yield f"pid {pid} is told {len(events)} times after the start"
                continue
            parent = events[0].get("parent", {})
            expected = found.get(task.parent, [])
            parent_id = expected[0]["process"]["exec_id"] if expected else None
            if parent.get("pid") != task.parent or parent.get("exec_id") != parent_id:
                yield (f"pid {pid}: its parent is told as {parent.get('pid')} {parent.get('exec_id')}, "
                       f"expected {task.parent} {parent_id}")

    def storm_problems(self, storm):
        """With what pre-existing loops start: from the first process of each loop that was seen none is missing, and
        all have the loop for a parent."""
        events = StormEvents(storm, self.records())
        if events.untold:
            yield f"loops {sorted(events.untold)} are not told"
        turns = collections.defaultdict(list)
        for token, execs in events.execs.items():
            loop, turn = map(int, token.split("-")[1:])
            turns[loop].append(turn)
            if len(execs) != 1:
                yield f"{len(execs)} execs of {token}"
            for body in execs:
                parent, expected = body.get("parent", {}), (storm.loops[loop], events.loop_ids.get(loop))
                found = (parent.get("pid"), parent.get("exec_id"))
                if found != expected:
                    yield f"parent of {token}: {found}, expected {expected}"
        for loop in storm.loops:
            seen = sorted(turns[loop])
            if not seen or seen != list(range(seen[0], seen[0] + len(seen))):
                yield f"of loop {loop} these turns were seen: {shorten(seen)}"


def second_agent(arguments, cases, first, folder):
    """Refused whatever it is told of places, and without a trace in the first one's stream."""
    for name, options in (("same place", ()), ("another --run-dir", ("--run-dir", os.path.join(folder, "elsewhere")))):
        output = os.path.join(folder, "second.json")
        done = run_redan(arguments.agent, "agent", "--export-filename", output, *options)
        problems = []
        if done.code != BUSY:
            problems.append(f"exit code {done.code}, expected {BUSY}")
        if done.stderr.count("\n") != 1 or f"pid {first.pid} " not in done.stderr:
            problems.append(f"it said {done.stderr!r}, expected one line that names pid {first.pid}")
        if done.stdout or os.path.exists(output):
            problems.append("it wrote events")
        cases.check(f"second-agent: refused ({name})", problems)


def gap_problems(this, killed_at, killed):
    """What the stream says at the place where one agent was killed and the next began: why, since when, how long."""
    told = own(this.records())[:2]
    if [body["kind"] for body in told] != ["start", "loss"] or told[1].get("cause") != "agent_killed":
        return [f"the new agent's first records are not its start and the gap: {told}"]
    loss = told[1]
    problems = []
    if loss.get("pid") != str(killed.pid):
        problems.append(f"killed was pid {killed.pid}: {loss}")
    gap = killed_at - seconds_of(loss["last_alive"])
    if not 0 <= gap < LIFE_SIGN_AGE:
        problems.append(f"killed {gap:.1f} s after the given time: {loss}")
    until = seconds_of(next(record["time"] for record in this.records() if "redan" in record))
    if abs(until - seconds_of(loss["last_alive"]) - int(loss["milliseconds"]) / 1000) > 1:
        problems.append(f"the new agent started at {until}: {loss}")
    return problems


def seconds_of(timestamp):
    """Of a time of the event format, since 1970."""
    whole, _, fraction = timestamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def restart(arguments, cases, folder):
    storm = Storm(folder, "steady", loops=4)
    family = Spoken([STORM, "nest", TINY, "family"], os.path.join(folder, "family"))
    family.wait_for("all of its processes", lambda: family.words)
    lives, tails, export = [], [], os.path.join(folder, "events.json")
    for number in range(10 if full_counts() else 3):
        if lives:
            lives[-1].kill()
            tails.append(lives[-1].agent._rest)  # pylint: disable=protected-access
        agent = LaterAgent(arguments.agent, folder=folder)
        lives.append(Life(agent))
        if number == 0:
            second_agent(arguments, cases, agent, folder)
        storm.more_steps(30)
        lives[-1].look()
        storm.more_steps(20 + 17 * number)
    agent.settle()
    storm.stop()
    agent.settle()
    agent.stop()
    os.kill(int(family.words[0][3]), signal.SIGKILL)
    family.wait()

    for number, this in enumerate(lives):
        name = f"restart {number}" if number else "first start"
        cases.check(f"{name}: every process is known, with its parent", this.problems())
        cases.check(f"{name}: children of processes that were there before", this.storm_problems(storm))
        cases.check(f"{name}: who is said to be there is there", this.ghosts())
        cases.check(f"{name}: nothing lost, nobody twice",
                    [str(loss) for loss in losses(this.records())] + list(unique_ids(this.records())))
        if number:
            before = lives[number - 1]
            cases.check(f"{name}: the gap is stated", gap_problems(this, before.killed_at, before.agent))
    # Each agent was started as soon as the one before was dead.
    cases.check("after SIGKILL the place is free at once", [])
    # The kernel ends a write(2) of a killed process at a page boundary; the next agent cuts off what is torn.
    cases.check("what SIGKILL may leave is the beginning of one event",
                [f"{len(rest)} bytes: {rest[:80]!r}" for rest in tails if rest and (rest[:1] != b"{" or b"\n" in rest)])
    cases.check("the file holds whole lines only", read_lines(export)[1])


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    load.prepare()
    if cases.wanted("restart"):
        with working_folder(arguments, "restart") as folder:
            restart(arguments, cases, folder)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
