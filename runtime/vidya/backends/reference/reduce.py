"""Reductions and scans.  Sums are accumulated in double precision, whatever the input."""

from __future__ import annotations

import numpy as np

from .table import array_kernel


def accumulator(x: np.ndarray) -> np.dtype:
    """float32 adds up in float64, complex64 in complex128; integers wrap in their own type."""
    if x.dtype.kind == "f":
        return np.dtype(np.float64)
    if x.dtype.kind == "c":
        return np.dtype(np.complex128)
    return x.dtype


def _rows(x: np.ndarray, dims) -> np.ndarray:
    """x as [kept elements, reduced elements], contiguous: NumPy adds pairwise only along rows."""
    dims = tuple(dims)
    kept = [d for d in range(x.ndim) if d not in dims]
    sizes = [x.shape[d] for d in kept]
    count = int(np.prod([x.shape[d] for d in dims], dtype=np.int64))
    rows = int(np.prod(sizes, dtype=np.int64))
    return np.ascontiguousarray(x.transpose(*kept, *dims)).reshape(rows, count)


@array_kernel("sum", "fci")
def sum_(x, *, dims):
    return np.sum(_rows(x, dims), axis=1, dtype=accumulator(x))


@array_kernel("prod", "fci")
def prod(x, *, dims):
    return np.prod(_rows(x, dims), axis=1, dtype=accumulator(x))


@array_kernel("amax", "fib")
def amax(x, *, dims):
    return np.max(x, axis=tuple(dims))


@array_kernel("amin", "fib")
def amin(x, *, dims):
    return np.min(x, axis=tuple(dims))


@array_kernel("argmax", "fib")
def argmax(x, *, dim):
    return np.argmax(x, axis=dim)


@array_kernel("argmin", "fib")
def argmin(x, *, dim):
    return np.argmin(x, axis=dim)


@array_kernel("cumsum", "fci")
def cumsum(x, *, dim):
    return np.cumsum(x, axis=dim, dtype=accumulator(x))


@array_kernel("cumprod", "fci")
def cumprod(x, *, dim):
    return np.cumprod(x, axis=dim, dtype=accumulator(x))


def _scan(x: np.ndarray, values: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """The running extrema and the last position that holds each."""
    here = (x == values) | ((x != x) & (values != values))  # a NaN holds from where it stands
    shape = [1] * x.ndim
    shape[dim] = x.shape[dim]
    position = np.arange(x.shape[dim], dtype=np.int64).reshape(shape)
    return values, np.maximum.accumulate(np.where(here, position, -1), axis=dim)


@array_kernel("cummax", "fib")
def cummax(x, *, dim):
    return _scan(x, np.maximum.accumulate(x, axis=dim), dim)


@array_kernel("cummin", "fib")
def cummin(x, *, dim):
    return _scan(x, np.minimum.accumulate(x, axis=dim), dim)
