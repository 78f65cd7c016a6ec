"""The plugin of the built-in device `numpy`, as a stranger would write theirs."""

from __future__ import annotations

from .hookspecs import hookimpl
from .reference import NumpyBackend


@hookimpl
def vidya_backend() -> NumpyBackend:
    return NumpyBackend()
