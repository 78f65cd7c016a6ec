"""Kernels that NumPy runs on a device's own memory.

A device whose memory the host can use needs no kernels of its own for LAPACK's work: the
reference's read and write that memory in place. Nothing is copied and no other device is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..backends.reference.table import find
from . import fallback
from .trace import NoKernel, Trace


def emit(op: str, inputs: list, outputs: list, attrs: dict[str, Any]) -> list:
    """The device's kernel for `op`, else the reference's on host memory, else the policy's."""
    trace: Trace = _core.current_trace()
    try:
        return trace.emit(op, inputs, outputs, attrs)
    except NoKernel as error:
        if not trace.device.core.host_memory:
            return fallback.run_elsewhere(trace, op, inputs, outputs, attrs, False, error)
        found = find(op, inputs, [], attrs)
        if not isinstance(found, tuple):
            raise NoKernel(found or f"no kernel for {op}") from None
    run, target = found[0], trace.device

    def step(*tensors: Any) -> Any:
        results = [np.empty(shape, dtype.np) for shape, dtype in outputs]
        run([_core.host_view(t) for t in tensors], results)
        kinds = [dtype for _, dtype in outputs]
        made = tuple(_on(target, a, dtype) for a, dtype in zip(results, kinds, strict=True))
        return made if len(made) > 1 else made[0]

    return trace.python_step(op, step, [trace.contiguous(x) for x in inputs], outputs)


def _on(target: Any, array: np.ndarray, dtype: Any) -> Any:
    """The array as the device's tensor, on the array's own memory if it has any."""
    place = _core.wrap_host if array.size else _core.upload
    return place(target.core, array, dtype)
