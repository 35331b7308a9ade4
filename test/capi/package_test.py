#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libplumb_attention.so from outside: what it exports and needs, and the commands of its page, which install it and build the example
against it.

    package_test.py SOURCE_FOLDER BUILD_FOLDER LIBRARY
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE, BUILD, LIBRARY = (Path(argument).resolve() for argument in sys.argv[1:4])
HEADER = SOURCE / "include/plumb/attention.h"
PAGE = SOURCE / "docs/libplumb_attention.md"
EXAMPLE = SOURCE / "examples/libplumb_attention"
# The run time of C and C++ and OpenMP: nothing of what the lab needs.
RUN_TIME = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1", "ld-linux-x86-64.so.2"}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def blocks(language):
    """The page's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


class Library(unittest.TestCase):
    def test_exports_what_the_header_declares_and_nothing_else(self):
        declared = set(re.findall(r"^PLUMB_ATTENTION_API\s[^;(]*?(\w+)\(", HEADER.read_text(encoding="utf-8"), re.MULTILINE))
        self.assertGreaterEqual(len(declared), 7)
        exported = {line.split()[-1] for line in output("nm", "-D", "--defined-only", LIBRARY).splitlines() if line.split()[-2] != "A"}
        self.assertEqual({name.split("@")[0] for name in exported}, declared)

    def test_needs_nothing_but_the_run_time(self):
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", LIBRARY)))
        self.assertLessEqual(needed, RUN_TIME)


class Page(unittest.TestCase):
    def test_shows_the_files_of_the_example(self):
        for language, file in {"c": "example.c", "cmake": "CMakeLists.txt", "python": "example.py"}.items():
            self.assertGreaterEqual(len(blocks(language)), 1, language)
            for block in blocks(language):
                self.assertIn(block, (EXAMPLE / file).read_text(encoding="utf-8"))

    def test_commands_install_the_library_and_build_and_run_the_example(self):
        commands = "".join(blocks("sh"))
        self.assertIn("cmake --install build", commands)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "build").symlink_to(BUILD)
            (Path(folder) / "examples").symlink_to(SOURCE / "examples")
            ran = subprocess.run(["bash", "-ec", commands], cwd=folder, capture_output=True, text=True, check=False,
                                 env={**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "1"})
            self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
            # Once built by CMake, once by pkg-config.
            self.assertEqual(len(re.findall(r"^largest difference", ran.stdout, re.MULTILINE)), 2, ran.stdout)
            installed = {path.relative_to(folder).name for path in (Path(folder) / "prefix").rglob("*") if path.is_file()}
            self.assertIn("plumb_attention-config-version.cmake", installed)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
