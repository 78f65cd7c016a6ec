"""A compiled function in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .. import _core
from ..engine.trace import Node
from .entry import Entry


def size(nbytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.2f} GiB"


def kind(t: Any) -> str:
    return f"{t.dtype.name}[{','.join(map(str, t.shape))}]"


def show(t: Any) -> str:
    if t is None:
        return "-"
    return f"number {-1 - t._slot}" if t._slot < 0 else f"%{t._slot}:{kind(t)}"


def attributes(node: Node) -> str:
    return " ".join(f"{k}={v}" for k, v in node.attrs.items())


def summary(name: str, entry: Entry) -> str:
    """One plan in one line."""
    capture = entry.capture
    spent = f", {sum(entry.times) * 1e3:.2f} ms in kernels" if entry.times else ""
    whose = " in a plan of the backend's own" if _own(entry) else ""
    return (
        f"{name} on {capture.device}: {len(capture.nodes)} kernels{whose}, "
        f"{len(capture.inputs)} tensors in ({len(capture.captured)} captured), "
        f"{capture.numbers} numbers, {size(entry.plan.bytes)} of its own memory, "
        f"traced in {entry.seconds * 1e3:.0f} ms{spent}"
    )


def _own(entry: Entry) -> bool:
    return isinstance(entry.plan, _core.BackendPlan)


def explain(name: str, entry: Entry) -> str:
    """The nodes of one plan in order, and what they cost."""
    nodes = entry.capture.nodes
    counts = Counter(node.op for node in nodes)
    lines = [
        summary(name, entry),
        "passes: " + ", ".join(f"{k} {v}" for k, v in entry.saved.items()),
        "kernels: " + ", ".join(f"{op} x{n}" for op, n in counts.most_common()),
    ]
    for i, node in enumerate(nodes):
        time = f"{entry.times[i] * 1e6:9.1f} us  " if entry.times else ""
        outs = ", ".join(show(t) for t in node.outputs)
        ins = ", ".join(show(t) for t in node.inputs)
        line = f"{i:4d}  {time}{outs} = {node.op}({ins}) {attributes(node)}".rstrip()
        lines.append(line + (f"  <- {' '.join(node.parts)}" if node.parts else ""))
    return "\n".join(lines)
