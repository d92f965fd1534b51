#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every BPF program is accepted by this kernel's verifier, at about the effort that tests/verifier/KERNEL.txt says: a
program that became much harder to verify is near to being refused somewhere.

REDAN_TEST_UPDATE=1 writes the file anew, into the results folder; to be looked at and copied.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib.cases import Cases, kernel_variant, parse_arguments  # noqa: E402
from lib.runs import run_redan  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "verifier")
MOST_MORE = 0.10
UPDATE = "REDAN_TEST_UPDATE=1 writes the file anew"
HEADER = ("# Instructions that the verifier looked at, for each program. Made by tests/vm/test_verifier.py with\n"
          "# REDAN_TEST_UPDATE=1 on kernel {variant} ({release}).\n")


def kept_path(variant):
    """The file of this variant; where there is none, that of the kernel without the words behind it (6.12+preempt)."""
    own = os.path.join(FOLDER, variant + ".txt")
    return own if os.path.exists(own) else os.path.join(FOLDER, variant.partition("+")[0] + ".txt")


def read_counts(path):
    with open(path, encoding="ascii") as file:
        lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {program: int(count) for program, count in lines}


def write_counts(path, variant, counts):
    with open(path, "w", encoding="ascii") as file:
        file.write(HEADER.format(variant=variant, release=os.uname().release))
        file.writelines(f"{program} {count}\n" for program, count in sorted(counts.items()))


def compare(cases, kept, counts):
    for program in sorted(kept.keys() | counts.keys()):
        name = f"effort: {program}"
        if not cases.wanted(name):
            continue
        if program not in counts:
            cases.not_ok(name, f"there is no such program any more; {UPDATE}")
        elif program not in kept:
            cases.not_ok(name, f"new, with {counts[program]} verified instructions; {UPDATE}")
        elif counts[program] > kept[program] * (1 + MOST_MORE):
            more = 100 * (counts[program] / kept[program] - 1)
            cases.not_ok(name, f"{counts[program]} verified instructions, {kept[program]} are kept: {more:.0f} % more")
        else:
            cases.ok(name)


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    variant = kernel_variant()
    told = run_redan(arguments.agent, "features", "-o", "json", timeout=300)
    features = json.loads(told.stdout or b"{}")
    sensor = next((feature for feature in features.get("features", []) if feature["name"] == "sensor"), {})
    programs = sensor.get("programs", [])
    runs = told.code == 0 and features.get("sensor_runs")
    problems = [] if runs else [f"exit code {told.code}: {told.stderr.strip()}"]
    problems += [] if programs else [f"no programs: {sensor.get('detail', sensor)}"]
    cases.check("the verifier accepts every program", problems)
    counts = {program["name"]: program["verified_instructions"] for program in programs}
    if os.environ.get("REDAN_TEST_UPDATE") == "1" and arguments.results and counts:
        path = os.path.join(arguments.results, variant + ".txt")
        write_counts(path, variant, counts)
        cases.skip("effort", f"written to {path}")
    elif not variant:
        cases.skip("effort", "REDAN_KERNEL_VARIANT does not say which kernel this is")
    elif not os.path.exists(kept_path(variant)):
        cases.not_ok("effort", f"no {kept_path(variant)}; REDAN_TEST_UPDATE=1 makes one")
    elif counts:
        compare(cases, read_counts(kept_path(variant)), counts)
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
