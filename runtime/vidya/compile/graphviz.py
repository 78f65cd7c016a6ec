"""A compiled function as a graph in Graphviz's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .entry import Entry
from .explain import kind


def graphs(name: str, entries: Sequence[Entry]) -> str:
    """One digraph per plan: inputs are ellipses, kernels boxes, edges what flows between them."""
    return "\n".join(_graph(f"{name} {i}", entry) for i, entry in enumerate(entries))


def _graph(name: str, entry: Entry) -> str:
    capture = entry.capture
    lines = [f"digraph {_quoted(name)} {{", '  node [fontname="sans-serif", fontsize=10];']
    source: dict[int, str] = {}  # by value: the last node that wrote it
    arguments = len(capture.inputs) - len(capture.captured)
    for i, t in enumerate(capture.inputs):
        source[t._slot] = f"in{i}"
        what = f"argument {i}" if i < arguments else f"captured {i - arguments}"
        lines.append(f"  in{i} [shape=ellipse, label={_quoted(what, kind(t))}];")
    for i, node in enumerate(capture.nodes):
        label = [node.op, *([" ".join(node.parts)] if node.parts else [])]
        if entry.times:
            label.append(f"{entry.times[i] * 1e6:.1f} us")
        style = ', style=filled, fillcolor="#e8eefc"' if node.parts else ""
        lines.append(f"  n{i} [shape=box{style}, label={_quoted(*label)}];")
        for t in node.inputs:
            if t is not None and t._slot >= 0 and t._slot in source:
                lines.append(f"  {source[t._slot]} -> n{i} [label={_quoted(kind(t))}];")
        source.update({t._slot: f"n{i}" for t in node.outputs})
    for i, t in enumerate(entry.outputs):
        lines.append(f"  out{i} [shape=ellipse, label={_quoted(f'result {i}', kind(t))}];")
        if t._slot in source:
            lines.append(f"  {source[t._slot]} -> out{i};")
    return "\n".join([*lines, "}"])


def _quoted(*lines: Any) -> str:
    text = "\\n".join(str(x).replace("\\", "\\\\").replace('"', '\\"') for x in lines)
    return f'"{text}"'
