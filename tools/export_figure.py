#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a Vega-Lite specification on standard input into SVG, PNG or PDF on standard output: export_figure.py svg|png|pdf.

Exit status: 0 done, 1 the specification cannot be drawn, 2 wrong use, 4 the module vl-convert-python is missing (deps/setup installs it).
"""
import json
import sys

FORMATS = ("svg", "png", "pdf")
PNG_SCALE = 2  # twice the size on screen, so that print and dense screens look sharp


def draw(spec, form):
    import vl_convert

    # No address is allowed: a figure carries its data and must not fetch any.
    options = {"vl_spec": spec, "allowed_base_urls": []}
    if form == "svg":
        return vl_convert.vegalite_to_svg(**options).encode()
    if form == "png":
        return vl_convert.vegalite_to_png(scale=PNG_SCALE, **options)
    return vl_convert.vegalite_to_pdf(**options)


def main(arguments):
    if len(arguments) != 1 or arguments[0] not in FORMATS:
        print("usage: export_figure.py svg|png|pdf < spec.json", file=sys.stderr)
        return 2
    try:
        spec = json.load(sys.stdin)
    except ValueError as problem:
        print(f"the specification is not JSON: {problem}", file=sys.stderr)
        return 1
    try:
        picture = draw(spec, arguments[0])
    except ImportError as problem:
        print(f"python module vl_convert is missing ({problem})", file=sys.stderr)
        return 4
    except ValueError as problem:
        print(f"Vega-Lite: {problem}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
