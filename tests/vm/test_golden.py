#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What Redan reports for a fixed set of operations equals what a running Tetragon reported for them.

The operations, the recorded events and the program that makes both comparable are test data that others wrote; they lie in
the folder compat/golden beside the checkout and are not part of the project. Without that folder the test is skipped.
"""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import golden  # noqa: E402
from lib.agent import Agent  # noqa: E402
from lib.cases import Cases, kernel_variant, parse_arguments  # noqa: E402

def creator_is_parent(steps, step, argument):
    """The wanted difference: a child that was re-parented, or made with CLONE_PARENT, has its creator for a parent."""
    own = steps[step][0]["process_exec"]["process"]["exec_id"]
    children = [event["process_exec"] for event in steps[step]
                if event.get("process_exec", {}).get("process", {}).get("arguments") == argument]
    if len(children) != 1:
        return [f"{len(children)} execs of 'true {argument}' in the step, expected 1"]
    child = children[0]
    exits = [event["process_exit"] for event in steps[step]
             if event.get("process_exit", {}).get("process", {}).get("exec_id") == child["process"]["exec_id"]]
    problems = []
    if child["process"]["parent_exec_id"] != own or child["parent"]["exec_id"] != own:
        problems.append(f"the child's parent is {child['process']['parent_exec_id']}, its creator is {own}")
    if len(exits) != 1 or exits[0]["parent"]["exec_id"] != own:
        problems.append("the child's exit does not name its creator")
    return problems


# Steps whose difference from the golden data is wanted (golden README), and what must be so instead.
WANTED = {
    "p_orphan": lambda steps: creator_is_parent(steps, "p_orphan", "orphan"),
    "p_clone_parent": lambda steps: creator_is_parent(steps, "p_clone_parent", "clone-parent"),
}


def without_unreadable(value):
    """What lockdown=confidentiality takes from a process: the working directory and what depends on it."""
    if isinstance(value, dict):
        value = {key: without_unreadable(item) for key, item in value.items()}
        if "flags" in value and "binary" in value:
            words = [word for word in value["flags"].split() if word not in ("errorCWD", "errorCgroupName")]
            if "rootcwd" not in words:
                value.pop("cwd", None)
                value["binary"] = os.path.basename(value["binary"])
            value["flags"] = " ".join(words)
        return value
    if isinstance(value, list):
        return [without_unreadable(item) for item in value]
    return value


def main():
    arguments = parse_arguments(__doc__)
    cases = Cases(arguments.only)
    if not os.path.isdir(golden.FOLDER):
        cases.skip("golden", f"no golden data in {golden.FOLDER}")
        return cases.finish()
    normalize = golden.load_normalizer()
    golden.prepare()
    folder = os.path.join(arguments.results or tempfile.mkdtemp(), "golden")
    with Agent(arguments.agent, "--enable-process-cred", "--enable-process-ns", folder=folder) as agent:
        outcomes = golden.run_trigger(agent)
    with open(agent.export, errors="replace") as lines:
        steps = normalize.steps_of(lines, {"exec", "exit"})
    with open(os.path.join(golden.FOLDER, "lifecycle.json")) as file:
        recorded = json.load(file)
    with open(os.path.join(golden.FOLDER, "lifecycle.outcomes")) as file:
        cases.check("outcomes", [] if outcomes == file.read() else ["the operations themselves had other results"])
    lockdown = "lockdown" in kernel_variant()
    for step, expected in recorded.items():
        if not cases.wanted(step):
            continue
        if step in WANTED:
            cases.check(step + " (wanted difference)", WANTED[step](steps))
            continue
        actual = steps.get(step, [])
        if lockdown:
            expected, actual = without_unreadable(expected), without_unreadable(actual)
        cases.check(step, normalize.diff(expected, actual))
    cases.check("no step but these", [step for step in steps if step not in recorded])
    cases.check("whole lines of JSON", [reason for _, reason in agent.bad_lines])
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
