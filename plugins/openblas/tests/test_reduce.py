"""Reductions, extrema and running totals, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import (
    BOOL,
    COMPLEX,
    FLOATS,
    INTS,
    LAYOUTS,
    check,
    transposed,
    values,
    wide,
)

REAL = [*FLOATS, *INTS]
ORDERED = [*REAL, BOOL]


DIMS = [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], []]


@pytest.mark.parametrize("op", ["sum", "prod"])
@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTS], ids=str)
def test_sum_and_prod(simd_device, op, dtype):
    shape = (5, 6, 37)
    low, high = (-3, 3) if op == "sum" else (0.9, 1.1)
    for layout in LAYOUTS:
        x = layout(shape, dtype, 1, low=low, high=high)
        for dims in DIMS:
            with np.errstate(over="ignore"):
                if dtype.kind in "iu":
                    want = getattr(np, op)(x, axis=tuple(dims), dtype=dtype) if dims else x
                else:
                    longer = np.clongdouble if dtype.kind == "c" else np.longdouble
                    want = wide(x).astype(longer)
                    want = wide(getattr(np, op)(want, axis=tuple(dims)) if dims else want)
            (y,) = simd_device.run(op, [x], [(want.shape, dtype)], dims=dims)
            if dtype.kind == "c" and op == "prod":
                check(y, want, ulps=4 * 40, scale=np.abs(want).max())
            else:
                check(y, np.asarray(want), ulps=8, scale=100)


@pytest.mark.parametrize("op", ["amax", "amin"])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_amax_and_amin(simd_device, op, dtype):
    shape = (5, 6, 137)
    for layout in LAYOUTS:
        x = layout(shape, dtype, 1)
        for dims in DIMS[:-1]:
            want = getattr(np, op)(wide(x), axis=tuple(dims))
            (y,) = simd_device.run(op, [x], [(want.shape, dtype)], dims=dims)
            np.testing.assert_array_equal(wide(y), want)


@pytest.mark.parametrize("op", ["amax", "amin"])
def test_extrema_carry_nan(simd_device, op):
    for n in [1, 3, 16, 17, 64, 200, 5000]:
        for at in {0, n // 2, n - 1}:
            x = values((2, n), np.dtype("f4"))
            x[1, at] = np.nan
            (y,) = simd_device.run(op, [x], [((2,), "f4")], dims=[1])
            assert not np.isnan(y[0])
            assert np.isnan(y[1])
            (y,) = simd_device.run(op, [x.T.copy()], [((2,), "f4")], dims=[0])
            assert np.isnan(y[1])
            assert not np.isnan(y[0])
    x = np.full((2, 70), -np.inf if op == "amax" else np.inf, "f4")
    (y,) = simd_device.run(op, [x], [((2,), "f4")], dims=[1])
    np.testing.assert_array_equal(y, x[:, 0])
    x[:] = np.inf  # infinities are no NaN
    (y,) = simd_device.run(op, [x], [((2,), "f4")], dims=[1])
    np.testing.assert_array_equal(y, np.inf)


def test_large_sums(simd_device):
    x = values((3_000_017,), np.dtype("f4"), low=0, high=1)
    exact = x.astype("f8").sum()
    (y,) = simd_device.run("sum", [x], [((), "f4")], dims=[0])
    assert abs(float(y) - exact) <= 2e-7 * exact
    (z,) = simd_device.run("sum", [x[::-1]], [((), "f4")], dims=[0])
    assert abs(float(z) - exact) <= 2e-7 * exact
    m = x[:3_000_000].reshape(100_000, 30)
    (y,) = simd_device.run("sum", [m], [((30,), "f4")], dims=[0])
    np.testing.assert_allclose(y, m.astype("f8").sum(0), rtol=2e-7)
    (y,) = simd_device.run("sum", [m], [((100_000, 1), "f4")], dims=[1])
    np.testing.assert_allclose(y[:, 0], m.astype("f8").sum(1), rtol=4e-7)
    ones = np.ones(20_000, np.float16)  # a float16 accumulator would stop at 2048
    assert simd_device.run("sum", [ones], [((), "f2")], dims=[0])[0] == 20_000
    wave = np.full(300_000, 200, "u1")
    assert simd_device.run("sum", [wave], [((), "u1")], dims=[0])[0] == 300_000 * 200 % 256


def test_reductions_over_nothing(blas):
    x = np.empty((3, 0), "f4")
    np.testing.assert_array_equal(blas.run("sum", [x], [((3,), "f4")], dims=[1])[0], 0)
    np.testing.assert_array_equal(blas.run("prod", [x], [((3,), "f4")], dims=[1])[0], 1)
    assert blas.run("sum", [x], [((0,), "f4")], dims=[0])[0].shape == (0,)
    (y,) = blas.run("sum", [np.asarray(np.float32(4))], [((), "f4")], dims=[])
    assert y == 4


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_arg(simd_device, op, dtype):
    for layout in LAYOUTS:
        x = layout((5, 19, 40), dtype, 1)
        for dim in range(3):
            want = getattr(np, op)(wide(x), axis=dim)
            (y,) = simd_device.run(op, [x], [(want.shape, "i8")], dim=dim)
            np.testing.assert_array_equal(y, want)
    if dtype in FLOATS:
        x = values((2, 300), dtype)
        x[0, [70, 210]] = np.nan
        (y,) = simd_device.run(op, [x], [((2,), "i8")], dim=1)
        assert y[0] == 70


@pytest.mark.parametrize("op", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_arg_of_long_rows(simd_device, op, dtype):
    """Found piece by piece: the first of equals, the first NaN, rows of nothing but infinities."""
    sign = 1 if op == "argmax" else -1
    x = values((6, 20_001), dtype)
    x[1, [4095, 4096, 19_999]] = 100 * sign
    x[2, 20_000] = 100 * sign
    x[3] = -np.inf * sign
    x[4, [9000, 9001, 30]] = [np.nan, np.nan, 1000 * sign]
    x[5, [30, 9000]] = [np.nan, np.inf * sign]
    (y,) = simd_device.run(op, [x], [((6,), "i8")], dim=1)
    assert y.tolist() == [getattr(np, op)(wide(x[0])), 4095, 20_000, 0, 9000, 30]


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX, *INTS], ids=str)
def test_cumulative_sum_and_product(blas, dtype):
    for op, low, high in [("cumsum", -3, 3), ("cumprod", 0.9, 1.1)]:
        for layout in LAYOUTS:
            x = layout((5, 19, 40), dtype, 1, low=low, high=high)
            for dim in range(3):
                with np.errstate(over="ignore"):
                    kw = {"dtype": dtype} if dtype.kind in "iu" else {}
                    want = getattr(np, op)(wide(x), axis=dim, **kw)
                (y,) = blas.run(op, [x], [(x.shape, dtype)], dim=dim)
                check(y, want, ulps=8 if dtype.kind != "c" else 200, scale=10)
    (y,) = blas.run("cumsum", [np.ones(100_000, "f4")], [((100_000,), "f4")], dim=0)
    np.testing.assert_array_equal(y, np.arange(1, 100_001))


@pytest.mark.parametrize("dtype", ORDERED, ids=str)
def test_cumulative_extrema(blas, dtype):
    for op, better in [("cummax", np.greater_equal), ("cummin", np.less_equal)]:
        x = transposed((4, 30), dtype, 1)
        v, at = blas.run(op, [x], [(x.shape, dtype), (x.shape, "i8")], dim=1)
        for row, vs, ats in zip(x, v, at, strict=True):
            best = 0
            for i in range(30):
                best = i if better(row[i], row[best]) else best
                assert ats[i] == best
                assert vs[i] == row[best]
    if dtype in FLOATS:
        x = np.array([1, np.nan, 5, 2], dtype)
        v, _ = blas.run("cummax", [x], [((4,), dtype), ((4,), "i8")], dim=0)
        np.testing.assert_array_equal(v.astype("f4"), np.array([1, np.nan, np.nan, np.nan], "f4"))


def test_products_of_any_size(simd_device):
    """Factors far from 1, whose partial products leave float32 though the whole does not."""
    rng = np.random.default_rng(3)
    for n in (7, 128, 1500, 5000):
        x = rng.uniform(0.9, 1.1, (6, n))
        x[1] *= rng.permutation(np.where(np.arange(n) % 2, 1e4, 1e-4))
        x[2, :6] *= [1e30, 1e-30, 1e-25, 1e30, 1e30, 1e-35]
        x[3, n // 3] = 0
        x[4, n // 4] = np.nan
        x[5, n // 5] = np.inf
        x = x.astype("f4")
        want = np.prod(x.astype(np.longdouble), axis=1)
        (y,) = simd_device.run("prod", [x], [((6,), "f4")], dims=[1])
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(y, want.astype("f4"), rtol=1e-4)
        (y,) = simd_device.run("prod", [x.T.copy()], [((6,), "f4")], dims=[0])
        np.testing.assert_allclose(y, want.astype("f4"), rtol=1e-5)


def test_truth_and_short_rows_of_halves(simd_device):
    for n in (1, 15, 16, 17, 63, 64, 1000):
        b = np.random.default_rng(n).random((9, n)) < 1 - 0.7 / n
        for op, f in (("amax", np.any), ("amin", np.all)):
            (y,) = simd_device.run(op, [b], [((9,), BOOL)], dims=[1])
            np.testing.assert_array_equal(y, f(b, 1))
            (y,) = simd_device.run(op, [b], [((n,), BOOL)], dims=[0])
            np.testing.assert_array_equal(y, f(b, 0))
        for dtype in FLOATS:
            x = values((7, n), dtype, n)
            (y,) = simd_device.run("sum", [x], [((7,), dtype)], dims=[1])
            check(y, wide(x).sum(1), ulps=8, scale=n**0.5)
