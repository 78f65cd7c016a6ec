"""One block of memory for all values of a plan, laid out by their lifetimes.

Biggest first, each at the lowest place that is free during its whole life: the greedy-by-size
strategy of Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference (2020).
"""

from __future__ import annotations

import bisect

from .trace import Trace

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
    offsets = lay_out([(trace.sizes[v], first[v], last[v]) for v in inside])
    for value, offset in zip(inside, offsets, strict=True):
        slots[value] = n
        blocks[0] = max(blocks[0], offset + trace.sizes[value])
    return slots, blocks, dict(zip(inside, offsets, strict=True))


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
