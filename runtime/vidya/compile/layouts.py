"""Writing a result in the order in which the next kernel wants it, instead of copying it there.

Heads are taken apart and joined around attention: what lies as [B, H, T, D] is copied to
[B, T, H, D] for the product that follows. A kernel that says so (VD_CAP_STRIDED_OUT) writes it
there at once; whoever else reads the value reads it where it is then.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from .. import _core
from ..engine.trace import STRIDED_OUT, Node, Trace
from .passes import kernel_for, slots, writers


def layouts(trace: Trace, outputs: list[Any]) -> int:
    """Drop copies of a value in another order; gives how many."""
    many = writers(trace)
    pinned = set(slots(outputs)) | set(slots(trace.inputs)) | {t._slot for _, t in trace.rebinds}
    made = {s: node for node in trace.nodes for s in slots(node.outputs)}
    users: dict[int, list[Node]] = defaultdict(list)
    for node in trace.nodes:
        for s in set(slots(node.inputs)):
            users[s].append(node)
    dropped: set[int] = set()
    for copy in trace.nodes:
        if copy.op != "copy" or copy.function:
            continue
        (source,), (target,) = copy.inputs, copy.outputs
        maker = made.get(source._slot)
        if maker is None or not maker.caps & STRIDED_OUT or source._slot in pinned:
            continue
        whole = many[source._slot] == 1 and many[target._slot] == 1
        if not whole or target._slot in pinned or source.dtype is not target.dtype:
            continue
        others = [node for node in users[source._slot] if node is not copy]
        if _written_to(trace, maker, source, target, others):
            dropped.add(id(copy))
            users[target._slot] += others
            made[target._slot] = maker
    trace.nodes[:] = [node for node in trace.nodes if id(node) not in dropped]
    return len(dropped)


def _written_to(trace: Trace, maker: Node, source: Any, target: Any, others: list[Node]) -> bool:
    """Let `maker` write its value where `target` is; False, and nothing changed, if it cannot."""
    value = next(t for t in maker.outputs if t._slot == source._slot)
    order = _order(source, value)
    if order is None or target._offset or trace.sizes[target._slot] != trace.sizes[value._slot]:
        return False
    strides = [target.strides[i] for i in order]  # of the target, by the value's dims

    def there(t: Any) -> Any:
        """What stands for t, a view of the value, in the target's memory; None: not a whole one."""
        if t is None or t._slot != value._slot:
            return t
        seen = _order(t, value)
        if seen is None or t.dtype is not value.dtype:
            return None
        moved = [0] * t.ndim
        for dim, at in enumerate(seen):
            moved[at] = strides[dim]
        return _core.view(target, list(t.shape), moved, 0, None)

    changes = []
    for node in (maker, *others):
        ins = [there(t) for t in node.inputs]
        outs = [there(t) for t in node.outputs]
        lost = any(a is None and b is not None for a, b in zip(ins, node.inputs, strict=True))
        if lost or node.function:
            return False
        found = kernel_for(trace, node.op, ins, outs, node.attrs)
        if found is None:
            return False
        changes.append((node, ins, outs, found))
    for node, ins, outs, found in changes:
        node.inputs, node.outputs, (node.kernel, node.caps) = ins, outs, found
    return True


def _order(view: Any, value: Any) -> list[int] | None:
    """The dim of `view` that each dim of `value` became, if it is a permutation of all of it."""
    if view._offset != value._offset or view.ndim != value.ndim or not value.is_contiguous():
        return None
    left = list(range(view.ndim))
    order = []
    for size, stride in zip(value.shape, value.strides, strict=True):
        at = next(
            (i for i in left if view.shape[i] == size and (size == 1 or view.strides[i] == stride)),
            None,
        )
        if at is None:
            return None
        left.remove(at)
        order.append(at)
    return order
