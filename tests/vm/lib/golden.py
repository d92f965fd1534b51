# SPDX-License-Identifier: Apache-2.0
"""The test data beside the checkout: repeatable operations and what a running Tetragon reported for them."""
import glob
import importlib.util
import os
import shutil
import subprocess

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FOLDER = os.environ.get("REDAN_TEST_GOLDEN", os.path.join(CHECKOUT, "..", "shared", "compat", "golden"))
TRIGGER = "/usr/local/bin/trigger"
MODULE = "/tmp/trigger.ko"


def load_normalizer():
    spec = importlib.util.spec_from_file_location("normalize", os.path.join(FOLDER, "normalize.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prepare():
    """The trigger program and the module that it loads, where it expects them."""
    subprocess.run(["cc", "-O1", "-w", "-o", TRIGGER, os.path.join(FOLDER, "trigger.c"), "-lpthread", "-lutil"], check=True)
    found = glob.glob(f"/lib/modules/{os.uname().release}/kernel/drivers/net/dummy.ko*")
    if not found:
        raise FileNotFoundError("the kernel's module dummy")
    if found[0].endswith(".xz"):
        with open(MODULE, "wb") as module:
            subprocess.run(["xz", "-dc", found[0]], stdout=module, check=True)
    else:
        shutil.copy(found[0], MODULE)


def run_trigger(agent):
    """Forked and executed directly, from /, as when the golden data was recorded. Returns what it printed."""
    # Without a locale, as there: it decides which files programs open.
    done = subprocess.run([TRIGGER, "all"], cwd="/", env={"PATH": os.environ["PATH"]}, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    # p_orphan's child lives 200 ms longer than its step.
    subprocess.run(["sleep", "0.5"], check=True)
    agent.settle()
    return done.stdout.decode()
