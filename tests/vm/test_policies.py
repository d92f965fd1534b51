#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real policies load as docs/policies.md says, and post for a fixed set of operations what a running Tetragon posted.

Policies, recorded events, operations and the program that makes events comparable are test data that others wrote; they
lie in the folder compat beside the checkout and are not part of the project. Without that folder the test is skipped.
Many policies run in one agent, each under a name of its own: what one posts does not depend on the others.
"""
import fnmatch
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import golden  # noqa: E402
from lib.agent import Agent  # noqa: E402
from lib.cases import Cases, full_counts, kernel_variant, parse_arguments  # noqa: E402
from lib.policy_table import Answer, answers  # noqa: E402
from lib.softirqs import WITNESS, Softirqs, write_witness  # noqa: E402

POLICIES = os.path.join(os.path.dirname(golden.FOLDER), "policies")
DOCUMENT = os.path.join(golden.CHECKOUT, "docs", "policies.md")
PLACEHOLDERS = {"${PODCIDR}": "10.244.0.0/16", "${SERVICECIDR}": "10.96.0.0/12"}
HOOK_KINDS = ("process_kprobe", "process_tracepoint", "process_lsm")
# Every system call of every process: its events would push the others' out of the ring. Not compared with anything.
FLOODS = ("tracingpolicy/raw_syscalls.yaml",)
# Hundreds of hooks, which take minutes to load in an emulated machine: with full counts only.
MANY_HOOKS = ("tracingpolicy/list-syscalls.yaml", "tracingpolicy/list-syscalls-generated.yaml")
ANSWERED = 240  # seconds until all policies of a test are answered


class Policy:
    """One file of the folder, as it is given to the agent: placeholders filled in, under a name of its own."""

    def __init__(self, path, number, folder):
        self.path = path  # below POLICIES
        self.alias = f"p{number}"
        with open(os.path.join(POLICIES, path), encoding="utf-8") as file:
            text = file.read()
        for placeholder, value in PLACEHOLDERS.items():
            text = text.replace(placeholder, value)
        found = re.search(r"^metadata:\s*\n(?:\s+[^\n]*\n)*?\s+name:\s*\"?([^\"\n]*)\"?", text, re.MULTILINE)
        self.name = found.group(1) if found else ""
        if found:
            text = text[:found.start(1)] + self.alias + text[found.end(1):]
        self.file = os.path.join(folder, self.alias + ".yaml")
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)

    def golden(self):
        """The recorded events by step; nothing if there are none."""
        path = os.path.join(golden.FOLDER, "policies", self.path.removesuffix(".yaml").replace("/", "_") + ".json")
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as file:
            return json.load(file)


def all_policies(folder):
    paths = sorted(os.path.relpath(os.path.join(root, name), POLICIES)
                   for root, _, names in os.walk(POLICIES) for name in names if name.endswith(".yaml"))
    return [Policy(path, number, folder) for number, path in enumerate(paths)]


def states(agent):
    """By policy name, the last record of the agent's own about it."""
    return {record["policy"]: record for record in agent.own_records("policy")}


def check_answer(cases, policy, state, wanted):
    """The agent's answer to the policy is that of the table."""
    found = state or {}
    accepted = found.get("state") in ("enabled", "partially_enabled")
    problems = []
    if accepted != wanted.accepted:
        problems.append(f"{found.get('state', 'no record')} {found.get('error', '')}, expected "
                        f"{'to be accepted' if wanted.accepted else 'an error with ' + repr(wanted.reason)}")
    elif not accepted and wanted.reason not in found.get("error", ""):
        problems.append(f"the error is {found.get('error')!r}, expected {wanted.reason!r} in it")
    cases.check(f"{policy.path}: answer", problems)


def events_of(lines, policy, normalize):
    """What the policy posted, by step, as in the golden data."""
    kept = []
    for line in lines:
        event = json.loads(line)
        kind = next((kind for kind in HOOK_KINDS if kind in event), None)
        if kind is None or event[kind].get("policy_name") == policy.alias:
            kept.append(line.replace(f'"policy_name":"{policy.alias}"', f'"policy_name":"{policy.name}"'))
    return normalize.steps_of(kept, {"kprobe", "tracepoint", "lsm"})


def check_events(cases, policy, lines, normalize, answer):
    expected = policy.golden()
    if expected is None:
        return
    actual = events_of(lines, policy, normalize)
    softirqs = Softirqs(lines, policy.alias) if answer.in_softirqs else None
    for step in sorted(set(expected) | set(actual)):
        name = f"{policy.path}: {step}"
        if step in answer.in_softirqs:
            cases.check(f"{name} (softirqs)", softirqs.problems(step, expected.get(step, [])))
        elif answer.differs(step):
            cases.check(f"{name} (wanted difference)", answer.differs(step)(expected.get(step, []), actual.get(step, [])))
        else:
            cases.check(name, normalize.diff(expected.get(step, []), actual.get(step, [])))


def check_document(cases):
    """docs/policies.md has a row for each policy that is refused, with the reason on each kernel, and no other."""
    with open(DOCUMENT, encoding="utf-8") as file:
        rows = [[cell.strip() for cell in line.strip("| \n").split("|")]
                for line in file.read().split("## Refused")[1].split("## ")[0].splitlines() if line.startswith("| `")]
    told = {}
    for names, newest, older in rows:
        folder = ""
        for name in re.findall(r"`([^`]*)`", names):  # the folder is that of the name before
            folder = name.rpartition("/")[0] or folder
            path = f"{folder}/{name.rpartition('/')[2]}.yaml"
            told[path] = {"6.12": newest, "6.1": newest if older == "the same" else older}
    problems = []
    for kernel in ("6.12", "6.1"):
        table = {path: answer.reason for path, answer in answers(kernel).items() if not answer.accepted}
        problems += [f"{path} is refused on {kernel} ({reason}), the page says {told.get(path, {}).get(kernel)!r}"
                     for path, reason in table.items() if reason not in told.get(path, {}).get(kernel, "")]
        problems += [f"{path} is accepted on {kernel}" for path in told if path not in table]
    cases.check("docs/policies.md", problems)


def main():
    arguments = parse_arguments(__doc__, policies=("*", "run only the policies whose path fits one of these patterns, with commas"))
    cases = Cases(arguments.only)
    if not os.path.isdir(POLICIES):
        cases.skip("policies", f"no policies in {POLICIES}")
        return cases.finish()
    if "lockdown" in kernel_variant():
        cases.skip("policies", "hooks read arguments by address, which lockdown=confidentiality refuses")
        return cases.finish()
    check_document(cases)
    normalize = golden.load_normalizer()
    golden.prepare()
    folder = os.path.join(arguments.results or tempfile.mkdtemp(), "policies")
    os.makedirs(folder, exist_ok=True)
    table = answers(kernel_variant())
    left_out = FLOODS + (() if full_counts() else MANY_HOOKS)
    patterns = arguments.policies.split(",")
    policies = [policy for policy in all_policies(folder)
                if policy.path not in left_out and any(fnmatch.fnmatchcase(policy.path, p) for p in patterns)]
    files = [policy.file for policy in policies]
    if any(table.get(policy.path, Answer()).in_softirqs for policy in policies):
        files.insert(0, write_witness(os.path.join(folder, WITNESS + ".yaml")))
    options = [word for file in files for word in ("--tracing-policy", file)]
    with Agent(arguments.agent, "--enable-process-cred", "--enable-process-ns", "--rb-size-total", "64M", *options,
               folder=folder) as agent:
        last = policies[-1]
        agent.wait_for(lambda record: record.get("redan", {}).get("policy") in (last.alias, last.file),
                       timeout=ANSWERED, what="the answer to the last policy")
        golden.run_trigger(agent)
    found = states(agent)
    with open(agent.export, errors="replace") as file:
        lines = file.readlines()
    for policy in policies:
        answer = table.get(policy.path, Answer())
        check_answer(cases, policy, found.get(policy.alias) or found.get(policy.file), answer)
        if answer.accepted:
            check_events(cases, policy, lines, normalize, answer)
    cases.check("whole lines of JSON", [reason for _, reason in agent.bad_lines])
    return cases.finish()


if __name__ == "__main__":
    sys.exit(main())
