"""Where a compiled step spends its time: seconds per kernel, and what they moved and multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..engine.trace import Node

_ATTENTION = "scaled_dot_product_attention"


def moved(node: Node) -> int:
    """Bytes of all operands, each counted once: what a kernel at least reads and writes."""
    tensors = [t for t in (*node.inputs, *node.outputs) if t is not None and t._slot >= 0]
    return sum(_distinct(t) * t.dtype.itemsize for t in tensors)


def _distinct(t: Any) -> int:
    """Elements of t that are not the same memory again (an expanded dim has stride 0)."""
    sizes = zip(t.shape, t.strides, strict=True)
    return math.prod(size for size, stride in sizes if stride)


def flops(node: Node) -> int:
    """Multiplications and additions of the matrix products in a node; 0 where it has none."""
    ins, op = node.inputs, node.op
    if op in ("matmul", "matmul_accumulate"):
        return 2 * node.outputs[0].numel() * ins[0].shape[-1]
    if op == "matmul_sum":
        return 2 * node.outputs[0].numel() * sum(a.shape[-1] for a in ins[::2])
    if op == "linear":
        return 2 * ins[0].numel() * ins[1].shape[0]
    if op.startswith("linear_cross_entropy_rows"):
        x, weight = (ins[1], ins[2]) if op.endswith("_backward") else (ins[0], ins[1])
        return (6 if op.endswith("_backward") else 2) * x.numel() * weight.shape[0]
    if op in (_ATTENTION, _ATTENTION + "_backward"):
        back = op != _ATTENTION
        q, k = (ins[1], ins[2]) if back else (ins[0], ins[1])
        whole = (10 if back else 4) * q.numel() * k.shape[-2]
        return whole // 2 if node.attrs.get("causal") else whole
    return 0


@dataclass
class Profile:
    """`nodes` in order, and the mean seconds of each. str() shows the dearest first."""

    name: str
    nodes: list[Node]
    seconds: list[float]

    def __str__(self) -> str:
        return f"{self.by(lambda node: node.op)}\n\n{self.by(_kind)}"

    def by(self, kind: Callable[[Node], str], most: int = 40) -> str:
        """A table of the time per kind of node, where kind(node) names it."""
        total = sum(self.seconds)
        rows: dict[str, list[float]] = {}
        for node, seconds in zip(self.nodes, self.seconds, strict=True):
            row = rows.setdefault(kind(node), [0, 0, 0, 0])
            for i, value in enumerate((seconds, 1, moved(node), flops(node))):
                row[i] += value
        lines = [f"{self.name}: {total * 1e3:.2f} ms in {len(self.nodes)} kernels"]
        lines.append(f"{'ms':>9} {'share':>6} {'times':>6} {'GB/s':>6} {'GFLOP/s':>8}")
        for name, (seconds, count, size, work) in sorted(rows.items(), key=lambda r: -r[1][0])[
            :most
        ]:
            rate = f"{work / seconds / 1e9:.0f}" if work and seconds else ""
            speed = size / seconds / 1e9 if seconds else 0
            lines.append(
                f"{seconds * 1e3:9.3f} {seconds / total:6.1%} {count:6.0f} {speed:6.1f} {rate:>8}"
                f"  {name}"
            )
        return "\n".join(lines)


def _kind(node: Node) -> str:
    shown = ", ".join(
        "-" if t is None else "number" if t._slot < 0 else _show(t) for t in node.inputs
    )
    return f"{node.op}({shown})"


def _show(t: Any) -> str:
    mark = "" if t.is_contiguous() else "/strided"
    return f"{t.dtype.name}[{','.join(map(str, t.shape))}]{mark}"
