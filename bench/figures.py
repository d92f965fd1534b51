# SPDX-License-Identifier: Apache-2.0
"""From measured blocks to figures: see docs/performance.md, "Method"."""
import statistics
from dataclasses import dataclass

OPERATIONS = ("exec", "fork")


@dataclass(frozen=True)
class Figure:
    """The median of the rounds, and the lowest and highest of them."""

    value: float
    low: float
    high: float

    @staticmethod
    def of(samples):
        return Figure(statistics.median(samples), min(samples), max(samples))


@dataclass(frozen=True)
class Cost:
    """Instructions per cycle of one operation."""

    without: Figure  # in all, without the agent
    kernel: Figure  # added while the agent is stopped
    kernel_at_once: Figure  # the part of it that the median cycle has: not what is left for later, to timers and RCU
    running: Figure  # added while it runs
    agent: Figure  # running less stopped
    agent_cpu: Figure  # what its threads had of the processor, by the scheduler's account


def cost(blocks, operation):
    """Differences within a round, so that what changes slowly cancels out: a round's blocks lie between its own block
    without the agent and that of the next round, and are compared with the middle of the two."""
    by = {(b["round"], b["condition"]): b for b in blocks if b["operation"] == operation}
    rounds = range(max(number for number, _ in by))

    def base(number, key):
        return (by[number, "without"][key] + by[number + 1, "without"][key]) / 2

    return Cost(
        without=Figure.of([b["mean"] for (_, condition), b in by.items() if condition == "without"]),
        kernel=Figure.of([by[n, "stopped"]["mean"] - base(n, "mean") for n in rounds]),
        kernel_at_once=Figure.of([by[n, "stopped"]["median"] - base(n, "median") for n in rounds]),
        running=Figure.of([by[n, "running"]["mean"] - base(n, "mean") for n in rounds]),
        agent=Figure.of([by[n, "running"]["mean"] - by[n, "stopped"]["mean"] for n in rounds]),
        agent_cpu=Figure.of([by[n, "running"]["agent_cpu"] for n in rounds]))


def costs(measured):
    return {operation: cost(measured["blocks"], operation) for operation in OPERATIONS}


def programs(measured):
    """Rows of name, instructions, verified instructions."""
    sensor = next(f for f in measured["features"]["features"] if f["name"] == "sensor")
    return [(p["name"], p["instructions"], p["verified_instructions"]) for p in sensor["programs"]]
