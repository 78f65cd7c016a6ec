"""One element by its rank, random orders, and least squares, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from abi import UNSUPPORTED, Failure, Scalar
from layouts import FLOATS, INTS, sliced, values, wide

REAL = [*FLOATS, *INTS]


def stable_order(x):
    row = wide(x) if x.dtype in FLOATS else x
    return np.argsort(row, kind="stable")  # NaN last


@pytest.mark.parametrize("dtype", REAL, ids=str)
@pytest.mark.parametrize("n", [1, 2, 49, 1000, 40_000])
def test_rank_of_rows(blas, dtype, n):
    x = values((4, n), dtype, 1, -100, 100)
    if dtype in FLOATS and n > 2:
        x[0, [1, n - 1]] = np.nan
        x[1, : n // 2] = 0.0
        x[1, : n // 2 : 2] = -0.0
        x[2] = np.nan
    outputs = [((4,), dtype), ((4,), "i8")]
    for op, k in [("median", 0), ("nanmedian", 0), ("kthvalue", 1), ("kthvalue", (n + 2) // 3)]:
        v, at = blas.run(op, [x], outputs, dim=1, **({"k": k} if k else {}))
        for row, value, place in zip(x, v, at, strict=True):
            numbers = n - int(np.isnan(wide(row)).sum()) if dtype in FLOATS else n
            rank = {
                "median": numbers if numbers < n else (n - 1) // 2,
                "nanmedian": max(numbers - 1, 0) // 2,
                "kthvalue": k - 1,
            }[op]
            assert place == stable_order(row)[rank]
            np.testing.assert_array_equal(wide(value), wide(row[place]))


def test_rank_along_another_dim(blas):
    x = sliced((300, 5), np.dtype("f4"), 1)
    v, at = blas.run("median", [x], [((5,), "f4"), ((5,), "i8")], dim=0)
    np.testing.assert_array_equal(at, np.argsort(x, 0, kind="stable")[149])
    np.testing.assert_array_equal(v, np.take_along_axis(x, at[None], 0)[0])


def test_rank_among_equals_and_close_ones(blas):
    for x in (
        np.repeat(np.float64([3, 1, 2]), 4000),
        1 + np.random.default_rng(0).permutation(9999) * 2.0**-52,
        np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 9999),
    ):
        for k in (1, 4000, 4001, 9999):
            v, at = blas.run("kthvalue", [x], [((), x.dtype.str[1:]), ((), "i8")], dim=0, k=k)
            assert at == np.argsort(x, kind="stable")[k - 1] and v == x[at]


def test_random_permutation(simd_device):
    key, offset = 2**61 + 3, 12345
    for n in (0, 1, 5, 2048, 5000, 100_003, 300_000):
        scalars = [Scalar(key, "i8"), Scalar(offset, "i8")]
        (words,) = simd_device.run("random_bits", scalars, [((2 * n,), "u4")])
        first, second = words[:n].astype("i8"), words[n:].astype("i8")
        (y,) = simd_device.run("random_permutation", scalars, [((n,), "i8")])
        np.testing.assert_array_equal(y, np.argsort((first << 31) ^ second, kind="stable"))
    # of so many some agree in all the bits that are sorted by: the second words decide
    assert len(np.unique(first >> 1)) < n


def system(dtype, batch, m, n, k, rank=None):
    rng = np.random.default_rng(m + n)

    def numbers(*shape):
        x = rng.standard_normal(shape)
        return x + 1j * rng.standard_normal(shape) if dtype[0] == "c" else x

    a = numbers(batch, m, n)
    if rank is not None:
        a = numbers(batch, m, rank) @ numbers(batch, rank, n)
    return a.astype(dtype), numbers(batch, m, k).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_least_squares(blas, dtype):
    real = {"f4": "f4", "c8": "f4"}.get(dtype, "f8")
    for m, n, k, rank in [
        (3, 3, 2, None), (9, 4, 3, None), (4, 9, 3, None), (40, 30, 1, None), (40, 30, 2, 7),
        (70, 60, 5, None), (60, 60, 5, 59), (130, 100, 3, 20), (5, 0, 2, None), (0, 5, 2, None),
        (6, 6, 0, None), (5, 3, 2, 0),
    ]:  # fmt: skip
        a, b = system(dtype, 2, m, n, k, rank)
        rtol = max(m, n) * float(np.finfo(real).eps)
        x, found = blas.run("least_squares", [a, b], [((2, n, k), dtype), ((2,), "i8")], rtol=rtol)
        want = np.linalg.pinv(a.astype("c16" if dtype[0] == "c" else "f8"), rcond=rtol) @ b
        assert list(found) == [min(m, n) if rank is None else rank] * 2
        np.testing.assert_allclose(x, want, rtol=0, atol=2e5 * np.finfo(real).eps)


def test_least_squares_refuses_integers(blas):
    with pytest.raises(Failure) as error:
        blas.run("least_squares", [np.ones((2, 2), "i4")] * 2, [((2, 2), "i4"), ((), "i8")])
    assert error.value.status == UNSUPPORTED


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("complete", [False, True])
def test_qr_by_blocks(blas, dtype, complete):
    for m, n in [(31, 31), (32, 32), (33, 70), (90, 40)]:
        a, _ = system(dtype, 2, m, n, 0)
        k = m if complete else min(m, n)
        q, r = blas.run("qr", [a], [((2, m, k), dtype), ((2, k, n), dtype)], complete=complete)
        eps = 500 * np.finfo(dtype).eps
        np.testing.assert_allclose(q @ r, a, rtol=0, atol=eps)
        unit = np.swapaxes(q.conj(), 1, 2) @ q
        np.testing.assert_allclose(unit, np.broadcast_to(np.eye(k), unit.shape), rtol=0, atol=eps)
        np.testing.assert_array_equal(np.tril(r, -1), 0)


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_solve_shares_columns_out(blas, dtype):
    a, b = system(dtype, 1, 130, 130, 200)
    a = a + 130 * np.eye(130, dtype=dtype)
    (x,) = blas.run("solve", [a, b], [(b.shape, dtype)])
    np.testing.assert_allclose(a @ x, b, rtol=0, atol=1000 * np.finfo(dtype).eps)
    a[0, :, 7] = 0
    with pytest.raises(Failure, match="solve: the matrix is singular"):
        blas.run("solve", [a, b], [(b.shape, dtype)])
