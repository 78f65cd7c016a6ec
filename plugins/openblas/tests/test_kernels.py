"""Copies, reductions, scans, order, indices and random bits against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from abi import INVALID, UNSUPPORTED, Failure, Scalar
from layouts import (
    ALL,
    BF16,
    BOOL,
    COMPLEX,
    EPS,
    FLOATS,
    INTS,
    LAYOUTS,
    check,
    contiguous,
    sliced,
    transposed,
    values,
    wide,
)

REAL = [*FLOATS, *INTS]
ORDERED = [*REAL, BOOL]


# ---- copies ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_copy_into_and_out_of_any_layout(blas, dtype):
    shape = (6, 70, 45)
    for source, target in itertools.product(LAYOUTS, [contiguous, transposed, sliced]):
        x, y = source(shape, dtype, 1), target(shape, dtype, 2)
        blas.run("copy", [x], [y])
        np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8", "c16"])
def test_copy_permuted(blas, dtype):
    big = values((3, 65, 2, 130), np.dtype(dtype))
    for axes in itertools.permutations(range(4)):
        x = big.transpose(axes)
        (y,) = blas.run("copy", [x], [(x.shape, dtype)])
        np.testing.assert_array_equal(y, x)


def test_copy_writes_only_the_slice(blas):
    y = np.zeros((9, 9), "f4")
    x = values((3, 4), np.dtype("f4"))
    want = y.copy()
    want[1:7:2, ::-2][:, :4] = x
    blas.run("copy", [x], [y[1:7:2, ::-2][:, :4]])
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (1, 5, 1)])
def test_copy_small(blas, shape):
    x = np.asarray(values(shape, np.dtype("f4")))
    (y,) = blas.run("copy", [x], [(shape, "f4")])
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_cat(blas, dtype):
    for dim in range(3):
        shapes = [[4, 5, 6] for _ in range(3)]
        for shape, n in zip(shapes, (2, 0, 7), strict=True):
            shape[dim] = n
        xs = [f(tuple(s), dtype, i) for i, (s, f) in enumerate(zip(shapes, LAYOUTS, strict=False))]
        want = np.concatenate(xs, dim)
        (y,) = blas.run("cat", xs, [(want.shape, dtype)], dim=dim)
        np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_complex_views(blas, dtype):
    x = values((3, 4), dtype)
    real = np.dtype("f4" if dtype.itemsize == 8 else "f8")
    (y,) = blas.run("real_view", [x], [((3, 4, 2), real)])
    np.testing.assert_array_equal(y, np.stack([x.real, x.imag], -1))
    (z,) = blas.run("complex_view", [y], [((3, 4), dtype)])
    np.testing.assert_array_equal(z, x)


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_fill_and_arange(blas, dtype):
    (y,) = blas.run("fill", [Scalar(3, dtype)], [((5, 999), dtype)])
    np.testing.assert_array_equal(y, np.full((5, 999), 3, dtype))
    if dtype == BOOL or dtype.kind == "c":
        return
    n = 100 if dtype.itemsize == 1 else 5000
    for kind, start, step in [("i8", 1, 1), ("i8", 100, -1), ("f8", 0.5, 0.25)]:
        if (dtype.kind == "u" and step < 0) or (dtype in (BF16, np.dtype("f2")) and n > 100):
            n = 100
        (y,) = blas.run("arange", [Scalar(start, kind), Scalar(step, kind)], [((n,), dtype)])
        want = start + np.arange(n) * step
        np.testing.assert_array_equal(y, want.astype("f4").astype(dtype) if dtype == BF16 else
                                      want.astype(dtype))  # fmt: skip


def philox(counter: int, key: int) -> list[int]:
    """One block, straight from the paper's definition."""
    c = [counter & 0xFFFFFFFF, counter >> 32 & 0xFFFFFFFF, 0, 0]
    k = [key & 0xFFFFFFFF, key >> 32 & 0xFFFFFFFF]
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & 0xFFFFFFFF, (p >> 32) ^ c[3] ^ k[1], p & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_random_bits(simd_device):
    # the published answer for counter 0 and key 0
    assert philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    for n, key, offset in [(0, 1, 0), (1, 7, 3), (4099, 2**62 + 5, 2**40), (64, -1, 2**32 - 2)]:
        (y,) = simd_device.run(
            "random_bits", [Scalar(key, "i8"), Scalar(offset, "i8")], [((n,), "u4")]
        )
        blocks = [philox(offset + b, key % 2**64) for b in range((n + 3) // 4)]
        want = np.array(blocks, "u4").reshape(-1)[:n]
        np.testing.assert_array_equal(y, want)
    (y,) = simd_device.run("random_bits", [Scalar(5, "i8"), Scalar(0, "i8")], [((400_000,), "u4")])
    assert list(y[399_996:]) == philox(99_999, 5)


# ---- reductions --------------------------------------------------------------------------------

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


# ---- order and indices -------------------------------------------------------------------------


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


# ---- what is refused ---------------------------------------------------------------------------

F = np.zeros((3, 4), "f4")
MALFORMED = [
    ("no_such_op", [F], [F], {}),
    ("add", [F], [F], {}),
    ("add", [F, F.T], [F], {}),
    ("add", [F, F.astype("f8")], [F], {}),
    ("exp", [F.astype("i4")], [F.astype("i4")], {}),
    ("sum", [F], [F], {"dims": [7]}),
    ("sum", [F], [F], {"dims": [-1]}),
    ("sum", [F], [F], {"dims": "x"}),
    ("argmax", [F], [np.zeros(3, "i8")], {"dim": 5}),
    ("argmax", [F], [np.zeros(3, "i8")], {}),
    ("matmul", [F, F], [F], {}),
    ("matmul", [F[0], F[0]], [F], {}),
    ("softmax", [F], [F], {"dim": 2}),
    ("softmax", [F.astype("i4")], [F.astype("i4")], {"dim": 0}),
    ("rms_norm", [F, F[0, :2]], [F], {"eps": 1e-5}),
    ("gather", [F, F], [F], {"dim": 0}),
    ("index_select", [F, np.zeros(2, "i8")], [F], {"dim": 0}),
    ("scatter", [F, np.zeros((9, 4), "i8"), F], [F], {"dim": 0}),
    ("cat", [F, F[:, :1]], [F], {"dim": 9}),
    ("sort", [F.astype("c8")], [F.astype("c8"), np.zeros((3, 4), "i8")], {"dim": 0}),
    ("random_bits", [Scalar(1, "i8"), Scalar(1, "i8")], [F], {}),
    ("adamw_step", [F] * 3, [F] * 3, {}),
    ("cross_entropy_rows", [F, F], [F[:, 0], F[:, 0]], {}),
    ("where", [F, F, F], [F], {}),
    ("linear", [F, F, F[0]], [np.zeros((3, 3), "f4")], {}),
]


@pytest.mark.parametrize("op, inputs, outputs, attrs", MALFORMED, ids=lambda v: str(v)[:20])
def test_malformed_calls_are_refused_in_words(blas, op, inputs, outputs, attrs):
    with pytest.raises(Failure) as e:
        blas.run(op, inputs, outputs, **attrs)
    assert e.value.status in (UNSUPPORTED, INVALID)
    assert op in str(e.value)


def test_eps_table_covers_every_float():
    assert set(EPS) == {*FLOATS, *COMPLEX}
