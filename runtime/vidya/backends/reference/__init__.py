"""The `numpy` device: every primitive in pure NumPy, clear before fast.

It is the reference that other backends are measured against, and the device to fall back to.
What each op means is in docs/kernels.md.
"""

from __future__ import annotations

import os
import platform

import numpy as np

from ..registry import own_version
from . import elementwise, fourier, fused, indexing, lapack, linalg, movement, reduce  # noqa: F401  (they fill the table)
from .table import KERNELS, find

__all__ = ["KERNELS", "NumpyBackend", "NumpyDevice", "find"]


class NumpyDevice:
    """This machine's memory, computed on by NumPy."""

    strided = True
    host_memory = True

    def find(self, op: str, inputs, outputs, attrs):
        """`(kernel, caps)` for one call; None or a reason if there is no kernel for it."""
        return find(op, inputs, outputs, attrs)

    def info(self) -> dict:
        return {
            "name": platform.processor() or platform.machine(),
            "detail": f"NumPy {np.__version__}, the reference",
            "memory_bytes": _memory_bytes(),
            "threads": 1,
        }


class NumpyBackend:
    """Built in, always present, one device."""

    name = "numpy"
    version = own_version()

    def count(self) -> int:
        return 1

    def open(self, index: int) -> NumpyDevice:
        if index != 0:
            raise ValueError(f"there is no device numpy:{index}; numpy has one device, numpy:0")
        return NumpyDevice()


def _memory_bytes() -> int:
    """Physical memory; 0 where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
