"""The optimizer's step of all parameters, as one kernel: threads meet once, not once for each."""

from __future__ import annotations

from typing import Any

from ..engine.trace import PREFERRED, Node, Trace
from .passes import kernel_for, slots

_STEPS = {"adamw_step": "adamw_steps"}
_TENSORS = 4  # p, g, m, v; then what all share, and last the number of the step


def steps(trace: Trace, outputs: list[Any]) -> int:
    """Join steps that follow each other and share their settings; gives how many nodes less."""
    before = len(trace.nodes)
    nodes: list[Node] = []
    run: list[Node] = []
    for node in trace.nodes:
        if run and not _joins(run, node):
            nodes += _joined(trace, run)
            run = []
        if node.op in _STEPS and not node.function:
            run.append(node)
        else:
            nodes.append(node)
    trace.nodes[:] = nodes + _joined(trace, run)
    return before - len(trace.nodes)


def _joins(run: list[Node], node: Node) -> bool:
    first = run[0]
    if node.op != first.op or node.function or node.attrs != first.attrs:
        return False
    shared = [x.inputs[_TENSORS:-1] for x in (first, node)]
    if any(a._slot != b._slot or a._slot >= 0 for a, b in zip(*shared, strict=True)):
        return False
    theirs = {s for x in run for s in slots(x.outputs)}
    touched = {s for x in run for s in slots(x.inputs)} | theirs
    return not theirs & {*slots(node.inputs)} and not touched & {*slots(node.outputs)}


def _joined(trace: Trace, run: list[Node]) -> list[Node]:
    if len(run) < 2:
        return run
    tensors = [t for node in run for t in node.inputs[:_TENSORS]]
    numbers = [*run[0].inputs[_TENSORS:-1], *(node.inputs[-1] for node in run)]
    outs = [t for node in run for t in node.outputs]
    op = _STEPS[run[0].op]
    found = kernel_for(trace, op, tensors + numbers, outs, run[0].attrs)
    if found is None or not found[1] & PREFERRED:
        return run
    parts = tuple(node.op for node in run)
    return [Node(op, tensors + numbers, outs, run[0].attrs, found[0], found[1], parts=parts)]
