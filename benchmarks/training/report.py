"""Rows as a Markdown table, as JSON, and as a plot."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .bounds import Machine, least_seconds
from .shapes import Work


@dataclass(frozen=True)
class Start:
    """Seconds of the first call and of the second, and the CPU time that the system took in the
    first, all threads together: mostly for memory that is new to the process."""

    first: float
    second: float
    system: float

    def __str__(self) -> str:
        return f"{self.first:.2f} / {self.second:.2f} / {self.system:.2f}"


@dataclass
class Row:
    """One competitor at one shape: the seconds of a call in each round and what the machine could
    do then, and what it took."""

    work: Work
    precision: str
    name: str
    start: Start | None = None
    seconds: list[float] = field(default_factory=list)
    machine: list[Machine] = field(default_factory=list)
    peak_bytes: int = 0
    value: float | None = None
    skipped: str = ""
    wrong: str = ""

    def add(self, seconds: float, machine: Machine) -> None:
        """A round."""
        self.seconds.append(seconds)
        self.machine.append(machine)

    @property
    def speed(self) -> float:
        return self.work.units / statistics.median(self.seconds)

    @property
    def share(self) -> float | None:
        """The least time that the machine allowed, by the time it took: the median of rounds."""
        least = [least_seconds(self.work, self.precision, at) for at in self.machine]
        pairs = zip(least, self.seconds, strict=True)
        shares = [bound / took for bound, took in pairs if bound is not None]
        return statistics.median(shares) if shares else None


HARDWARE = ("reads", "fp32")
HEADER = (
    "| shape | precision | who | speed | unit | fastest vidya is | of the bound |"
    " first call / second / system in the first, s | peak RSS, MB | machine reads, GB/s |"
    " fp32 peak, GFLOP/s |\n"
    "|---|---|---|---:|---|---:|---:|---:|---:|---:|---:|"
)


def markdown(rows: list[Row]) -> str:
    lines = [HEADER]
    for row in rows:
        lead = f"| {row.work.name} | {row.precision} | {row.name} |"
        if row.skipped:
            lines.append(f"{lead} skipped: {row.skipped} | | | | | | | |")
            continue
        speed = f"WRONG: {row.wrong}" if row.wrong else f"{row.speed:,.4g}"
        share = "" if row.share is None else f"{row.share:.0%}"
        reads, peak = (statistics.median(getattr(m, x) for m in row.machine) for x in HARDWARE)
        lines.append(
            f"{lead} {speed} | {row.work.unit} | {_ratio(row, rows)} | {share} | "
            f"{row.start} | {row.peak_bytes / 1e6:,.0f} | {reads:.0f} | {peak:.0f} |"
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
