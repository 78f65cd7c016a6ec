"""Arrays of every dtype in every layout that a kernel may meet."""

from __future__ import annotations

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)
FLOATS = [np.dtype(t) for t in ("f2", "f4", "f8")] + [BF16]
COMPLEX = [np.dtype(t) for t in ("c8", "c16")]
INTS = [np.dtype(t) for t in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")]
BOOL = np.dtype("?")
ALL = [*FLOATS, *COMPLEX, *INTS, BOOL]

# relative rounding of one operation in that dtype
EPS = {np.dtype("f2"): 2.0**-10, BF16: 2.0**-7, np.dtype("f4"): 2.0**-22, np.dtype("f8"): 2.0**-50,
       np.dtype("c8"): 2.0**-21, np.dtype("c16"): 2.0**-49}  # fmt: skip


def values(shape, dtype: np.dtype, seed: int = 0, low: float = -3.0, high: float = 3.0):
    """Random numbers in [low, high) for floats; small whole ones for integers."""
    rng = np.random.default_rng(seed)
    if dtype == BOOL:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        least = 0 if dtype.kind == "u" else -9
        return rng.integers(least, 10, shape).astype(dtype)
    x = rng.uniform(low, high, shape)
    if dtype.kind == "c":
        x = x + 1j * rng.uniform(low, high, shape)
    return x.astype(dtype)


def contiguous(shape, dtype, seed, **kw):
    return values(shape, dtype, seed, **kw)


def transposed(shape, dtype, seed, **kw):
    return values(shape[::-1], dtype, seed, **kw).T


def sliced(shape, dtype, seed, **kw):
    """Every third element, backwards, of something larger."""
    big = values([3 * n + 2 for n in shape], dtype, seed, **kw)
    view = big[tuple(slice(None, None, -3) for _ in shape)]
    return view[tuple(slice(0, n) for n in shape)]


def broadcast(shape, dtype, seed, **kw):
    """One row, repeated with stride 0 in the outermost dim."""
    return np.broadcast_to(values((1, *shape[1:]), dtype, seed, **kw), shape)


def column(shape, dtype, seed, **kw):
    """One value per row, repeated with stride 0 in the innermost dim."""
    return np.broadcast_to(values((*shape[:-1], 1), dtype, seed, **kw), shape)


LAYOUTS = [contiguous, transposed, sliced, broadcast, column]


def wide(x: np.ndarray) -> np.ndarray:
    """The same numbers in the dtype that the oracle computes in."""
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    if x.dtype == BOOL or x.dtype.kind in "iu":
        return x
    return x.astype(np.float64)


def check(got: np.ndarray, want: np.ndarray, ulps: float = 4.0, scale: float = 0.0) -> None:
    """got within `ulps` roundings of want (of `scale`, if that is larger); NaN and inf in place."""
    assert got.shape == want.shape
    if got.dtype.kind in "iub" and got.dtype != BF16:
        np.testing.assert_array_equal(got, want.astype(got.dtype))
        return
    with np.errstate(over="ignore", invalid="ignore"):
        want_rounded = want.astype(got.dtype)
    g = got.astype(np.complex128 if got.dtype.kind == "c" else np.float64)
    w = want_rounded.astype(g.dtype)
    finite = np.isfinite(w)
    tiny = float(ml_dtypes.finfo(got.dtype).smallest_subnormal) if got.dtype.kind != "c" else 1e-40
    bound = ulps * EPS[got.dtype] * np.maximum(np.abs(w), scale) + 2 * tiny
    bad = finite & ~(np.abs(g - w) <= bound)
    assert not bad.any(), (
        f"{bad.sum()} of {bad.size} differ, e.g. got {g[bad][0]!r}, want {w[bad][0]!r}"
    )
    if got.dtype.kind != "c":
        np.testing.assert_array_equal(g[~finite], w[~finite])
