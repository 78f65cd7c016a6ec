"""Improving a captured graph.  Each pass takes a trace and changes its list of nodes.

A value may be written by several nodes (a slice is written by a copy into it), so order matters:
every pass keeps the nodes in their order and looks at what is written in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..engine.trace import SCALAR_IN, STRIDED_IN, Node, Trace

_WORTH_RECOMPUTING = 1 << 18  # bytes: less is kept for its like, however much later that comes


def slots(tensors: Iterable[Any]) -> list[int]:
    return [t._slot for t in tensors if t is not None and t._slot >= 0]


def writers(trace: Trace) -> Counter[int]:
    """How many nodes write each value."""
    return Counter(s for node in trace.nodes for s in slots(node.outputs))


def kernel_for(trace: Trace, op: str, ins: list, outs: list, attrs: dict) -> tuple | None:
    """(kernel, what it can do), if the device has one that takes these inputs as they are."""
    found = trace.device.core.find(op, ins, outs, attrs)
    if isinstance(found, str):
        return None
    given = [t for t in ins if t is not None]
    if not found[1] & SCALAR_IN and any(t._slot < 0 for t in given):
        return None
    if not found[1] & STRIDED_IN and any(t._slot >= 0 and not t.is_contiguous() for t in given):
        return None
    return found


def dead_code(trace: Trace, outputs: list[Any]) -> int:
    """Drop nodes whose results nobody needs; gives how many."""
    needed = set(slots(outputs)) | set(slots(trace.inputs)) | {t._slot for _, t in trace.rebinds}
    kept = []
    for node in reversed(trace.nodes):
        if needed.intersection(slots(node.outputs)):
            needed.update(slots(node.inputs))
            kept.append(node)
    dropped = len(trace.nodes) - len(kept)
    trace.nodes[:] = kept[::-1]
    return dropped


def common_subexpressions(trace: Trace, outputs: list[Any]) -> int:
    """Compute what is equal once; gives how many nodes that saved.

    What is computed again on purpose (a checkpoint, a loss in chunks) stays so: a large value that
    nobody needs any more when its like comes is not kept for it.
    """
    many = writers(trace)
    last = {s: at for at, node in enumerate(trace.nodes) for s in slots(node.inputs)}
    version: Counter[int] = Counter()
    known: dict[tuple, list[Any]] = {}
    replaced: dict[int, Any] = {}
    kept: list[Node] = []
    pinned = set(slots([*outputs, *trace.inputs])) | {t._slot for _, t in trace.rebinds}
    for at, node in enumerate(trace.nodes):
        node.inputs = [substitute(t, replaced) for t in node.inputs]
        simple = node.function is None and all(
            many[s] == 1 and s not in pinned for s in slots(node.outputs)
        )
        if simple:
            takes = (_identity(trace, t, version) for t in node.inputs)
            makes = (t._meta_key for t in node.outputs)
            key = (node.op, repr(sorted(node.attrs.items())), *takes, *makes)
            same = known.get(key)
            dead = same and [s for s in slots(same) if last.get(s, -1) < at and s not in pinned]
            large = dead and sum(trace.sizes[s] for s in dead) > _WORTH_RECOMPUTING
            if same is not None and not large and all(many[s] == 1 for s in slots(same)):
                for mine, theirs in zip(node.outputs, same, strict=True):
                    replaced[mine._slot] = theirs
                    last[theirs._slot] = max(last.get(theirs._slot, at), last.get(mine._slot, at))
                continue
            known[key] = node.outputs
        version.update(slots(node.outputs))
        kept.append(node)
    saved = len(trace.nodes) - len(kept)
    trace.nodes[:] = kept
    return saved


def _identity(trace: Trace, t: Any, version: Counter[int]) -> Any:
    if t is None:
        return None
    if t._slot < 0:
        spec = trace.scalars[-1 - t._slot]
        name = (spec[0], repr(spec[1])) if spec[0] == "constant" else t._slot
        return (name, t._meta_key)
    return (t._slot, version[t._slot], t._meta_key, t._offset)


def substitute(t: Any, replaced: dict[int, Any]) -> Any:
    """t on the memory that took the place of its own."""
    if t is None or t._slot not in replaced:
        return t
    from .. import _core

    base = replaced[t._slot]
    return _core.view(base, list(t.shape), list(t.strides), base._offset + t._offset, t.dtype)


def scalars_from_fills(trace: Trace, outputs: list[Any]) -> int:
    """Where a kernel takes numbers, give it the number, not a tensor filled with it."""
    many = writers(trace)
    filled = {
        node.outputs[0]._slot: node.inputs[0]
        for node in trace.nodes
        if node.op == "fill" and many[node.outputs[0]._slot] == 1
    }
    changed = 0
    for node in trace.nodes:
        if node.op not in ELEMENTWISE or not node.caps & SCALAR_IN or node.function:
            continue
        for i, t in enumerate(node.inputs):
            others = sum(x is not None and x._slot >= 0 for x in node.inputs)
            if t is not None and t._slot in filled and others > 1:
                node.inputs[i] = filled[t._slot]
                changed += 1
        if changed:
            found = trace.device.core.find(node.op, node.inputs, node.outputs, node.attrs)
            if not isinstance(found, str):
                node.kernel, node.caps = found
    return changed


ELEMENTWISE = {
    "neg", "abs", "sign", "floor", "ceil", "round", "trunc", "sqrt", "exp", "expm1", "log", "log1p",
    "sin", "cos", "tan", "tanh", "erf", "add", "sub", "mul", "div", "pow", "maximum", "minimum",
    "fmod", "atan2", "eq", "ne", "lt", "le", "gt", "ge", "where", "cast", "relu", "sigmoid", "silu",
    "gelu", "rsqrt", "reciprocal", "square", "relu_backward", "sigmoid_backward", "tanh_backward",
    "silu_backward", "gelu_backward", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
}  # fmt: skip


Pass = Callable[[Trace, list[Any]], int]
