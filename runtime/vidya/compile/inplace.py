"""Writing a result where it is going to be copied."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import Any

from ..engine.trace import Node, Trace
from .passes import slots, writers


def in_place(trace: Trace, outputs: list[Any]) -> int:
    """Let a kernel write where its result is going to be copied, and drop the copy."""
    pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds} | set(slots(trace.inputs))
    many = writers(trace)
    makers = {s: at for at, node in enumerate(trace.nodes) for s in slots(node.outputs)}
    touched: dict[int, list[int]] = defaultdict(list)  # nodes by value, in order
    for at, node in enumerate(trace.nodes):
        for s in {*slots(node.inputs), *slots(node.outputs)}:
            touched[s].append(at)
    dropped: set[int] = set()
    for at in range(len(trace.nodes) - 1, -1, -1):
        copy = trace.nodes[at]
        if copy.op != "copy" or copy.function:
            continue
        source, target = copy.inputs[0], copy.outputs[0]
        if source._slot in pinned or many[source._slot] != 1 or source._slot == target._slot:
            continue
        if source._meta_key != target._meta_key or not target.is_contiguous() or source._offset:
            continue
        maker = makers.get(source._slot)
        if maker is None or maker > at or touched[source._slot] != [maker, at]:
            continue
        uses = touched[target._slot]
        if uses[bisect_right(uses, maker)] < at:  # somebody in between needs what is there
            continue
        if not _may_write(trace.nodes[maker], source, target):
            continue
        node = trace.nodes[maker]
        node.outputs = [target if t._slot == source._slot else t for t in node.outputs]
        uses.remove(at)
        if maker not in uses:
            uses.insert(bisect_right(uses, maker), maker)
        dropped.add(at)
    trace.nodes[:] = [node for at, node in enumerate(trace.nodes) if at not in dropped]
    return len(dropped)


def _may_write(node: Node, source: Any, target: Any) -> bool:
    """May this kernel have `target` for its output `source`, seeing what it reads?"""
    if node.function or any(
        t._slot == target._slot or (t._slot == source._slot and t._meta_key != source._meta_key)
        for t in node.outputs
    ):
        return False
    return node.may_overwrite(target)
