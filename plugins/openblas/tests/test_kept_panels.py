"""Packed copies of frozen weights: made once, shared, and never of what a matrix held before."""

from __future__ import annotations

import numpy as np
import pytest
from abi import Packed
from layouts import BF16, check, values, wide

F32 = np.dtype("f4")


@pytest.fixture
def tiles(simd_device, request):
    """A device that multiplies by packing, as AVX-512 does and the others leave to OpenBLAS."""
    x, w = np.ones((16, 64), F32), np.ones((64, 64), F32).view(Packed)
    p = simd_device.prepare("matmul", [x, w], [np.empty((16, 64), F32)])
    p.run()
    w[:] = 2
    kept = p.run()[0][0, 0] == 64  # of what it was
    p.close()
    level = request.node.callspec.params["simd_device"]
    assert kept == (level == "avx512")
    if not kept:
        pytest.skip(f"products of {level} are OpenBLAS's")
    return simd_device


def product(x, w):
    return wide(x) @ wide(w)


@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
@pytest.mark.parametrize("k, n", [(64, 32), (333, 100), (5000, 70)])
def test_the_copy_is_what_is_read(tiles, dtype, k, n):
    """The same kernel does not look at the matrix again; that is what frozen means."""
    for m in (2, 5, 16, 130):
        x, w = values((m, k), dtype, 1), values((k, n), dtype, 2).view(Packed)
        bias, plus = values((n,), dtype, 3), values((m, n), dtype, 4)
        for op, inputs, extra in [
            ("matmul", [x, w], 0),
            ("linear", [x, np.ascontiguousarray(w.T).view(Packed), bias], wide(bias)),
            ("matmul_accumulate", [x, w, plus], wide(plus)),
        ]:
            if op == "matmul_accumulate" and m < 12:
                continue
            p = tiles.prepare(op, inputs, [np.empty((m, n), dtype)])
            want = product(x, w) + extra
            check(p.run()[0], want, ulps=64.0, scale=3 * np.sqrt(k))
            was = np.array(inputs[1])
            inputs[1][:] = 0
            check(p.run()[0], want, ulps=64.0, scale=3 * np.sqrt(k))
            inputs[1][:] = was
            p.close()


@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
def test_a_new_kernel_looks_at_the_matrix(tiles, dtype):
    """While one holds a copy, another takes it if it is still right, and else makes its own."""
    x, w = values((20, 200), dtype, 1), values((200, 90), dtype, 2).view(Packed)

    def make():
        return tiles.prepare("matmul", [x, w], [np.empty((20, 90), dtype)])

    first, before = make(), product(x, w)
    check(first.run()[0], before, ulps=16.0, scale=60)
    second = make()
    check(second.run()[0], before, ulps=16.0, scale=60)
    w[7:9, 40] += 1
    third = make()
    check(third.run()[0], product(x, w), ulps=16.0, scale=60)
    check(first.run()[0], before, ulps=16.0, scale=60)
    for p in (first, third, second):
        p.close()
    fourth = make()
    check(fourth.run()[0], product(x, w), ulps=16.0, scale=60)
    fourth.close()
