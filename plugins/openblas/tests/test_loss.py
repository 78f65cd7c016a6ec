"""cross_entropy_rows and its gradient against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
from layouts import BF16, FLOATS, broadcast, check, contiguous, transposed, values, wide


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_cross_entropy_rows(simd_device, dtype):
    real = np.dtype("f8") if dtype == np.dtype("f8") else np.dtype("f4")
    for n, v in [(1, 1), (7, 33), (50, 1000), (3, 5000)]:
        for layout in (contiguous, transposed):
            x = layout((n, v), dtype, 1, low=-5, high=5)
            t = np.random.default_rng(0).integers(0, v, n)
            t[0] = -100
            xw, rows = wide(x), np.arange(n)
            top = xw.max(1)
            want_lse = top + np.log(np.exp(xw - top[:, None]).sum(1))
            kept = t != -100
            want_nll = np.where(kept, want_lse - xw[rows, np.where(kept, t, 0)], 0)
            outs = [((n,), real)] * 2
            nll, lse = simd_device.run("cross_entropy_rows", [x, t], outs, ignore_index=-100)
            check(nll, want_nll, ulps=8, scale=5)
            check(lse, want_lse, ulps=8, scale=5)
            g = (
                broadcast((n,), real, 5)[:1].repeat(n)
                if n == 1
                else np.broadcast_to(real.type(0.5), (n,))
            )
            want = np.exp(xw - lse.astype("f8")[:, None])
            want[rows[kept], t[kept]] -= 1
            want = np.where(kept[:, None], want * g.astype("f8")[:, None], 0)
            (dx,) = simd_device.run(
                "cross_entropy_rows_backward", [g, x, t, lse], [((n, v), dtype)], ignore_index=-100
            )
            check(dx, want, ulps=8, scale=0.5)


def test_cross_entropy_past_the_caches(blas):
    n, v = 700, 10_000  # 28 MB of gradient
    x = values((n, v), np.dtype("f4"))
    t = np.random.default_rng(0).integers(0, v, n)
    t[3] = -100
    _, lse = blas.run("cross_entropy_rows", [x, t], [((n,), "f4")] * 2, ignore_index=-100)
    g = np.ones(n, "f4")
    (dx,) = blas.run("cross_entropy_rows_backward", [g, x, t, lse], [((n, v), "f4")],
                       ignore_index=-100)  # fmt: skip
    want = np.exp(x - lse[:, None])
    want[np.arange(n), t] -= 1
    want[3] = 0
    np.testing.assert_allclose(dx, want, atol=1e-6)
    y = x.copy()
    blas.run("cross_entropy_rows_backward", [g, y, t, lse], [y], ignore_index=-100)
    np.testing.assert_array_equal(y, dx)


@pytest.mark.parametrize("dtype", [np.dtype("f4"), BF16], ids=str)
def test_infinite_and_huge_logits(simd_device, dtype):
    inf, nan, big = np.inf, np.nan, 3e38
    rows = np.array(
        [[0, -inf, 1], [inf, 0, -inf], [-inf, -inf, -inf], [1, nan, 2], [big, 0, -big], [-big] * 3],
        "f4",
    )
    rows = np.pad(rows, ((0, 0), (0, 61)), constant_values=-inf).astype(dtype)
    t = np.zeros(len(rows), "i8")
    outs = [((len(rows),), "f4")] * 2
    _, lse = simd_device.run("cross_entropy_rows", [rows, t], outs, ignore_index=-100)
    top = rows.astype("f8")
    np.testing.assert_allclose(lse[0], np.log1p(np.e), rtol=1e-6)
    np.testing.assert_array_equal(lse[1:4], [nan, -inf, nan])
    np.testing.assert_allclose(lse[4:], [top[4, 0], top[5, 0]], rtol=1e-6)
    finite = [0, 4]
    g = np.full(2, 0.5, "f4")
    (dx,) = simd_device.run(
        "cross_entropy_rows_backward", [g, rows[finite], t[finite], lse[finite]],
        [((2, 64), dtype)], ignore_index=-100,
    )  # fmt: skip
    want = np.zeros((2, 64))
    want[0, [0, 2]] = np.array([1 / (1 + np.e) - 1, np.e / (1 + np.e)]) / 2
    np.testing.assert_allclose(dx.astype("f8"), want, atol=4e-3 if dtype == BF16 else 1e-6)
