"""vidya and its peers side by side, each in a process of its own, in turns.

    python -m benchmarks.compare --shapes tiny small --precision fp32 bf16 --out results

Writes results/compare.md, compare.json and, where matplotlib is installed, compare.png.  Peers
that are not installed are named as skipped.  Exits with 1 where results differ.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.status import Status

from .training import report
from .training.bounds import Machine
from .training.process import Competitor
from .training.shapes import SHAPES, Work
from .training.worker import SIDES

# Thread pools spin for a while after their last call and would slow what comes next.
SETTLE = 0.2
TOLERANCE = {"fp32": 1e-3, "bf16": 2e-2, "int8": 5e-2, "int4": 0.2}


def measure(
    work: Work, precision: str, names: list[str], rounds: int, seconds: float, status: Status
) -> list[report.Row]:
    """One row per competitor, ours first."""
    competitors, rows, calls = [], [], {}
    what = f"{work.name} {precision}"
    for name in names:
        status.update(f"{what}: {name} starts; torch.compile may take a minute")
        competitor = Competitor(name, work.name, precision)
        if competitor.skipped:
            rows.append(report.Row(work, precision, name, skipped=competitor.skipped))
            continue
        first = competitor.ask("first")
        again = competitor.ask("round 1")["seconds"]
        calls[name] = max(1, round(seconds / max(again, 1e-9)))
        competitors.append(competitor)
        start = report.Start(first["seconds"], again, first["system"])
        rows.append(report.Row(work, precision, name, start, value=first["value"]))
    by_name = {row.name: row for row in rows}
    time.sleep(SETTLE)
    before = Machine.now()
    for i in range(rounds):
        for competitor in random.sample(competitors, len(competitors)):
            status.update(f"{what}: round {i + 1} of {rounds}, {competitor.name}")
            took = competitor.ask(f"round {calls[competitor.name]}")["seconds"]
            time.sleep(SETTLE)
            after = Machine.now()
            by_name[competitor.name].add(took, before | after)
            before = after
    for competitor in competitors:
        by_name[competitor.name].peak_bytes = competitor.end()
    _judge(rows, TOLERANCE[precision])
    return rows


def _judge(rows: list[report.Row], tolerance: float) -> None:
    """A figure counts only where the first result is that of the others."""
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return
    middle = statistics.median_low(values)
    for row in rows:
        if row.value is not None and not abs(row.value - middle) <= tolerance * abs(middle):
            row.wrong = f"gives {row.value:.6g}, the others {middle:.6g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", default=["tiny", "small"], choices=SHAPES)
    parser.add_argument("--precision", nargs="+", default=["fp32"], choices=TOLERANCE)
    ours = [name for name in SIDES if name.startswith("vidya")]
    peers = [name for name in SIDES if name not in ours]
    parser.add_argument("--vidya", nargs="+", default=ours, choices=ours, help="which of ours")
    parser.add_argument("--peers", nargs="*", default=peers, choices=peers)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of one turn, about")
    parser.add_argument("--out", type=Path, help="a directory for the table and the plot")
    args = parser.parse_args()
    rows: list[report.Row] = []
    console = Console(stderr=True)
    for shape in args.shapes:
        for precision in args.precision:
            if precision not in SHAPES[shape].precisions:
                continue
            names = args.vidya + args.peers
            with console.status("") as status:
                new = measure(SHAPES[shape], precision, names, args.rounds, args.seconds, status)
            rows += new
            print(report.markdown(new), flush=True)
            if args.out:  # what is measured stays measured, should a later row fail
                report.write(rows, args.out, " ".join(sys.argv[1:]))
    return int(any(row.wrong for row in rows))


if __name__ == "__main__":
    sys.exit(main())
