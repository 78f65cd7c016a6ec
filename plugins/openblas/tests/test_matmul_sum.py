"""A sum of products as one: against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from abi import INVALID, UNSUPPORTED, Failure
from layouts import BF16, EPS, values, wide

F4 = np.dtype("f4")


def run(device, pairs, shape, to):
    return device.run("matmul_sum", [t for pair in pairs for t in pair], [(shape, to)])[0]


@pytest.mark.parametrize("dtype, to", [(F4, F4), (BF16, F4), (BF16, BF16)], ids=str)
@pytest.mark.parametrize(
    "m, n, depths",
    [
        (12, 32, [32]), (70, 96, [64, 32]), (97, 33, [96, 32, 160]), (200, 640, [32, 32, 32, 32]),
        (1030, 40, [3200, 1600]), (13, 1100, [2048, 64, 4128]),
    ],
)  # fmt: skip
def test_sums(simd_device, dtype, to, m, n, depths):
    pairs = []
    for i, k in enumerate(depths):
        b = values((n, k), dtype, 2 * i + 1).T if i % 2 else values((k, n), dtype, 2 * i + 1)
        # rows of a apart from each other, as heads beside each other are
        pairs.append((values((m, k + 32), dtype, 2 * i)[:, :k], b))
    want = sum(wide(a) @ wide(b) for a, b in pairs)
    try:
        got = run(simd_device, pairs, (m, n), to)
    except Failure as refusal:  # this instruction set has no tiles
        assert refusal.status == UNSUPPORTED
        pytest.skip(str(refusal))
    size = np.sqrt(sum(depths)) * 9
    np.testing.assert_allclose(wide(got), want, rtol=EPS[to], atol=8 * EPS[F4] * size * 9)


def test_many_matrices_against_one(simd_device):
    a = [values((3, 40, 64), F4, i) for i in range(2)]
    b = [np.broadcast_to(values((1, 64, 48), F4, 5 + i), (3, 64, 48)) for i in range(2)]
    try:
        got = run(simd_device, list(zip(a, b, strict=True)), (3, 40, 48), F4)
    except Failure as refusal:
        assert refusal.status == UNSUPPORTED
        pytest.skip(str(refusal))
    want = sum(wide(x) @ wide(y) for x, y in zip(a, b, strict=True))
    np.testing.assert_allclose(got, want, atol=1e-3)


def test_refusals(blas):
    a, b = values((40, 64), F4, 1), values((64, 48), F4, 2)
    with pytest.raises(Failure) as info:
        run(blas, [(a, b), (a[:, :60], b)], (40, 48), F4)
    assert info.value.status in (INVALID, UNSUPPORTED)
    for pairs in [
        [(a, b), (a[:, :33], b[:33])],  # not in whole vectors
        [(a, b), (np.asfortranarray(a), b)],  # columns lie along k
        [(a, b), (a.astype("f8"), b.astype("f8"))],
        [(a, b)] * 5,
        [(a[:3], b)],
    ]:
        with pytest.raises(Failure) as info:
            run(blas, pairs, (pairs[0][0].shape[0], 48), F4)
        assert info.value.status == UNSUPPORTED
    with pytest.raises(Failure) as info:
        blas.run("matmul_sum", [a, b, a], [((40, 48), F4)])
    assert info.value.status == INVALID
