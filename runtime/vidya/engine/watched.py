"""Modules that a traced function reads: eager code may exchange their parts between runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core

changes = 0  # how often a part of any module was exchanged: the same number, nothing to look at
tracing = 0  # functions that are being traced, in all threads: 0, nobody watches


def changed() -> None:
    global changes
    changes += 1


@contextmanager
def watching() -> Iterator[None]:
    """Within, what is read of modules is told to the trace."""
    global tracing
    tracing += 1
    try:
        yield
    finally:
        tracing -= 1


def watch(module: Any) -> None:
    """What follows depends on the parts of this module. Ask only `if tracing`."""
    trace = _core.current_trace()
    if trace is not None:
        trace.watch(module)


def parts(module: Any) -> list[Any]:
    """What a run takes for granted of a module."""
    return [
        module.training,
        *module._parameters.values(),
        *module._buffers.values(),
        *module._modules.values(),
    ]


class Parts(dict):
    """Parameters, buffers or submodules by name."""

    def __setitem__(self, name: str, part: Any) -> None:
        super().__setitem__(name, part)
        changed()

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        changed()

    def pop(self, *args: Any) -> Any:
        changed()
        return super().pop(*args)

    def clear(self) -> None:
        super().clear()
        changed()

    def update(self, *args: Any, **kwargs: Any) -> None:
        super().update(*args, **kwargs)
        changed()
