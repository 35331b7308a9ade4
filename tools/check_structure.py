#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the source tree to the layers of ARCHITECTURE.md. Prints one line per violation, `path:line: what`; exit code 1 when there is any.

    tools/check_structure.py [ROOT] [--link-graph FILE]

FILE is written by cmake/LinkGraph.cmake: one line per target, `target: what it links`.
To add a folder of src/: its line in MAY_USE.
"""
import argparse
import re
import sys
from pathlib import Path

# Whom a folder of src/ may include and link, besides itself.
MAY_USE = {
    "base": set(),
    "kernels": {"base"},
    "capi": {"kernels", "base"},
    "torch_ops": {"kernels", "base"},
    "nn": {"kernels", "base"},
    "lab": {"base"},
    "report": {"lab", "base"},
    "families": {"nn", "kernels", "lab", "base"},
    "app": {"families", "report", "nn", "kernels", "lab", "base"},
}
TORCH_HEADER = re.compile(r"^(torch|ATen|c10|caffe2)/")
TORCH_LIBRARY = re.compile(r"torch|c10", re.IGNORECASE)
TORCH_FOLDERS = {("src", "nn"), ("src", "torch_ops"), ("test", "torch_ops")}
TORCH_TARGETS = {"plumb_nn", "plumb_torch_ops", "test_torch_ops", "header_check"}
LONGEST_FILE = 600

CODE_FOLDERS = ("src", "test", "bench", "include")
SOURCE_FOLDERS = CODE_FOLDERS + ("examples", "tools", "cmake", "deps", "studies", ".ci")
SOURCE_NAMES = {"CMakeLists.txt", "Makefile", "setup", "run"}
SOURCE_SUFFIXES = {".h", ".c", ".cpp", ".map", ".py", ".cmake", ".toml", ".sh"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
USING_NAMESPACE = re.compile(r"^\s*using\s+namespace\b")


def source_files(root):
    """Every file that people wrote and a licence line belongs to."""
    candidates = [path for path in root.iterdir() if path.is_file()]
    for folder in SOURCE_FOLDERS:
        candidates += (root / folder).rglob("*")
    for path in sorted(candidates):
        if path.is_file() and (path.suffix in SOURCE_SUFFIXES or path.name in SOURCE_NAMES):
            yield path.relative_to(root)


def folder_of(path):
    """("lab", None) for src/lab/x.h and test/lab/x.cpp, ("families", "attention") for src/families/attention/x.h; (None, None) elsewhere."""
    parts = path.parts
    if parts[0] not in ("src", "test") or len(parts) < 3 or parts[1] not in MAY_USE:
        return None, None
    family = parts[2] if parts[1] == "families" and len(parts) > 3 else None
    return parts[1], family


def check_text(path, lines):
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:3]):
        yield 1, "no SPDX-License-Identifier line at the top"
    if len(lines) > LONGEST_FILE:
        yield len(lines), f"{len(lines)} lines, at most {LONGEST_FILE}"
    if path.suffix == ".h":
        for number, line in enumerate(lines, 1):
            if USING_NAMESPACE.match(line):
                yield number, "`using namespace` in a header"
        # Those that are read once per instruction set guard themselves against the second time in another way.
        if path.parts[0] == "src" and not path.name.endswith("-inl.h") and "#pragma once" not in lines:
            yield 1, "a header without #pragma once"


def check_include(root, path, mark, name):
    """The complaint about one include line, or None."""
    if TORCH_HEADER.match(name):
        if path.parts[:2] not in TORCH_FOLDERS:
            return f"includes {name}: torch only under {', '.join('/'.join(folder) for folder in sorted(TORCH_FOLDERS))}"
        if path.suffix != ".cpp":
            return f"includes {name}: headers are free of torch"
        return None
    if path.parts[0] == "include":
        return None if mark == "<" and "/" not in name else f"includes {name}: public headers stand alone"
    first = name.split("/")[0]
    if first not in MAY_USE and (mark == "<" or ("/" in name and not first.startswith("."))):
        return None
    homes = {"src", path.parts[0]}
    if not any((root / home / name).is_file() for home in homes):
        return f'includes "{name}", which is no file under src/ (includes are written from there)'
    return check_edge(path, name)


def check_edge(path, name):
    folder, family = folder_of(path)
    used, used_family = folder_of(Path("src") / name)
    if folder is None or used is None:
        return None
    if used != folder and used not in MAY_USE[folder]:
        return f"includes {name}: {folder} may use {', '.join(sorted(MAY_USE[folder])) or 'nothing'}"
    if family is not None and used_family is not None and family != used_family:
        return f"includes {name}: family {family} may not know family {used_family}"
    return None


def check_sources(root):
    for path in source_files(root):
        lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
        complaints = list(check_text(path, lines))
        if path.parts[0] in CODE_FOLDERS:
            for number, line in enumerate(lines, 1):
                match = INCLUDE.match(line)
                complaint = match and check_include(root, path, *match.groups())
                if complaint:
                    complaints.append((number, complaint))
        for number, complaint in complaints:
            yield f"{path}:{number}: {complaint}"


def check_links(graph):
    """Lines `target: library library ...` against the same edges."""
    for number, line in enumerate(graph.read_text(encoding="utf-8").splitlines(), 1):
        target, _, libraries = line.partition(":")
        for complaint in check_target(target, libraries.split()):
            yield f"{graph.name}:{number}: {complaint}"


def check_target(target, libraries):
    folder = target.removeprefix("plumb_").removeprefix("test_")
    for library in libraries:
        if TORCH_LIBRARY.search(library) and target not in TORCH_TARGETS:
            yield f"{target} links {library}: torch only in {', '.join(sorted(TORCH_TARGETS))}"
        used = library.removeprefix("plumb_")
        if folder in MAY_USE and library.startswith("plumb_") and used in MAY_USE and used != folder and used not in MAY_USE[folder]:
            yield f"{target} links {library}: {folder} may use {', '.join(sorted(MAY_USE[folder])) or 'nothing'}"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--link-graph", type=Path)
    options = parser.parse_args(arguments)
    complaints = list(check_sources(options.root))
    if options.link_graph:
        complaints += check_links(options.link_graph)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
