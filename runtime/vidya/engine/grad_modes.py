"""Whether calls are recorded for backward: per thread, as context managers and decorators."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ContextDecorator
from functools import wraps
from typing import Any

from .. import _core


class set_grad_enabled:
    """Record gradients or not: as a call, a context manager or a decorator; per thread."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.before = _core.set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        _core.set_grad_enabled(self.mode)

    def __exit__(self, *_: Any) -> None:
        _core.set_grad_enabled(self.before)

    def __call__(self, function: Callable) -> Callable:
        self.__exit__()  # a decorator says nothing about the code around it

        @wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(self.mode):
                return function(*args, **kwargs)

        return inside


class _mode(ContextDecorator):
    recording = False

    def __init__(self) -> None:
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(_core.set_grad_enabled(self.recording))

    def __exit__(self, *_: Any) -> None:
        _core.set_grad_enabled(self.before.pop())

    def _recreate_cm(self) -> _mode:
        return type(self)()  # calls of a decorated function may be in several threads


class no_grad(_mode):
    """Within it, or in the function it decorates, nothing is recorded for backward."""


class enable_grad(_mode):
    """Within it recording is on, also inside of no_grad."""

    recording = True


inference_mode = no_grad
is_grad_enabled = _core.is_grad_enabled
