# SPDX-License-Identifier: Apache-2.0
"""Comparing a shape's story with the agent's events, field by field."""
import base64
import datetime
import re

from lib.cases import shorten
from shapes import rules
from shapes.facts import to_bytes

CLOCK_SLACK = 2_000_000  # ns between the kernel's clock and the one that processes read
TIME_SLACK = 50_000_000  # ns between two conversions of boot time to the time of day
TICK = 10_000_000  # ns: the resolution of start times in /proc

NOT_KEPT = ("refcnt", "binary_properties")  # a debugging aid, and what only exec events have


class Variant:
    """What a kernel's command line costs. The only place where a check is made weaker for a kernel."""

    def __init__(self, name):
        # With lockdown=confidentiality, names of folders and cgroups, which lie in kernel memory, cannot be read.
        self.names_unreadable = "+lockdown" in name

    def cwd(self, cwd):
        return b"" if self.hides(cwd) else cwd

    def hides(self, cwd):
        """The root has no name to be read: it is known by being the root."""
        return self.names_unreadable and cwd != b"/"

    def cwd_flags(self, cwd, unresolved):
        """Unresolved: too deep for a path, or not below the root."""
        if self.hides(cwd):
            return {"errorCWD"}
        return ({"rootcwd"} if cwd == b"/" else set()) | ({"errorPathResolutionCwd"} if unresolved else set())

    def binary(self, file, cwd):
        return file if self.hides(cwd) else rules.binary_path(file, cwd)

    def optional_flags(self):
        return {"errorCgroupName"} if self.names_unreadable else set()


def decode_exec_id(exec_id):
    """(node name, time in ns, pid)"""
    node, time, pid = base64.b64decode(exec_id, validate=True).decode().rsplit(":", 2)
    return node, int(time), int(pid)


def parse_time(text):
    """RFC 3339 with 0, 3, 6 or 9 digits of a second, in UTC, as ns."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{3}|\d{6}|\d{9}))?Z", text)
    if not match:
        raise ValueError(f"not a time: {text}")
    whole = datetime.datetime.strptime(match[1] + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
    return int(whole) * 10**9 + int((match[2] or "0").ljust(9, "0"))


def differences(expected, actual, where):
    """One line for each field that differs. An expected value can be a Check."""
    if isinstance(expected, Check):
        problem = expected.problem(actual)
        if problem:
            yield f"{where}: {problem} (got {shorten(actual)})"
    elif isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            if key not in actual:
                if not (isinstance(expected[key], Check) and expected[key].may_be_absent):
                    yield f"{where}.{key}: absent (expected {_show(expected[key])})"
            elif key not in expected:
                yield f"{where}.{key}: should be absent (got {shorten(actual[key])})"
            else:
                yield from differences(expected[key], actual[key], f"{where}.{key}")
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield f"{where}: (expected {_show(expected)} got {shorten(actual)})"


def _show(expected):
    return expected.what if isinstance(expected, Check) else shorten(expected)


class Check:
    """An expectation that is not one value: `test` returns what is wrong, or nothing."""

    def __init__(self, what, test, may_be_absent=False):
        self.what, self.test, self.may_be_absent = what, test, may_be_absent

    def problem(self, actual):
        try:
            return self.test(actual)
        except (ValueError, TypeError, KeyError) as error:
            return f"not {self.what}: {error}"


def anything(what):
    return Check(what, lambda actual: None, may_be_absent=True)


def key_order(process, where):
    known = [key for key in process if key in rules.PROCESS_KEYS]
    if known != sorted(known, key=rules.PROCESS_KEYS.index):
        yield f"{where}: keys out of order: {list(process)}"


class Checker:
    """Knows the run: its node name, the host's namespaces, how boot time and time of day relate."""

    def __init__(self, node, host_namespaces, boot_to_real, variant, with_environment=False, ancestors=None):
        self.node, self.host_namespaces, self.boot_to_real, self.variant = node, host_namespaces, boot_to_real, variant
        self.with_environment = with_environment
        self.ancestors = ancestors  # exec_id of the parent -> exec_ids, if the agent was asked for them

    # Identity

    def exec_id(self, pid, earliest, latest):
        def test(actual):
            node, time, id_pid = decode_exec_id(actual)
            if node != self.node or id_pid != pid:
                return f"names {node}:{id_pid}, not {self.node}:{pid}"
            if not earliest - CLOCK_SLACK <= time <= latest + CLOCK_SLACK:
                return f"its time {time} is not within {earliest}..{latest}"
            return None

        return Check(f"the exec_id of pid {pid}", test)

    def time_of_day(self, earliest, latest):
        """The time of day of a moment between two boot times."""

        def test(actual):
            boot = parse_time(actual) - self.boot_to_real
            if not earliest - TIME_SLACK <= boot <= latest + TIME_SLACK:
                return f"not within {earliest}..{latest} but {boot} ns after boot"
            return None

        return Check("the time of the event", test)

    @staticmethod
    def flags(words, optional):
        """These words in the right order; the optional ones may be there or not."""

        def test(actual):
            got = actual.split(" ")
            if rules.flag_words(got) != actual:
                return "unknown words or wrong order"
            if set(got) - optional != words - optional:
                return f"expected {rules.flag_words(words)}"
            return None

        return Check(rules.flag_words(words), test)

    # Processes

    def process(self, image, earliest, latest):
        """The expected `process` of the exec event of an image."""
        fact, old = image.fact, image.kind == "old"
        file, cwd = to_bytes(fact["file"]), to_bytes(fact["cwd"])
        argv = [to_bytes(argument) for argument in fact["argv"]]
        uids, gids = ([int(number) for number in fact[key].split()] for key in ("uids", "gids"))
        began = fact["start_ticks"] * TICK
        times = (began - TICK, began + 2 * TICK) if old else (earliest, latest)
        expected = {
            "exec_id": self.exec_id(image.pid, *times),
            "pid": image.pid,
            "uid": uids[1],
            "cwd": rules.to_text(cwd if old else self.variant.cwd(cwd)) if cwd else self.part_of_path(fact["deep_cwd"]),
            "binary": rules.to_text(file if old else self.variant.binary(file, cwd)),
            "arguments": self.cut_arguments(argv) if rules.is_cut(argv) else rules.join_arguments(argv[1:]),
            "flags": self.old_flags(cwd) if old else self.exec_flags(image, file, cwd, argv),
            "start_time": self.time_of_day(*times),
            "auid": fact["auid"],
            "parent_exec_id": image.creator.exec_id or anything("an exec_id"),
            "refcnt": anything("a reference count"),
            "cap": rules.capabilities(*(int(fact[key], 16) for key in ("permitted", "effective", "inheritable"))),
            "ns": self.namespaces(fact["ns"]),
            "tid": image.pid,
            "process_credentials": rules.credentials(uids, gids, fact["securebits"]),
            "in_init_tree": image.in_tree,
        }
        if not old:
            inode, links = fact.get("inode"), fact.get("links")
            expected["binary_properties"] = rules.binary_properties(fact["raised"], inode, links)
        if self.with_environment and not old:
            expected["environment_variables"] = self.environment([to_bytes(string) for string in fact["environment"]])
        return rules.without_empty(expected)

    def old_flags(self, cwd):
        return self.flags({"procFS"} | ({"rootcwd"} if cwd == b"/" else set()), set())

    def exec_flags(self, image, file, cwd, argv):
        cut, long_name = rules.is_cut(argv), len(file) >= rules.LONG_FILE_NAME
        reasons = {
            "execve": True,
            "truncArgs": cut,
            "clone": image.fresh,
            "dataFilename": long_name,
            "dataArgs": rules.argument_bytes(argv) >= rules.SEPARATE_FROM - (len(file) + 1),
            "inInitTree": image.in_tree,
        }
        words = {word for word, applies in reasons.items() if applies}
        words |= self.variant.cwd_flags(cwd, unresolved=not cwd or image.fact["outside"])
        # Whether a file name that is sent separately still counts for the arguments is not laid down.
        return self.flags(words, self.variant.optional_flags() | ({"dataArgs"} if cut or long_name else set()))

    @staticmethod
    def part_of_path(path):
        """Of a path that is too long for the kernel, one end may be shown, in whole components."""

        def test(actual):
            parts, whole = actual.strip("/").split("/"), path.strip("/").split("/")
            return None if parts in (whole[: len(parts)], whole[-len(parts) :]) else "neither the front nor the end"

        return Check("a part of the cwd", test, may_be_absent=True)

    @staticmethod
    def environment(strings):
        expected = rules.environment(strings)
        for item in expected:
            if item["Key"] == "invalid":
                item["Value"] = anything("whatever has no name")
        if not expected:
            return None

        def test(actual):
            if len(actual) != len(expected):
                return f"expected {len(expected)} variables"
            lines = [line for i, item in enumerate(expected) for line in differences(item, actual[i], f"[{i}]")]
            return lines[0] if lines else None

        return Check("the environment", test)

    def namespaces(self, numbers):
        expected = rules.namespaces(numbers, self.host_namespaces)
        if not numbers.get("pid_for_children"):  # made, but nobody is in it yet: no process can look it up

            def test(actual):
                new = set(actual) == {"inum"} and actual["inum"] not in (0, numbers["pid"])
                return None if new else "should be a new namespace"

            expected["pid_for_children"] = Check("a new namespace", test)
        return expected

    @staticmethod
    def cut_arguments(argv):
        """The beginning of the arguments, as much of them as is kept at least."""
        whole = rules.join_arguments(argv[1:])
        at_least = rules.KEPT_ARGUMENTS - len(argv[0]) - 2

        def test(actual):
            if not whole.startswith(actual):
                return "not the beginning of the arguments"
            return None if len(actual) >= at_least else f"only {len(actual)} characters"

        return Check("the beginning of the arguments", test, may_be_absent=at_least <= 0)

    def copy_for_child(self, image, earliest, latest):
        """What a forked child without an exec is said to be: its creator, but for its own identity."""
        words = {"execve", "inInitTree"} if image.in_tree else {"execve"}
        return {
            **image.creator.body,
            "pid": image.pid,
            "tid": image.pid,
            "exec_id": self.exec_id(image.pid, earliest, latest),
            "parent_exec_id": image.creator.exec_id,
            "flags": rules.flag_words(words),
            "in_init_tree": image.in_tree,
            "start_time": self.time_of_day(earliest, latest),
            "refcnt": anything("a reference count"),
        }

    # Events

    def exec_event(self, image, record, earliest, latest):
        """What is wrong with the exec event of an image."""
        where = f"{image.who} exec"
        event = record["process_exec"]
        process = event.get("process", {})
        yield from self.envelope(record, "process_exec", where)
        yield from key_order(process, where)
        yield from differences(self.process(image, earliest, latest), process, f"{where}: process")
        yield from self.parent(image, event, where)
        yield from self.body_keys(event, ("process", "parent", "ancestors"), where)
        if image.kind != "old" and "exec_id" in process:
            time = decode_exec_id(process["exec_id"])[1]
            yield from differences(self.time_of_day(time, time), record.get("time"), f"{where}: time")
            yield from differences(self.time_of_day(time, time), process.get("start_time"), f"{where}: start_time")

    def exit_event(self, life, record, earliest):
        """What is wrong with the exit event of a process."""
        image = life.last
        where = f"{image.who} exit"
        event = record["process_exit"]
        process = event.get("process", {})
        yield from self.envelope(record, "process_exit", where)
        yield from key_order(process, where)
        yield from differences(self.exited_process(image, earliest, life.exit["boot_ns"]), process, f"{where}: process")
        yield from self.parent(image, event, where)
        yield from self.body_keys(event, ("process", "parent", "signal", "status", "time", "ancestors"), where)
        status = life.exit["status"]
        number, code = status & 0x7F, status >> 8 & 0xFF
        wanted = rules.without_empty({"signal": rules.signal_name(number) if number else None, "status": code or None})
        yield from differences(wanted, {key: event[key] for key in ("signal", "status") if key in event}, where)
        yield from differences(record.get("time"), event.get("time"), f"{where}: time, against the outer time")
        yield from differences(self.time_of_day(earliest, life.exit["boot_ns"]), record.get("time"), f"{where}: time")

    def exited_process(self, image, earliest, latest):
        creator = image.creator if image.kind == "fork" else image
        if not creator.body:
            return anything("a process")  # its own event is missing, which is told elsewhere
        if image.kind == "fork":
            return self.copy_for_child(image, earliest, latest)
        return {**image.body, "refcnt": anything("a reference count")}

    def parent(self, image, event, where):
        """The parent is shown whole, just as its own events show it."""
        parent = image.creator
        if not parent.body:
            return
        expected = {**parent.body, "refcnt": anything("a reference count")}
        shown = {key: value for key, value in event.get("parent", {}).items() if key not in NOT_KEPT}
        yield from differences(expected, shown, f"{where}: parent")
        yield from key_order(event.get("parent", {}), f"{where}: parent")
        if self.ancestors:
            wanted = self.ancestors(parent.exec_id)
            got = [ancestor.get("exec_id") for ancestor in event.get("ancestors", [])]
            yield from differences(wanted, got, f"{where}: ancestors")
        elif "ancestors" in event:
            yield f"{where}: ancestors, which nobody asked for"

    def envelope(self, record, kind, where):
        if list(record) != [kind, "node_name", "time"]:
            yield f"{where}: the envelope has {list(record)}"
        if record.get("node_name") != self.node:
            yield f"{where}: node_name (expected {self.node} got {record.get('node_name')})"

    @staticmethod
    def body_keys(event, known, where):
        if any(key not in known for key in event) or list(event) != sorted(event, key=known.index):
            yield f"{where}: the event has {list(event)}"
