"""Rows as a Markdown table, as JSON, and as a plot."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .shapes import Work


@dataclass
class Row:
    """One competitor at one shape: the seconds of a call in each round, and what it took."""

    work: Work
    precision: str
    name: str
    first_seconds: float = 0.0
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    value: float | None = None
    read_gbps: float = 0.0
    peak_gflops: float = 0.0
    skipped: str = ""
    wrong: str = ""

    @property
    def speed(self) -> float:
        return self.work.units / statistics.median(self.seconds)


HEADER = (
    "| shape | precision | who | speed | unit | fastest vidya is | first call, s | peak RSS, MB |"
    " machine reads, GB/s | fp32 peak, GFLOP/s |\n"
    "|---|---|---|---:|---|---:|---:|---:|---:|---:|"
)


def markdown(rows: list[Row]) -> str:
    lines = [HEADER]
    for row in rows:
        lead = f"| {row.work.name} | {row.precision} | {row.name} |"
        if row.skipped:
            lines.append(f"{lead} skipped: {row.skipped} | | | | | | |")
            continue
        speed = f"WRONG: {row.wrong}" if row.wrong else f"{row.speed:,.4g}"
        ratio = _ratio(row, rows)
        lines.append(
            f"{lead} {speed} | {row.work.unit} | {ratio} | {row.first_seconds:.2f} | "
            f"{row.peak_bytes / 1e6:,.0f} | {row.read_gbps:.0f} | {row.peak_gflops:.0f} |"
        )
    return "\n".join(lines)


def _ratio(row: Row, rows: list[Row]) -> str:
    """How many times as fast as this one our fastest is: the median over the rounds."""
    ours = [
        r for r in rows
        if r.name.startswith("vidya") and r.work is row.work and r.precision == row.precision
        and r.seconds and not r.wrong
    ]  # fmt: skip
    if not ours or row.name.startswith("vidya"):
        return ""
    best = max(ours, key=lambda r: r.speed)
    pairs = zip(row.seconds, best.seconds, strict=True)
    return f"{statistics.median(theirs / mine for theirs, mine in pairs):.2f} x"


def write(rows: list[Row], directory: Path, command: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    text = f"`python -m benchmarks.compare {command}`\n\n{markdown(rows)}\n"
    _put(directory / "compare.md", text)
    data = [asdict(row) | {"work": row.work.name} for row in rows]
    _put(directory / "compare.json", json.dumps(data, indent=1))
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("no plot: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    _plot(rows, directory / "compare.png")


def _put(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _plot(rows: list[Row], path: Path) -> None:
    """A panel per shape and precision: a bar per competitor."""
    from matplotlib import pyplot

    panels: dict[str, list[Row]] = {}
    for row in rows:
        if row.seconds and not row.wrong:
            panels.setdefault(f"{row.work.name} {row.precision}", []).append(row)
    if not panels:
        print("no plot: nothing was measured")
        return
    columns = min(4, len(panels))
    lines = -(-len(panels) // columns)
    figure, axes = pyplot.subplots(
        lines, columns, figsize=(4 * columns, 2.6 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (title, shown) in zip(axes.flat, panels.items(), strict=False):
        colors = ["#c0392b" if row.name.startswith("vidya") else "#95a5a6" for row in shown]
        axis.barh([row.name for row in shown], [row.speed for row in shown], color=colors)
        axis.invert_yaxis()
        axis.set_title(f"{title}, {shown[0].work.unit}", fontsize=9)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
