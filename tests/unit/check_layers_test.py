#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of scripts/check-layers: every rule lets the right thing pass and can fail, on made-up trees."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load_check():
    """The script as a module: a process for each of the many small trees would be slow."""
    sys.dont_write_bytecode = True
    path = os.path.join(ROOT, "scripts", "check-layers")
    loader = importlib.machinery.SourceFileLoader("check_layers", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", loader))
    loader.exec_module(module)
    return module


check_layers = load_check()

CPP = "// SPDX-License-Identifier: Apache-2.0\n"
BPF = "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */\n"
SCRIPT = "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n"


def run_check(files):
    """Exit code and lines of output of the check over a tree with these files ({path: content})."""
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8") as file:
                file.write(content)
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = check_layers.main([root])
        return code, output.getvalue().splitlines()


class CheckLayersTest(unittest.TestCase):
    def assert_passes(self, files):
        self.assertEqual(run_check(files), (0, []))

    def assert_fails(self, files, *violations):
        """Exactly these violations, each given by its start."""
        code, lines = run_check(files)
        self.assertEqual(code, 1, lines)
        self.assertEqual(len(lines), len(violations), lines)
        for line, start in zip(lines, violations):
            self.assertTrue(line.startswith(start), f"{line!r} does not start with {start!r}")
            self.assertIn(", allowed: ", line)

    def test_an_empty_tree_passes(self):
        self.assert_passes({})

    def test_allowed_includes(self):
        cases = [
            ("src/base/a.cpp", "base/a.h"),
            ("src/event/a.h", "base/result.h"),
            ("src/event/a.h", "abi/record.h"),
            ("src/policy/a.h", "event/process.h"),
            ("src/kernel/a.cpp", "abi/record.h"),
            ("src/metadata/a.cpp", "metadata/b.h"),
            ("src/engine/a.cpp", "policy/plan.h"),
            ("src/engine/a.cpp", "kernel/kernel.h"),
            ("src/engine/a.cpp", "metadata/metadata.h"),
            ("src/export/a.cpp", "engine/engine.h"),
            ("src/api/a.cpp", "event/process.h"),
            ("src/metrics/a.cpp", "base/clock.h"),
            ("src/cli/a.cpp", "engine/engine.h"),
            ("src/agent/a.cpp", "kernel/bpf_kernel.h"),
            ("src/agent/a.cpp", "engine/process_tree.h"),
            ("src/agent/a.cpp", "export/json.h"),
            ("src/agent/a.cpp", "generated/version.h"),
            ("src/kernel/a.cpp", "generated/probes.skel.h"),
            ("bpf/lib/a.h", "abi/record.h"),
            ("bpf/probes/a.bpf.c", "lib/ring.h"),
            ("tests/unit/engine/a_test.cpp", "engine/process_tree.h"),
        ]
        for path, include in cases:
            with self.subTest(path=path, include=include):
                header = BPF if path.startswith("bpf/") else CPP
                self.assert_passes({path: f'{header}#include "{include}"\n#include <vector>\n'})

    def test_forbidden_includes(self):
        cases = [
            ("src/base/a.h", "event/process.h", "base/"),
            ("src/base/a.h", "abi/record.h", "base/"),
            ("src/event/a.h", "engine/engine.h", "event/, base/, abi/"),
            ("src/policy/a.h", "kernel/kernel.h", "policy/, event/, base/, abi/"),
            ("src/kernel/a.h", "metadata/metadata.h", "kernel/, event/, base/, abi/"),
            ("src/metadata/a.h", "policy/plan.h", "metadata/, event/, base/, abi/"),
            ("src/kernel/a.h", "engine/engine.h", "kernel/, event/, base/, abi/"),
            ("src/engine/a.h", "kernel/bpf_kernel.h",
             "engine/, policy/, kernel/kernel.h, metadata/metadata.h, event/, base/, abi/"),
            ("src/engine/a.h", "metadata/users.h",
             "engine/, policy/, kernel/kernel.h, metadata/metadata.h, event/, base/, abi/"),
            ("src/export/a.h", "engine/process_tree.h", "export/, engine/engine.h, event/, base/"),
            ("src/export/a.h", "api/server.h", "export/, engine/engine.h, event/, base/"),
            ("src/api/a.h", "kernel/kernel.h", "api/, engine/engine.h, event/, base/"),
            ("src/export/a.h", "agent/options.h", "export/, engine/engine.h, event/, base/"),
            ("src/engine/a.h", "process_tree.h",
             "engine/, policy/, kernel/kernel.h, metadata/metadata.h, event/, base/, abi/"),
            ("src/kernel/a.h", "lib/ring.h", "kernel/, event/, base/, abi/"),
        ]
        for path, include, allowed in cases:
            with self.subTest(path=path, include=include):
                code, lines = run_check({path: f'{CPP}\n#  include "{include}"\n'})
                layer = path.split("/")[1]
                self.assertEqual(lines, [f'{path}:3: {layer} includes "{include}", allowed: {allowed}'])
                self.assertEqual(code, 1)

    def test_forbidden_includes_between_bpf_folders(self):
        cases = [("bpf/abi/a.h", "lib/ring.h"), ("bpf/lib/a.h", "probes/a.h"), ("bpf/probes/a.bpf.c", "base/fd.h")]
        for path, include in cases:
            with self.subTest(path=path):
                self.assert_fails({path: f'{BPF}#include "{include}"\n'}, f"{path}:2: ")

    def test_libraries(self):
        cases = [
            ("<bpf/libbpf.h>", ["src/kernel/a.cpp", "bpf/lib/a.h", "tests/bpf/a_test.cpp"],
             ["src/engine/a.cpp", "src/agent/a.cpp"]),
            ('"generated/probes.skel.h"', ["src/kernel/a.cpp"], ["src/engine/a.cpp", "src/agent/a.cpp"]),
            ('"generated/version.h"', ["src/agent/a.cpp"], ["src/export/a.cpp"]),
            ("<yaml-cpp/yaml.h>", ["src/agent/config_yaml.cpp", "src/policy/a.cpp"],
             ["src/agent/main.cpp", "src/engine/a.cpp"]),
            ("<grpcpp/grpcpp.h>", ["src/api/a.cpp"], ["src/export/a.cpp", "src/agent/a.cpp"]),
            ('"tetragon/events.pb.h"', ["src/api/a.cpp"], ["src/export/a.cpp"]),
            ("<google/protobuf/message.h>", ["src/api/a.cpp"], ["src/event/a.cpp"]),
            ("<spdlog/spdlog.h>", ["src/agent/a.cpp", "src/base/log.cpp", "src/base/log.h"],
             ["src/base/fd.h", "src/kernel/a.cpp"]),
            ("<doctest/doctest.h>", ["tests/unit/base/a_test.cpp"], ["src/base/a.cpp", "src/agent/a.cpp"]),
        ]
        for include, may, may_not in cases:
            for path in may:
                with self.subTest(include=include, path=path):
                    header = BPF if path.startswith("bpf/") else CPP
                    self.assert_passes({path: f"{header}#include {include}\n"})
            for path in may_not:
                with self.subTest(include=include, path=path):
                    self.assert_fails({path: f"{CPP}#include {include}\n"}, f"{path}:2: includes {include} (")

    def test_unknown_layers(self):
        self.assert_fails({"src/util/a.h": CPP}, "src/util/a.h:1: src/util is not a layer")
        self.assert_fails({"src/a.h": CPP}, "src/a.h:1: src is not a layer")
        self.assert_fails({"bpf/tools/a.h": BPF}, "bpf/tools/a.h:1: bpf/tools is not a layer")
        self.assert_passes({"src/agent/deeper/a.h": CPP})

    def test_licenses(self):
        self.assert_passes({
            "src/base/a.h": CPP,
            "bpf/abi/a.h": BPF,
            "bpf/CMakeLists.txt": "# SPDX-License-Identifier: Apache-2.0\n",
            "tests/vm/probe.bpf.c": BPF,
            "scripts/run": SCRIPT,
            "scripts/notes": "no program, no license line\n",
            "README.md": "# Redan\n",
            "build/dev/generated.cpp": "int x;\n",
        })
        cases = [
            ("src/base/a.h", "#pragma once\n", "no SPDX"),
            ("src/base/a.cpp", "", "no SPDX"),
            ("src/base/a.cpp", f"\n\n{CPP}", "no SPDX"),
            ("src/base/a.cpp", "// SPDX-License-Identifier: MIT\n", "license MIT"),
            ("src/base/a.cpp", BPF.replace("/*", "//").replace(" */", ""), "license GPL-2.0-only OR BSD-2-Clause"),
            ("bpf/lib/a.h", CPP, "license Apache-2.0"),
            ("tests/vm/probe.bpf.c", CPP, "license Apache-2.0"),
            ("scripts/run", "#!/bin/sh\n", "no SPDX"),
            (".ci/run", "#!/bin/sh\n", "no SPDX"),
            ("cmake/a.cmake", "set(a b)\n", "no SPDX"),
            ("CMakeLists.txt", "project(x)\n", "no SPDX"),
            ("tests/a.py", "pass\n", "no SPDX"),
        ]
        for path, content, what in cases:
            with self.subTest(path=path, what=what):
                self.assert_fails({path: content}, f"{path}:1: {what}")

    def test_exceptions(self):
        code = CPP + "int f() {\n  try { g(); } catch (const E&) { return 1; }\n}\n"
        catchers = ["src/agent/main.cpp", "src/agent/config_yaml.cpp", "src/policy/yaml_reader.cpp", "tests/x_test.cpp"]
        for path in catchers:
            with self.subTest(path=path):
                self.assert_passes({path: code})
        for path in ["src/agent/config.cpp", "src/base/a.h", "src/policy/plan.cpp"]:
            with self.subTest(path=path):
                self.assert_fails({path: code}, f"{path}:3: catches an exception")
        self.assert_passes({"src/base/a.h": CPP + "// A comment may say catch (this).\nint catch_up(int n);\n"})

    def test_long_files(self):
        cases = [("src/base/a.cpp", CPP), ("src/base/a.h", CPP), ("bpf/lib/a.h", BPF), ("tests/a_test.cpp", CPP)]
        for path, header in cases:
            with self.subTest(path=path):
                self.assert_passes({path: header + "\n" * 599})
                self.assert_fails({path: header + "\n" * 600}, f"{path}:601: 601 lines")
                self.assert_passes({path: header + "// long-file: one table\n" + "\n" * 600})
                self.assert_fails({path: header + "// long-file:\n" + "\n" * 600}, f"{path}:601: 602 lines")
        self.assert_passes({"tests/data.json": "\n" * 1000})

    def test_all_violations_are_listed_in_order(self):
        self.assert_fails(
            {
                "src/base/a.h": '#pragma once\n#include "event/process.h"\n',
                "src/event/b.cpp": f'{CPP}#include <spdlog/spdlog.h>\n#include "engine/engine.h"\n',
            },
            "src/base/a.h:1: no SPDX",
            "src/base/a.h:2: base includes",
            "src/event/b.cpp:2: includes <spdlog/spdlog.h>",
            "src/event/b.cpp:3: event includes",
        )

    def test_bad_usage(self):
        for arguments in [["/nonexistent"], [".", "."]]:
            output = io.StringIO()
            with contextlib.redirect_stderr(output):
                self.assertEqual(check_layers.main(arguments), 2)
            self.assertIn("usage", output.getvalue())


if __name__ == "__main__":
    unittest.main()
