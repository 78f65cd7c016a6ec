"""Weights that stay what they are: kernels may keep a packed copy of them."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..engine.trace import Node
from .passes import slots

# Which inputs of an op are weights that a kernel may want in another order.
_WEIGHTS = {
    "linear": (1,),
    "matmul": (0, 1),
    "matmul_accumulate": (1,),
    "convolution": (1,),
    "quantized_linear": (1, 2, 3),
}
# Several weights, with what belongs to them, after x.
_SEVERAL = ("linears", "quantized_linears")


def freeze(capture: Any, outputs: list[Any]) -> int:
    """Tell kernels which weights never change; gives how many.

    Only a plan that writes none of them and leaves no gradient can know that, until somebody else
    writes them: then the plan is made anew, without this.
    """
    if not capture.freezes:
        return 0
    written = {s for node in capture.nodes for s in slots(node.outputs)}
    first = len(capture.inputs) - len(capture.captured)
    number = {t._slot: i - first for i, t in enumerate(capture.inputs) if i >= first}
    found: set[int] = set()
    for node in capture.nodes:
        named = range(1, len(node.inputs)) if node.op in _SEVERAL else _WEIGHTS.get(node.op, ())
        which = [i for i in named if i < len(node.inputs)]
        frozen = [i for i in which if _weight(node.inputs[i], number, written, capture.captured)]
        if frozen and not node.function:
            found |= _refind(capture, node, frozen, number)
    capture.frozen = sorted(found)
    return len(found)


def _weight(t: Any, number: dict[int, int], written: set[int], captured: list[Any]) -> bool:
    if t is None or t._slot not in number or t._slot in written:
        return False
    return captured[number[t._slot]]._param or not t.dtype.is_floating_point


def _refind(capture: Any, node: Node, which: list[int], number: dict[int, int]) -> set[int]:
    pack = capture.pack_weights
    ins = [_core.frozen(t, pack) if i in which else t for i, t in enumerate(node.inputs)]
    found = capture.device.core.find(node.op, ins, node.outputs, node.attrs)
    if isinstance(found, str) or found[1] != node.caps:
        return set()
    node.inputs = ins
    node.kernel, node.caps = found
    return {number[node.inputs[i]._slot] for i in which}
