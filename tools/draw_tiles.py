#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws how the fused attention kernel cuts its work into tiles, with the sizes that stand in the sources: docs/attention-tiles.svg.

    tools/draw_tiles.py > docs/attention-tiles.svg
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNEL = ROOT / "src" / "kernels" / "attention"

INK, PALE, KEYS, QUERIES, SCORES, VALUES, OUTPUT, TILE = (
    "#333333", "#8a8a8a", "#cfe3f5", "#fbe3c4", "#f3d3d8", "#d6ecd2", "#e4dcf2", "#b03060")


SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted(KERNEL.glob("*.*")))


def definition(name):
    """What stands behind `constexpr ... name =` in the kernel's sources."""
    match = re.search(rf"constexpr [\w:]+ {name} = ([^;]+);", SOURCES)
    if not match:
        sys.exit(f"no constant {name} under {KERNEL.relative_to(ROOT)}")
    return match.group(1)


def constant(name):
    """A number; of a choice between instruction sets, the last one: AVX2's."""
    return int(re.findall(r"\d+", definition(name))[-1])


class Drawing:
    def __init__(self):
        self.parts = []

    def box(self, x, y, width, height, fill, stroke=INK, dash=""):
        style = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{stroke}"{style}/>')

    def text(self, x, y, words, anchor="middle", size=13, colour=INK, weight="normal"):
        self.parts.append(f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}" fill="{colour}" font-weight="{weight}">{words}</text>')

    def arrow(self, x0, y0, x1, y1):
        self.parts.append(f'<line x1="{x0}" y1="{y0}" x2="{x1}" y2="{y1}" stroke="{INK}" stroke-width="1.4" marker-end="url(#head)"/>')

    def svg(self, width, height):
        head = ('<defs><marker id="head" markerWidth="9" markerHeight="9" refX="8" refY="4" orient="auto">'
                f'<path d="M0,0 L8,4 L0,8 z" fill="{INK}"/></marker></defs>')
        return "\n".join(["<!-- SPDX-License-Identifier: Apache-2.0 -->",
                          f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
                          'font-family="DejaVu Sans, sans-serif">',
                          head, f'<rect width="{width}" height="{height}" fill="white"/>', *self.parts, "</svg>"])


def rows_of(drawing, x, y, width, height, blocks, chosen, fill):
    """A matrix cut into blocks of rows, one of them chosen."""
    step = height / blocks
    for block in range(blocks):
        drawing.box(x, round(y + block * step, 1), width, step, fill if block == chosen else "white")


def draw():
    rows, keys = constant("sub_rows"), constant("block_keys")
    subs = int(re.fullmatch(r"(\d+) \* sub_rows", definition("tile_rows")).group(1))
    score_rows, score_vectors = constant("score_rows"), constant("score_vectors")
    output_rows, output_vectors = constant("output_rows"), constant("output_vectors")
    lanes = 8
    d = Drawing()
    d.text(30, 34, f"One tile of the fused kernel: {subs} sub-tiles of {rows} queries stay, blocks of {keys} keys pass by", "start", 17, weight="bold")
    d.text(30, 56, f"T = {rows}, J = {keys}; register tiles as on AVX2 ({lanes} numbers a vector)", "start", 13, PALE)

    # Q transposed stays above the scores, sub-tile beside sub-tile.
    for sub in range(subs):
        d.box(300 + sub * 210, 90, 210, 70, QUERIES if sub == 0 else "white")
        d.text(405 + sub * 210, 120, f"Qᵀ: D × {rows}")
    d.text(405, 140, "transposed once, c = scale log₂e in it", size=11, colour=PALE)
    d.text(300, 82, "queries in lanes", "start", 12)
    # K passes by on the left.
    rows_of(d, 110, 210, 120, 300, 5, 2, KEYS)
    d.text(170, 202, "K: M × D")
    d.text(170, 365, f"block of {keys} keys", size=11)
    # The scores of the block.
    d.box(300, 240, 210, 240, SCORES)
    d.box(300, 264, 210 * score_vectors * lanes / rows, round(240 * score_rows / keys, 1), "none", TILE)
    d.text(405, 372, f"S = K Qᵀ: {keys} × {rows}")
    d.text(405, 392, "then P = 2^(S − m), in place", size=11, colour=PALE)
    d.text(405, 498, f"{keys * rows * 4 // 1024} KB, never N × M; used anew by each sub-tile", size=11, colour=PALE)
    d.text(300, 232, f"in registers: {score_rows} keys × {score_vectors} vectors of queries", "start", 11, TILE)
    d.arrow(232, 360, 296, 360)
    d.arrow(405, 162, 405, 218)
    # Row statistics.
    d.box(300, 530, 210, 64, "white", PALE, "4 3")
    d.text(405, 550, "for each query: maximum m,", size=11)
    d.text(405, 566, "sum l, correction α", size=11)
    d.text(405, 582, "from one block to the next", size=11, colour=PALE)
    d.arrow(405, 502, 405, 527)
    # V passes by on the right.
    rows_of(d, 580, 210, 120, 300, 5, 2, VALUES)
    d.text(640, 202, "V: M × E")
    d.text(640, 365, f"the same {keys} keys", size=11)
    d.arrow(512, 360, 576, 360)
    d.text(544, 350, "Pᵀ")
    # The outputs stay, sub-tile below sub-tile.
    height = 300 / subs
    for sub in range(subs):
        d.box(790, 210 + sub * height, 230, height, OUTPUT if sub == 0 else "white")
        d.text(905, 210 + sub * height + 42, f"O = α O + Pᵀ V: {rows} × E")
    d.box(790, 210, 230 * output_vectors * lanes / 64, round(height * output_rows / rows, 1), "none", TILE)
    d.text(905, 270, "divided by l and written at the end", size=11, colour=PALE)
    d.text(790, 202, f"in registers: {output_rows} queries × {output_vectors} vectors of values", "start", 11, TILE)
    d.arrow(702, 360, 742, 360)
    d.arrow(742, 360, 786, 250)
    d.text(30, 626, "A block of K and V comes from far memory once for all sub-tiles. A block that a mask hides from a whole sub-tile is not visited.",
           "start", 12)
    return d.svg(1170, 646)


if __name__ == "__main__":
    print(draw())
