"""Computing cheap values again instead of keeping them: less memory at the peak of a plan.

A value that is made early, used, and then wanted again much later (a norm's or an activation's
result, which the backward of the next product reads) is made a second time just before that, if
what it is made from is there anyway.  (Chen et al., Training Deep Nets with Sublinear Memory Cost,
2016, for single kernels.)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from ..engine.arena import in_arena
from ..engine.trace import Node, Trace
from .passes import ELEMENTWISE, slots, substitute, writers

_CHEAP = ELEMENTWISE | {"ewise", "copy", "swiglu", "geglu", "rms_norm", "layer_norm"}
_CHEAP |= {"residual_rms_norm", "residual_layer_norm"}
_LEAST = 1 << 20  # bytes: smaller values are not worth a kernel
_MOST = 256  # kernels that a plan may get more
_SCARCE = 1 / 30  # of the memory of a device: a plan that takes more is worth a little time
_WORTH = 0.95  # of the arena may be left, or the plan stays as it was


@dataclass
class _Again:
    """Node `maker` is run again before node `at`; it saves `saved` bytes at the peak."""

    maker: int
    before: int  # the last use of the first result
    at: int
    saved: int


def rematerialise(trace: Any, outputs: list[Any]) -> int:
    """Run cheap kernels a second time where that lowers the peak; gives how many.

    It costs time (about one part in a hundred of a training step, for a quarter of its memory), so
    it waits until memory is scarce, or `trace.less_memory` asks for it.
    """
    if not trace.device.core.strided or trace.less_memory is False:
        return 0
    known = trace.device.info["memory_bytes"]  # 0: the device does not say
    enough = _SCARCE * known if known else math.inf
    if trace.less_memory is None and sum(trace.sizes.values()) < enough:
        return 0  # even if nothing shared its place
    before = in_arena(trace, outputs)[1][0]
    if trace.less_memory is None and before < enough:
        return 0
    plan = _Plan(trace, outputs)
    chosen: list[_Again] = []
    while len(chosen) < _MOST:
        again = plan.best()
        if again is None:
            break
        plan.take(again)
        chosen.append(again)
    if not chosen:
        return 0
    old = [(node, node.inputs) for node in trace.nodes]
    _insert(trace, chosen)
    if in_arena(trace, outputs)[1][0] > _WORTH * before:
        for node, inputs in old:
            node.inputs = inputs
        trace.nodes[:] = [node for node, _ in old]
        return 0
    return len(chosen)


class _Plan:
    """Who lives when, and how many bytes at each node."""

    def __init__(self, trace: Trace, outputs: list[Any]) -> None:
        self.trace = trace
        self.many = writers(trace)
        self.inputs = set(slots(trace.inputs))
        self.pinned = set(slots(outputs)) | self.inputs | {t._slot for _, t in trace.rebinds}
        self.uses: dict[int, list[int]] = defaultdict(list)
        self.maker: dict[int, int] = {}
        self.writes: dict[int, list[int]] = defaultdict(list)
        for at, node in enumerate(trace.nodes):
            for s in set(slots(node.inputs)):
                self.uses[s].append(at)
            for s in set(slots(node.outputs)):
                self.maker.setdefault(s, at)
                self.writes[s].append(at)
        self.live = [0] * (len(trace.nodes) + 1)
        for s, made in self.maker.items():
            if s not in self.pinned:
                last = max([*self.uses[s][-1:], *self.writes[s][-1:]])
                self._add(trace.sizes[s], made, last + 1)
        self.gone: set[int] = set()

    def _add(self, size: int, begin: int, end: int) -> None:
        for at in range(begin, end):
            self.live[at] += size

    def best(self) -> _Again | None:
        """What saves most where most is live."""
        peak = max(range(len(self.live)), key=self.live.__getitem__)
        found = [self._again(s, made, peak) for s, made in self.maker.items() if made < peak]
        return max((a for a in found if a), key=lambda a: a.saved, default=None)

    def _again(self, s: int, made: int, peak: int) -> _Again | None:
        node, size = self.trace.nodes[made], self.trace.sizes.get(s, 0)
        if size < _LEAST or s in self.pinned or s in self.gone or self.many[s] != 1:
            return None
        if node.op not in _CHEAP or node.function or len(node.outputs) != 1:
            return None
        uses = self.uses[s]
        i = bisect_right(uses, peak)
        if i == len(uses) or (i and uses[i - 1] == peak):
            return None
        at, before = uses[i], uses[i - 1] if i else made
        for t in set(slots(node.inputs)):
            if bisect_right(self.writes[t], at) != bisect_right(self.writes[t], made):
                return None  # something else is there by then
            end = max(self.uses[t], default=made)
            if t in self.gone or (t not in self.inputs and t not in self.pinned and end < at):
                return None  # it would have to be kept for this alone
        return _Again(made, before, at, size)

    def take(self, again: _Again) -> None:
        (out,) = self.trace.nodes[again.maker].outputs
        self._add(-self.trace.sizes[out._slot], again.before + 1, again.at)
        self.gone.add(out._slot)


def _insert(trace: Trace, chosen: list[_Again]) -> None:
    ahead: dict[int, list[_Again]] = defaultdict(list)
    for again in chosen:
        ahead[again.at].append(again)
    replaced: dict[int, Any] = {}
    nodes: list[Node] = []
    for at, node in enumerate(trace.nodes):
        for again in ahead[at]:
            first = trace.nodes[again.maker]
            (out,) = first.outputs
            copy = trace.new(out.shape, out.dtype)
            found = trace.device.core.find(first.op, first.inputs, [copy], first.attrs)
            if isinstance(found, str):
                continue
            nodes.append(Node(first.op, first.inputs, [copy], first.attrs, *found))
            nodes[-1].parts = first.parts
            replaced[out._slot] = copy
        node.inputs = [substitute(t, replaced) for t in node.inputs]
        nodes.append(node)
    trace.nodes[:] = nodes
