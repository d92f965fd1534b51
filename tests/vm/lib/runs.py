# SPDX-License-Identifier: Apache-2.0
"""The redan program where it is not simply started and stopped: what lib.agent does not offer."""
import collections
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from lib.agent import Agent, AgentError, parse_line
from lib.cases import kernel_variant

Outcome = collections.namedtuple("Outcome", "code stdout stderr")


@contextlib.contextmanager
def working_folder(arguments, name):
    """A folder on this machine's own file system; kept in the results folder. That one is the host's, and its protocol
    writes twice when a process is killed while it appends to a file."""
    folder = tempfile.mkdtemp(prefix=f"redan-{name}-")
    try:
        yield folder
    finally:
        if arguments.results:
            shutil.copytree(folder, os.path.join(arguments.results, name), dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def run_redan(binary, *arguments, timeout=60, environment=None, before=(), stdout=subprocess.PIPE):
    """One short run, to its end; code None: killed after the timeout. `before` are words to put before the command,
    such as setpriv."""
    command = [*before, os.path.abspath(binary), *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                              timeout=timeout, env=environment, check=False)
    except subprocess.TimeoutExpired as late:
        said = (late.stderr or b"").decode(errors="replace")
        return Outcome(None, late.stdout or b"", f"{said}(still running after {timeout} s)\n")
    return Outcome(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def read_lines(path):
    """(records, problems) of a file that has to consist of whole lines of JSON."""
    with open(path, "rb") as file:
        data = file.read()
    records, problems = [], []
    if data and not data.endswith(b"\n"):
        problems.append(f"{os.path.basename(path)} ends within a line: {data[-120:]!r}")
    for number, raw in enumerate(data.split(b"\n")[:-1], 1):
        try:
            records.append(parse_line(raw))
        except ValueError as error:
            problems.append(f"{os.path.basename(path)}:{number}: {error}: {raw[:200]!r}")
    return records, problems


def own(records, kind=None):
    """Bodies of redan's own records."""
    return [record["redan"] for record in records
            if "redan" in record and kind in (None, record["redan"].get("kind"))]


def losses(records):
    """What was lost while an agent ran. Not that an agent before it was killed; and not that the sensor could not have
    the state of a process for a moment, which costs no record, where the kernel preempts the sensor."""
    others = {"agent_killed"} | ({"no_task_storage"} if "preempt" in kernel_variant() else set())
    return [body for body in own(records, "loss") if body.get("cause") not in others]


def number(body, name):
    """A counter of one of redan's own records."""
    return int(body.get(name, "0"))


def wait_until(predicate, what, timeout=30):
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AgentError(f"{what}: not within {timeout} s")
        time.sleep(0.02)


def process_state(pid):
    """The letter of /proc/PID/stat; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


@contextlib.contextmanager
def stopped(pid):
    """The process does not run meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: process_state(pid) == "T", f"SIGSTOP of {pid}")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class LaterAgent(Agent):
    """An agent that goes on with the export file of an earlier one, whose records are not among its own."""

    _torn = b""  # what the earlier one was killed in the middle of, until this one has cut it off

    def start(self, timeout=60):
        with contextlib.suppress(FileNotFoundError):
            with open(self.export, "rb") as file:
                data = file.read()
            self._offset = data.rfind(b"\n") + 1
            self._torn = data[self._offset:]
        return super().start(timeout)

    def read(self):
        if self._torn:
            with open(self.export, "rb") as file:
                file.seek(self._offset)
                if file.read() == self._torn:
                    return []
            self._torn = b""
        return super().read()


class BareAgent:
    """`redan agent`, of which only the process is watched: for outputs that Agent would take for mistakes."""

    def __init__(self, binary, *options, folder, stdout=subprocess.DEVNULL, preexec=None):
        os.makedirs(folder, exist_ok=True)
        self.stderr_path = os.path.join(folder, "agent.stderr")
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen([os.path.abspath(binary), "agent", *options], stdin=subprocess.DEVNULL,
                                            stdout=stdout, stderr=stderr, preexec_fn=preexec)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def said(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def complaints(self):
        """What it said that one would have to look at."""
        expected = ("level=info", "kernel lockdown (confidentiality)", "was killed; what happened since")
        return [line for line in self.said() if not any(text in line for text in expected)]

    def wait_until_said(self, text, timeout=60):
        def is_said():
            ended = self.process.poll() is not None
            if any(text in line for line in self.said()):
                return True
            if ended:
                raise AgentError(f"ended with {self.process.returncode} before it said '{text}': {self.said()}")
            return False

        wait_until(is_said, f"the agent's line '{text}'", timeout)
        return self

    def wait_until_watching(self):
        return self.wait_until_said("watching: ")

    def end(self, number=signal.SIGTERM, timeout=60):
        """Sends the signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)
