#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent on this machine's own kernel, beside whatever runs there: it starts quickly, sees a few harmless commands,
and ends cleanly on Ctrl-C. Nothing is loaded or changed beyond that.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vm"))
from lib.agent import Agent, AgentError  # noqa: E402
from lib.cases import Cases, parse_arguments  # noqa: E402
from lib.runs import BareAgent, run_redan  # noqa: E402

GOOD_START, SLOWEST_START = 0.5, 2.0  # seconds
SHELL = "/bin/true first; sh -c '/bin/true second; exit 3'; exec /bin/true last"


def reason_not_to(binary):
    """Why the agent cannot run here, if so."""
    if os.geteuid() != 0:
        return "needs root"
    told = run_redan(binary, "features", "-o", "json")
    features = json.loads(told.stdout or b"{}")
    if not features.get("sensor_runs"):
        return f"the sensor does not run on this kernel: {features.get('verdict') or told.stderr.strip()}"
    return ""


def start(arguments, cases, folder):
    """From the start of the program to the first line at its reader."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        with BareAgent(arguments.agent, "--export-filename", "-", "--run-dir", folder, folder=folder,
                       stdout=subprocess.PIPE) as agent:
            line = agent.process.stdout.readline()
            times.append(time.monotonic() - began)
            # Whoever stops reading would be waited for in the end.
            threading.Thread(target=agent.process.stdout.read, daemon=True).start()
            agent.wait_until_watching()
            code = agent.end(signal.SIGINT)
            said = [text for text in agent.said() if "level=info" not in text]
        problems = [] if code == 0 and line.startswith(b'{"redan":{"kind":"start"') and not said else [
            f"exit code {code}, first line {line[:100]!r}, it said {said}"]
        if problems:
            break
    best = min(times)
    shown = ", ".join(f"{seconds * 1000:.0f}" for seconds in times)
    print(f"    first line after {shown} ms; wanted: {GOOD_START * 1000:.0f}")
    if best > SLOWEST_START:
        problems.append(f"first line after {best:.2f} s, at most {SLOWEST_START} s")
    cases.check("start: a first line soon, Ctrl-C ends it with 0", problems)


def commands(arguments, cases, folder):
    """true and sh, started by this test: each exec and exit once, with the right parents."""
    with Agent(arguments.agent, "--run-dir", folder, folder=folder) as agent:
        shell = subprocess.Popen(["sh", "-c", SHELL])
        shell.wait()
        agent.settle()
        agent._end(signal.SIGINT, 60)  # pylint: disable=protected-access
        code = agent._process.returncode  # pylint: disable=protected-access
    execs = [body for _, body, _ in agent.events("process_exec")]
    exits = {body["process"]["exec_id"]: body for _, body, _ in agent.events("process_exit")}
    here = [body for body in execs if body["process"]["pid"] == shell.pid]
    problems = [] if code == 0 else [f"exit code {code} on SIGINT"]
    if [body["process"].get("arguments", "") for body in here] != [f"-c {quoted(SHELL)}", "last"]:
        problems.append(f"execs of the shell's process: {[body['process'].get('arguments') for body in here]}")
        return cases.check("commands: seen, with their parents", problems)
    top = here[0]["process"]["exec_id"]

    def below(exec_id):
        return [body for body in execs if body.get("parent", {}).get("exec_id") == exec_id]

    inner = [body for body in below(top) if body["process"].get("arguments", "").startswith("-c ")]
    if here[0]["parent"]["pid"] != os.getpid() or here[1]["process"]["parent_exec_id"] != top or len(inner) != 1:
        problems.append("the shell, what it became or what it ran has another parent")
        return cases.check("commands: seen, with their parents", problems)
    inner_id = inner[0]["process"]["exec_id"]
    for argument, parent in (("first", top), ("second", inner_id), ("last", top)):
        of = [body for body in below(parent) if body["process"].get("arguments") == argument]
        if len(of) != 1 or of[0]["process"]["exec_id"] not in exits:
            problems.append(f"true {argument}: {len(of)} execs below the expected parent, or no exit")
    if exits.get(inner_id, {}).get("status") != 3:
        problems.append(f"the inner shell's exit: {exits.get(inner_id)}")
    problems += [f"lost: {loss}" for loss in agent.own_records("loss")] + [reason for _, reason in agent.bad_lines]
    return cases.check("commands: seen, with their parents", problems)


def quoted(argument):
    """As the event format writes an argument with spaces."""
    return f'"{argument}"'


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    reason = reason_not_to(arguments.agent)
    if reason:
        cases.skip("live", reason)
        return cases.finish()
    folder = tempfile.mkdtemp(prefix="live-", dir=arguments.results)
    for name, case in (("start", start), ("commands", commands)):
        if cases.wanted(name):
            try:
                case(arguments, cases, folder)
            except AgentError as error:
                cases.not_ok(name, str(error))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
