# SPDX-License-Identifier: Apache-2.0
"""The folder that the shapes work in: their programs, and files and mounts with the properties that they need. Needs
root; made before the agent starts and removed after it, so that none of it is seen.
"""
import os
import shutil
import struct
import subprocess
import tempfile

SOURCES = os.path.dirname(os.path.abspath(__file__))
WITNESS_SOURCES = ("image.c", "facts.c", "places.c")
SHAPE_SOURCES = ("main.c", "args.c", "paths.c", "files.c", "credentials.c", "families.c", "threads.c", "namespaces.c",
                 "deaths.c", "old.c")
FLAGS = ("-std=gnu17", "-O1", "-Wall", "-Wextra", "-static", "-pipe")

CAP_NET_RAW = 13
CAPABILITY_REVISION_2, CAPABILITY_EFFECTIVE = 0x02000000, 1

# Copies of the witness: name, owner, group, mode.
WITNESSES = (
    ("setuid-root", 0, 0, 0o4755),
    ("setuid-user", 1000, 0, 0o4755),
    ("setgid-root", 0, 0, 0o2755),
    ("setgid-user", 0, 1000, 0o2755),
    ("setgid-not-executable", 0, 0, 0o2705),
    ("both-root", 0, 0, 0o6755),
    ("both-user", 1000, 1000, 0o6755),
    ("net-raw", 0, 0, 0o755),
    ("net-raw-permitted", 0, 0, 0o755),
)


def _run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def build(folder):
    """Compiles the programs into a folder: `shapes`, and `witness32` for the other word size."""
    os.makedirs(folder, exist_ok=True)
    for program, flags, own in (("shapes", ("-pthread",), SHAPE_SOURCES), ("witness32", ("-m32",), ("witness32.c",))):
        sources = [os.path.join(SOURCES, name) for name in WITNESS_SOURCES + own]
        _run("gcc", *FLAGS, *flags, "-o", os.path.join(folder, program), *sources)


def _set_capability(path, number, effective):
    magic = CAPABILITY_REVISION_2 | (CAPABILITY_EFFECTIVE if effective else 0)
    os.setxattr(path, "security.capability", struct.pack("<5I", magic, 1 << number, 0, 0, 0))


class Places:
    """A tmpfs with everything in it. `close` unmounts and removes it."""

    def __init__(self, programs=None):
        self.root = tempfile.mkdtemp(prefix="redan-shapes-")
        self._mounted = []
        try:
            self._mount("-t", "tmpfs", "-o", "mode=0755,size=256m", "shapes", self.root)
            self._fill(programs)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def path(self, name):
        return os.path.join(self.root, name)

    def close(self):
        for place in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", place], check=False)
        os.rmdir(self.root)

    def _mount(self, *arguments):
        _run("mount", *arguments)
        self._mounted.append(arguments[-1])

    def _fill(self, programs):
        for name in ("bin", "links", "bound", "mounted", "nosuid", "scratch"):
            os.mkdir(self.path(name))
            os.chmod(self.path(name), 0o777 if name == "scratch" else 0o755)
        if programs:
            for name in ("shapes", "witness32"):
                shutil.copy(os.path.join(programs, name), self.path("bin"))
        else:
            build(self.path("bin"))
        shutil.copy(self.path("bin/shapes"), self.path("bin/witness"))
        for name, owner, group, mode in WITNESSES:
            self._copy_witness("bin/" + name, owner, group, mode)
        os.symlink("../bin/witness", self.path("links/to-witness"))
        os.symlink("../bin", self.path("links/to-bin"))
        with open(self.path("bound-file"), "wb"):
            pass
        self._mount("--bind", self.path("bin"), self.path("bound"))
        self._mount("--bind", self.path("bin/witness"), self.path("bound-file"))
        self._mount("-t", "tmpfs", "-o", "mode=0755,size=1m", "shapes-mounted", self.path("mounted"))
        os.makedirs(self.path("mounted/inner/folder"))
        self._mount("-t", "tmpfs", "-o", "mode=0755,size=8m,nosuid", "shapes-nosuid", self.path("nosuid"))
        self._copy_witness("nosuid/setuid-root", 0, 0, 0o4755)
        self._copy_witness("nosuid/net-raw", 0, 0, 0o755)

    def _copy_witness(self, name, owner, group, mode):
        path = self.path(name)
        shutil.copyfile(self.path("bin/witness"), path)
        os.chown(path, owner, group)
        os.chmod(path, mode)
        if os.path.basename(name).startswith("net-raw"):
            _set_capability(path, CAP_NET_RAW, effective=not name.endswith("permitted"))
