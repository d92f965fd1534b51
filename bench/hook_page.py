# SPDX-License-Identifier: Apache-2.0
"""The table of docs/performance.md that bench/hooks writes: policies by what they add to operations, and targets."""
import page

NAME = "hooks"
OPERATIONS = {"getppid": "getppid", "open4": "open+close, 4", "open14": "open+close, 14", "write4k": "write 4 KiB", "connect": "connect"}

# What Tetragon adds on the same ruler, agent stopped (README of shared/compat/cost), by policy and operation.
TETRAGON = {
    "file-prefix-miss": {"getppid": 0, "open4": 9300, "open14": 30000, "write4k": 0, "connect": 0},
    "lsm-prefix-miss": {"getppid": 0, "open4": 9350, "open14": 30100, "write4k": 0, "connect": 0},
    "file-binary-miss": {"getppid": 0, "open4": 4300, "open14": 8600, "write4k": 0, "connect": 0},
    "connect-cidr-miss": {"getppid": 0, "open4": 0, "open14": 0, "write4k": 0, "connect": 6700},
    "syscalls-rawtp": {"getppid": 4800, "open4": 9600, "write4k": 4800, "connect": 14500},
}

# What is wanted: label, policy, operation, calls that the operation makes of the kind, most instructions for each.
TARGETS = (
    ("(a) prefix miss in the first component, 4", "file-prefix-miss", "open4", 1, 900),
    ("… 14", "file-prefix-miss", "open14", 1, 1500),
    ("… through an LSM hook, 4", "lsm-prefix-miss", "open4", 1, 900),
    ("… 14", "lsm-prefix-miss", "open14", 1, 1500),
    ("… in the last component that is compared, 4", "prefix-last-of-4", "open4", 1, 900),
    ("… 14", "prefix-last-of-14", "open14", 1, 1500),
    ("(b) `matchBinaries` miss, 4", "file-binary-miss", "open4", 1, 330),
    ("… 14", "file-binary-miss", "open14", 1, 330),
    ("(c) match and post, 4", "file-prefix-post", "open4", 1, 4000),
    ("(d) system call that 320 calls do not name", "syscalls-rawtp", "getppid", 1, 160),
    ("… named, the binary does not match", "syscalls-rawtp", "open4", 2, 400),
    ("(e) `tcp_connect`, CIDR miss", "connect-cidr-miss", "connect", 1, 700),
)


def added(measured, policy, operation):
    """Instructions beyond those under an agent without a policy, or None if that was not measured."""
    values = measured["policies"].get(policy, {})
    return values[operation] - measured["no_policy"][operation] if operation in values else None


def number(value, sign="+"):
    return "" if value is None else f"{{:{sign},.0f}}".format(value)


def cost_table(measured):
    columns = [name for name in OPERATIONS if name in measured["without"]]
    rows = [["without an agent"] + [number(measured["without"][o], "") for o in columns]]
    rows.append(["without a policy"] + [number(measured["no_policy"][o] - measured["without"][o]) for o in columns])
    for policy in measured["policies"]:
        rows.append([f"`{policy}`"] + [number(added(measured, policy, o)) for o in columns])
        if policy in TETRAGON:
            rows.append(["… Tetragon"] + [number(TETRAGON[policy].get(o)) for o in columns])
    return page.table(["instructions added"] + [OPERATIONS[o] for o in columns], rows)


def target_table(measured):
    rows = []
    for label, policy, operation, calls, most in TARGETS:
        value = added(measured, policy, operation)
        if value is None:
            continue
        missed = value / calls - most
        theirs = TETRAGON.get(policy, {}).get(operation)
        rows.append([label, f"{most:,}", number(value / calls, ""), number(theirs / calls if theirs else None, ""),
                     f"missed by {missed:,.0f}" if missed > 0 else "met"])
    return page.table(["added by one call", "target", "Redan", "Tetragon", ""], rows)


def adding_table(measured):
    adding = measured["adding"]
    costs = list(adding["policies"].values())
    met = {True: "met", False: "missed"}
    rows = [["first policy of one hook, million instructions", "500", number(costs[0] / 1e6, ""), "6,300", met[costs[0] < 500e6]]]
    if len(costs) > 1:
        rows.append(["… further ones, the dearest", "500", number(max(costs[1:]) / 1e6, ""), "6,300", met[max(costs[1:]) < 500e6]])
    rows += [["policy of ten hooks, seconds", "2", f"{adding['ten_hooks'] / 1e9:.2f}", "", met[adding["ten_hooks"] < 2e9]],
             [f"resident after these {len(costs)} policies, MiB", "60", f"{adding['memory_after'] / 1024:.1f}", "115 to 178",
              met[adding["memory_after"] < 60 * 1024]],
             ["… before them", "", f"{adding['memory_before'] / 1024:.1f}", "78", ""]]
    return page.table(["adding policies to a running agent, by `redan policy add`", "target", "Redan", "Tetragon", ""], rows)


def block(measured):
    return "\n\n".join([f"Kernel {measured['kernel']}, agent stopped, median of {measured['rounds']} rounds.",
                        target_table(measured), cost_table(measured), adding_table(measured)])
