# SPDX-License-Identifier: Apache-2.0
"""The output of a test: one line for each case, a summary, an exit code.

    ok NAME
    not ok NAME: reason
    skip NAME: reason
    PROGRAM: N passed, N failed, N skipped
"""
import argparse
import fnmatch
import os
import sys


def parse_arguments(description, **more):
    """The command line that all tests in virtual machines have. `more` adds options: name=(default, help)."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agent", required=True, help="the redan program")
    parser.add_argument("--results", help="folder to keep what the agent wrote in")
    parser.add_argument("--only", default="*", metavar="NAME", help="run only the case with this name or pattern")
    for name, (default, text) in more.items():
        parser.add_argument("--" + name.replace("_", "-"), default=default, help=text)
    return parser.parse_args()


def kernel_variant():
    """What the kernel was started as: its name and what of its command line matters, such as "6.12+lockdown"."""
    return os.environ.get("REDAN_KERNEL_VARIANT", "")


def full_counts():
    return os.environ.get("REDAN_TEST_FULL") == "1"


class Cases:
    """Prints the outcome of each case as it comes. One instance per program."""

    def __init__(self, only="*", program=None):
        self.program = program or os.path.basename(sys.argv[0])
        self.only = only
        self.passed, self.failed, self.skipped = [], [], []

    def wanted(self, name):
        return fnmatch.fnmatchcase(name, self.only)

    def ok(self, name):
        self.passed.append(name)
        self._print(f"ok {name}")

    def not_ok(self, name, reason):
        self.failed.append(name)
        self._print(f"not ok {name}: {reason}")

    def skip(self, name, reason):
        self.skipped.append(name)
        self._print(f"skip {name}: {reason}")

    def check(self, name, problems):
        """One case with the problems found, each a line of text; none means ok."""
        problems = list(problems)
        if not problems:
            self.ok(name)
        else:
            more = f" [and {len(problems) - 1} more, below]" if len(problems) > 1 else ""
            self.not_ok(name, problems[0] + more)
            for problem in problems[1:12]:
                self._print(f"    {problem}")

    def finish(self):
        """Prints the summary; returns the exit code."""
        if not (self.passed or self.failed or self.skipped):
            self.not_ok("anything", f"no case is called {self.only}")
        counts = f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"
        self._print(f"{self.program}: {counts}")
        return 1 if self.failed else 0

    @staticmethod
    def _print(line):
        print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line), flush=True)


def shorten(value, limit=300):
    """A value for a reason: long ones without their middle."""
    text = repr(value) if not isinstance(value, str) else value
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}…({len(text) - 2 * half} characters)…{text[-half:]}"
