"""What devices hold in memory, and giving it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core
from .device import device, opened


def memory_stats(name: str | device | None = None) -> dict[str, Any]:
    """Bytes of one device: live_bytes (in use), peak_bytes, cached_bytes (kept for reuse), and
    counts of allocations and reuses. Without a name: the sums over all open devices."""
    if name is not None:
        return device(name).core.memory_stats()
    total: dict[str, Any] = {}
    for d in opened():
        for key, value in d.core.memory_stats().items():
            total[key] = total.get(key, 0) + value
    return total


def empty_cache(name: str | device | None = None) -> None:
    """Give unused memory back to the system."""
    for d in [device(name)] if name is not None else opened():
        d.core.empty_cache()


def set_cache_limit(nbytes: int, name: str | device) -> None:
    """Keep at most that many unused bytes on the device; the rest goes back at once."""
    device(name).core.set_cache_limit(nbytes)


def reset_peak_memory_stats(name: str | device) -> None:
    """Start measuring peak_bytes anew."""
    device(name).core.reset_peak()


class Scope:
    """What `scope()` gives: says which tensors outlive it."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def keep(self, *tensors: Any) -> Any:
        """Let these survive, with what their backward needs; gives its argument(s) back."""
        self.kept += tensors
        return tensors[0] if len(tensors) == 1 else tensors


@contextmanager
def scope() -> Iterator[Scope]:
    """Free at its end the memory of every tensor that was made inside and not kept.

        with vidya.scope() as s:
            y = s.keep(f(x))

    Gradients in `.grad`, parameters and optimizer state are always kept. A freed tensor that is
    used later raises.
    """
    here = Scope()
    _core.begin_scope()
    try:
        yield here
    finally:
        _core.end_scope(_with_history(here.kept))


def _with_history(tensors: list[Any]) -> list[Any]:
    """The tensors, and all that the graphs behind them saved for backward."""
    kept, todo, seen = list(tensors), [t.grad_fn for t in tensors], set()
    while todo:
        node = todo.pop()
        if node is None or id(node) in seen or isinstance(node, _core.TensorBase):
            continue
        seen.add(id(node))
        kept += node.saved()
        todo += [edge for edge, *_ in node.edges()]
    return kept
