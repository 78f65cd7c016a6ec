"""How much of the memory's speed element-wise ops and sums reach beyond the caches.

    python -m benchmarks.bandwidth

The bytes that an op must read and write, over its time, beside the rate at which a plain C loop
reads on the same threads (`machine.py`), measured in turns with it in the same process. Results are
fresh tensors, as in any program; what a write costs beyond its bytes is not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from . import machine

# name: statement over a, b (float32), h, k (bfloat16), i (int64); bytes per element
ROWS = {
    "sum": ("a.sum()", 4),
    "amax": ("a.amax()", 4),
    "sum bf16": ("h.sum()", 2),
    "neg": ("-a", 8),
    "relu": ("L.relu(a)", 8),
    "add scalar": ("a + 1", 8),
    "sqrt": ("c.sqrt()", 8),
    "add": ("a + b", 12),
    "mul": ("a * b", 12),
    "div": ("a / b", 12),
    "lt": ("a < b", 9),
    "where": ("L.where(m, a, b)", 13),
    "exp": ("a.exp()", 8),
    "gelu": ("F.gelu(a)", 8),
    "silu": ("F.silu(a)", 8),
    "add in place": ("a.add_(b)", 12),
    "neg bf16": ("-h", 4),
    "add bf16": ("h + k", 6),
    "mul bf16": ("h * k", 6),
    "relu bf16": ("L.relu(h)", 4),
    "cast to bf16": ("a.to(L.bfloat16)", 6),
    "cast to float32": ("h.to(L.float32)", 6),
    "neg int64": ("-i", 16),
    "add int64": ("i + j", 24),
    "sum int64": ("i.sum()", 8),
    "copy": ("a.clone()", 8),
}


def measured(name: str, device: str, elements: int, rounds: int) -> dict[str, list[float]]:
    """GB/s of each row in its best round, and that of reading meanwhile."""
    if name == "vidya":
        import vidya as library
        import vidya.functional as functions

        library.set_default_device(device)
    else:
        import torch as library

        functions = library.nn.functional
        library.set_num_threads(machine.threads())
    a, b = library.randn(elements), library.randn(elements)
    half = library.bfloat16
    space = {"L": library, "F": functions, "a": a, "b": b, "c": a.abs(), "m": a < b}
    space |= {"h": a.to(half), "k": b.to(half)}
    found = {}
    for row, (statement, size) in ROWS.items():
        if row.endswith("int64") and "i" not in space:
            space |= {"i": (a * 9).to(library.int64), "j": (b * 9).to(library.int64)}
        call = eval(f"lambda: {statement}", space)
        call(), call()
        times, reads = [], []
        for _ in range(rounds):
            reads.append(machine.read_gbps(1))
            began = time.perf_counter()
            call()
            times.append(time.perf_counter() - began)
        found[row] = [size * elements / min(times) / 1e9, max(reads)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="openblas")
    parser.add_argument("--elements", type=int, default=1 << 25)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measured(args.one, args.device, args.elements, args.rounds)))
        return 0
    sides = ["vidya"] + ["torch"] * (importlib.util.find_spec("torch") is not None)
    found = {}
    for side in sides:
        words = [sys.executable, "-m", "benchmarks.bandwidth", *sys.argv[1:], "--one", side]
        misleading = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        environment = {k: v for k, v in os.environ.items() if k not in misleading}
        said = subprocess.run(
            words, cwd=Path(__file__).parents[1], env=environment, check=True, text=True,
            stdout=subprocess.PIPE,
        ).stdout  # fmt: skip
        found[side] = json.loads(said.splitlines()[-1])
    best = max(read for rows in found.values() for _, read in rows.values())
    print(f"{args.elements} elements, {machine.threads()} threads, {best:.0f} GB/s read at best\n")
    print("| op | read, GB/s | " + " | ".join(f"{s}, GB/s | of reading" for s in sides) + " |")
    print("|---|---:|" + "---:|---:|" * len(sides))
    for row in ROWS:
        cells = [f"{r[row][0]:.1f} | {r[row][0] / r[row][1]:.0%}" for r in found.values()]
        print(f"| {row} | {found['vidya'][row][1]:.1f} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
