"""Who computes an op on a device, found by calling it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .. import ops as _ops  # noqa: F401  (their definitions fill the registry)
from ..engine import dispatch
from ..engine.fallback import fallback_policy
from ..engine.trace import Trace
from ..errors import UnsupportedError
from ..schema import VIEW, OpDef
from .op_calls import calls

NATIVE, PLUGIN, DECOMPOSED, VIEWED, MISSING = (
    *("native", "kernel plugin", "decomposed", "view", "missing"),
)
NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Provider:
    """Who computes an op, and the kernels that it is decomposed into."""

    kind: str
    kernels: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}: {', '.join(self.kernels)}" if self.kernels else self.kind


def providers(device: Any, only: str | None = None) -> dict[str, Provider]:
    """Who computes each op on the device; with `only`, the ops that a call of that name needs.

    The samples of the test cases are run, in float32 (with their gradients where all are asked
    for), and with the fallback policy `error`.
    """
    found: dict[str, Provider] = {}

    def observe(definition: OpDef, trace: Trace) -> None:
        found.setdefault(definition.name, _provider(definition, trace))

    todo = calls(device, backward=only is None)
    with fallback_policy("error"), _observing(observe):
        for name, run in todo.items():
            op = name.split(".")[-1]
            if only not in (None, op):
                continue
            try:
                run()
            except UnsupportedError:
                found.setdefault(op, Provider(MISSING))
    return found


def _provider(definition: OpDef, trace: Trace) -> Provider:
    own = [node for node in trace.nodes if node.op == definition.name]
    if any(node.function is not None for node in own):
        return Provider(PLUGIN)
    if own:
        return Provider(NATIVE)
    if not trace.nodes or definition.kind == VIEW:
        return Provider(VIEWED)
    return Provider(DECOMPOSED, tuple(dict.fromkeys(node.op for node in trace.nodes)))


@contextmanager
def _observing(observe: Callable[[OpDef, Trace], None]) -> Iterator[None]:
    dispatch.observers.append(observe)
    try:
        yield
    finally:
        dispatch.observers.remove(observe)
