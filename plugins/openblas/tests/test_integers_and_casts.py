"""Integers, bools, casts and `where` against NumPy, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from abi import Failure
from layouts import (
    ALL,
    BF16,
    BOOL,
    INTS,
    LAYOUTS,
    contiguous,
    sliced,
)

SHAPE = (5, 7, 300)  # rows long enough to be read in place, and not a multiple of any vector


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integers(blas, dtype):
    info = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    a = rng.integers(info.min, info.max, (40, 9), dtype, endpoint=True)
    b = rng.integers(info.min, info.max, (40, 9), dtype, endpoint=True)
    a[0, :3], b[0, :3] = info.min, [0, -1 if info.min else 1, 1]
    with np.errstate(all="ignore"):
        cases = {
            "add": a + b, "sub": a - b, "mul": a * b,
            "bitwise_and": a & b, "bitwise_or": a | b, "bitwise_xor": a ^ b,
        }  # fmt: skip
        for op, want in cases.items():
            (y,) = blas.run(op, [a, b], [(a.shape, dtype)])
            np.testing.assert_array_equal(y, want)
        exact = np.vectorize(lambda p, q: int(p) // int(q) if (p < 0) == (q < 0) or p % q == 0
                             else int(p) // int(q) + 1, otypes=[object])  # fmt: skip
        safe = np.where(b == 0, dtype.type(1), b)
        want = exact(a.astype(object), safe.astype(object))
        low = 2 ** (dtype.itemsize * 8)
        want = np.array([int(v) % low for v in want.flat], "u8").reshape(a.shape).astype(dtype)
        (y,) = blas.run("div", [a, b], [(a.shape, dtype)])
        np.testing.assert_array_equal(y, np.where(b == 0, 0, want))
        (y,) = blas.run("fmod", [a, b], [(a.shape, dtype)])
        np.testing.assert_array_equal(y, np.where(b == 0, 0, np.fmod(a, safe)))
    for op, f in {
        "neg": np.negative,
        "abs": np.abs,
        "sign": np.sign,
        "bitwise_not": np.invert,
    }.items():
        (y,) = blas.run(op, [a], [(a.shape, dtype)])
        np.testing.assert_array_equal(y, f(a))


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integer_powers_and_shifts(blas, dtype):
    signed = dtype.kind == "i"
    base = np.array([0, 1, 2, 3, 7] + ([-1, -2, -3] if signed else [2, 2, 2]), dtype)
    power = np.array([0, 1, 2, 3, 5] + ([-1, -2, -3] if signed else [7, 8, 9]), dtype)
    a, b = np.repeat(base, 8), np.tile(power, 8)

    def exact(p: int, q: int) -> int:
        if q < 0:
            return p**-q if abs(p) == 1 else 0
        return p**q

    want = [exact(int(p), int(q)) % 2 ** (8 * dtype.itemsize) for p, q in zip(a, b, strict=True)]
    (y,) = blas.run("pow", [a, b], [(a.shape, dtype)])
    np.testing.assert_array_equal(y, np.array(want, "u8").astype(dtype))
    bits = dtype.itemsize * 8
    x = np.array([np.iinfo(dtype).min, np.iinfo(dtype).max, 5], dtype)
    for count in [0, 1, bits - 1, bits, 100] + ([-1] if signed else []):
        n = np.full(3, count, dtype)
        inside = 0 <= count < bits
        left, right = blas.run("shift_left", [x, n], [(3, dtype)]), blas.run(
            "shift_right", [x, n], [(3, dtype)])  # fmt: skip
        want_right = x >> n if inside else np.where(x < 0, -1, 0).astype(dtype)
        np.testing.assert_array_equal(left[0], x << n if inside else 0)
        np.testing.assert_array_equal(right[0], want_right)


def test_bool(blas):
    a, b = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    for op, f in {
        "add": np.logical_or,
        "mul": np.logical_and,
        "bitwise_xor": np.logical_xor,
    }.items():
        np.testing.assert_array_equal(blas.run(op, [a, b], [(4, bool)])[0], f(a, b))
    np.testing.assert_array_equal(blas.run("bitwise_not", [a], [(4, bool)])[0], ~a)
    with pytest.raises(Failure):
        blas.run("sub", [a, b], [(4, bool)])


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_where(blas, dtype):
    for layout in LAYOUTS:
        cond, a, b = layout(SHAPE, BOOL, 1), layout(SHAPE, dtype, 2), contiguous(SHAPE, dtype, 3)
        (y,) = blas.run("where", [cond, a, b], [(SHAPE, dtype)])
        np.testing.assert_array_equal(y, np.where(cond, a, b))


@pytest.mark.parametrize("source", ALL, ids=str)
@pytest.mark.parametrize("target", ALL, ids=str)
def test_cast(blas, source, target):
    for layout in (contiguous, sliced):
        x = layout((4, 300), source, 1, low=0, high=9)
        (y,) = blas.run("cast", [x], [(x.shape, target)])
        real = x.real if source.kind == "c" and target.kind != "c" and target != BOOL else x
        np.testing.assert_array_equal(y, real.astype(target) if target != BOOL else x != 0)


def test_cast_rounds_once(blas):
    # just above the middle between two bfloat16, by less than float32 can hold
    x = np.array([1 + 2.0**-8 + 2.0**-40, 1 + 2.0**-8, -(1 + 2.0**-8 + 2.0**-40), np.nan, np.inf])
    (y,) = blas.run("cast", [x], [(x.shape, BF16)])
    want = [1 + 2.0**-7, 1, -(1 + 2.0**-7), np.nan, np.inf]
    np.testing.assert_array_equal(y.astype("f8"), want)
    n = np.array([2**40 + 2**32 + 1], "i8")  # the middle, and one more
    (y,) = blas.run("cast", [n], [(1, BF16)])
    assert float(y[0]) == 2**40 + 2**33


def test_halves_round_as_numpy(simd_device):
    every = np.arange(2**16, dtype="u2")
    for dtype in (np.dtype("f2"), BF16):
        x = every.view(dtype)
        (y,) = simd_device.run("cast", [x], [(x.shape, "f4")])
        np.testing.assert_array_equal(y, x.astype("f4"))
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, "u4")
    edges = np.array([65519, 65520, 65504, 1e9, 2.0**-25, 2.0**-24 * 1.5], "f4")
    x = np.concatenate([bits.view("f4"), np.linspace(-1e-4, 1e-4, 5001, dtype="f4"), edges])
    with np.errstate(over="ignore"):
        for dtype in (np.dtype("f2"), BF16):
            (y,) = simd_device.run("cast", [x], [(x.shape, dtype)])
            np.testing.assert_array_equal(y.astype("f8"), x.astype(dtype).astype("f8"))
