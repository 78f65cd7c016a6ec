"""One block of memory for all values of a plan, laid out by their lifetimes.

Biggest first, each at the lowest place that is free during its whole life: the greedy-by-size
strategy of Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference (2020).
"""

from __future__ import annotations

import bisect
from typing import Any

from .trace import ELEMENTWISE, INPLACE, Node, Trace

_LINE = 64  # bytes: every value starts on a cache line


def in_arena(trace: Trace, outs: list) -> tuple[dict[int, int], list[int], dict[int, int]]:
    """(slot by value, bytes by block, offset by value): block 0 is the arena, then the results."""
    slots = {t._slot: i for i, t in enumerate(trace.inputs)}
    first, last = lifetimes(trace)
    n = len(trace.inputs)
    blocks = [0]
    for t in outs:
        if t._slot not in slots:  # leaves the plan: memory of its own
            slots[t._slot] = n + len(blocks)
            blocks.append(trace.sizes[t._slot])
    inside = [v for v in first if v not in slots]
    over = overwritten(trace, set(inside), first, last)
    own = [v for v in inside if v not in over]
    ends = {v: last[v] for v in own}
    for value, place in over.items():
        ends[place] = max(ends[place], last[value])
    placed = lay_out([(trace.sizes[v], first[v], ends[v]) for v in own])
    offsets = dict(zip(own, placed, strict=True))
    for value in inside:
        offset = offsets.setdefault(value, offsets[over.get(value, value)])
        slots[value] = n
        blocks[0] = max(blocks[0], offset + trace.sizes[value])
    return slots, blocks, offsets


def overwritten(
    trace: Trace, inside: set[int], first: dict[int, int], last: dict[int, int]
) -> dict[int, int]:
    """Results that take the place of an operand which nobody needs afterwards: value by value.

    What was just read is in the caches, and is written there.
    """
    place: dict[int, int] = {}
    for at, node in enumerate(trace.nodes):
        if not node.caps & INPLACE or node.function:
            continue
        taken: set[int] = set()
        for out in node.outputs:
            if out._slot not in inside or first[out._slot] != at:
                continue
            for value in _candidates(trace, node, out):
                if value in inside and last[value] == at and value not in taken:
                    place[out._slot] = place.get(value, value)
                    taken.add(value)
                    break
    return place


def _candidates(trace: Trace, node: Node, out: Any) -> list[int]:
    """Operands whose place `out` may take: the first that looks like it, element-wise any."""
    same = [
        t._slot
        for t in node.inputs
        if t is not None and t._slot >= 0 and t._meta_key == out._meta_key and not t._offset
        if trace.sizes.get(t._slot) == trace.sizes[out._slot]
    ]
    same = same if node.op in ELEMENTWISE else same[:1]
    otherwise = {
        t._slot
        for t in node.inputs
        if t is not None and (t._meta_key != out._meta_key or t._offset)
    }
    return [value for value in same if value not in otherwise]


def lifetimes(trace: Trace) -> tuple[dict[int, int], dict[int, int]]:
    """The first and the last node that touches each value."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, node in enumerate(trace.nodes):
        for t in (*node.inputs, *node.outputs):
            if t is not None and t._slot >= 0:
                first.setdefault(t._slot, at)
                last[t._slot] = at
    return first, last


def lay_out(values: list[tuple[int, int, int]]) -> list[int]:
    """Offsets for (size, first, last) such that none overlap while both live."""
    placed: list[tuple[int, int, int, int]] = []  # (offset, end, first, last), by offset
    offsets = [0] * len(values)
    for i in sorted(range(len(values)), key=lambda i: -values[i][0]):
        size, first, last = values[i]
        size = -(-size // _LINE) * _LINE
        at = 0
        for offset, end, other_first, other_last in placed:
            if other_last < first or last < other_first:
                continue
            if at + size <= offset:
                break
            at = max(at, end)
        offsets[i] = at
        bisect.insort(placed, (at, at + size, first, last))
    return offsets
