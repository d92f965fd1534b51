#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The export survives what happens to files, disks and readers: rotation, a full disk, a crash before, a reader that
leaves or sleeps. No event is lost or doubled without being told, and a file never holds half a line.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import load  # noqa: E402
from lib.agent import Agent, AgentError  # noqa: E402
from lib.cases import Cases, parse_arguments  # noqa: E402
from lib.load import TINY, LoadError, Storm, StormEvents, bodies, unique_ids  # noqa: E402
from lib.runs import BareAgent, losses, number, own, read_lines, stopped, wait_until, working_folder  # noqa: E402


def mode_of(path):
    return os.stat(path).st_mode & 0o7777


def clean_end(agent, code=0):
    ended = agent.end()
    return [] if ended == code else [f"exit code {ended}, expected {code}: {agent.said()[-1:]}"]


def all_there(storm, records):
    yield from StormEvents(storm, records).problems()
    yield from unique_ids(records)
    yield from (f"told as lost: {loss}" for loss in losses(records))


def rotation(arguments, cases, folder):
    """As logrotate does it, by both signals, under load."""
    export = os.path.join(folder, "events.json")
    with BareAgent(arguments.agent, "--export-filename", export, folder=folder).wait_until_watching() as agent:
        storm = Storm(folder, "flow", loops=4)
        for turn in range(4):
            storm.more_steps(50)
            os.rename(export, f"{export}.{turn}")
            os.kill(agent.pid, signal.SIGHUP if turn % 2 == 0 else signal.SIGUSR1)
            wait_until(lambda: os.path.exists(export), "a new file after the signal")
        storm.more_steps(50)
        storm.stop()
        problems = clean_end(agent)
    records, torn = [], []
    modes, sizes = set(), []
    for path in [f"{export}.{turn}" for turn in range(4)] + [export]:
        part, bad = read_lines(path)
        records += part
        torn += bad
        modes.add(mode_of(path))
        sizes.append(len(part))
    cases.check("rotation: whole lines in all files", torn)
    cases.check("rotation: each event in one file, in order",
                problems + list(all_there(storm, records)) + out_of_order(records))
    cases.check("rotation: each file has its part", [] if all(size > 20 for size in sizes) else [f"lines: {sizes}"])
    cases.check("rotation: mode 0600", [] if modes == {0o600} else [f"modes {sorted(map(oct, modes))}"])


def out_of_order(records):
    """Exits in the wrong file, relative to their execs."""
    begun = set()
    for record in records:
        if "process_exec" in record:
            begun.add(record["process_exec"]["process"]["exec_id"])
        elif record.get("process_exit", {}).get("process", {}).get("binary") == TINY:
            exec_id = record["process_exit"]["process"]["exec_id"]
            if exec_id not in begun:
                return [f"the exit of {exec_id} comes before its exec"]
    return []


def copytruncate(arguments, cases, folder):
    """The other way of logrotate: the file is copied, then emptied; at a quiet moment, as nothing may come between."""
    with Agent(arguments.agent, folder=folder) as agent:
        first = Storm(folder, "before", 80)
        first.wait()
        agent.settle()
        shutil.copy(agent.export, agent.export + ".1")
        os.truncate(agent.export, 0)
        agent._offset = 0  # pylint: disable=protected-access
        second = Storm(folder, "after", 80)
        second.wait()
        agent.settle()
    before, torn = read_lines(agent.export + ".1")
    after, more_torn = read_lines(agent.export)
    cases.check("copytruncate: whole lines, and no hole", torn + more_torn)
    with open(agent.export, "rb") as file:
        begins = file.read(1)
    problems = [] if begins == b"{" else [f"the emptied file begins with {begins!r}"]
    cases.check("copytruncate: each event once", problems + list(StormEvents(first, before).problems()) +
                list(StormEvents(second, before + after).problems()) + list(unique_ids(before + after)))


class SmallDisk:
    """A file system of its own that is nearly full."""

    def __init__(self, folder, size="4m", left=64 << 10):
        self.folder = os.path.join(folder, "disk")
        os.makedirs(self.folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "small", self.folder], check=True)
        self.filler = os.path.join(self.folder, "filler")
        with open(self.filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, self.room() - left)

    def room(self):
        status = os.statvfs(self.folder)
        return status.f_bavail * status.f_frsize

    def free(self):
        os.unlink(self.filler)

    def close(self):
        subprocess.run(["umount", self.folder], check=True)


def full_disk(arguments, cases, folder, name, queue_size, overflows):
    disk = SmallDisk(folder)
    export = os.path.join(disk.folder, "events.json")
    with BareAgent(arguments.agent, "--export-filename", export, "--event-queue-size", str(queue_size),
                   "--heartbeat-interval", "300ms", folder=folder).wait_until_watching() as agent:
        storm = Storm(folder, "flow", 320)
        storm.wait()
        agent.wait_until_said("no space left")
        _, torn = read_lines(export)
        cases.check(f"{name}: whole lines while it is full", torn)
        time.sleep(2.5)  # some tries more
        disk.free()
        agent.wait_until_said("written again")
        if overflows:
            wait_until(lambda: losses(read_lines(export)[0]), "the account of the loss")
        later = Storm(folder, "later", 40)
        later.wait()
        problems = clean_end(agent)
        said = agent.said()
    records, torn = read_lines(export)
    shutil.copy(export, folder)
    disk.close()
    cases.check(f"{name}: whole lines in the end", torn)
    words = {text: sum(text in line for line in said) for text in ("no space left", "written again")}
    cases.check(f"{name}: one line when it begins and one when it ends",
                [f"'{text}' was said {count} times" for text, count in words.items() if count != 1])
    cases.check(f"{name}: the agent goes on", problems + list(StormEvents(later, records).problems()))
    if not overflows:
        cases.check(f"{name}: what waited is all there", all_there(storm, records))
        return
    cases.check(f"{name}: what found no room is counted", queue_losses(losses(records), storm, records))


def queue_losses(told, storm, records):
    """The told losses are exactly what is missing of the storm."""
    dropped = {kind: sum(number(loss, kind) for loss in told) for kind in ("process_exec", "process_exit")}
    if any(loss["cause"] != "export_queue_full" for loss in told):
        yield f"other losses than those of the queue: {told}"
    of_storm = (storm.prefix + "-", f"run {TINY} {storm.prefix} ")
    seen = {kind: sum(body["process"].get("arguments", "").startswith(of_storm) for body in bodies(records, kind))
            for kind in ("process_exec", "process_exit")}
    made = {"process_exec": storm.executed(), "process_exit": storm.ended()}
    for kind, count in made.items():
        if not dropped[kind]:
            yield f"no {kind} was dropped, so this proves nothing"
        if seen[kind] + dropped[kind] != count:
            yield f"{kind}: {count} happened, {seen[kind]} written, {dropped[kind]} told as dropped"


def modes(arguments, cases, folder):
    for name, options, mask, expected in (("with umask 0", (), 0, 0o600),
                                          ("asked for, with umask 077", ("--export-file-perm", "640"), 0o077, 0o640)):
        export = os.path.join(folder, f"{expected:o}.json")
        with BareAgent(arguments.agent, "--export-filename", export, *options, folder=folder,
                       preexec=lambda mask=mask: os.umask(mask)).wait_until_watching() as agent:
            found = mode_of(export)
            problems = clean_end(agent)
        cases.check(f"mode: {expected:04o} {name}", problems + ([] if found == expected else [f"mode {found:o}"]))


def torn_tail(arguments, cases, folder):
    export = os.path.join(folder, "events.json")
    line = b'{"process_exit":{},"node_name":"x","time":"2026-01-01T00:00:00Z"}\n'
    torn = b'{"process_exec":{"process":{"exec_id":"'
    with open(export, "wb") as file:
        file.write(line * 100 + torn)
    with BareAgent(arguments.agent, "--export-filename", export, folder=folder).wait_until_watching() as agent:
        problems = clean_end(agent)
        said = [text for text in agent.said() if export in text]
    with open(export, "rb") as file:
        content = file.read()
    if not content.startswith(line * 100 + b'{"redan":{"kind":"start"'):
        problems.append(f"after the whole lines comes {content[len(line) * 100:][:100]!r}")
    if len(said) != 1 or f"{len(torn)} bytes" not in said[0]:
        problems.append(f"it said of that: {said}")
    cases.check("torn-tail: cut off and said", problems + read_lines(export)[1])


def reader_leaves(arguments, cases, folder):
    """`redan agent --export-filename - | head -n 3`"""
    agent = BareAgent(arguments.agent, "--export-filename", "-", folder=folder, stdout=subprocess.PIPE)
    with agent:
        lines = [agent.process.stdout.readline() for _ in range(3)]
        agent.wait_until_watching()
        agent.process.stdout.close()
        for _ in range(20):
            subprocess.run(["true"], check=True)
        problems = []
        try:
            code = agent.process.wait(20)
        except subprocess.TimeoutExpired:
            problems.append("it still runs 20 s later")
            code = None
        errors = agent.complaints()
    if code not in (0, None):
        problems.append(f"exit code {code}")
    if len(errors) != 1 or "standard output" not in errors[0] or "reader is gone" not in errors[0]:
        problems.append(f"it said {errors}, expected one line that its reader is gone")
    whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"}\n")]
    if len(whole) != 3:
        problems.append(f"no lines of JSON: {lines}")
    cases.check("reader-leaves: the agent ends with one clear line", problems)


def reader_sleeps(arguments, cases, folder):
    """A reader that does not read for a while stalls nobody."""
    output = os.path.join(folder, "read.json")
    with open(output, "wb") as file:
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        agent = BareAgent(arguments.agent, "--export-filename", "-", "--event-queue-size", "100",
                          "--heartbeat-interval", "200ms", folder=folder, stdout=reader.stdin)
        reader.stdin.close()
    with agent:
        agent.wait_until_watching()
        with stopped(reader.pid):
            began = time.time()
            storm = Storm(folder, "flow", 320)
            storm.wait()
            time.sleep(2)
            ended = time.time()
        wait_until(lambda: losses(read_lines(output)[0]), "the account of the loss")
        problems = clean_end(agent)
        reader.wait(20)
    records, torn = read_lines(output)
    cases.check("reader-sleeps: whole lines", torn)
    cases.check("reader-sleeps: what was dropped is told",
                problems + list(queue_losses(losses(records), storm, records)))
    beats = [record["time"] for record in records if record.get("redan", {}).get("kind") == "heartbeat"]
    window = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) for at in (began + 1, ended)]
    within = [beat for beat in beats if window[0] <= beat[:19] <= window[1]]
    problems = [] if within else [f"no heartbeat between {window}: {beats}"]
    stop = own(records, "stop")
    if not stop or stop[-1]["records_sent"] != stop[-1]["records_received"]:
        problems.append(f"records stayed in the ring: {stop}")
    cases.check("reader-sleeps: the agent goes on meanwhile", problems)


def without_own_records(arguments, cases, folder):
    export = os.path.join(folder, "events.json")
    with BareAgent(arguments.agent, "--export-filename", export, "--export-own-records=false", "--heartbeat-interval",
                   "100ms", folder=folder).wait_until_watching() as agent:
        storm = Storm(folder, "flow", 40)
        storm.wait()
        time.sleep(1.2)
        problems = clean_end(agent)
    records, torn = read_lines(export)
    problems += [f"a line of Redan's own: {record}" for record in records if "redan" in record]
    cases.check("own-records=false: none, but all events", problems + torn + list(all_there(storm, records)))


def sigterm(arguments, cases, folder):
    """Under load: all that had happened by then is written, and the end says so."""
    export = os.path.join(folder, "events.json")
    with BareAgent(arguments.agent, "--export-filename", export, folder=folder).wait_until_watching() as agent:
        storm = Storm(folder, "flow", loops=4)
        storm.more_steps(150)
        done = [tuple(map(int, words[1:])) for words in storm.words if words[0] == "step"]
        problems = clean_end(agent)
        errors = agent.complaints()
        storm.stop()
    records, torn = read_lines(export)
    events = StormEvents(storm, records)
    for loop, turn in done:
        token = f"{storm.prefix}-{loop}-{turn}"
        execs = events.execs.get(token, [])
        if len(execs) != 1 or len(events.exits[execs[0]["process"]["exec_id"]]) != 1:
            problems.append(f"{token} ended before SIGTERM, but is not in the file")
    problems += [f"it said {errors}"] if errors else []
    last = records[-1].get("redan", {}) if records else {}
    if last.get("kind") != "stop" or last.get("records_sent") != last.get("records_received"):
        problems.append(f"the last line is {last}")
    cases.check("sigterm: exit code 0, everything written", problems + torn)


def run_cases(arguments, cases, root):
    for name, case in (("rotation", rotation), ("copytruncate", copytruncate),
                       ("full-disk", lambda *a: full_disk(*a, "full-disk", 10000, False)),
                       ("full-disk-and-queue", lambda *a: full_disk(*a, "full-disk-and-queue", 100, True)),
                       ("mode", modes), ("torn-tail", torn_tail), ("reader-leaves", reader_leaves),
                       ("reader-sleeps", reader_sleeps), ("own-records", without_own_records), ("sigterm", sigterm)):
        if not cases.wanted(name):
            continue
        folder = os.path.join(root, name)
        os.makedirs(folder)
        try:
            case(arguments, cases, folder)
        except (AgentError, LoadError) as error:
            cases.not_ok(name, str(error))


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    load.prepare()
    with working_folder(arguments, "export") as root:
        run_cases(arguments, cases, root)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
