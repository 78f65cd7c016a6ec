"""Norms with what stands around them in a network of residuals, as one kernel.

Forward, the sum that is normalised, and the rounding of the result to 16 bits; backward, the
residual's gradient that is added, and the rounding of that sum. What to look for is in `rules.py`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..engine.trace import PREFERRED, Node, Trace
from .passes import kernel_for, slots, writers
from .rules import HALVES, NORMS, NORMS_BACKWARD


def norms(trace: Trace, outputs: list[Any]) -> int:
    """Join norms with their neighbours; gives how many kernels that saved."""
    if not any(node.op in NORMS or node.op in NORMS_BACKWARD for node in trace.nodes):
        return 0
    before = len(trace.nodes)
    graph = _Graph(trace, outputs)
    for node in list(trace.nodes):
        if node.op in NORMS and not node.function:
            graph.forward(node)
        elif node.op in NORMS_BACKWARD and not node.function:
            graph.backward(node)
    trace.nodes[:] = [node for node in trace.nodes if id(node) not in graph.gone]
    return before - len(trace.nodes)


class _Graph:
    """Who makes a value and who reads it, and where each node stands."""

    def __init__(self, trace: Trace, outputs: list[Any]) -> None:
        self.trace = trace
        self.pinned = set(slots(outputs)) | {t._slot for _, t in trace.rebinds}
        self.inputs = set(slots(trace.inputs))
        self.kept = self.pinned | self.inputs
        self.many = writers(trace)
        self.at = {id(node): at for at, node in enumerate(trace.nodes)}
        self.maker: dict[int, Node] = {}
        self.readers: dict[int, list[Node]] = defaultdict(list)
        self.writes: dict[int, list[int]] = defaultdict(list)
        for at, node in enumerate(trace.nodes):
            for s in slots(node.outputs):
                self.maker[s] = node
                self.writes[s].append(at)
            for s in set(slots(node.inputs)):
                self.readers[s].append(node)
        self.gone: set[int] = set()

    def forward(self, norm: Node) -> None:
        x, weights, (y,) = norm.inputs[0], norm.inputs[1:], norm.outputs
        if self.many[y._slot] != 1:
            return
        add = self._sum_before(norm, x)
        cast = self._cast_after(y, alone=True)
        narrow = {"narrow": cast.outputs[0].dtype.name} if cast else {}
        made = [cast.outputs[0] if cast else y]
        attrs = {**norm.attrs, **narrow}
        for a in ([add] if add else []) + [None]:
            if a is None and cast is None:
                return
            inputs = [*(a.inputs if a else (x, None)), *weights]
            outs = [*(a.outputs if a else ()), *made]
            gone = [node for node in (a, cast) if node is not None]
            if self._replace(norm, NORMS[norm.op], inputs, outs, attrs, gone):
                return

    def backward(self, norm: Node) -> None:
        dx, *rest = norm.outputs
        add = self._only_reader(dx, "add")
        if add is None or len(add.inputs) != 2:
            return
        (other,) = (t for t in add.inputs if t._slot != dx._slot)
        total = add.outputs[0]
        if not _alike(dx, other) or not _alike(dx, total) or self.many[total._slot] != 1:
            return
        if not self._same_later(norm, add):
            return
        if any(self.at[id(n)] < self.at[id(add)] for t in rest for n in self.readers[t._slot]):
            return  # the weight's gradient is wanted before the sum can be made
        cast = self._cast_after(total, alone=False)
        inputs = [*norm.inputs, other]
        for c in ([cast] if cast else []) + [None]:
            outs = [total, *rest, *(c.outputs if c else ())]
            attrs = {**norm.attrs, **({"narrow": c.outputs[0].dtype.name} if c else {})}
            gone = [node for node in (norm, c) if node is not None]
            if self._replace(add, NORMS_BACKWARD[norm.op], inputs, outs, attrs, gone):
                return

    def _sum_before(self, norm: Node, x: Any) -> Node | None:
        """The addition that makes x, if it can be made where the norm is."""
        add = self.maker.get(x._slot)
        if add is None or id(add) in self.gone or add.op != "add" or add.function:
            return None
        total = add.outputs[0]
        if self.many[x._slot] != 1 or x._slot in self.inputs:
            return None
        if not _alike(x, total) or any(t._slot < 0 or not _alike(t, x) for t in add.inputs):
            return None
        if any(self.at[id(n)] < self.at[id(norm)] for n in self.readers[x._slot]):
            return None  # somebody needs the sum before
        return add if self._same_later(add, norm) else None

    def _cast_after(self, y: Any, *, alone: bool) -> Node | None:
        """What rounds y to 16 bits; `alone`: and nobody else needs y."""
        readers = [n for n in self.readers[y._slot] if id(n) not in self.gone]
        casts = [n for n in readers if n.op == "cast" and not n.function]
        casts = [n for n in casts if n.outputs[0].dtype in HALVES and _whole(n, y)]
        casts = [n for n in casts if self.many[n.outputs[0]._slot] == 1]
        casts = [n for n in casts if n.outputs[0]._slot not in self.inputs]  # written too early
        if not casts or (alone and (len(readers) != 1 or y._slot in self.kept)):
            return None
        return casts[0]

    def _only_reader(self, t: Any, op: str) -> Node | None:
        readers = self.readers[t._slot]
        if len(readers) != 1 or t._slot in self.kept or self.many[t._slot] != 1:
            return None
        (node,) = readers
        if node.op != op or node.function or id(node) in self.gone:
            return None
        return node if sum(s == t._slot for s in slots(node.inputs)) == 1 else None

    def _same_later(self, first: Node, then: Node) -> bool:
        """Is what `first` reads and makes the same where `then` stands?"""
        begin, end = self.at[id(first)], self.at[id(then)]
        seen = {*slots(first.inputs), *slots(first.outputs)}
        return not any(begin < at < end for s in seen for at in self.writes[s])

    def _replace(
        self, at: Node, op: str, inputs: list, outs: list, attrs: dict, gone: list[Node]
    ) -> bool:
        found = kernel_for(self.trace, op, inputs, outs, attrs)
        if found is None or not found[1] & PREFERRED:
            return False
        members = sorted([at, *gone], key=lambda node: self.at[id(node)])
        at.parts = tuple(part for node in members for part in node.parts or (node.op,))
        for node in gone:
            self.gone.add(id(node))
        for s in {s for node in members for s in slots(node.inputs)}:
            self.readers[s] = [n for n in self.readers[s] if id(n) not in self.gone and n is not at]
        at.op, at.inputs, at.outputs, at.attrs = op, inputs, outs, attrs
        at.kernel, at.caps = found
        for s in set(slots(inputs)):
            self.readers[s].append(at)
        for s in slots(outs):
            self.maker[s] = at
        return True


def _alike(a: Any, b: Any) -> bool:
    """Whole values of one shape and type, in the same order."""
    return a._meta_key == b._meta_key and a.is_contiguous() and not a._offset and not b._offset


def _whole(cast: Node, y: Any) -> bool:
    seen, out = cast.inputs[0], cast.outputs[0]
    return _alike(seen, y) and out.is_contiguous() and not out._offset and out.shape == y.shape
