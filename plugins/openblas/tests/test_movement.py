"""Copies, joins and tensors out of nothing, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from abi import Scalar
from layouts import (
    ALL,
    BF16,
    BOOL,
    COMPLEX,
    LAYOUTS,
    contiguous,
    sliced,
    transposed,
    values,
)


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


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "f8", "c16"])
def test_reversed_and_rows(simd_device, dtype):
    x = values((40, 203), np.dtype(dtype))
    for view in (x[:, ::-1], x[::-1], x[:, :3], x[:, 5:16], x[:, 1:34], x[:, 7:]):
        (y,) = simd_device.run("copy", [view], [(view.shape, dtype)])
        np.testing.assert_array_equal(y, view)


@pytest.mark.parametrize("size", [2, 300_000])
def test_cat_shared_out(blas, size):
    xs = [values((size + i,), np.dtype("f4"), i) for i in range(5)]
    (y,) = blas.run("cat", xs, [((5 * size + 10,), "f4")], dim=0)
    np.testing.assert_array_equal(y, np.concatenate(xs))


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
