#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hooks of policies on this kernel: the cases of build/release/tests/hook_kernel_test (tests/hooks), each in a process of its own
so that one which fails leaves nothing behind for the next.
"""
import os
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.cases import Cases, full_counts, kernel_variant, parse_arguments  # noqa: E402

# By the guest's clock, which runs ahead of ours on a busy host.
TIMEOUT = 3000 if full_counts() else 600


def case_names(program):
    listed = subprocess.run([program, "--list-test-cases", "--reporters=xml"], capture_output=True, check=True, timeout=TIMEOUT)
    return [case.get("name") for case in xml.etree.ElementTree.fromstring(listed.stdout).iter("TestCase")]


def run_case(program, name):
    """What is wrong with one case, as lines; none if it passed."""
    pattern = name.replace("\\", "\\\\").replace(",", "\\,")
    try:
        done = subprocess.run([program, f"--test-case={pattern}", "--no-version"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return [f"not done after {TIMEOUT} s"]
    said = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    if "test cases: 1 |" not in " ".join(said.split()).replace("test cases:  1", "test cases: 1"):
        return [f"did not run: {said.strip()[-500:]}"]
    return [] if done.returncode == 0 else [said.strip()[-3000:]]


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
    if full_counts():  # as many as the random tests promise; fewer fit a short run
        os.environ.setdefault("REDAN_HOOK_PROGRAMS", "200")
    for name in case_names(program):
        if cases.wanted(name):
            cases.check(name, run_case(program, name))
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
