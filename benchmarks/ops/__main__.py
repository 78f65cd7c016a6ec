"""Ops beside PyTorch's eager mode, each library in a process of its own, in turns.

    python -m benchmarks.ops --device openblas --sizes 64K 4M --only cumsum softmax --out ops.md

Prints a Markdown table, worst ratio last, and how many rows are at least as fast.
Exits with 1 where results differ.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .rows import ROWS, SIZES

# Thread pools spin for a while after their last call and would slow the other side's turn.
SETTLE = 0.01
# A peer's threaded LU has been seen to err once in a while; ours may not change its answer.
TRIES = 3


class Side:
    """A running worker."""

    def __init__(self, name: str) -> None:
        misleading = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
        environment = {k: v for k, v in os.environ.items() if k not in misleading}
        environment["VIDYA_FALLBACK"] = "error"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ops.worker", name],
            cwd=Path(__file__).parents[2], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        if skip := self._answer().get("skip"):
            raise SystemExit(skip)

    def ask(self, **command) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict[str, Any]:
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise RuntimeError(f"a worker ended with status {self.process.wait()}; see above")


def measure(name: str, size: str, ours: Side, peer: Side, rounds: int, seconds: float) -> dict:
    """Median seconds of both, and the median over the rounds of the peer's by ours."""
    row = {"name": name, "size": size, "error": ""}
    tolerance = 2e-2 if ROWS[name].dtype == "bfloat16" else 2e-3
    first = None
    for attempt in range(TRIES):
        answers = {side: side.ask(row=name, size=size) for side in (ours, peer)}
        for who, side in (("vidya", ours), ("torch", peer)):
            if "error" in answers[side]:
                return {**row, "error": f"{who}: {answers[side]['error']}"}
        mine, theirs = answers[ours]["value"], answers[peer]["value"]
        first = mine if first is None else first
        if abs(mine - first) > tolerance * abs(first) + 1e-6:
            return {**row, "error": f"WRONG: vidya {first:.6g}, and then {mine:.6g}"}
        if abs(mine - theirs) <= tolerance * abs(theirs) + 1e-6:
            break
        row["error"] = f"WRONG: vidya {mine:.6g}, torch {theirs:.6g}"
        print(f"{name} {size} {row['error']}, try {attempt + 1} of {TRIES}", file=sys.stderr)
    else:
        return row
    row["error"] = ""
    counts, times = {}, {ours: [], peer: []}
    for side in (ours, peer):
        once = min(side.ask(round=1)["seconds"] for _ in range(3))
        counts[side] = max(1, min(2000, round(seconds / once)))
    for _ in range(rounds):
        for side in random.sample([ours, peer], 2):
            time.sleep(SETTLE)
            side.ask(round=1)  # its threads and data are there again
            times[side].append(side.ask(round=counts[side])["seconds"])
    ratio = statistics.median(p / o for o, p in zip(times[ours], times[peer], strict=True))
    median = {side: statistics.median(t) for side, t in times.items()}
    return {**row, "vidya": median[ours], "torch": median[peer], "ratio": ratio}


def markdown(rows: list[dict]) -> str:
    lines = ["| op | size | vidya, us | torch, us | torch / vidya |", "|---|---|---:|---:|---:|"]
    for row in sorted(rows, key=lambda r: -r.get("ratio", 0)):
        lead = f"| {row['name']} | {row['size']} |"
        if row["error"]:
            lines.append(f"{lead} | | {row['error']} |")
        else:
            mine, theirs = row["vidya"] * 1e6, row["torch"] * 1e6
            lines.append(f"{lead} {mine:,.1f} | {theirs:,.1f} | {row['ratio']:.2f} |")
    ratios = [row["ratio"] for row in rows if not row["error"]]
    fast, slow = sum(r >= 1 for r in ratios), sum(r < 0.7 for r in ratios)
    count = len(ratios)
    lines.append(f"\n{fast} of {count} rows are at least as fast, {slow} below 0.7.")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.ops", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="openblas")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=SIZES)
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose names begin so")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.02, help="of one turn, about")
    parser.add_argument("--out", type=Path, help="a file for the table")
    args = parser.parse_args()
    ours, peer = Side(args.device), Side("torch")
    rows = []
    for name in ROWS:
        if name.startswith(tuple(args.only)):
            for size in args.sizes:
                rows.append(measure(name, size, ours, peer, args.rounds, args.seconds))
                print(f"{name} {size} {rows[-1].get('ratio', rows[-1]['error'])}", file=sys.stderr)
    ours.end(), peer.end()
    table = markdown(rows)
    print(table)
    if args.out:
        args.out.write_text(table + "\n")
    return int(any(row["error"].startswith("WRONG") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
