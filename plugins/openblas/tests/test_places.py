"""Reading and writing at places: whole slices, joined values, borders, places in an order."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import BOOL, FLOATS, INTS, check, values, wide

F32, F64 = np.dtype("f4"), np.dtype("f8")
NUMBERS = [F32, F64, *INTS]


def spread(index, dim, shape):
    """One index per place along dim, repeated over the other dims without memory of its own."""
    sizes = [-1 if i == dim else 1 for i in range(len(shape))]
    return np.broadcast_to(index.reshape(sizes), shape)


@pytest.mark.parametrize("dtype", [*FLOATS, *INTS, BOOL], ids=str)
@pytest.mark.parametrize("dim", [0, 1, 2])
def test_whole_slices(blas, dtype, dim):
    x = values((9, 11, 70), dtype, 1)
    shape = [9, 11, 70]
    shape[dim] = 14
    index = np.random.default_rng(0).integers(0, x.shape[dim], 14)
    src = values(tuple(shape), dtype, 2)
    at = spread(index, dim, tuple(shape))
    last, total = x.copy(), wide(x).copy()
    for k, i in enumerate(index):
        to, of = [[slice(None)] * 3 for _ in range(2)]
        to[dim], of[dim] = i, k
        last[tuple(to)] = src[tuple(of)]
        total[tuple(to)] += wide(src)[tuple(of)]
    (y,) = blas.run("scatter", [x, at, src], [(x.shape, dtype)], dim=dim)
    np.testing.assert_array_equal(y, last)
    if dtype != BOOL:
        (y,) = blas.run("scatter_add", [x, at, src], [(x.shape, dtype)], dim=dim)
        check(y, total, ulps=16, scale=10)


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("include_self", [0, 1])
def test_joined(blas, dtype, dim, include_self):
    rng = np.random.default_rng(3)
    x, src = values((30, 25), dtype, 1), values((30, 25), dtype, 2)
    if dtype.kind == "f":
        x[3, 3], src[5, 5] = np.nan, np.nan
    index = rng.integers(0, 25, (30, 25))
    for op, reduce, fn in [("scatter_extreme", "amax", np.maximum),
                           ("scatter_extreme", "amin", np.minimum),
                           ("scatter_prod", "prod", np.multiply)]:  # fmt: skip
        want, fresh = x.copy(), np.full(x.shape, not include_self)
        for at in np.ndindex(*index.shape):
            to = list(at)
            to[dim] = index[at]
            to = tuple(to)
            with np.errstate(over="ignore", invalid="ignore"):
                want[to] = src[at] if fresh[to] else fn(want[to], src[at])
            fresh[to] = False
        attrs = {"dim": dim, "include_self": include_self}
        if reduce != "prod":
            attrs["reduce"] = reduce
        (y,) = blas.run(op, [x, index, src], [(x.shape, dtype)], **attrs)
        np.testing.assert_allclose(y, want, rtol=1e-5)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("dtype", [F32, BOOL, np.dtype("c16")], ids=str)
def test_wrap_pad(blas, mode, dtype):
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    for shape, dim, before, after in [((3, 40), 1, 2, 5), ((7, 6), 0, 6, 0), ((2, 9, 300), 1, 3, 8),
                                      ((5,), 0, 4, 4)]:  # fmt: skip
        x = values(shape, dtype, 1)
        widths = [(before, after) if i == dim else (0, 0) for i in range(len(shape))]
        want = np.pad(x, widths, names[mode])
        pads = [0, 0] * (len(shape) - 1 - dim) + [before, after]
        (y,) = blas.run("wrap_pad", [x], [(want.shape, dtype)], pads=pads, mode=mode)
        np.testing.assert_array_equal(y, want)
    x = values((4, 10), dtype, 1)  # a negative border cuts
    (y,) = blas.run("wrap_pad", [x], [((4, 9), dtype)], pads=[-3, 2], mode=mode)
    np.testing.assert_array_equal(y, np.pad(x, [(0, 0), (0, 2)], names[mode])[:, 3:])
    x = values((3, 4, 70, 5), dtype, 2)  # several at once, of rows more than are taken together
    want = np.pad(x, [(0, 0), (3, 1), (2, 4), (1, 3)], names[mode])
    (y,) = blas.run("wrap_pad", [x], [(want.shape, dtype)], pads=[1, 3, 2, 4, 3, 1], mode=mode)
    np.testing.assert_array_equal(y, want)


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("right", [0, 1])
def test_searchsorted(blas, dtype, right):
    side = "right" if right else "left"
    for n in (1, 2, 3, 10, 1000):
        order = np.sort(values((n,), dtype, n))
        v = values((37, 41), dtype, 2)
        (y,) = blas.run("searchsorted", [order, v], [(v.shape, "i8")], right=right)
        np.testing.assert_array_equal(y, np.searchsorted(order, v, side))
    rows, v = np.sort(values((4, 5, 30), dtype, 1), -1), values((4, 5, 70), dtype, 2)
    (y,) = blas.run("searchsorted", [rows, v], [(v.shape, "i8")], right=right)
    for at in np.ndindex(4, 5):
        np.testing.assert_array_equal(y[at], np.searchsorted(rows[at], v[at], side))
    if dtype.kind == "f":
        v = np.array([np.nan, np.inf, -np.inf, 0.0], dtype)
        order = np.array([-1.0, 0.0, 1.0], dtype)
        (y,) = blas.run("searchsorted", [order, v], [(v.shape, "i8")], right=right)
        assert y.tolist() == [3, 3, 0, 1 + right]


@pytest.mark.parametrize("dtype", [np.dtype(t) for t in ("u1", "u2", "f4", "f8", "c16")], ids=str)
def test_copies_of_odd_places(blas, dtype):
    """Backwards, and in stretches that begin anywhere."""
    x = values((13, 1500), dtype, 1)
    (y,) = blas.run("copy", [x[:, ::-1]], [(x.shape, dtype)])
    np.testing.assert_array_equal(y, x[:, ::-1])
    (y,) = blas.run("cat", [x[:, 1493:], x[:, :1493]], [(x.shape, dtype)], dim=1)
    np.testing.assert_array_equal(y, np.roll(x, 7, 1))


@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "i8", "c16"])
def test_pad_constant(simd_device, dtype):
    x = values((2, 3, 4, 37), np.dtype(dtype))
    value = np.asarray(3, dtype)
    for pads in [
        (1, 2),
        (0, 3, 2, 0),
        (5, 0, 0, 1, 1, 1),
        (1, 1, 1, 1, 0, 2, 3, 0),
        (70, 70, 9, 9),
    ]:
        around = [(0, 0)] * (4 - len(pads) // 2) + list(zip(pads[::2], pads[1::2], strict=True))[
            ::-1
        ]
        want = np.pad(x, around, constant_values=value)
        (y,) = simd_device.run("pad_constant", [x, value], [(want.shape, dtype)], pads=pads)
        np.testing.assert_array_equal(y, want)
    row = values((300,), np.dtype(dtype))
    (y,) = simd_device.run("pad_constant", [row, value], [((307,), dtype)], pads=(3, 4))
    np.testing.assert_array_equal(y, np.pad(row, (3, 4), constant_values=value))
