"""Improving a captured graph.  Each pass takes a trace and changes its list of nodes.

A value may be written by several nodes (a slice is written by a copy into it), so order matters:
every pass keeps the nodes in their order and looks at what is written in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..engine.trace import INPLACE, SCALAR_IN, Node, Trace


def slots(tensors: Iterable[Any]) -> list[int]:
    return [t._slot for t in tensors if t is not None and t._slot >= 0]


def writers(trace: Trace) -> Counter[int]:
    """How many nodes write each value."""
    return Counter(s for node in trace.nodes for s in slots(node.outputs))


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
    """Compute what is equal once; gives how many nodes that saved."""
    many = writers(trace)
    version: Counter[int] = Counter()
    known: dict[tuple, list[Any]] = {}
    replaced: dict[int, Any] = {}
    kept: list[Node] = []
    pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds}
    for node in trace.nodes:
        node.inputs = [substitute(t, replaced) for t in node.inputs]
        simple = node.function is None and all(
            many[s] == 1 and s not in pinned for s in slots(node.outputs)
        )
        if simple:
            takes = (_identity(trace, t, version) for t in node.inputs)
            makes = (t._meta_key for t in node.outputs)
            key = (node.op, repr(sorted(node.attrs.items())), *takes, *makes)
            same = known.get(key)
            if same is not None and all(many[s] == 1 for s in slots(same)):
                for mine, theirs in zip(node.outputs, same, strict=True):
                    replaced[mine._slot] = theirs
                continue
            known.setdefault(key, node.outputs)
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


def in_place(trace: Trace, outputs: list[Any]) -> int:
    """Let a kernel write where its result is going to be copied, and drop the copy."""
    pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds} | set(slots(trace.inputs))
    many = writers(trace)
    saved = 0
    for at in range(len(trace.nodes) - 1, -1, -1):
        copy = trace.nodes[at]
        if copy.op != "copy" or copy.function:
            continue
        source, target = copy.inputs[0], copy.outputs[0]
        if source._slot in pinned or many[source._slot] != 1 or source._slot == target._slot:
            continue
        if source._meta_key != target._meta_key or not target.is_contiguous() or source._offset:
            continue
        maker = next(
            (i for i in range(at - 1, -1, -1) if source._slot in slots(trace.nodes[i].outputs)),
            None,
        )
        if maker is None or not _may_write(trace, maker, at, source, target):
            continue
        node = trace.nodes[maker]
        node.outputs = [target if t._slot == source._slot else t for t in node.outputs]
        del trace.nodes[at]
        saved += 1
    return saved


def _may_write(trace: Trace, maker: int, at: int, source: Any, target: Any) -> bool:
    node = trace.nodes[maker]
    if node.function or any(
        t._slot == source._slot and t._meta_key != source._meta_key for t in node.outputs
    ):
        return False
    for t in node.inputs:
        if t is None or t._slot != target._slot:
            continue
        same = t._meta_key == target._meta_key and t._offset == target._offset
        if not same or not node.caps & INPLACE:
            return False
    if any(target._slot == t._slot for t in node.outputs):
        return False
    between = trace.nodes[maker + 1 : at]
    if any(target._slot in slots(n.inputs + n.outputs) for n in between):
        return False
    others = [n for i, n in enumerate(trace.nodes) if i not in (maker, at)]
    return not any(source._slot in slots(n.inputs + n.outputs) for n in others)


Pass = Callable[[Trace, list[Any]], int]
