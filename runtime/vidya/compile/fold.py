"""Constants of a plan: computed once, when it is made, and read from then on."""

from __future__ import annotations

from typing import Any

from ..engine.build import build
from ..engine.trace import Trace
from .passes import slots, substitute, writers

_MOST_BYTES = 1 << 20  # of one constant: a larger one is quicker written than read from memory
_MOST_TOTAL = 16 << 20


def fold_constants(trace: Trace, outputs: list[Any]) -> int:
    """Compute now what depends on no input (positions, masks, tables); how many nodes that saved.

    Results of the plan are memory of their own at every run, so they are not folded, nor is what
    is written more than once.
    """
    many = writers(trace)
    pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds}
    inputs = set(slots(trace.inputs))  # writing them is what the plan is for
    constant: set[int] = set()
    for node in trace.nodes:
        made = slots(node.outputs)
        if node.function or node.op == "random_bits":
            continue
        if any(many[s] != 1 or s in inputs for s in made):
            continue
        if all(t is None or _is_constant(trace, t, constant) for t in node.inputs):
            constant.update(made)
    wanted = _frontier(trace, constant, pinned)
    if not wanted:
        return 0
    values = _compute(trace, list(wanted.values()))
    replaced = {s: trace.capture(value) for s, value in zip(wanted, values, strict=True)}
    for node in trace.nodes:
        node.inputs = [substitute(t, replaced) for t in node.inputs]
    before = len(trace.nodes)
    _sweep(trace, constant, pinned)
    return before - len(trace.nodes)


def _is_constant(trace: Trace, t: Any, constant: set[int]) -> bool:
    return t._slot in constant if t._slot >= 0 else _fixed(trace, -1 - t._slot)


def _fixed(trace: Trace, scalar: int) -> bool:
    kind, *rest = trace.scalars[scalar]
    return kind == "constant" or (kind == "expression" and all(_fixed(trace, i) for i in rest[1:]))


def _frontier(trace: Trace, constant: set[int], pinned: set[int]) -> dict[int, Any]:
    """The constants that other nodes read and that are worth keeping: symbol by value."""
    made = {t._slot: t for node in trace.nodes for t in node.outputs}
    fills = {n.outputs[0]._slot for n in trace.nodes if n.op == "fill"}
    found: dict[int, Any] = {}
    total = 0
    for node in trace.nodes:
        if constant.issuperset(slots(node.outputs)):
            continue
        for s in slots(node.inputs):
            size = trace.sizes.get(s, 0)
            if s not in constant or s in pinned or s in found or s in fills:
                continue
            if size <= _MOST_BYTES and total + size <= _MOST_TOTAL:
                found[s] = made[s]
                total += size
    return found


def _compute(trace: Trace, wanted: list[Any]) -> tuple[Any, ...]:
    """The values of these symbols, by a plan of the nodes behind them."""
    needed = set(slots(wanted))
    nodes = []
    for node in reversed(trace.nodes):
        if needed.intersection(slots(node.outputs)):
            needed.update(slots(node.inputs))
            nodes.append(node)
    part = Trace(trace.device, nodes=nodes[::-1], values=trace.values, sizes=trace.sizes)
    part.scalars = [s if s[0] != "argument" else ("constant", 0) for s in trace.scalars]
    return build(part, tuple(wanted))([], [])


def _sweep(trace: Trace, constant: set[int], pinned: set[int]) -> None:
    """Drop the nodes of constants that nobody reads any more."""
    needed = set(pinned)
    kept = []
    for node in reversed(trace.nodes):
        made = slots(node.outputs)
        if not constant.issuperset(made) or needed.intersection(made):
            needed.update(slots(node.inputs))
            kept.append(node)
    trace.nodes[:] = kept[::-1]
