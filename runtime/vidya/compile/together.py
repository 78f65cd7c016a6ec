"""Products of the same few rows with several weights, as one kernel.

Queries, keys and values come from one x, and so do the two sides of a gate. Where rows are few, as
in a step of decoding, a product ends before the threads are well under way, and all of them wait
for each other after each.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..engine.trace import PREFERRED, Node, Trace
from .passes import kernel_for, slots, writers

_TOGETHER = {"linear": "linears", "quantized_linear": "quantized_linears"}


def together(trace: Any, outputs: list[Any]) -> int:
    """Join products with the same x where the device prefers it; gives how many nodes that saved.

    They run where the first of them stood, so the others' weights are inputs that nobody writes.
    """
    many = writers(trace)
    given = set(slots(trace.inputs))
    groups: dict[Any, list[int]] = defaultdict(list)
    for at, node in enumerate(trace.nodes):
        if node.op not in _TOGETHER or node.function:
            continue
        x, *weights = node.inputs
        out = node.outputs[0]
        if trace.pack_weights and node.op == "linear" and out.numel() != out.shape[-1]:
            continue  # several rows: packed weights are worth more
        still = all(s in given and not many[s] for s in slots(weights))
        whole = all(t is None or t.is_contiguous() for t in (*node.inputs, out))
        # what x holds is the same for all of them
        same = many[x._slot] == (0 if x._slot in given else 1)
        if still and whole and same and many[out._slot] == 1 and out._slot not in given:
            attrs = tuple(sorted(node.attrs.items()))
            groups[node.op, attrs, x._slot, x._meta_key, x._offset].append(at)
    gone: set[int] = set()
    for found in groups.values():
        nodes = [trace.nodes[at] for at in found]
        joined = _joined(trace, nodes) if len(nodes) > 1 else None
        if joined is not None:
            trace.nodes[found[0]] = joined
            gone |= set(found[1:])
    trace.nodes[:] = [node for at, node in enumerate(trace.nodes) if at not in gone]
    return len(gone)


def _joined(trace: Trace, nodes: list[Node]) -> Node | None:
    op, attrs = _TOGETHER[nodes[0].op], nodes[0].attrs
    inputs = [nodes[0].inputs[0], *(t for node in nodes for t in node.inputs[1:])]
    outputs = [node.outputs[0] for node in nodes]
    kernel = kernel_for(trace, op, inputs, outputs, attrs)
    if kernel is None or not kernel[1] & PREFERRED:
        return None
    parts = tuple(node.op for node in nodes)
    return Node(op, inputs, outputs, attrs, kernel[0], kernel[1], parts=parts)
