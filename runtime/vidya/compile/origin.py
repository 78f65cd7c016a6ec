"""Where a function comes from: the device that it runs on, the line that an error is about."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Iterator, ValuesView
from typing import Any

from .. import _core
from ..engine.device import default_device, device
from ..errors import TraceError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def device_of(function: Callable) -> device:
    """Where a function without tensor arguments runs: where the tensors that it reads are."""
    for value in _read_by(function):
        if isinstance(value, dict):
            value = value.values()
        for item in value if isinstance(value, (list, tuple, ValuesView)) else (value,):
            if isinstance(item, type):
                continue
            if callable(getattr(item, "parameters", None)):  # a module
                item = next(iter(item.parameters()), None)
            elif groups := getattr(item, "param_groups", None):  # an optimizer
                item = next(iter(groups[0]["params"]), None)
            if isinstance(item, _core.TensorBase):
                return item.device
    return default_device()


def _read_by(function: Callable) -> Iterator[Any]:
    """The object that a method belongs to, what a function closes over, the globals it names."""
    yield getattr(function, "__self__", function)
    function = getattr(function, "__func__", function)
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # a name that is not bound yet
            yield cell.cell_contents
    names = getattr(getattr(function, "__code__", None), "co_names", ())
    for name in names:
        if name in function.__globals__:
            yield function.__globals__[name]


def located(error: TraceError) -> TraceError:
    """The error with the user's file and line in front."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if not os.path.abspath(frame.filename).startswith(_PACKAGE + os.sep):
            return TraceError(f"{frame.filename}:{frame.lineno}: `{frame.line}`: {error}")
    return error
