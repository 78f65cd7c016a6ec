"""Products with integer weights against NumPy in float64, at every instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import BF16, EPS, values, wide

F32, F16 = np.dtype("f4"), np.dtype("f2")


def packed(rng, n, k, bits):
    """Random weights as they are stored, and their integers."""
    if bits == 8:
        stored = rng.integers(-128, 128, (n, k)).astype(np.int8)
        return in_blocks(stored, 4), stored.astype(np.float64)
    q = rng.integers(0, 16, (n, k))
    words = q.reshape(n, k // 8, 2, 4)
    both = (words[:, :, 0] | words[:, :, 1] << 4).astype(np.uint8)
    return in_blocks(both.reshape(n, k // 2), 4), q - 8.0


def in_blocks(x, unit):
    """Blocks of 16 rows, `unit` neighbours of every row side by side."""
    blocks = [x[i : i + 16] for i in range(0, len(x), 16)]
    sides = [b.reshape(len(b), -1, unit).swapaxes(0, 1).reshape(len(b), -1) for b in blocks]
    return np.concatenate(sides)


def operands(n, k, bits, group, dtype, zero, bias, scales):
    """Weight, scale, zero and bias as they are stored; the weights in full."""
    w, q = packed(np.random.default_rng(n + k), n, k, bits)
    scale = values((n, k // group), scales, 1, low=0.001, high=0.01)
    shift = values((n, k // group), scales, 2, low=-0.1, high=0.1) if zero else None
    full = q * np.repeat(wide(scale), group, 1)
    if zero:
        full = full + np.repeat(wide(shift), group, 1)
    scale, shift = in_blocks(scale, 1), in_blocks(shift, 1) if zero else None
    return [w, scale, shift, values((n,), dtype, 4) if bias else None], full


def close(got, x, full, bias, dtype):
    want = wide(x) @ full.T + (0 if bias is None else wide(bias))
    # x is off by up to 3 * 2^-16, at random: seven standard deviations of the sum
    rows = np.abs(full).sum(1) / np.sqrt(x.shape[-1])
    bound = 2.0**-14 * 3 * rows + EPS[dtype] * np.maximum(1, abs(want))
    if dtype == BF16:  # each weight may be off by 2^-9 of itself: seven standard deviations again
        bound += 2.0**-9 * 7 / np.sqrt(3) * np.sqrt(wide(x) ** 2 @ (full**2).T)
    assert (np.abs(wide(got) - want) <= bound).all(), np.abs(wide(got) - want).max()


def check(device, rows, n, k, bits, group, dtype=F32, zero=True, bias=True, scales=F32):
    inputs, full = operands(n, k, bits, group, dtype, zero, bias, scales)
    x = values((*rows, k), dtype, 3)
    (got,) = device.run(
        "quantized_linear", [x, *inputs], [((*rows, n), dtype)], bits=bits, group=group
    )
    close(got, x, full, inputs[-1], dtype)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
@pytest.mark.parametrize("rows", [(), (1,), (3, 2)])
def test_several_weights(simd_device, bits, dtype, rows):
    """Blocks in part and whole ones, of several weights, with a zero and a bias for some."""
    k, sizes = 192, (37, 16, 3, 200)
    given = [operands(n, k, bits, 32, dtype, n > 20, n < 20, BF16) for n in sizes]
    x = values((*rows, k), dtype, 3)
    results = simd_device.run(
        "quantized_linears", [x, *(t for inputs, _ in given for t in inputs)],
        [((*rows, n), dtype) for n in sizes], bits=bits, group=32,
    )  # fmt: skip
    for got, (inputs, full) in zip(results, given, strict=True):
        close(got, x, full, inputs[-1], dtype)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("group", [32, 64, 128])
@pytest.mark.parametrize("rows", [(1,), (2, 4), (9,), (70,)])
def test_sizes(simd_device, bits, group, rows):
    for n, k in [(1, 128), (3, 128), (50, 384), (600, 256)]:
        check(simd_device, rows, n, k, bits, group)
    check(simd_device, rows, 20, 256, bits, group, zero=False, bias=False)


@pytest.mark.parametrize("dtype", [F32, F16, BF16], ids=str)
@pytest.mark.parametrize("scales", [F32, F16, BF16], ids=str)
@pytest.mark.parametrize("bits", [8, 4])
def test_dtypes(simd_device, dtype, scales, bits):
    for rows in [(), (3,), (6,), (24,), (25,)]:
        check(simd_device, rows, 40, 192, bits, 32, dtype, scales=scales)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("group", [32, 64, 128, 192, 384])
@pytest.mark.parametrize("zero", [False, True])
def test_bytes_of_bfloat16(simd_device, bits, group, zero):
    """Whole blocks and parts of one; groups that 32 groups cut in two, and an odd one left."""
    for n, k in [(1, 768), (16, 384), (21, 1152), (48, 2304)]:
        for rows in [(), (5,)]:
            check(simd_device, rows, n, k, bits, group, BF16, zero=zero, scales=BF16)
    if group in (32, 64, 192):
        check(simd_device, (2,), 7, 960, bits, group, BF16, zero=zero)


def test_zero_rows_and_many_threads(blas):
    for bits in (8, 4):
        check(blas, (0,), 40, 64, bits, 32)
        check(blas, (1,), 5000, 1024, bits, 32)
        check(blas, (33,), 3000, 512, bits, 128)


def test_extremes_do_not_overflow(blas):
    """Sums of the largest products of a group stay within 32 bits."""
    w = np.full((4, 512), -128, np.int8)
    x = np.full((1, 512), 3e30, F32)
    for group in (128, 512):
        scale = np.full((4, 512 // group), 1e-30, F32)
        (y,) = blas.run(
            "quantized_linear", [x, w, scale, None, None], [((1, 4), F32)], bits=8, group=group
        )
        np.testing.assert_allclose(y, -128 * 512 * 3, rtol=1e-4)
    (y,) = blas.run("quantized_linear", [x * 0, w, scale, None, None], [((1, 4), F32)], bits=8,
                    group=512)  # fmt: skip
    np.testing.assert_array_equal(y, 0)


def test_nan_stays(blas):
    w, _ = packed(np.random.default_rng(0), 5, 128, 8)
    x = np.ones((1, 128), F32)
    for bad in (np.nan, np.inf):
        x[0, 70] = bad
        scale = np.ones((5, 4), F32)
        (y,) = blas.run("quantized_linear", [x, w, scale, None, None], [((1, 5), F32)], bits=8,
                        group=32)  # fmt: skip
        assert not np.isfinite(y).any()
