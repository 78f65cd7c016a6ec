"""A compiled function as a page: one file of HTML with its pictures in it."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

from ..engine.arena import in_arena, lifetimes
from .entry import Entry
from .explain import attributes, kind, size, summary
from .profile import flops, moved

_STYLE = """
body { font: 14px/1.4 sans-serif; margin: 2em; max-width: 1200px; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: 2px 8px; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
code { font-size: 12px; } svg { background: #fafafa; border: 1px solid #ccc; }
.bar { display: inline-block; height: 10px; }
"""
_WIDTH, _HEIGHT = 1100, 420


def page(name: str, entries: Sequence[Entry]) -> str:
    """A page with every plan of a function: kinds of kernels, memory over time, all nodes."""
    body = "\n".join(_plan(name, i, entry) for i, entry in enumerate(entries))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}'
        f"</title><style>{_STYLE}</style></head>\n<body><h1>{escape(name)}</h1>\n{body}\n"
        "</body></html>\n"
    )


def _plan(name: str, number: int, entry: Entry) -> str:
    passes = "".join(f"<tr><td>{k}</td><td class=n>{v}</td></tr>" for k, v in entry.saved.items())
    return "\n".join(
        [
            f"<h2>Plan {number}</h2>",
            f"<p>{escape(summary(name, entry))}</p>",
            f"<table><tr><th>pass</th><th>saved</th></tr>{passes}</table>",
            "<h3>Kinds of kernels</h3>",
            _kinds(entry),
            "<h3>Memory</h3>",
            _memory(entry),
            "<h3>Kernels in order</h3>",
            _nodes(entry, f"p{number}"),
        ]
    )


def _colour(op: str) -> str:
    return f"hsl({zlib.crc32(op.encode()) % 360} 60% 60%)"


def _kinds(entry: Entry) -> str:
    counts: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for i, node in enumerate(entry.capture.nodes):
        counts[node.op] += 1
        seconds[node.op] += entry.times[i] if entry.times else 0.0
    whole = sum(seconds.values()) or float(len(entry.capture.nodes)) or 1.0
    weight = seconds if entry.times else counts
    rows = ["<tr><th>kernel</th><th>times</th><th>us</th><th>share</th></tr>"]
    for op in sorted(counts, key=lambda op: -weight[op]):
        share = weight[op] / whole
        time = f"{seconds[op] * 1e6:.1f}" if entry.times else ""
        bar = f'<span class=bar style="width:{300 * share:.0f}px;background:{_colour(op)}"></span>'
        rows.append(
            f"<tr><td>{escape(op)}</td><td class=n>{counts[op]}</td><td class=n>{time}</td>"
            f"<td>{bar} {share:.1%}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _memory(entry: Entry) -> str:
    """The arena: kernels from left to right, addresses upwards, a block per value."""
    capture = entry.capture
    if entry.replay is None:
        return "<p>This device gives every value memory of its own.</p>"
    _, blocks, offsets = in_arena(capture, entry.outputs)
    first, last = lifetimes(capture)
    makers = {t._slot: node.op for node in capture.nodes for t in node.outputs}
    steps, height = max(len(capture.nodes), 1), max(blocks[0], 1)
    shapes = []
    begun = {(offset, first[value]) for value, offset in offsets.items()}
    for value, offset in offsets.items():
        nbytes = capture.sizes[value]
        end = last[value] + ((offset, last[value]) not in begun)  # a result may take its place
        x, w = first[value] / steps * _WIDTH, (end - first[value]) / steps * _WIDTH
        h = max(nbytes / height * _HEIGHT, 0.5)
        y = _HEIGHT - offset / height * _HEIGHT - h
        op = makers.get(value, "")
        shapes.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(w, 1):.1f}" height="{h:.1f}" '
            f'fill="{_colour(op)}" stroke="#fff" stroke-width="0.3">'
            f"<title>%{value} of {escape(op)}: {size(nbytes)} at {offset}, "
            f"kernels {first[value]} to {last[value]}</title></rect>"
        )
    results = sum(blocks[1:])
    return (
        f"<p>{size(blocks[0])} in one arena (kernels from left to right, addresses from the bottom "
        f"up), {size(results)} of results and gradients beside it.</p>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="100%">{"".join(shapes)}</svg>'
    )


def _nodes(entry: Entry, prefix: str) -> str:
    """Every node; what it takes links to the node that made it."""
    capture = entry.capture
    source: dict[int, int] = {}
    rows = [
        "<tr><th>#</th><th>us</th><th>moves</th><th>GFLOP</th><th>gives</th><th>kernel</th>"
        "<th>takes</th><th>instead of</th></tr>"
    ]

    def link(t: Any) -> str:
        if t is None:
            return "-"
        if t._slot < 0:
            return f"number {-1 - t._slot}"
        text = f"%{t._slot}:{escape(kind(t))}"
        at = source.get(t._slot)
        return text if at is None else f'<a href="#{prefix}n{at}">{text}</a>'

    for i, node in enumerate(capture.nodes):
        takes = ", ".join(link(t) for t in node.inputs)
        source.update({t._slot: i for t in node.outputs})
        gives = ", ".join(f"%{t._slot}:{escape(kind(t))}" for t in node.outputs)
        work = flops(node)
        rows.append(
            f'<tr id="{prefix}n{i}"><td class=n>{i}</td>'
            f"<td class=n>{f'{entry.times[i] * 1e6:.1f}' if entry.times else ''}</td>"
            f"<td class=n>{size(moved(node))}</td>"
            f"<td class=n>{f'{work / 1e9:.3f}' if work else ''}</td>"
            f'<td><code>{gives}</code></td><td style="border-left:6px solid {_colour(node.op)}">'
            f"{escape(node.op)} <code>{escape(attributes(node))}</code></td>"
            f"<td><code>{takes}</code></td><td>{escape(' '.join(node.parts))}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"
