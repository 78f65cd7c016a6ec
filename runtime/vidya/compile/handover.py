"""Handing a whole plan to a backend that compiles plans itself (plan_compile in backend.h)."""

from __future__ import annotations

from typing import Any

from .. import _core
from .capture import Capture

_INPUT, _OUTPUT, _TEMP, _CONSTANT = range(4)


class _NotSsa(Exception):
    """The trace does what a graph of values written once cannot say."""


def hand_over(capture: Capture, outputs: list[Any]) -> Any:
    """The backend's own plan, or None if it has none for this trace.

    The plan is called as (tensors, numbers) and gives `outputs`. Only whole values can be written
    in a graph: a function that writes a part of a tensor runs kernel by kernel.
    """
    try:
        graph = _Graph(capture, outputs)
    except _NotSsa:
        return None
    made = _core.backend_plan(
        capture.device.core,
        capture.inputs,
        [tuple(v) for v in graph.values],
        graph.nodes,
        capture.scalars,
        graph.numbers,
        graph.outputs,
        sorted(capture.mutated),
    )
    return None if isinstance(made, str) else made


class _Graph:
    def __init__(self, capture: Capture, outputs: list[Any]) -> None:
        self.capture = capture
        self.values: list[list[Any]] = []  # [symbol, kind, index, number]
        self.nodes: list[tuple] = []
        self.numbers: list[tuple[int, Any]] = []
        self.outputs: list[tuple[Any, int]] = []
        self.now: dict[int, int] = {}  # by slot: the value that it holds
        self.whole: dict[int, Any] = {}  # by slot: its symbol
        self.scalar: dict[tuple, int] = {}
        self.views: dict[tuple, int] = {}
        for i, t in enumerate(capture.inputs):
            self.now[t._slot] = self._value(t, _INPUT, i)
            self.whole[t._slot] = t
        inputs = dict(self.now)
        for node in capture.nodes:
            ins = [self._read(t) for t in node.inputs]
            self.nodes.append((node.op, ins, [self._write(t) for t in node.outputs], node.attrs))
        for t in outputs:
            self._result(t, inputs)
        self._replaced(inputs)

    def _value(self, symbol: Any, kind: int = _TEMP, index: int = 0, number: Any = None) -> int:
        self.values.append([symbol, kind, index, number])
        return len(self.values) - 1

    def _read(self, t: Any) -> int:
        if t is None:
            return -1
        if t._slot < 0:
            return self._number(t)
        if t._slot not in self.now:
            raise _NotSsa("memory that nothing has written")
        base, whole = self.now[t._slot], self.whole[t._slot]
        if t._meta_key == whole._meta_key and t._offset == whole._offset:
            return base
        key = (base, t._meta_key, t._offset)
        if key not in self.views:
            self.views[key] = self._value(t)
            attrs = {"offset": t._offset - whole._offset}
            self.nodes.append(("view", [base], [self.views[key]], attrs))
        return self.views[key]

    def _number(self, t: Any) -> int:
        key = (t._slot, t._meta_key)
        if key not in self.scalar:
            kind, *rest = self.capture.scalars[-1 - t._slot]
            if kind == "constant":
                self.scalar[key] = self._value(t, _CONSTANT, 0, rest[0])
            else:
                at = len(self.capture.inputs) + len(self.numbers)
                self.numbers.append((-1 - t._slot, t))
                self.scalar[key] = self._value(t, _INPUT, at)
        return self.scalar[key]

    def _write(self, t: Any) -> int:
        whole = self.whole.get(t._slot)
        if whole is None:
            if t._offset or not t.is_contiguous():
                raise _NotSsa("a part of a value is written")
            if t.numel() * t.dtype.itemsize != self.capture.sizes[t._slot]:
                raise _NotSsa("a part of a value is written")
            self.whole[t._slot] = t
        elif t._meta_key != whole._meta_key or t._offset != whole._offset:
            raise _NotSsa("a part of a value is written")
        self.now[t._slot] = self._value(t)
        return self.now[t._slot]

    def _result(self, t: Any, inputs: dict[int, int]) -> None:
        if t._slot in inputs:
            raise _NotSsa("an input is a result")
        at = self._read(t)
        if self.values[at][1] != _TEMP or not t.is_contiguous() or t._offset:
            at = self._copy(at, t)
        self.values[at][1:3] = _OUTPUT, len(self.outputs)
        self.outputs.append((self.values[at][0], -1))

    def _copy(self, at: int, like: Any) -> int:
        symbol = self.capture.new(like.shape, like.dtype)
        copied = self._value(symbol)
        self.nodes.append(("copy", [at], [copied], {}))
        return copied

    def _replaced(self, inputs: dict[int, int]) -> None:
        """Outputs that take the place of inputs which the function writes."""
        new = [(i, self.now[t._slot]) for i, t in enumerate(self.capture.inputs)]
        new = [(i, at) for i, at in new if at != inputs[self.capture.inputs[i]._slot]]
        new += [(i, self._read(t)) for i, t in self.capture.rebinds]
        for i, at in new:
            target = self.capture.inputs[i]
            if not target.is_contiguous():
                raise _NotSsa("an input with gaps is written")
            if self.values[at][1] != _TEMP:
                at = self._copy(at, target)
            self.values[at][1:3] = _OUTPUT, len(self.outputs)
            self.outputs.append((target, i))
