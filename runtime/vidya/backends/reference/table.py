"""The table of reference kernels: what a kernel is, which dtypes it takes, how it is bound.

A kernel is written as a *builder*: `build(inputs, outputs, attrs)` sees the metas of one call and
answers `kernel(ins, outs)`, which reads the arrays `ins` and fills the arrays `outs`.  `ins` are
read-only views of any strides (None where an optional input is absent), `outs` are writable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from vidya.backends.python import Caps
from vidya.dtypes import BOOL, COMPLEX, FLOAT, INT, UINT

Array = np.ndarray
Run = Callable[[Sequence[Any], Sequence[Array]], None]
Build = Callable[[Sequence[Any], Sequence[Any], Mapping[str, Any]], Run]


VIEWS = Caps.STRIDED_IN | Caps.SCALAR_IN

_LETTERS = {"b": (BOOL,), "i": (UINT, INT), "f": (FLOAT,), "c": (COMPLEX,)}
_WORDS = {"b": "bool", "i": "integers", "f": "floats", "c": "complex numbers"}


@dataclass(frozen=True)
class Kernel:
    """One entry of the table.  `types` are the letters of docs/kernels.md for input `typed`."""

    op: str
    types: str
    build: Build
    caps: Caps
    typed: int

    def refusal(self, inputs: Sequence[Any]) -> str | None:
        """Why these inputs have no kernel, or None if they have one."""
        if len(inputs) <= self.typed:
            return None  # cat of nothing and the like: the shape rule has refused it before
        dtype = inputs[self.typed].dtype
        if any(dtype.category in _LETTERS[letter] for letter in self.types):
            return None
        words = ", ".join(_WORDS[letter] for letter in self.types)
        return f"{self.op} takes {words}, not {dtype.name}"


KERNELS: dict[str, Kernel] = {}


def kernel(op: str, types: str = "fcib", caps: Caps = VIEWS, typed: int = 0):
    """Register the decorated builder as the kernel of `op`."""

    def register(build: Build) -> Build:
        KERNELS[op] = Kernel(op, types, build, caps, typed)
        return build

    return register


def array_kernel(op: str, types: str = "fcib", caps: Caps = VIEWS, typed: int = 0):
    """Register a plain function `f(*arrays, **attrs)` that returns its result, or a tuple of them.

    The function sees low-precision floats as float32; its result is rounded once, on the way out.
    """

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        def build(inputs, outputs, attrs) -> Run:
            bound = functools.partial(fn, **attrs) if attrs else fn

            def run(ins, outs):
                results = bound(*map(widened, ins))
                store(outs, results if isinstance(results, tuple) else (results,))

            return run

        kernel(op, types, caps, typed)(build)
        return fn

    return register


def widened(x: Array | None) -> Array | None:
    """float16 and bfloat16 as float32, anything else as it is."""
    if x is not None and (x.dtype == np.float16 or x.dtype == ml_dtypes.bfloat16):
        return x.astype(np.float32)
    return x


def store(outs: Sequence[Array], results: Sequence[Array]) -> None:
    """Write results into outputs that have the same elements, rounding to the outputs' dtypes."""
    for out, result in zip(outs, results, strict=True):
        out[...] = np.reshape(result, out.shape)


def find(op: str, inputs, outputs, attrs) -> tuple[Run, int] | str | None:
    """The kernel for one call and its caps; None for an unknown op, a reason for wrong dtypes."""
    entry = KERNELS.get(op)
    if entry is None:
        return None
    reason = entry.refusal(inputs)
    if reason is not None:
        return reason
    run = entry.build(inputs, outputs, attrs)

    def quiet(ins, outs):
        # overflow and division by zero have defined results here; NumPy would warn about them
        with np.errstate(all="ignore"):
            run(ins, outs)

    return quiet, int(entry.caps)
