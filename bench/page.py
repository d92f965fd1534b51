# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/performance.md: writing them, and comparing new figures with them.

What bench/run writes lies between two comments, one pair for each kernel and one for the development machine, so that a
run for one kernel leaves the others as they are. The page is the only place where the figures are kept.
"""
import re
from dataclasses import dataclass

import figures

# Labels of the rows that `compare` looks for.
KERNEL_SIDE = "**kernel side**: added with the agent stopped"
AGENT_SIDE = "**agent side**: added by its running"
RESIDENT = "resident memory, 500 processes more"
READY = "start to `ready`"
WAKEUPS = "wake-ups per second when nothing happens"


class PageError(Exception):
    """The page has not the form that this program writes."""


def begin(name):
    return f"<!-- bench/run {name}: begin; written by a program -->"


def end(name):
    return f"<!-- bench/run {name}: end -->"


def block(text, name):
    """What lies between the comments."""
    start, stop = text.find(begin(name)), text.find(end(name))
    if start < 0 or stop < start:
        raise PageError(f"the comments '{begin(name)}' and '{end(name)}' are missing")
    return text[start + len(begin(name)):stop]


def replace(text, name, new):
    block(text, name)
    before, rest = text.split(begin(name), 1)
    return f"{before}{begin(name)}\n{new}\n{end(name)}{rest.split(end(name), 1)[1]}"


# --- writing ---


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)


def instructions(figure, sign="+"):
    form = f"{{:{sign},.0f}}"
    return f"{form.format(figure.value)} ({form.format(figure.low)} … {form.format(figure.high)})"


def mib(kib):
    return f"{kib / 1024:.1f} MiB"


def cost_table(costs):
    def row(label, key, sign="+"):
        return [label, *(instructions(getattr(costs[op], key), sign) for op in figures.OPERATIONS)]

    return table(
        ["instructions per cycle", "exec cycle", "fork cycle"],
        [row("without the agent", "without", sign=""),
         row(KERNEL_SIDE, "kernel"),
         row("… of that in the cycle itself, the rest later", "kernel_at_once"),
         row(AGENT_SIDE, "agent"),
         row("… its threads' time, by the scheduler", "agent_cpu"),
         row("both sides: added with the agent running", "running")])


def memory_row(label, memory, remark=""):
    text = (f"{mib(memory['rss'])}: {mib(memory['anonymous'])} own, {mib(memory['ring'])} ring, which counts twice, "
            f"{mib(memory['rss'] - memory['anonymous'] - memory['ring'])} program and libraries")
    return [label, text + remark]


def footprint_table(measured):
    start = measured["start"]
    return table(
        ["the agent", ""],
        [memory_row("resident memory, idle", measured["memory_idle"]),
         memory_row(RESIDENT, measured["memory"]),
         memory_row("resident memory after the cycles", measured["memory_after_load"],
                    f", {measured['images']:,} images within half a minute"),
         [WAKEUPS, f"{measured['wakeups_per_second']:.1f}"],
         ["start to first line", f"{start['first_line'] / 1e6:,.0f} million instructions"],
         [READY, f"{start['ready'] / 1e6:,.0f} million instructions"]])


def kernel_block(measured, rounds, count):
    programs = table(["BPF program", "instructions", "verified"],
                     [[f"`{name}`", f"{size:,}", f"{verified:,}"] for name, size, verified in figures.programs(measured)])
    return "\n\n".join([
        f"Kernel {measured['kernel']}. Median of {rounds} rounds of {count['exec']:,} exec and {count['fork']:,} fork cycles, in brackets the lowest and highest.",
        cost_table(figures.costs(measured)), footprint_table(measured), programs])


def host_block(kernel, starts):
    def milliseconds(key):
        figure = figures.Figure.of([start[key] * 1e3 for start in starts])
        return f"{figure.value:.0f} ms ({figure.low:.0f} … {figure.high:.0f})"

    return (f"Kernel {kernel}, {len(starts)} starts.\n\n" + table(
        ["the agent", ""],
        [["start to first line", milliseconds("first_line")],
         [READY, milliseconds("ready")],
         ["start to the first event, of a program started at `ready`", milliseconds("first_event")]]))


# --- comparing ---


@dataclass(frozen=True)
class Comparison:
    what: str
    page: float
    now: float
    slack: float  # beyond 5 %

    @property
    def worse(self):
        return self.now > self.page * 1.05 + self.slack

    @property
    def better(self):
        return self.now < self.page * 0.95 - self.slack

    def __str__(self):
        verdict = "WORSE" if self.worse else "better: regenerate the page" if self.better else "as on the page"
        return f"{self.what}: {self.now:,.1f}, on the page {self.page:,.1f}: {verdict}"


def number(text, name, label, column=1):
    """The first number of a row's cell."""
    for line in block(text, name).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == label:
            if found := re.search(r"[\d,]+(\.\d+)?", cells[column]):
                return float(found.group().replace(",", ""))
    raise PageError(f"the table of {name} has no row '{label}'")


def compare(text, name, measured):
    costs = figures.costs(measured)
    rows = []
    for column, operation in enumerate(figures.OPERATIONS, start=1):
        for label, key in ((KERNEL_SIDE, "kernel"), (AGENT_SIDE, "agent")):
            rows.append(Comparison(f"{key} side of a {operation} cycle, instructions",
                                   number(text, name, label, column), getattr(costs[operation], key).value, 300))
    rows.append(Comparison("resident memory, MiB", number(text, name, RESIDENT), measured["memory"]["rss"] / 1024, 0.5))
    rows.append(Comparison("start to ready, million instructions", number(text, name, READY),
                           measured["start"]["ready"] / 1e6, 50))
    rows.append(Comparison("idle wake-ups per second", number(text, name, WAKEUPS), measured["wakeups_per_second"], 0.5))
    return rows
