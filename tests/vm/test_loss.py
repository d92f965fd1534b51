#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No process is missed; and where the ring is made too small for that, every loss is told and counted, and the tree
heals.

Under loss the agent is stopped (SIGSTOP) for a part of the load, so that the ring does overflow.
"""
import base64
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import load  # noqa: E402
from lib.agent import Agent, AgentError  # noqa: E402
from lib.cases import Cases, full_counts, parse_arguments  # noqa: E402
from lib.load import STORM, TINY, LoadError, Spoken, Storm, StormEvents  # noqa: E402
from lib.load import bodies, ghosts, is_from_procfs, unique_ids  # noqa: E402
from lib.runs import losses, number, own, stopped, wait_until, working_folder  # noqa: E402

SMALL_RING = ("--rb-size-total", "64K")
KERNEL_THREADS = 8  # that may come or go while a test looks away
SATURATED = 150  # steps of a storm after which the small ring has no room for the smallest record


def stop_record(agent):
    return agent.own_records("stop")[-1]


def balance(agent):
    """Problems with sent = received + lost, the sum of what was told."""
    stop = stop_record(agent)
    sent, received, lost = (number(stop, "records_" + name) for name in ("sent", "received", "lost"))
    if sent != received + lost:
        yield f"{sent} records sent, {received} received and {lost} lost do not add up"
    told = sum(number(loss, name) for loss in losses(agent.records) for name in ("exec", "fork", "exit"))
    if told != lost:
        yield f"the loss records tell of {told} records, the stop record of {lost}"
    # That the state of a process could not be had for a moment costs no record.
    others = [loss for loss in losses(agent.records) if loss["cause"] not in ("ring_full", "no_task_storage")]
    yield from (f"a loss of another cause: {loss}" for loss in others)


def no_loss(arguments, cases, folder):
    count = 20000 if full_counts() else 2000
    with Agent(arguments.agent, folder=folder) as agent:
        storm = Storm(folder, "flood", count)
        storm.wait(timeout=1800)
        agent.settle(timeout=300)
        agent.stop()
    events = StormEvents(storm, agent.records)
    cases.check(f"no-loss: {count} execs and {count // 2} forks, each once, with its parent", events.problems())
    cases.check("no-loss: no identity is given twice", unique_ids(agent.records))
    stop = stop_record(agent)
    problems = [f"told: {loss}" for loss in losses(agent.records)]
    if number(stop, "records_lost") or stop["records_sent"] != stop["records_received"]:
        problems.append(f"the stop record: {stop}")
    cases.check("no-loss: nothing lost, all received", problems)
    cases.check("no-loss: whole lines of JSON", [reason for _, reason in agent.bad_lines])


class Paused:
    """Processes that wait to be killed, started by this one."""

    def __init__(self, prefix, count):
        self.processes = {}  # token → Popen
        for index in range(count):
            token = f"{prefix}-{index}"
            self.processes[token] = subprocess.Popen([TINY, "pause", token], stdin=subprocess.DEVNULL)

    def pids(self):
        return [process.pid for process in self.processes.values()]

    def kill(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def nest(folder, name, verb="nest"):
    spoken = Spoken([STORM, verb, TINY, name], os.path.join(folder, f"{name}.{verb}"))
    spoken.wait_for("all of its processes", lambda: spoken.words)
    spoken.pids = [int(word) for word in spoken.words[0][1:]]
    return spoken


def processes_here():
    """How many the tree should know: all that /proc lists and that have not ended, and pid 0."""
    count = 1
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                count += file.read().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            pass
    return count


def wait_until_healed(agent):
    """The last loss is healed, and there was no other for longer than the agent rests between two healings."""
    last = None

    def is_quiet():
        nonlocal last
        agent.read()
        tale = [body["kind"] for body in own(agent.records)
                if body["kind"] in ("loss", "healed") and body.get("cause") != "agent_killed"]
        if not tale or tale[-1] != "healed":
            last = None
        elif last is None or last[0] != len(tale):
            last = (len(tale), time.monotonic())
        return last is not None and time.monotonic() - last[1] > 1.5

    wait_until(is_quiet, "healing", timeout=60)


def exec_of(agent, pid, arguments):
    return [body for body in bodies(agent.records, "process_exec")
            if body["process"]["pid"] == pid and body["process"].get("arguments") == arguments]


def told_by_healing(agent, pid, binary, arguments, parent_pid, parent_id, signal_name):
    """Problems with a process that began unseen, was found by the healing, and was seen to end."""
    execs = exec_of(agent, pid, arguments)
    if len(execs) != 1:
        yield f"{len(execs)} exec events of {arguments} (pid {pid}), expected the one of the healing"
        return
    process = execs[0]["process"]
    if not is_from_procfs(execs[0]):
        yield f"{arguments} was seen to start, so the test proves nothing: {process['flags']}"
    exits = [body for body in bodies(agent.records, "process_exit")
             if body["process"]["exec_id"] == process["exec_id"]]
    if len(exits) != 1 or exits[0].get("signal") != signal_name:
        yield f"exits of {arguments}: {[(end.get('signal'), end.get('status')) for end in exits]}"
    for what, body in [("exec", execs[0])] + [("exit", end) for end in exits]:
        parent, own = body.get("parent", {}), body["process"]
        expected = (binary, arguments, parent_id, parent_id, parent_pid)
        found = (own.get("binary"), own.get("arguments"), own.get("parent_exec_id"), parent.get("exec_id"),
                 parent.get("pid"))
        if found != expected:
            yield f"{what} of {arguments}: {found}, expected {expected}"


def id_of(agent, pid, arguments):
    execs = exec_of(agent, pid, arguments)
    return execs[0]["process"]["exec_id"] if execs else None


def nest_problems(agent, spoken, name, test_id):
    """Three generations: executed, forked, forked and executed."""
    first, second, third = spoken.pids
    own = f"nest {TINY} {name}"
    yield from told_by_healing(agent, first, STORM, own, os.getpid(), test_id, None)
    yield from told_by_healing(agent, second, STORM, own, first, id_of(agent, first, own), None)
    yield from told_by_healing(agent, third, TINY, "pause " + name, second, id_of(agent, second, own), "SIGKILL")


def orphan_problems(agent, spoken, name):
    """The fork's record was lost and the creator is gone; the sensor still knows who it was."""
    _, creator, orphan = spoken.pids
    execs = exec_of(agent, orphan, "pause " + name)
    if len(execs) != 1 or not is_from_procfs(execs[0]):
        yield f"{len(execs)} exec events of {name}, expected the one of the healing"
        return
    parent_id = base64.b64decode(execs[0]["process"].get("parent_exec_id", "")).decode()
    if not parent_id.endswith(f":{creator}"):
        yield f"the parent of {name} is {parent_id!r}, its creator was {creator}, its parent is {spoken.pids[0]}"


def unseen_execs(agent, started):
    """Compares the number of lost exec records with what is missing, of `started` execs since the agent was ready."""
    seen = sum(not is_from_procfs(body) for body in bodies(agent.records, "process_exec"))
    lost = sum(number(loss, "exec") for loss in losses(agent.records))
    if lost != started - seen:
        yield f"{started} execs, {seen} seen, but {lost} told to be lost"


def unseen_exits(agent, ended):
    """The same for exits; those of kernel threads are lost, too, but are no events."""
    seen = len(bodies(agent.records, "process_exit"))
    lost = sum(number(loss, "exit") for loss in losses(agent.records))
    if not ended - seen <= lost <= ended - seen + KERNEL_THREADS:
        yield f"{ended} processes ended, {seen} seen, but {lost} told to be lost"


def overflow(arguments, cases, folder):
    count = 20000 if full_counts() else 1200
    with Agent(arguments.agent, *SMALL_RING, folder=folder) as agent:
        victims = Paused("victim", 40)
        for pid in victims.pids():
            agent.wait_for(lambda record, pid=pid: record.get("process_exec", {}).get("process", {}).get("pid") == pid,
                           what=f"victim {pid}")
        storm = Storm(folder, "flood", count)
        storm.more_steps(count // 4)
        with stopped(agent.pid):
            storm.more_steps(SATURATED)
            victims.kill()
            sleepers = Paused("sleeper", 10)
            nests = {f"nest-{index}": nest(folder, f"nest-{index}") for index in range(3)}
            orphan = nest(folder, "orphan", "orphan")
            storm.more_steps(SATURATED)
        storm.wait(timeout=1800)
        wait_until_healed(agent)
        sleepers.kill()
        for spoken in (*nests.values(), orphan):
            os.kill(spoken.pids[2], signal.SIGKILL)
            spoken.wait()
        agent.settle()
        expected = processes_here()
        agent.stop()

    records = agent.records
    test_id = next(body["process"]["exec_id"] for body in bodies(records, "process_exec")
                   if body["process"]["pid"] == os.getpid())
    events = StormEvents(storm, records)
    cases.check("overflow: there is some", [] if len(events.missing()) > SATURATED else ["hardly any exec was lost"])
    cases.check("overflow: sent = received + lost, and the sum of what was told", balance(agent))
    started = storm.executed() + len(victims.pids()) + len(sleepers.pids()) + 2 * (len(nests) + 1) + len(agent.sentinels)
    ended = storm.ended() + len(victims.pids()) + len(sleepers.pids()) + 3 * (len(nests) + 1) + len(agent.sentinels)
    cases.check("overflow: as many execs are told to be lost as are missing", unseen_execs(agent, started))
    cases.check("overflow: as many exits are told to be lost as are missing", unseen_exits(agent, ended))
    cases.check("overflow: what was received is right", events.problems(complete=False))
    cases.check("overflow: no identity is given twice", unique_ids(records))
    gone = max((number(healed, "processes_gone") for healed in agent.own_records("healed")), default=0)
    cases.check("overflow: the healing notices who ended unseen",
                [] if gone >= len(victims.pids()) else [f"{gone} processes gone, {len(victims.pids())} ended unseen"])
    found = [problem for token, process in sleepers.processes.items()
             for problem in told_by_healing(agent, process.pid, TINY, "pause " + token, os.getpid(), test_id, "SIGKILL")]
    cases.check("overflow: the healing finds who began unseen", found)
    found = [problem for name, spoken in nests.items() for problem in nest_problems(agent, spoken, name, test_id)]
    cases.check("overflow: the healing finds families that began unseen", found)
    cases.check("overflow: who forked is known also without its record", orphan_problems(agent, orphan, "orphan"))
    known = number(stop_record(agent), "processes")
    cases.check("overflow: in the end the tree holds the processes that there are",
                [] if abs(known - expected) <= KERNEL_THREADS else [f"{known} in the tree, {expected} on the machine"])
    cases.check("overflow: whole lines of JSON", [reason for _, reason in agent.bad_lines])


def healing_under_load(arguments, cases, folder):
    """Processes start, execute and end while the agent lists them. In the end everything that was told to live does."""
    rounds = 20 if full_counts() else 5
    with Agent(arguments.agent, *SMALL_RING, folder=folder) as agent:
        storm = Storm(folder, "steady", loops=4)
        for _ in range(rounds):
            with stopped(agent.pid):
                storm.more_steps(SATURATED)
            time.sleep(0.2)
        storm.more_steps(SATURATED)
        storm.stop()
        wait_until_healed(agent)
        agent.settle()
        living = {int(pid) for pid in filter(str.isdigit, os.listdir("/proc"))}
        agent.stop()
    records = agent.records
    cases.check("healing-under-load: sent = received + lost, and the sum of what was told", balance(agent))
    cases.check("healing-under-load: what was received is right", StormEvents(storm, records).problems(complete=False))
    cases.check("healing-under-load: no identity is given twice", unique_ids(records))
    cases.check("healing-under-load: what the last healing found is alive or was seen to end",
                ghosts(after_last_loss(records), living))


def after_last_loss(records):
    return records[max((index for index, record in enumerate(records) if losses([record])), default=0):]


def reused_pids(arguments, cases, folder):
    """Pids of processes that ended unseen belong to others before the agent knows. What these do is not told of the
    former."""
    with Agent(arguments.agent, *SMALL_RING, folder=folder) as agent:
        victims = Paused("former", 40)
        for pid in victims.pids():
            agent.wait_for(lambda record, pid=pid: record.get("process_exec", {}).get("process", {}).get("pid") == pid,
                           what=f"victim {pid}")
        pids = victims.pids()
        with stopped(agent.pid):
            storm = Storm(folder, "filler", 8 * SATURATED // 4)
            storm.wait()
            victims.kill()
            again = Spoken([STORM, "again", TINY, "latter", *map(str, pids)], os.path.join(folder, "again"))
            again.wait_for("all of its children", lambda: len(again.words) == len(pids))
        # The first half ends, the second half executes a program and ends: before, during and after the healing.
        for one, other in zip(pids[:len(pids) // 2], pids[len(pids) // 2:]):
            os.kill(one, signal.SIGUSR1)
            os.kill(other, signal.SIGTERM)
        again.wait()
        wait_until_healed(agent)
        agent.settle()
        agent.stop()

    former = {body["process"]["exec_id"] for body in bodies(agent.records, "process_exec")
              if body["process"].get("arguments", "").startswith("pause former-")}
    cases.check("reused-pids: nobody is taken for the former process of the pid", mistaken(agent.records, former))
    cases.check("reused-pids: sent = received + lost, and the sum of what was told", balance(agent))


def mistaken(records, former):
    """Ends of others (the former ones were killed by SIGKILL) and children of others that are told of the former."""
    for kind in ("process_exec", "process_exit"):
        for body in bodies(records, kind):
            process, parent = body["process"], body.get("parent", {})
            if kind == "process_exit" and process["exec_id"] in former and body.get("signal") != "SIGKILL":
                yield (f"pid {process['pid']}: the end of the later process ({body.get('signal', 'status 0')}) is told "
                       f"of the former, {process.get('arguments')}")
            if parent.get("exec_id") in former:
                yield f"pid {process['pid']} ({process.get('arguments')}), {kind}: its parent is told as the former"


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    load.prepare()
    with working_folder(arguments, "loss") as folder:
        for name, case in (("no-loss", no_loss), ("overflow", overflow),
                           ("healing-under-load", healing_under_load), ("reused-pids", reused_pids)):
            if cases.wanted(name):
                try:
                    case(arguments, cases, os.path.join(folder, name))
                except (AgentError, LoadError) as error:
                    cases.not_ok(name, str(error))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
