#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind ends in one clear line on standard error, which names the thing and says what to do, in the
exit code of that kind, and in nothing on standard output.
"""
import os
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.agent import Agent  # noqa: E402
from lib.cases import Cases, parse_arguments  # noqa: E402
from lib.runs import run_redan  # noqa: E402

RUNTIME, USAGE, CONFIG, KERNEL, PRIVILEGE, BUSY = range(1, 7)
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
# A kernel without BTF: the folder that shows it is covered, in a mount namespace of its own.
NO_BTF = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh")


class Bad(NamedTuple):
    """One bad input: what is run, and what has to come of it."""
    name: str
    code: int
    command: tuple
    says: tuple  # patterns that the line has to match
    before: tuple = ()  # words before the command
    environment: dict = {}  # more variables


class Inputs:
    """Files to choke on, in a folder that is readable for everybody."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="redan-errors-")
        os.chmod(self.folder, 0o755)
        self.pattern = re.escape(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, content=""):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def read_only(self):
        path = self.path("read-only")
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", path], check=True)
        return path


def agent(*options):
    return ("agent", "--log-level", "error", *options)


def usage():
    yield Bad("no command that exists", USAGE, ("agnet",), ("'agnet'", "did you mean 'agent'", "--help"))
    yield Bad("an unknown flag", USAGE, ("agent", "--export-filname", "x"),
              ("'--export-filname'", "--export-filename", "--help"))
    yield Bad("an unknown short flag", USAGE, ("agent", "-x"), ("-x", "--help"))
    yield Bad("a flag of another command", USAGE, ("replay", "--rb-size-total=1M", "x"), ("--rb-size-total",))
    yield Bad("a flag without its value", USAGE, ("agent", "--export-filename"), ("--export-filename", "no value"))
    for flag, value, allowed in (("process-cache-size", "many", "1024"), ("process-cache-size", "3", "1024"),
                                 ("rb-size-total", "8X", "64K"), ("heartbeat-interval", "1 hour", "30s"),
                                 ("log-format", "xml", "json"), ("export-file-perm", "999", "octal"),
                                 ("enable-process-cred", "maybe", "true")):
        yield Bad(f"a bad value: --{flag}={value}", USAGE, agent(f"--{flag}={value}"),
                  (f"--{flag}", f"'{value}'", allowed))
    yield Bad("a superfluous word", USAGE, ("agent", "now"), ("'now'",))
    yield Bad("no file to replay", USAGE, ("replay",), ("FILE|recording",))


def configuration(inputs):
    for name, text, says in (
            ("an unknown key", "log-level: error\nexport-filenam: x\n",
             (":2:1: ", "'export-filenam'", "export-filename")),
            ("a bad value", "# comment\nprocess-cache-size: lots\n", (r":2:\d+: ", "'process-cache-size'", "'lots'")),
            ("a key that is given twice", "log-level: info\nlog-level: warn\n", (":2:1: ", "log-level", "line 1")),
            ("no YAML", "log-level: info\n}\n", (":2:1: ", "YAML"))):
        path = inputs.file(name.replace(" ", "-") + ".yaml", text)
        yield Bad(f"{name} in a file", CONFIG, agent("--config", path), (re.escape(path) + says[0], *says[1:]))
    yield Bad("no such configuration file", CONFIG, agent("--config", "/nowhere/redan.yaml"), ("/nowhere/redan.yaml",))
    drop_in = inputs.file("drop-in/log-levl", "info")
    yield Bad("a drop-in of an unknown name", CONFIG, agent("--config-dir", os.path.dirname(drop_in)),
              (re.escape(drop_in), "log-level"))
    yield Bad("a bad value in the environment", CONFIG, agent(), ("REDAN_RB_SIZE_TOTAL", "'huge'"),
              environment={"REDAN_RB_SIZE_TOTAL": "huge"})
    yield Bad("an unknown variable", CONFIG, agent(), ("REDAN_RB_SIZE", "REDAN_RB_SIZE_TOTAL|rb-size-total"),
              environment={"REDAN_RB_SIZE": "1M"})


def privileges(inputs):
    export = ("--export-filename", inputs.path("nobodys.json"))
    yield Bad("agent by somebody else than root", PRIVILEGE, agent(*export), ("root",), before=NOBODY)
    yield Bad("the same with a place of his own", PRIVILEGE, agent(*export, "--run-dir", "/tmp/redan-nobody"),
              ("ermitted", "root|CAP_BPF"), before=NOBODY)
    yield Bad("record by somebody else than root", PRIVILEGE,
              ("record", "/tmp/nobodys-recording", "--log-level", "error"), ("ermitted", "root|CAP_BPF"), before=NOBODY)


def kernels(inputs):
    garbage, empty = inputs.file("garbage.btf", os.urandom(4096)), inputs.file("empty.btf")
    yield Bad("a BTF file that is not there", KERNEL, agent("--btf", "/nowhere/vmlinux"),
              ("/nowhere/vmlinux", "No such file|not there|does not exist"))
    yield Bad("a BTF file that is none", KERNEL, agent("--btf", garbage), (re.escape(garbage), "BTF"))
    yield Bad("an empty BTF file", KERNEL, agent("--btf", empty), (re.escape(empty), "BTF"))
    yield Bad("a kernel without BTF", KERNEL, agent(), ("BTF", "CONFIG_DEBUG_INFO_BTF|--btf|redan features"),
              before=NO_BTF)


def places(inputs):
    def export(path):
        return agent("--export-filename", path)

    yield Bad("export into no folder", CONFIG, export("/nowhere/events.json"), ("/nowhere", "create it"))
    yield Bad("export to a folder", CONFIG, export(inputs.folder), (inputs.pattern, "folder"))
    yield Bad("export to a read-only file system", CONFIG, export(inputs.read_only() + "/events.json"),
              ("read-only/events.json", "read-only; "))
    notes = inputs.file("notes.txt", "my notes")
    yield Bad("export to a file of something else", CONFIG, export(notes), (re.escape(notes),))
    run = inputs.file("run")
    yield Bad("a run directory that is a file", RUNTIME, agent("--run-dir", run), (re.escape(run), "--run-dir"))
    yield Bad("a procfs that is not there", CONFIG, agent("--procfs", "/nowhere"), ("/nowhere", "--procfs"))
    yield Bad("a procfs that is none", CONFIG, agent("--procfs", inputs.folder), (inputs.pattern, "--procfs"))


def recordings(inputs, binary):
    quiet = ("--log-level", "error")
    yield Bad("record into no folder", RUNTIME, ("record", "/nowhere/recording", *quiet), ("/nowhere/recording",))
    yield Bad("replay of nothing", RUNTIME, ("replay", "/nowhere/recording"), ("/nowhere/recording", "No such file"))
    for name, content in (("text", "hello\n" * 9), ("empty", "")):
        path = inputs.file(name, content)
        yield Bad(f"replay of another file ({name})", RUNTIME, ("replay", path), (re.escape(path), "not a recording"))
    good = inputs.path("recording")
    run_redan(binary, "record", good, "--duration", "100ms", *quiet)
    yield Bad("replay into no folder", CONFIG, ("replay", good, "--export-filename", "/nowhere/events.json"),
              ("/nowhere", "create it"))
    yield Bad("replay to a full device", RUNTIME, ("replay", good, "--export-filename", "/dev/full"),
              ("/dev/full", "no space"))


def judge(outcome, code, patterns):
    problems = []
    if outcome.code != code:
        problems.append(f"exit code {outcome.code}, expected {code}: {outcome.stderr[:400]!r}")
    if outcome.stdout:
        problems.append(f"it wrote to standard output: {outcome.stdout[:200]!r}")
    if outcome.stderr.count("\n") != 1 or not outcome.stderr.endswith("\n"):
        problems.append(f"{outcome.stderr.count(chr(10))} lines, expected 1: {outcome.stderr[:600]!r}")
    problems += [f"the line does not match '{pattern}': {outcome.stderr[:400]!r}" for pattern in patterns
                 if not re.search(pattern, outcome.stderr)]
    return problems


def try_bad(arguments, cases, bad):
    environment = {"PATH": os.environ["PATH"], **bad.environment}
    outcome = run_redan(arguments.agent, *bad.command, before=bad.before, environment=environment, timeout=20)
    cases.check(bad.name, judge(outcome, bad.code, bad.says))


def second_agent(arguments, cases, inputs):
    with Agent(arguments.agent, folder=inputs.path("first")) as first:
        outcome = run_redan(arguments.agent, *agent("--export-filename", inputs.path("second.json")))
        problems = judge(outcome, BUSY, (f"pid {first.pid} ", "stop it"))
        problems += ["it made an export file"] if os.path.exists(inputs.path("second.json")) else []
        cases.check("a second agent", problems)


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    inputs = Inputs()
    for bad in (*usage(), *configuration(inputs), *privileges(inputs), *kernels(inputs), *places(inputs),
                *recordings(inputs, arguments.agent)):
        if cases.wanted(bad.name):
            try_bad(arguments, cases, bad)
    if cases.wanted("a second agent"):
        second_agent(arguments, cases, inputs)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
