"""A few rows times a large matrix against NumPy in float64, at every instruction set."""

from __future__ import annotations

import math

import numpy as np
import pytest
from layouts import FLOATS, check, values, wide


def close(got, want, k: int) -> None:
    check(got, want, ulps=16.0, scale=max(1.0, math.sqrt(k)) * 3)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("k, n", [(1000, 71), (2100, 64), (37, 501), (32, 512)])
def test_linear(simd_device, dtype, k, n):
    w, bias = values((n, k), dtype, 2), values((n,), dtype, 3)
    for m in (2, 3, 5, 8, 9, 17, 32):
        x = values((m, k), dtype, 1)
        (y,) = simd_device.run("linear", [x, w, bias], [((m, n), dtype)])
        close(y, wide(x) @ wide(w).T + wide(bias), k)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_rows_apart(simd_device, dtype):
    """Rows of x and of the weights with gaps, and in the other direction."""
    x = values((14, 1300), dtype, 1)[::2, 20:1200]
    w = values((200, 1300), dtype, 2)[::-2, 5:1185]
    (y,) = simd_device.run("matmul", [x, w.T], [((7, 100), dtype)])
    close(y, wide(x) @ wide(w).T, 1180)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("m", [1, 2, 7])
def test_several_weights(simd_device, dtype, m):
    """Results of a part of a block, of several, of none; a bias for some."""
    k, sizes = 300, (70, 1, 0, 501)
    x = values((m, k), dtype, 1)
    weights = [values((n, k), dtype, 2 + n) for n in sizes]
    biases = [values((n,), dtype, 3 + n) if n > 1 else None for n in sizes]
    inputs = [x, *(t for pair in zip(weights, biases, strict=True) for t in pair)]
    results = simd_device.run("linears", inputs, [((m, n), dtype) for n in sizes])
    for y, w, b in zip(results, weights, biases, strict=True):
        close(y, wide(x) @ wide(w).T + (0 if b is None else wide(b)), k)


def test_threads(blas):
    for dtype in FLOATS:
        x, w = values((4, 2, 512), dtype, 1), values((3001, 512), dtype, 2)
        (y,) = blas.run("linear", [x, w, None], [((4, 2, 3001), dtype)])
        close(y, wide(x) @ wide(w).T, 512)


def test_nan_stays_in_its_row_and_column(blas):
    x, w = np.ones((3, 600), "f4"), np.ones((100, 600), "f4")
    x[1, 599] = w[7, 0] = np.nan
    (y,) = blas.run("linear", [x, w, None], [((3, 100), "f4")])
    bad = np.isnan(y)
    assert bad[1].all() and bad[:, 7].all() and bad.sum() == 100 + 2
