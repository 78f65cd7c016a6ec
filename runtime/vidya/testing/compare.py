"""Comparing numbers, with a message that says where and by how much they differ."""

from __future__ import annotations

from typing import Any

import numpy as np


def to_numpy(value: Any) -> np.ndarray:
    """A tensor's elements, or a number's, as an array on the host."""
    if hasattr(value, "numpy"):
        return value.detach().cpu().numpy()
    return np.asarray(value)


def wide(array: np.ndarray) -> np.ndarray:
    """Floats as float64, complex as complex128; the rest as it is."""
    if array.dtype.kind == "c":
        return array.astype(np.complex128)
    if array.dtype.kind in "biu":
        return array
    return array.astype(np.float64)  # ml_dtypes' bfloat16 has kind "V"


def assert_close(actual: Any, expected: Any, rtol: float = 1e-6, atol: float = 1e-8) -> None:
    """Raise AssertionError unless shapes are equal and every |a - e| <= atol + rtol |e|.

    NaN equals NaN; infinities must be the same ones.
    """
    a, e = wide(to_numpy(actual)), wide(to_numpy(expected))
    if a.shape != e.shape:
        raise AssertionError(f"the shape is {a.shape}, expected {e.shape}")
    with np.errstate(all="ignore"):
        same = (a == e) | ((a != a) & (e != e))
        if a.dtype.kind in "biu" and e.dtype.kind in "biu":
            error = np.where(same, 0.0, np.abs(a.astype(np.float64) - e.astype(np.float64)))
            ok = same
        else:
            error = np.abs(a - e)
            ok = same | (np.isfinite(e) & (error <= atol + rtol * np.abs(e)))
    if ok.all():
        return
    bad = np.argwhere(~ok)
    worst = tuple(int(i) for i in bad[np.argmax(np.nan_to_num(error[~ok], nan=np.inf))])
    raise AssertionError(
        f"{len(bad)} of {a.size} elements differ; the worst at {list(worst)}: got {a[worst]!r}, "
        f"expected {e[worst]!r}, allowed are {rtol:g} relative and {atol:g} absolute"
    )
