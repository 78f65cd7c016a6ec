"""Where a function comes from: the device that it runs on, the line that an error is about."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from .. import _core
from ..engine.device import default_device, device
from ..errors import TraceError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def device_of(function: Callable) -> device:
    """Where a function without tensor arguments runs: where the tensors it closes over are."""
    cells = getattr(function, "__closure__", None) or ()
    owner = getattr(function, "__self__", None)
    for value in (owner, *(cell.cell_contents for cell in cells)):
        if isinstance(value, _core.TensorBase):
            return value.device
        if hasattr(value, "parameters"):
            first = next(iter(value.parameters()), None)
            if first is not None:
                return first.device
    return default_device()


def located(error: TraceError) -> TraceError:
    """The error with the user's file and line in front."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if not os.path.abspath(frame.filename).startswith(_PACKAGE + os.sep):
            return TraceError(f"{frame.filename}:{frame.lineno}: `{frame.line}`: {error}")
    return error
