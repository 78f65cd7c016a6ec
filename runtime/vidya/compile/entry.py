"""From a finished trace to the plan that replays it."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import _core
from ..engine import watched
from ..engine.build import build
from ..engine.trace import recording
from ..errors import TraceError
from .aliasing import memory, shared
from .capture import Capture
from .ends import End, lost
from .handover import hand_over
from .pipeline import improve_graph, improve_kernels
from .tree import flatten


@dataclass(eq=False)
class Entry:
    """One plan of a compiled function."""

    plan: _core.Plan | _core.BackendPlan
    replay: Any  # _core.Replay, or None where only the plan can run
    capture: Capture
    outputs: list[Any]  # symbols of all that the plan gives
    structure: Any  # of the result
    leaves: list[Any]  # of the result: ("output" or "number", which) or ("value", object)
    grads: list[tuple[Any, Any]]  # (tensor, its new .grad; an int: that output)
    argument_grads: list[tuple[int, int | None]]  # (leaf argument, the output that is its .grad)
    lost: list[int]  # outputs whose history ends here
    end: Any  # what they have instead
    found: list[tuple[Any, Any]]  # (tensor, the kind of .grad it had)
    alone: bool  # does the plan count on what it writes to be memory of its own?
    own: set[int]  # the memory of the .grad that the plan leaves
    writes: set[int]  # numbers of the arguments and then of the captured tensors that it writes
    storages: set[int]  # of captured tensors that may not be arguments, too
    saved: dict[str, int]  # by the passes
    seconds: float = 0.0  # that tracing took
    times: list[float] = field(default_factory=list)  # seconds per kernel, once profiled
    used: int = 0  # the call that came last
    looked: int = -1  # at the modules after so many changes to any

    def fresh(self) -> bool:
        """Is what the trace took for granted still so? What is not will never be again."""
        capture = self.capture
        for holds in capture.conditions:
            if not holds():
                return False
        if self.replay is not None:
            return self.replay.fresh()
        symbols = capture.inputs[len(capture.inputs) - len(capture.captured) :]
        return all(
            t._meta_key == s._meta_key for t, s in zip(capture.captured, symbols, strict=True)
        )

    def fits(self, tensors: list) -> bool:
        """Is what the function found there now: modules in the same mode with the same parts, a
        .grad or none, arguments of their own memory?"""
        if self.looked != watched.changes:
            for module, before, _ in self.capture.watched.values():
                now = watched.parts(module)
                if len(now) != len(before) or not all(map(operator.is_, now, before)):
                    return False
            self.looked = watched.changes
        if self.alone and not self._alone(tensors):
            return False
        for tensor, kind in self.found:
            grad = tensor.grad
            if (grad if grad is None else grad._meta_key) != kind:
                return False
        return True

    def _alone(self, tensors: list) -> bool:
        """Is nothing that the plan writes shared with these arguments?"""
        storages = {memory(t) for t in tensors}
        if len(storages) == len(tensors) and storages.isdisjoint(self.storages):
            return True
        return not shared([*tensors, *self.capture.captured], self.writes)

    def inputs(self, arguments: list) -> list:
        """The tensors that a run is called with: arguments, and .grad as they are now."""
        if not self.capture.grad_inputs:
            return arguments
        found = [t.grad for t in self.capture.grad_inputs]
        if self.own:  # a run writes its own memory before it has read all of its inputs
            found = [g.clone() if g._storage_id in self.own else g for g in found]
        return arguments + found


def make_entry(
    capture: Capture, result: Any, effects: list, passes: Sequence[str], freezes: bool
) -> Entry:
    """The plan that does what `capture` recorded and gives `result`.

    effects: the .grad that the function leaves with tensors which are no arguments.
    freezes: may kernels count on weights to stay what they are, if nobody here changes them?
    """
    made, result_structure = flatten(result)
    outputs: list[Any] = []
    leaves: list[Any] = []
    ends: list[int] = []
    with recording(capture):
        for leaf in made:
            if isinstance(leaf, _core.TensorBase):
                symbol = capture.symbol(leaf)
                if symbol._slot < 0:
                    spec = capture.scalars[-1 - symbol._slot]
                    if spec[0] == "argument" and spec[1] < capture.given:
                        leaves.append(("number", spec[1]))
                        continue
                    symbol = capture.materialize(symbol)
                if lost(leaf):
                    ends.append(len(outputs))
                outputs.append(symbol)
                leaves.append(("output", len(outputs) - 1))
            else:
                leaves.append(("value", leaf))
    argument_grads: list[tuple[int, int | None]] = []
    for i, grad in capture.argument_grads():
        argument_grads.append((i, None if grad is None else len(outputs)))
        outputs += [] if grad is None else [capture.symbol(grad)]
    grads: list[tuple[Any, Any]] = []
    kept = []
    returned = {symbol._slot for symbol in outputs}
    for tensor, grad in effects:
        if grad is not None and grad._slot is not None:
            kept.append(len(outputs))
            grads.append((tensor, len(outputs)))
            symbol = capture.symbol(grad)
            if symbol._slot in returned:  # results are new memory, a .grad stays in the plan's
                with recording(capture):
                    symbol = capture.emit("copy", [symbol], [(symbol.shape, symbol.dtype)])[0]
            outputs.append(symbol)
        else:
            grads.append((tensor, grad))
    capture.grads_as_inputs()
    alone = not shared(capture.real_inputs(), capture.mutated)
    if not alone:
        if not capture.device.core.strided:
            raise TraceError(
                "an argument that this function writes is also used from outside; take it from "
                "one of the two places only"
            )
        passes = ()
    saved = improve_graph(capture, outputs, passes)
    native = all(node.function is None for node in capture.nodes)
    plan = hand_over(capture, outputs) if native and alone else None
    replays = capture.device.core.strided and native and plan is None
    capture.freezes = freezes and replays and not grads and not argument_grads
    if plan is None:
        improve_kernels(capture, outputs, passes, saved)
        plan = build(capture, tuple(outputs), arena=replays)
    replay = None
    if replays:
        replay = _core.Replay(plan, capture.captured, kept, capture.frozen)
        grads = [(t, replay.kept(g) if isinstance(g, int) else g) for t, g in grads]
    behind = len(capture.inputs) - len(capture.captured) - len(capture.tensors)
    writes = {i if i < len(capture.tensors) else i - behind for i in capture.mutated}
    own_only = all(i >= len(capture.tensors) for i in writes)
    held = [*capture.tensors, *capture.captured]
    return Entry(
        plan, replay, capture, outputs, result_structure, leaves, grads, argument_grads,
        lost=ends,
        end=End(len(ends)),
        alone=alone and bool(writes),
        writes=writes,
        storages={memory(held[i]) for i in writes} if own_only
        else {memory(t) for t in capture.captured},
        found=[(t, grad if grad is None else grad._meta_key) for t, grad in capture.found.values()],
        own={g._storage_id for _, g in grads if isinstance(g, _core.TensorBase)},
        saved=saved,
    )  # fmt: skip
