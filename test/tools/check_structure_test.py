#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/check_structure.py catches each violation in a tree made for it, and nothing in a tree without."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parent.parent.parent / "tools" / "check_structure.py"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "src/base/error.h": SPDX + "#pragma once\n#include <string>\n",
    "src/kernels/add.h": SPDX + '#pragma once\n#include "base/error.h"\n',
    "src/nn/model.h": SPDX + '#pragma once\n#include "kernels/add.h"\n',
    "src/nn/model.cpp": SPDX + '#include "nn/model.h"\n#include <ATen/ATen.h>\n',
    "src/lab/store.h": SPDX + '#pragma once\n#include "base/error.h"\n',
    "src/report/page.cpp": SPDX + '#include "lab/store.h"\n',
    "src/families/table.cpp": SPDX + '#include "families/fault/family.h"\n#include "families/attention/family.h"\n',
    "src/families/fault/family.h": SPDX + '#pragma once\n#include "lab/store.h"\n#include "nn/model.h"\n',
    "src/families/attention/family.h": SPDX + '#pragma once\n#include "kernels/add.h"\n',
    "src/app/main.cpp": SPDX + '#include "report/page.h"\n#include "families/fault/family.h"\n',
    "src/report/page.h": SPDX + "#pragma once\n",
    "test/lab/store_test.cpp": SPDX + '#include "lab/store.h"\n#include "lab/helper.h"\n',
    "test/lab/helper.h": SPDX,
    "Makefile": "# SPDX-License-Identifier: Apache-2.0\n",
}
CLEAN_LINKS = "plumb_base: fmt::fmt\nplumb_nn: plumb_kernels -ltorch_cpu\nplumb_families: plumb_nn plumb_lab\ntest_lab: plumb_lab GTest::gtest\n"


def complaints(changes=None, links=CLEAN_LINKS):
    """What the check prints about the clean tree with some files replaced; its exit code must agree."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in {**CLEAN, **(changes or {})}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "links.txt").write_text(links)
        run = subprocess.run([sys.executable, CHECK, root, "--link-graph", root / "links.txt"], capture_output=True, text=True, check=False)
        lines = run.stdout.splitlines()
        assert run.returncode == (1 if lines else 0), run.stderr
        return lines


class CheckStructure(unittest.TestCase):
    def assert_only(self, lines, *parts):
        self.assertEqual(len(lines), 1, lines)
        for part in parts:
            self.assertIn(part, lines[0])

    def test_clean_tree_passes(self):
        self.assertEqual(complaints(), [])

    def test_every_edge_that_is_not_drawn_is_caught(self):
        forbidden = {
            "base": ["lab/store.h", "kernels/add.h"],
            "kernels": ["lab/store.h", "nn/model.h"],
            "nn": ["lab/store.h", "families/fault/family.h"],
            "capi": ["lab/store.h", "nn/model.h"],
            "torch_ops": ["lab/store.h", "nn/model.h"],
            "lab": ["kernels/add.h", "nn/model.h", "report/page.h", "families/fault/family.h"],
            "report": ["kernels/add.h", "nn/model.h", "families/fault/family.h"],
            "families": ["report/page.h"],
        }
        for folder, headers in forbidden.items():
            for header in headers:
                for mark in ('"%s"', "<%s>"):
                    lines = complaints({f"src/{folder}/bad.cpp": f"{SPDX}\n  #  include {mark % header}\n"})
                    self.assert_only(lines, f"src/{folder}/bad.cpp:3:", header)

    def test_tests_obey_the_edges_of_their_folder(self):
        self.assert_only(complaints({"test/lab/bad_test.cpp": SPDX + '#include "kernels/add.h"\n'}), "test/lab/bad_test.cpp:2:", "kernels/add.h")

    def test_a_family_does_not_know_another(self):
        lines = complaints({"src/families/fault/bad.cpp": SPDX + '#include "families/attention/family.h"\n'})
        self.assert_only(lines, "family fault", "attention")

    def test_torch_stays_in_sources_of_nn(self):
        for header in ("torch/torch.h", "ATen/ATen.h", "c10/core/Device.h"):
            for path in ("src/lab/bad.cpp", "src/nn/bad.h", "src/families/fault/bad.cpp", "test/nn/bad_test.cpp", "bench/bad.cpp"):
                self.assert_only(complaints({path: f"{SPDX}#pragma once\n#include <{header}>\n"}), f"{path}:3:", header)

    def test_the_torch_operator_and_its_test_see_torch_too(self):
        for path in ("src/torch_ops/fine.cpp", "test/torch_ops/fine_test.cpp"):
            self.assertEqual(complaints({path: SPDX + "#include <torch/library.h>\n"}), [])
        self.assert_only(complaints({"src/torch_ops/bad.h": SPDX + "#pragma once\n#include <torch/library.h>\n"}), "src/torch_ops/bad.h:3:", "torch")
        self.assertEqual(complaints(links=CLEAN_LINKS + "plumb_torch_ops: plumb_kernels LibTorch::cpu\n"), [])

    def test_public_headers_stand_alone(self):
        self.assertEqual(complaints({"include/plumb/fine.h": SPDX + "#include <stdint.h>\n"}), [])
        for line in ('#include "kernels/add.h"', "#include <kernels/add.h>", '#include "other.h"'):
            self.assert_only(complaints({"include/plumb/bad.h": f"{SPDX}{line}\n"}), "include/plumb/bad.h:2:", "stand alone")

    def test_includes_are_written_from_src(self):
        self.assert_only(complaints({"src/lab/bad.cpp": SPDX + '#include "store.h"\n'}), "src/lab/bad.cpp:2:", '"store.h"')
        self.assert_only(complaints({"src/lab/bad.cpp": SPDX + '#include "../lab/store.h"\n'}), "src/lab/bad.cpp:2:")

    def test_long_file(self):
        self.assertEqual(complaints({"src/lab/long.cpp": SPDX + "\n" * 599}), [])
        self.assert_only(complaints({"src/lab/long.cpp": SPDX + "\n" * 600}), "601 lines")

    def test_missing_licence_line(self):
        for path in ("src/lab/bad.cpp", "tools/bad.py", "cmake/bad.cmake", "studies/bad.toml", "deps/setup", ".ci/run", "Makefile"):
            self.assert_only(complaints({path: "int x;\n"}), f"{path}:1:", "SPDX")

    def test_headers_are_read_once(self):
        self.assert_only(complaints({"src/lab/bad.h": SPDX}), "src/lab/bad.h:1:", "#pragma once")
        self.assertEqual(complaints({"src/kernels/sums-inl.h": SPDX}), [])

    def test_using_namespace_in_a_header_only(self):
        self.assert_only(complaints({"src/lab/bad.h": SPDX + "#pragma once\nnamespace a {\n  using namespace std;\n}\n"}), "src/lab/bad.h:4:", "using namespace")
        self.assertEqual(complaints({"src/lab/fine.cpp": SPDX + "using namespace std;\n"}), [])

    def test_links_obey_the_same_edges(self):
        for line in ("plumb_lab: plumb_kernels", "plumb_report: plumb_base plumb_families", "plumb_kernels: plumb_nn", "test_lab: plumb_nn"):
            self.assert_only(complaints(links=CLEAN_LINKS + line + "\n"), "links.txt:5:", line.split(":")[0])

    def test_torch_is_linked_by_nn_alone(self):
        for library in ("LibTorch::cpu", "-ltorch_cpu", "/usr/lib/libc10.so"):
            self.assert_only(complaints(links=CLEAN_LINKS + f"plumb_lab: plumb_base {library}\n"), "plumb_lab", library)


if __name__ == "__main__":
    unittest.main()
