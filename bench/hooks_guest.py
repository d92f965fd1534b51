#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The part of bench/hooks that works inside the virtual machine, as root: hooks_guest.py PLAN.

Writes $REDAN_RESULTS/measured.json: instructions of each operation without an agent, and under each policy with the agent
stopped.
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

OUTPUT = "/run/redan-bench"


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
    pathlib.Path(f"/proc/self/fd/{results}/measured.json").write_text(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
