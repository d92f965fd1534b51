# SPDX-License-Identifier: Apache-2.0
"""The agent under test: starting and stopping it, and reading strictly what it writes.

    with Agent(path, "--enable-process-ns", folder=results) as agent:
        ...                       # let things happen
        agent.settle()            # everything up to here has been written
        agent.events_of(pid)
"""
import json
import os
import secrets
import signal
import subprocess
import time

ENVELOPE = ("node_name", "time", "cluster_name", "node_labels")
SENTINEL = "/bin/true"
POLL = 0.02


class AgentError(Exception):
    """The agent did not do what every test relies on. The text holds what it said on stderr."""


def parse_line(raw):
    """One line of an export file, without its newline, as a dict. ValueError for anything but strict JSON in UTF-8."""

    def pairs(items):
        result = dict(items)
        if len(result) != len(items):
            raise ValueError("a key occurs twice")
        return result

    def constant(name):
        raise ValueError(f"{name} is not JSON")

    record = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return record


def event_kind(record):
    """process_exec, process_exit, redan, …: the key of the body, the first that is not part of the envelope."""
    return next((key for key in record if key not in ENVELOPE), None)


class Agent:
    """One run of `redan agent` that writes to a file in `folder`. Owned by the test; not to be started twice."""

    def __init__(self, binary, *options, folder, environment=None):
        self.command = [os.path.abspath(binary), "agent"]
        self.options = list(options)
        self.export = os.path.join(folder, "events.json")
        self.stderr_path = os.path.join(folder, "agent.stderr")
        self.environment = environment
        self.records = []  # every line read so far, parsed
        self.bad_lines = []  # (line number, reason)
        self.sentinels = set()  # pids of settle()
        self._process = None
        self._offset = 0
        self._rest = b""

    # Life

    def start(self, timeout=60):
        os.makedirs(os.path.dirname(self.export), exist_ok=True)
        with open(self.stderr_path, "wb") as stderr:
            command = self.command + ["--export-filename", self.export] + self.options
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, env=self.environment)
        self.wait_for(lambda record: record.get("redan", {}).get("kind") == "ready", timeout, "its ready record")
        return self

    @property
    def pid(self):
        return self._process.pid

    def stop(self, timeout=60):
        """SIGTERM. The agent has to end with 0 and to leave whole lines."""
        code = self._end(signal.SIGTERM, timeout)
        if code != 0:
            raise AgentError(self._with_stderr(f"the agent ended with {code} on SIGTERM, not 0"))
        if self._rest:
            raise AgentError(self._with_stderr(f"the export file ends within a line: {self._rest[-200:]!r}"))

    def kill(self):
        """SIGKILL: no farewell."""
        self._end(signal.SIGKILL, 60)

    def _end(self, number, timeout):
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            late = f"the agent was still there {timeout} s after signal {number}"
            raise AgentError(self._with_stderr(late)) from None
        self.read()
        return code

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self._abandon()
            raise

    def __exit__(self, kind, value, trace):
        if kind is None and self._process.poll() is None:
            self.stop()
        else:
            self._abandon()

    def _abandon(self):
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def stderr(self):
        try:
            with open(self.stderr_path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _with_stderr(self, text):
        said = self.stderr().strip()
        return f"{text}; it said: {said[-2000:]}" if said else f"{text}; it said nothing"

    # Reading

    def read(self):
        """Takes in what has been written since the last call; returns the new records."""
        try:
            with open(self.export, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        new = []
        for raw in lines:
            try:
                new.append(parse_line(raw))
            except ValueError as error:
                number = len(self.records) + len(new) + len(self.bad_lines) + 1
                self.bad_lines.append((number, f"{error}: {raw[:200]!r}"))
        self.records += new
        return new

    def wait_for(self, predicate, timeout=30, what="a record"):
        """The first record, from now on or already there, that the predicate likes."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            alive = self._process.poll() is None
            self.read()
            for record in self.records[seen:]:
                if predicate(record):
                    return record
            seen = len(self.records)
            if not alive:
                ended = f"the agent ended with {self._process.returncode} before {what} came"
                raise AgentError(self._with_stderr(ended))
            if time.monotonic() > deadline:
                raise AgentError(self._with_stderr(f"no sign of {what} within {timeout} s"))
            time.sleep(POLL)

    def settle(self, timeout=60):
        """Runs a process and waits for its end to be written: whatever happened before has been written, too."""
        token = f"settle-{secrets.token_hex(8)}"
        sentinel = subprocess.Popen([SENTINEL, token])
        self.sentinels.add(sentinel.pid)
        sentinel.wait()


        def is_its_exit(record):
            return record.get("process_exit", {}).get("process", {}).get("arguments") == token

        self.wait_for(is_its_exit, timeout, f"the exit of {SENTINEL} {token}")

    def events(self, *kinds):
        """(kind, body, record) of the events read so far, in file order; all kinds but redan's own by default."""
        for record in self.records:
            kind = event_kind(record)
            if kind in kinds or (not kinds and kind != "redan"):
                yield kind, record[kind], record

    def events_of(self, pid, *kinds):
        """The same, of one process."""
        return [event for event in self.events(*kinds) if event[1].get("process", {}).get("pid") == pid]

    def own_records(self, kind=None):
        """Bodies of redan's own records."""
        own = [record["redan"] for record in self.records if "redan" in record]
        return [body for body in own if kind in (None, body.get("kind"))]
