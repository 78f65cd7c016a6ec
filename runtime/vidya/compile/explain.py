"""A compiled function in words."""

from __future__ import annotations

from collections import Counter
from typing import Any


def _size(nbytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if nbytes < 1024:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1024
    return f"{nbytes:.2f} GiB"


def _show(t: Any) -> str:
    if t is None:
        return "-"
    if t._slot < 0:
        return f"number {-1 - t._slot}"
    return f"%{t._slot}:{t.dtype.name}[{','.join(map(str, t.shape))}]"


def explain(name: str, entry: Any) -> str:
    """The nodes of one plan in order, and what they cost."""
    capture = entry.capture
    counts = Counter(node.op for node in capture.nodes)
    lines = [
        f"{name} on {capture.device}: {len(capture.nodes)} kernels, "
        f"{len(capture.inputs)} tensors in ({len(capture.captured)} captured), "
        f"{capture.numbers} numbers, {_size(entry.plan.bytes)} of its own memory, "
        f"traced in {entry.seconds * 1e3:.0f} ms",
        "passes: " + ", ".join(f"{k} {v}" for k, v in entry.saved.items()),
        "kernels: " + ", ".join(f"{op} x{n}" for op, n in counts.most_common()),
    ]
    for i, node in enumerate(capture.nodes):
        outs = ", ".join(_show(t) for t in node.outputs)
        ins = ", ".join(_show(t) for t in node.inputs)
        attrs = "".join(f" {k}={v}" for k, v in node.attrs.items())
        lines.append(f"{i:4d}  {outs} = {node.op}({ins}){attrs}")
    return "\n".join(lines)
