#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hooks of policies on this kernel: the cases of build/release/tests/hook_kernel_test (tests/hooks), in one process, for to load
the sensor takes longer than most of them. When the process dies, its case has failed, and the next goes on behind it.
"""
import os
import select
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.cases import Cases, full_counts, kernel_variant, parse_arguments  # noqa: E402

# For one case; by the guest's clock, which runs ahead of ours on a busy host.
TIMEOUT = 3000 if full_counts() else 600
PROGRESS = "==> "  # tests/hooks/progress.cpp


class Run:
    """One process. Reports the cases that it comes to, in their order, and says what became of it."""

    def __init__(self, program, arguments):
        self._process = subprocess.Popen([program, "--no-version", "--no-intro", *arguments], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._rest = b""
        self.goes_on = False  # it has died, behind the last case that it reported

    def lines(self):
        """What it prints; None: nothing for too long."""
        pipe = self._process.stdout.fileno()
        while True:
            *lines, self._rest = self._rest.split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            if not select.select([pipe], [], [], TIMEOUT)[0]:
                yield None
                return
            data = os.read(pipe, 65536)
            if not data:
                yield self._rest.decode(errors="replace")
                return
            self._rest += data

    def cases(self):
        """(name, what is wrong with it or "", seconds)"""
        name, said, began, count, is_done = None, [], 0.0, 0, False
        for line in self.lines():
            if line is None:
                said.append(f"nothing said for {TIMEOUT} s")
                break
            if not line.startswith(PROGRESS):
                said.append(line)
                continue
            what, _, text = line[len(PROGRESS):].partition(" ")
            if what == "begin":
                name, said, began = text, [], time.monotonic()
            elif what == "end":
                wrong = "" if text == "ok" else "\n".join(said).strip()[-3000:] or "failed"
                yield name, wrong, time.monotonic() - began
                name, count = None, count + 1
            elif what == "done":
                is_done = True
        if not is_done:
            self._process.kill()
        code = self._process.wait()
        if is_done and code in (0, 1):
            return
        if name or count == 0:
            said = "\n".join(said).strip()[-2000:]
            yield name or "start", f"the process died (exit code {code}): {said}", time.monotonic() - began
        self.goes_on = bool(name or count)


def check_all(cases, program, only, times):
    came = 0
    goes_on = True
    while goes_on:
        run = Run(program, [f"--first={came + 1}", *only])
        for name, wrong, seconds in run.cases():
            came += 1
            cases.check(name, [wrong] if wrong else [])
            times.write(f"{seconds:7.1f} s {name}\n")
        goes_on = run.goes_on


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    program = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(arguments.agent))), "tests", "hook_kernel_test")
    if not os.path.exists(program):
        cases.not_ok("hooks", f"no {program}: build the target hook_kernel_test")
        return cases.finish()
    if "lockdown" in kernel_variant():
        cases.skip("hooks", "arguments are read by address, which lockdown=confidentiality refuses")
        return cases.finish()
    pattern = arguments.only.replace("\\", "\\\\").replace(",", "\\,")
    with open(os.path.join(arguments.results or tempfile.mkdtemp(), "times"), "w", encoding="utf-8") as times:
        check_all(cases, program, [f"--test-case={pattern}"], times)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
