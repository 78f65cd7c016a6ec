"""Element-wise programs that end in sums, against NumPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from abi import INVALID, Failure, Scalar
from ewise_programs import F4, F8, close, evaluate
from layouts import BF16, EPS, LAYOUTS, values

SUMMED = [
    ((17,), 17), ((3, 5), 5), ((3, 5), 15), ((4, 700), 700), ((4, 700), 2800), ((2, 3, 40), 40),
    ((2, 3, 40), 120), ((300, 16), 16), ((3, 6400), 6400), ((64, 4096), 4096), ((9, 1), 1),
    ((70001,), 70001), ((0, 5), 5),
]  # fmt: skip


@pytest.mark.parametrize("shape, length", SUMMED, ids=str)
@pytest.mark.parametrize("dtype", [F4, F8, BF16], ids=str)
def test_sums(simd_device, shape, length, dtype):
    """Some values as they are, and the sums of others over trailing dims."""
    wide = F8 if dtype == F8 else F4
    rows = math.prod(shape) // length
    for layout in LAYOUTS:
        x, y = layout(shape, dtype, 1), layout(shape, dtype, 2)
        program = "mul 0 1; square 0; add 2 3"
        regs = evaluate(program, [x, y])
        z, a, b, c = simd_device.run(
            "ewise_sums", [x, y], [(shape, wide), *[((rows,), wide)] * 3],
            program=program, results=[4, 3, 2, 0], sums=3, length=length,
        )  # fmt: skip
        close(z, regs[4], scale=1)
        for got, r in ((a, regs[3]), (b, regs[2]), (c, regs[0])):
            want = np.broadcast_to(r, shape).reshape(rows, length).sum(1)
            scale = np.abs(r).reshape(rows, length).sum(1) if rows else 1.0
            assert (np.abs(got - want) <= 8 * EPS[wide] * scale + 1e-30).all()


def test_sums_alone_over_rows_that_repeat(simd_device):
    x, w = values((40, 700), F4, 1), values((1, 700), F4, 2)
    wide = np.broadcast_to(w, x.shape)
    (s,) = simd_device.run(
        "ewise_sums", [x, wide, Scalar(2.0, F4)], [((40,), F4)],
        program="mul 0 1; mul 3 2", results=[4], sums=1, length=700,
    )  # fmt: skip
    np.testing.assert_allclose(s, (2.0 * x.astype(F8) * w).sum(1), rtol=1e-4, atol=1e-3)


def test_sums_of_many_numbers_are_exact_enough(blas):
    x = np.full(1 << 24, 0.1, F4)
    (s,) = blas.run("ewise_sums", [x], [((), F4)], program="neg 0", results=[1], sums=1,
                    length=x.size)  # fmt: skip
    np.testing.assert_allclose(s, -x.astype(F8).sum(), rtol=1e-6)


def test_wrong_sums_are_refused(blas):
    x = values((4, 6), F4, 1)
    for out, sums, length, text in (
        ((4,), 2, 6, "2 sums of 6 elements in 1 outputs"),
        ((4,), 1, 5, "no sum of 5 elements"),
        ((4,), 1, 0, "sums of 0 elements"),
    ):
        with pytest.raises(Failure, match=text) as info:
            blas.run("ewise_sums", [x], [(out, F4)], program="neg 0", results=[1], sums=sums,
                     length=length)  # fmt: skip
        assert info.value.status == INVALID
