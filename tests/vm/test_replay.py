#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `redan record` records, `redan replay` turns into the same bytes that the recording run exported: by anybody,
anywhere. A recording that is damaged is replayed up to the damage.
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import load  # noqa: E402
from lib.agent import Agent  # noqa: E402
from lib.cases import Cases, parse_arguments, shorten  # noqa: E402
from lib.load import STORM, TINY, Storm, bodies  # noqa: E402
from lib.runs import read_lines, run_redan, stopped, working_folder  # noqa: E402

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
# In a mount namespace of its own without bpffs.
NOBODY_WITHOUT_BPF = ("unshare", "--mount", "sh", "-c", 'umount /sys/fs/bpf && exec "$@"', "sh", *NOBODY)
CONTENT = ("--enable-process-cred", "--enable-process-ns", "--enable-ancestors", "base",
           "--enable-process-environment-variables", "--username-metadata", "unix", "--cluster-name", "a cluster",
           "--heartbeat-interval", "300ms")
FILE_HEADER, FRAME_HEADER = 16, 8


class Recorder(Agent):
    """`redan record`, which exports, too."""

    def __init__(self, binary, *options, folder):
        super().__init__(binary, *options, folder=folder)
        self.recording = os.path.join(folder, "recording")
        self.command = [os.path.abspath(binary), "record", self.recording]


def frames_of(recording):
    """Offset of each frame, and the end."""
    with open(recording, "rb") as file:
        data = file.read()
    offsets, at = [], FILE_HEADER
    while at < len(data):
        offsets.append(at)
        at += FRAME_HEADER + struct.unpack_from("<I", data, at)[0]
    return offsets + [at]


def first_difference(expected, actual):
    if expected == actual:
        return []
    for line, (one, other) in enumerate(zip(expected.split(b"\n"), actual.split(b"\n")), 1):
        if one != other:
            at = next((i for i, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
            begin = max(0, at - 60)
            one, other = one[begin:at + 120], other[begin:at + 120]
            return [f"line {line}: exported …{shorten(one)}, replayed …{shorten(other)}"]
    return [f"exported {len(expected)} bytes, replayed {len(actual)}"]


def replayed(outcome, expected):
    problems = [] if outcome.code == 0 else [f"exit code {outcome.code}"]
    if outcome.stderr:
        problems.append(f"it said: {outcome.stderr[:300]}")
    return problems + first_difference(expected, outcome.stdout)


def do_many_things(folder):
    """Of what can differ between two processes, something of everything."""
    subprocess.run([TINY, "long", *("x" * 997 + str(index) for index in range(30))], check=True)
    subprocess.run([TINY, "longer than is kept", "y" * 70000], check=True)
    subprocess.run([TINY, "", "two words", 'a "quote"', "two\nlines", "ünïcode", b"\xff\xfe\x80"], check=True)
    environment = {"PATH": "/usr/bin:/bin", "SECRET": "s3cret", "EMPTY": "", "BYTES": "\udcff", "LONG": "z" * 60000}
    subprocess.run([TINY, "with an environment"], check=True, env=environment)
    subprocess.run([STORM, "threads", TINY, "from-a-thread"], check=True, stdout=subprocess.DEVNULL)
    for user in ("1", "33", "65534", "54321"):
        subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", TINY, "as-user"], check=True)
    away = ("--fork", "--pid", "--mount", "--uts", "--net", "--user", "--map-root-user")
    subprocess.run(["unshare", *away, TINY, "away"], check=True)
    subprocess.run(["sh", "-c", "kill -SEGV $$"], check=False)
    deep = os.path.join(folder, *["d" * 200] * 8)
    os.makedirs(deep)
    subprocess.run([TINY, "deep"], cwd=deep, check=True)
    shutil.rmtree(os.path.join(folder, "d" * 200))


def set_clock(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


def record_everything(arguments, folder):
    with Recorder(arguments.agent, *CONTENT, folder=folder) as recorder:
        do_many_things(folder)
        storm = Storm(folder, "load", 320)
        storm.wait()
        # The tick that notices each of these comes once a second.
        with open("/etc/passwd", "a", encoding="ascii") as users:
            users.write("somebody:x:54321:54321::/:/bin/sh\n")
        set_clock(3600)
        time.sleep(1.2)
        subprocess.run(["setpriv", "--reuid=54321", "--clear-groups", TINY, "as-somebody"], check=True)
        set_clock(-3600)
        recorder.settle()
    return recorder


def whole_recording(arguments, cases, folder):
    recorder = record_everything(arguments, folder)
    with open(recorder.export, "rb") as file:
        exported = file.read()
    events = list(bodies(recorder.records, "process_exec"))
    users = {body["process"].get("user", {}).get("name") for body in events}
    wanted = {"a user name": "daemon" in users, "a user name that came later": "somebody" in users,
              "an environment": any("environment_variables" in body["process"] for body in events),
              "ancestors": any("ancestors" in body for body in events),
              "a cut": bool(recorder.own_records("cut")),
              "a heartbeat": bool(recorder.own_records("heartbeat"))}
    cases.check("recording: has all that can be in one", [f"not {what}" for what, there in wanted.items() if not there])

    shown = run_redan(arguments.agent, "replay", recorder.recording)
    cases.check("replay: the bytes that were exported", replayed(shown, exported))

    output = os.path.join(folder, "replayed.json")
    written = run_redan(arguments.agent, "replay", recorder.recording, "--export-filename", output)
    with open(output, "rb") as file:
        problems = first_difference(exported, file.read())
    if written.code or written.stdout or written.stderr:
        problems.append(f"exit code {written.code}, it said {written.stdout[:100]} {written.stderr[:300]}")
    cases.check("replay: the same into a file", problems)

    public = tempfile.mkdtemp(prefix="redan-replay-")
    os.chmod(public, 0o755)
    copy = shutil.copy(recorder.recording, public)
    refused = run_redan(arguments.agent, "replay", recorder.recording, before=NOBODY)
    mode = os.stat(recorder.recording).st_mode & 0o777
    cases.check("recording: for root alone",
                [] if (refused.code, mode) == (5, 0o600) else [f"mode {mode:o}, exit code {refused.code} for others"])
    os.chmod(copy, 0o644)
    cases.check("replay: by anybody, without BPF",
                replayed(run_redan(arguments.agent, "replay", copy, before=NOBODY_WITHOUT_BPF), exported))

    own = run_redan(arguments.agent, "replay", recorder.recording, "--export-own-records=false")
    expected = b"".join(line + b"\n" for line in exported.split(b"\n")[:-1] if not line.startswith(b'{"redan":'))
    cases.check("replay: without Redan's own records", replayed(own, expected))
    return recorder.recording


def losses(arguments, cases, folder):
    """A recording of a run that lost records and healed."""
    with Recorder(arguments.agent, "--rb-size-total", "64K", folder=folder) as recorder:
        with stopped(recorder.pid):
            storm = Storm(folder, "load", 240)
            storm.wait()
        recorder.wait_for(lambda record: record.get("redan", {}).get("kind") == "healed", what="healing")
        recorder.settle()
    with open(recorder.export, "rb") as file:
        exported = file.read()
    problems = [] if recorder.own_records("loss") else ["nothing was lost, so this proves nothing"]
    shown = run_redan(arguments.agent, "replay", recorder.recording)
    cases.check("replay: losses and healing", problems + replayed(shown, exported))


def one_clear_line(outcome, code, *texts):
    problems = [] if outcome.code == code else [f"exit code {outcome.code}, expected {code}"]
    if outcome.stderr.count("\n") != 1:
        problems.append(f"{outcome.stderr.count(chr(10))} lines on stderr, expected 1: {outcome.stderr[:300]!r}")
    missing = [text for text in texts if text not in outcome.stderr]
    return problems + [f"stderr does not say '{text}': {outcome.stderr[:300]!r}" for text in missing]


def damaged(arguments, cases, folder, recording):
    """Copies with one defect each: what is printed before the error is exactly what the whole frames alone give."""
    with open(recording, "rb") as file:
        data = file.read()
    frames = frames_of(recording)
    path = os.path.join(folder, "damaged")

    def replay(content):
        with open(path, "wb") as file:
            file.write(content)
        return run_redan(arguments.agent, "replay", path)

    def check(name, content, good_end, *texts):
        good = replay(content[:good_end])
        problems = [] if good.code == 0 else [f"the whole frames alone: exit code {good.code}: {good.stderr}"]
        bad = replay(content)
        problems += one_clear_line(bad, 1, path, *texts)
        problems += first_difference(good.stdout, bad.stdout)
        cases.check(name, problems)
        return good.stdout

    middle = frames[len(frames) // 2]
    size = struct.unpack_from("<I", data, middle)[0]

    def flipped(at):
        return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]

    events = check("damaged: ends within a frame", data[:middle + FRAME_HEADER + size // 2], middle, str(middle))
    cases.check("damaged: what came before is printed", [] if events.count(b"\n") > 10 else ["hardly anything"])
    check("damaged: ends within a frame's header", data[:middle + 3], middle, str(middle))
    check("damaged: a bit of a frame", flipped(middle + FRAME_HEADER + size // 2), middle, str(middle))
    check("damaged: a bit of a frame's length", flipped(middle), middle, str(middle))
    check("damaged: a bit of the length, which makes it huge", flipped(middle + 3), middle, str(middle))
    check("damaged: a bit of a checksum", flipped(middle + 5), middle, str(middle))
    for name, content, text in (("the magic number", flipped(0), "not a recording"),
                                ("the version", flipped(8), "version"),
                                ("the first frame", flipped(FILE_HEADER + FRAME_HEADER + 50), str(FILE_HEADER)),
                                ("nothing but the header", data[:FILE_HEADER], "start"),
                                ("no start", data[:FILE_HEADER] + data[frames[1]:], "start")):
        bad = replay(content)
        problems = one_clear_line(bad, 1, text)
        cases.check(f"damaged: {name}", problems + (["it printed events"] if bad.stdout else []))
    os.unlink(path)


def other_files(arguments, cases, folder):
    """What is no recording at all."""
    text = os.path.join(folder, "text")
    with open(text, "w", encoding="ascii") as file:
        file.write("just some lines\n" * 100)
    empty = os.path.join(folder, "empty")
    open(empty, "wb").close()
    for name, path, says in (("text", text, "is not a recording"), ("an empty file", empty, "is not a recording"),
                             ("a folder", folder, folder), ("no file", "/nowhere/recording", "No such file"),
                             ("/dev/null", "/dev/null", "is not a recording")):
        outcome = run_redan(arguments.agent, "replay", path)
        problems = one_clear_line(outcome, 1, says)
        cases.check(f"no recording: {name}", problems + (["it printed something"] if outcome.stdout else []))


def destinations(arguments, cases, folder):
    """Where recordings go."""
    full = run_redan(arguments.agent, "record", "/dev/full", "--duration", "5s", "--log-level", "error")
    cases.check("record: a full device", one_clear_line(full, 1, "/dev/full", "No space left"))
    nowhere = run_redan(arguments.agent, "record", os.path.join(folder, "nowhere", "file"), "--duration", "5s",
                        "--log-level", "error")
    cases.check("record: no such folder", one_clear_line(nowhere, 1, "nowhere"))

    path = os.path.join(folder, "timed")
    began = time.monotonic()
    timed = run_redan(arguments.agent, "record", path, "--duration", "1500ms", "--log-level", "error")
    took = time.monotonic() - began
    problems = []
    if timed.code or timed.stderr or timed.stdout:
        problems.append(f"exit code {timed.code}, it said {timed.stderr!r} {timed.stdout!r}")
    if not 1.5 <= took < 15:
        problems.append(f"it took {took:.1f} s")
    shown = run_redan(arguments.agent, "replay", path)
    output = os.path.join(folder, "timed.json")
    with open(output, "wb") as file:
        file.write(shown.stdout)
    records, bad = read_lines(output)
    kinds = [record["redan"]["kind"] for record in records if "redan" in record]
    if shown.code or bad or kinds[:1] != ["start"] or kinds[-1:] != ["stop"] or "ready" not in kinds:
        problems.append(f"its replay: exit code {shown.code}, {bad[:1]}, own records {kinds}")
    cases.check("record: for a duration", problems)


def run_cases(arguments, cases, folder):
    for name in ("whole", "losses"):
        os.mkdir(os.path.join(folder, name))
    recording = whole_recording(arguments, cases, os.path.join(folder, "whole"))
    losses(arguments, cases, os.path.join(folder, "losses"))
    damaged(arguments, cases, folder, recording)
    other_files(arguments, cases, folder)
    destinations(arguments, cases, folder)


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    if not cases.wanted("replay"):
        return cases.finish()
    load.prepare()
    with working_folder(arguments, "replay") as folder:
        run_cases(arguments, cases, folder)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
