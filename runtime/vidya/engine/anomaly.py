"""Finding the op that made the first NaN, forward or backward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .. import _core
from ..errors import AutogradError

enabled = False
_in_backward = False


def set_detect_anomaly(mode: bool) -> None:
    """Look for NaN after every op and every gradient (slow), or stop doing so."""
    global enabled
    if enabled != bool(mode):
        enabled = bool(mode)
        _core.clear_memos()  # plans hold the checks


def is_anomaly_enabled() -> bool:
    return enabled


@contextmanager
def detect_anomaly(mode: bool = True) -> Iterator[None]:
    """Within it, the first op that makes a NaN out of numbers raises AutogradError with its name.

    So does the first op whose gradient is NaN though what came from above was not. Works call by
    call, not inside of compiled functions.
    """
    was = enabled
    set_detect_anomaly(mode)
    try:
        yield
    finally:
        set_detect_anomaly(was)


def watch(definition: Any, trace: Any, out: Any) -> None:
    """Add to a plan in the making a step that looks at the op's results and arguments."""
    outs = [t for t in (out if isinstance(out, tuple) else (out,)) if _has_nan_values(t)]
    ins = [t for t in trace.inputs if _has_nan_values(t)]
    if not outs:
        return

    def look(*tensors: Any) -> Any:
        made, given = tensors[: len(outs)], tensors[len(outs) :]
        if not _in_backward and any(map(_has_nan, made)) and not any(map(_has_nan, given)):
            shown = ", ".join(f"{t.dtype.name}{list(t.shape)}" for t in given)
            raise AutogradError(
                f"detect_anomaly: {definition.name}({shown}) on {trace.device} made the first NaN; "
                "its arguments have none"
            )
        return ()

    trace.python_step("detect_anomaly", look, [*outs, *ins], [])


def _has_nan_values(t: Any) -> bool:
    return t is not None and t._slot >= 0 and (t.dtype.is_floating_point or t.dtype.is_complex)


def _has_nan(t: Any) -> bool:
    return bool(np.isnan(_core.download(t.detach().contiguous())).any())


@contextmanager
def backward_of(node: Any, grads: Sequence[Any]) -> Iterator[list]:
    """Around one node's pullback: what is put into the list is looked at."""
    global _in_backward
    found: list[Any] = []
    was, _in_backward = _in_backward, True
    try:
        yield found
        bad = any(_has_nan(g) for g in _tensors(found))
        if bad and not any(_has_nan(g) for g in _tensors(grads)):
            shapes = ", ".join(f"{dtype.name}{list(shape)}" for shape, dtype, *_ in node.outputs)
            raise AutogradError(
                f"detect_anomaly: the gradient of {node.op.definition.name} (result {shapes}) is "
                "the first NaN in backward; the gradient that came to it has none"
            )
    finally:
        _in_backward = was


def _tensors(nest: Any) -> Iterator[Any]:
    for item in nest:
        if isinstance(item, (tuple, list)):
            yield from _tensors(item)
        elif item is not None and (item.dtype.is_floating_point or item.dtype.is_complex):
            yield item
