"""The support report: how every op stands in every dtype on a device."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from dataclasses import dataclass, field

OUTCOMES = ("pass", "unsupported", "error", "wrong")  # from best to worst


@dataclass
class Support:
    """Collects outcomes; a cell (op, dtype) is as good as the worst of its tests."""

    cells: dict[str, dict[tuple[str, str], str]] = field(default_factory=lambda: defaultdict(dict))
    reasons: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def add(self, device: str, op: str, dtype: str, outcome: str, reason: str = "") -> None:
        cells = self.cells[device]
        before = cells.get((op, dtype), "pass")
        if OUTCOMES.index(outcome) >= OUTCOMES.index(before):
            cells[op, dtype] = outcome
            if outcome != "pass":
                self.reasons[device, op, dtype] = reason
        else:
            cells.setdefault((op, dtype), before)

    def counts(self, device: str) -> dict[str, int]:
        found = list(self.cells[device].values())
        return {
            outcome: found.count(outcome) for outcome in ("pass", "wrong", "unsupported", "error")
        }

    def lines(self, device: str) -> list[str]:
        """Totals, then the ops grouped by how they stand, then the reasons for what failed."""
        totals = ", ".join(f"{n} {outcome}" for outcome, n in self.counts(device).items())
        out = [f"{device}: {totals} (op and dtype)"]
        rows: dict[str, dict[str, str]] = defaultdict(dict)
        for (op, dtype), outcome in self.cells[device].items():
            rows[op][dtype] = outcome
        groups: dict[str, list[str]] = defaultdict(list)
        for op, row in rows.items():
            by_outcome: dict[str, list[str]] = defaultdict(list)
            for dtype, outcome in row.items():
                by_outcome[outcome].append(dtype)
            standing = "; ".join(
                f"{outcome}: {' '.join(by_outcome[outcome])}"
                for outcome in OUTCOMES
                if outcome in by_outcome
            )
            groups[standing].append(op)
        for standing, ops in sorted(groups.items(), key=lambda item: -len(item[1])):
            out.append(f"  {standing}")
            out += textwrap.wrap(
                " ".join(sorted(ops)), 96, initial_indent="    ", subsequent_indent="    "
            )
        for (where, op, dtype), reason in self.reasons.items():
            if where == device and self.cells[device][op, dtype] in ("wrong", "error"):
                out.append(f"  {self.cells[device][op, dtype]}: {op} {dtype}: {reason}")
        return out
