#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of bench/hooks that works inside the virtual machine, as root: hooks_guest.py PLAN.

Writes $REDAN_RESULTS/measured.json: instructions of each operation without an agent, and under each policy with the agent
stopped; then what it takes to add policies to a running agent.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from guest import memory

OUTPUT = "/run/redan-bench"
# A policy of ten hooks, each a program of its own.
TEN_HOOKS = """apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: ten-hooks}
spec:
  kprobes:
""" + "".join(f"""  - call: security_inode_{name}
    syscall: false
    args: [{{index: 1, type: dentry}}]
    selectors:
    - matchBinaries: [{{operator: In, values: ["/no/such/{name}"]}}]
""" for name in ("create", "link", "unlink", "symlink", "mkdir", "rmdir", "mknod", "rename", "setattr", "setxattr"))


def mount_tmpfs(folder):
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder], check=True)


def bring(plan):
    """Copies what the measurement needs to where it stays when /tmp is covered."""
    mount_tmpfs(OUTPUT)
    for name in ("redan", "cost", "target"):
        plan[name] = shutil.copy(plan[name], OUTPUT)
    plan["policies"] = {name: shutil.copy(path, OUTPUT) for name, path in plan["policies"].items()}


def run_ruler(plan, operation):
    """Instructions of one operation."""
    run = subprocess.run([plan["cost"], str(plan["rounds"]), operation], check=True, stdout=subprocess.PIPE, text=True)
    return float(dict(word.split("=") for word in run.stdout.split())[operation])


def run_all(plan):
    return {operation: run_ruler(plan, operation) for operation in plan["operations"]}


def start_agent(plan, policy):
    export = f"{OUTPUT}/events.json"
    log = open(f"{OUTPUT}/agent.log", "wb")
    agent = subprocess.Popen([plan["redan"], "agent", "--export-filename", export, "--run-dir", f"{OUTPUT}/run",
                              *(["--tracing-policy", policy] if policy else [])], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wanted = b": enabled" if policy else b"watching"
    for _ in range(600):
        said = pathlib.Path(OUTPUT, "agent.log").read_bytes()
        if wanted in said:
            time.sleep(1)  # what it does after its start
            return agent
        if agent.poll() is not None or b"level=error" in said:
            break
        time.sleep(0.1)
    agent.kill()
    raise RuntimeError(f"{policy or 'the agent'} is not in force: {said.decode()}")


def run_stopped(plan, policy):
    agent = start_agent(plan, policy)
    try:
        agent.send_signal(signal.SIGSTOP)
        result = run_all(plan)
    finally:
        agent.send_signal(signal.SIGCONT)
        agent.terminate()
        agent.wait()
        os.unlink(f"{OUTPUT}/events.json")
    time.sleep(1)  # what the kernel frees behind an agent that has ended
    return result


def idle_ns():
    """Time that the machine had nothing to do, such as in the kernel's grace periods: instructions are not counted then."""
    with open("/proc/stat", encoding="ascii") as stat:
        return sum(int(ticks) for ticks in stat.readline().split()[4:6]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def instructions_to_add(plan, policy):
    """Of the client, the agent and the kernel, until the client says that the policy is in force: all that the machine did."""
    began, idle = time.monotonic_ns(), idle_ns()
    subprocess.run([plan["redan"], "policy", "add", "--run-dir", f"{OUTPUT}/run", policy], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic_ns() - began - (idle_ns() - idle)


def add_policies(plan):
    """To one agent: the policies one after the other, and last one of ten hooks."""
    ten = pathlib.Path(OUTPUT, "ten-hooks.yaml")
    ten.write_text(TEN_HOOKS)
    agent = start_agent(plan, None)
    result = {"memory_before": memory(agent.pid)["rss"]}
    result["policies"] = {name: instructions_to_add(plan, policy) for name, policy in plan["policies"].items()}
    result["memory_after"] = memory(agent.pid)["rss"]
    result["ten_hooks"] = instructions_to_add(plan, str(ten))
    agent.terminate()
    agent.wait()
    return result


def main():
    plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
    pathlib.Path("/proc/sys/kernel/randomize_va_space").write_text("0")
    results = os.open(os.environ["REDAN_RESULTS"], os.O_PATH)  # by its path it may be below /tmp
    bring(plan)
    for folder in ("/tmp", "/tmp/a"):
        mount_tmpfs(folder)
    shutil.copy(plan["target"], "/tmp/a/t")
    os.chdir("/tmp/a")
    result = {"kernel": os.uname().release, "rounds": plan["rounds"], "without": run_all(plan),
              "no_policy": run_stopped(plan, None), "policies": {}}
    for name, policy in plan["policies"].items():
        result["policies"][name] = run_stopped(plan, policy)
        print(name, *(f"{o}={v - result['no_policy'][o]:+.0f}" for o, v in result["policies"][name].items()), flush=True)
    result["adding"] = add_policies(plan)
    pathlib.Path(f"/proc/self/fd/{results}/measured.json").write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
