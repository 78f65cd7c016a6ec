"""Sorting, and reading and writing by index, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from abi import INVALID, Failure
from layouts import (
    ALL,
    BOOL,
    FLOATS,
    INTS,
    LAYOUTS,
    check,
    sliced,
    values,
    wide,
)

REAL = [*FLOATS, *INTS]
ORDERED = [*REAL, BOOL]


@pytest.mark.parametrize("dtype", ORDERED, ids=str)
@pytest.mark.parametrize("n", [1, 7, 255, 256, 3000])
def test_sort(blas, dtype, n):
    x = values((3, n), dtype, 1)
    if dtype in FLOATS and n > 2:
        x[0, [1, n - 1]] = np.nan
        x[1, :2] = [0.0, -0.0]
        x[2, [0, n // 2]] = [-np.inf, np.inf]
    for descending in (False, True):
        v, at = blas.run("sort", [x], [(x.shape, dtype), (x.shape, "i8")], dim=1,
                           descending=descending)  # fmt: skip
        for row, vs, ats in zip(x, v, at, strict=True):
            key = np.where(np.isnan(wide(row)), np.inf, wide(row)) if dtype in FLOATS else row
            key = key.astype("f8") if dtype.kind != "u" else key.astype(object)
            nan = np.isnan(wide(row)) if dtype in FLOATS else np.zeros(n, bool)
            order = sorted(range(n), key=lambda i: (nan[i], key[i]) if not descending
                           else (not nan[i], -float(key[i])))  # fmt: skip
            np.testing.assert_array_equal(ats, order)
            np.testing.assert_array_equal(wide(vs), wide(row[order]))


def test_sort_other_dims_and_large_integers(blas):
    x = sliced((20, 300), np.dtype("i8"), 1)
    v, at = blas.run("sort", [x], [(x.shape, "i8"), (x.shape, "i8")], dim=0, descending=0)
    np.testing.assert_array_equal(v, np.sort(x, 0))
    np.testing.assert_array_equal(at, np.argsort(x, 0, kind="stable"))
    for dtype in INTS:
        info = np.iinfo(dtype)
        x = np.random.default_rng(0).integers(info.min, info.max, 2000, dtype, endpoint=True)
        v, at = blas.run("sort", [x], [(x.shape, dtype), (x.shape, "i8")], dim=0, descending=0)
        np.testing.assert_array_equal(at, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("kind", ["i8", "i4"])
def test_gather_and_index_select(blas, dtype, kind):
    rng = np.random.default_rng(0)
    for layout in LAYOUTS:
        x = layout((5, 6, 40), dtype, 1)
        for dim in range(3):
            shape = [4, 5, 30]
            shape[dim] = 9
            index = rng.integers(0, x.shape[dim], shape).astype(kind)
            part = (slice(0, n) if i != dim else slice(None) for i, n in enumerate(shape))
            want = np.take_along_axis(x[tuple(part)], index, dim)
            (y,) = blas.run("gather", [x, index], [(want.shape, dtype)], dim=dim)
            np.testing.assert_array_equal(y, want)
            pick = rng.integers(0, x.shape[dim], 22).astype(kind)[::2]
            want = np.take(x, pick, dim)
            (y,) = blas.run("index_select", [x, pick], [(want.shape, dtype)], dim=dim)
            np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_scatter(blas, dtype):
    rng = np.random.default_rng(0)
    for layout in LAYOUTS:
        x = layout((5, 6, 40), dtype, 1)
        for dim in range(3):
            shape = [4, 5, 30]
            shape[dim] = 8
            index = rng.integers(0, x.shape[dim], shape)
            src = layout(tuple(shape), dtype, 2)
            last, total = x.copy(), wide(x).copy()
            for at in np.ndindex(*shape):
                to = list(at)
                to[dim] = index[at]
                last[tuple(to)] = src[at]
                with np.errstate(over="ignore"):
                    total[tuple(to)] += wide(src)[at]
            (y,) = blas.run("scatter", [x, index, src], [(x.shape, dtype)], dim=dim)
            np.testing.assert_array_equal(y, last)
            if dtype == BOOL:
                continue
            (y,) = blas.run("scatter_add", [x, index, src], [(x.shape, dtype)], dim=dim)
            check(y, total, ulps=16, scale=10)


def test_scatter_keeps_order_when_large(blas):
    n = 300_000
    index = np.random.default_rng(0).integers(0, 1000, n)
    src = np.arange(n, dtype="f4")
    want = np.zeros(1000, "f4")
    want[index] = src
    (y,) = blas.run("scatter", [np.zeros(1000, "f4"), index, src], [((1000,), "f4")], dim=0)
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_embedding(blas, dtype):
    rng = np.random.default_rng(0)
    for v, c in [(50, 24), (3000, 700)]:
        weight, index = values((v, c), dtype), rng.integers(0, v, (7, 33))
        (y,) = blas.run("embedding", [weight, index], [((7, 33, c), dtype)])
        np.testing.assert_array_equal(y, weight[index])
        g = values((7, 33, c), dtype, 2)
        want = np.zeros((v, c))
        np.add.at(want, index.reshape(-1), g.astype("f8").reshape(-1, c))
        (dw,) = blas.run("embedding_backward", [g, index], [((v, c), dtype)], num_embeddings=v)
        check(dw, want, ulps=8, scale=3)


@pytest.mark.parametrize("n", [3, 200_000])
@pytest.mark.parametrize("wrong", [-1, 10, 2**40])
def test_index_out_of_range(blas, n, wrong):
    index = np.zeros(n, "i8")
    index[n // 2] = wrong
    x, src = np.zeros(10, "f4"), np.zeros(n, "f4")
    calls = [
        ("gather", [x, index], [((n,), "f4")], {"dim": 0}),
        ("index_select", [x, index], [((n,), "f4")], {"dim": 0}),
        ("scatter", [x, index, src], [((10,), "f4")], {"dim": 0}),
        ("scatter_add", [x, index, src], [((10,), "f4")], {"dim": 0}),
        ("embedding", [x.reshape(10, 1), index], [((n, 1), "f4")], {}),
        ("embedding_backward", [src.reshape(n, 1), index], [((10, 1), "f4")], {}),
        ("cross_entropy_rows", [np.zeros((n, 10), "f4"), index], [((n,), "f4")] * 2,
         {"ignore_index": -100}),
    ]  # fmt: skip
    for op, inputs, outputs, attrs in calls:
        with pytest.raises(Failure, match=rf"index {wrong} is out of range for size 10") as e:
            blas.run(op, inputs, outputs, **attrs)
        assert e.value.status == INVALID


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "u1"])
@pytest.mark.parametrize("rows", [40, 3000])
def test_scatter_into_stretches_of_columns(blas, dtype, rows):
    rng = np.random.default_rng(0)
    x, src = (rng.integers(-4, 4, (2, rows, 150)).astype(dtype) for _ in range(2))
    index = rng.integers(0, rows, src.shape)
    at = (np.arange(2)[:, None, None], index, np.arange(150))
    for op, add in (("scatter_add", np.add.at), ("scatter", None)):
        want = x.copy()
        if add:
            add(want, at, src)
        else:
            for k in range(rows):  # the last one stays
                want[at[0], index[:, k : k + 1], at[2]] = src[:, k : k + 1]
        (y,) = blas.run(op, [x, index, src], [(x.shape, dtype)], dim=1)
        np.testing.assert_array_equal(y, want)


def test_index_out_of_range_among_many(blas):
    x = np.zeros((4, 5000), "f4")
    for wrong in (-1, 5000, -(2**63), 2**63 - 1):
        index = np.zeros((4, 5000), "i8")
        index[3, 4321] = wrong
        with pytest.raises(Failure, match=f"index {wrong} is out of range for size 5000"):
            blas.run("gather", [x, index], [(x.shape, "f4")], dim=1)
