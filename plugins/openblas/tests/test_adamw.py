"""The steps of several parameters in one call are those of one call each."""

from __future__ import annotations

import numpy as np
import pytest
from abi import INVALID, UNSUPPORTED, Failure, Scalar
from layouts import BF16, values

F4, F8 = np.dtype("f4"), np.dtype("f8")
SIZES = [(3,), (1024,), (0,), (40, 333), (1025,), (7, 5000)]
NUMBERS = [Scalar(x, "f8") for x in (1e-2, 0.9, 0.99, 1e-8, 0.1)]


def operands(dtype, size, seed):
    p, g, m = (values(size, dtype, seed + i) for i in range(3))
    return [p, g, m, abs(values(size, dtype, seed + 3))]


@pytest.mark.parametrize("dtype", [F4, F8, BF16], ids=str)
@pytest.mark.parametrize("decoupled", [0, 1])
def test_as_one_by_one(simd_device, dtype, decoupled):
    tensors = [operands(dtype, size, 10 * i) for i, size in enumerate(SIZES)]
    steps = [Scalar(i + 1, "i8") for i in range(len(SIZES))]
    wanted = []
    for own, step in zip(tensors, steps, strict=True):
        outs = [(own[0].shape, dtype)] * 3
        wanted += simd_device.run("adamw_step", [*own, *NUMBERS, step], outs, decoupled=decoupled)
    outs = [own[i] for own in tensors for i in (0, 2, 3)]  # in place
    flat = [t for own in tensors for t in own]
    simd_device.run("adamw_steps", [*flat, *NUMBERS, *steps], outs, decoupled=decoupled)
    for a, b in zip(outs, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_refusals(blas):
    own = operands(F4, (3,), 1)
    outs = [((3,), F4)] * 3
    with pytest.raises(Failure, match="5 scalars") as info:
        blas.run("adamw_steps", [*own, *NUMBERS], outs)
    assert info.value.status == INVALID
    for wrong in ([*own[:3], values((4,), F4, 1)], [*own[:3], values((3,), F8, 1)]):
        with pytest.raises(Failure, match="of one size") as info:
            blas.run("adamw_steps", [*wrong, *NUMBERS, NUMBERS[0]], outs)
        assert info.value.status == UNSUPPORTED
