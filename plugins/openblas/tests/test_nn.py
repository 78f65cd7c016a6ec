"""Products, normalisation, softmax and optimizer steps against NumPy in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from abi import UNSUPPORTED, Failure, Scalar
from layouts import (
    BF16,
    COMPLEX,
    EPS,
    FLOATS,
    INTS,
    LAYOUTS,
    check,
    contiguous,
    sliced,
    transposed,
    values,
    wide,
)


def close(got, want, dtype, k: int = 1, ulps: float = 16.0) -> None:
    check(got, np.asarray(want), ulps=ulps, scale=max(1.0, math.sqrt(k)) * 3)


# ---- products ----------------------------------------------------------------------------------

SIZES = [(1, 1, 1), (1, 40, 30), (30, 40, 1), (5, 7, 3), (16, 16, 16), (33, 65, 17), (70, 90, 110),
         (4, 0, 3), (0, 4, 3), (3, 1, 5), (2, 300, 1), (1, 3, 2000), (200, 130, 257)]  # fmt: skip


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX], ids=str)
@pytest.mark.parametrize("m, k, n", SIZES)
def test_matmul(simd_device, dtype, m, k, n):
    for fa in (contiguous, transposed, sliced):
        for fb in (contiguous, transposed, sliced):
            a, b = fa((m, k), dtype, 1), fb((k, n), dtype, 2)
            (c,) = simd_device.run("matmul", [a, b], [((m, n), dtype)])
            close(c, wide(a) @ wide(b), dtype, k)


@pytest.mark.parametrize("dtype", INTS, ids=str)
def test_integer_matmul(blas, dtype):
    for fa in (contiguous, transposed, sliced):
        a, b = fa((13, 21), dtype, 1), fa((21, 9), dtype, 2)
        (c,) = blas.run("matmul", [a, b], [((13, 9), dtype)])
        np.testing.assert_array_equal(c, a @ b)


@pytest.mark.parametrize("dtype", [*FLOATS, np.dtype("c8"), np.dtype("i4")], ids=str)
def test_batched_matmul(blas, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in [(4, 6, 5), (40, 33, 50), (1, 64, 70), (64, 3, 1)]:
        a = values((3, 4, m, k), dtype, 1)
        b = values((3, 4, k, n), dtype, 2)
        heads = values((3, m, 4, k), dtype, 3).transpose(0, 2, 1, 3)  # as attention has them
        for x, y in [
            (a, b),
            (heads, b),
            (a, np.broadcast_to(b[0, 0], b.shape)),
            (a, np.broadcast_to(b[:, :1], b.shape)),
            (np.broadcast_to(a[:1], a.shape), b),
            (a[::-1, ::-2], b[::-1, ::-2]),
            (a, values((3, 4, n, k), dtype, 4).swapaxes(-1, -2)),
        ]:
            want = wide(x) @ wide(y)
            (c,) = blas.run("matmul", [x, y], [(want.shape, dtype)])
            close(c, want, dtype, k)
    many = rng.standard_normal((500, 8, 8)).astype("f4")
    (c,) = blas.run("matmul", [many, many], [(many.shape, "f4")])
    close(c, wide(many) @ wide(many), np.dtype("f4"), 8)


@pytest.mark.parametrize("dtype", [*FLOATS, *COMPLEX], ids=str)
def test_linear(blas, dtype):
    for lead, k, n in [
        ((), 7, 5),
        ((1,), 64, 33),
        ((6,), 16, 16),
        ((4, 9), 30, 40),
        ((2, 70), 96, 130),
    ]:
        for with_bias in (True, False):
            w, bias = values((n, k), dtype, 2), values((n,), dtype, 3) if with_bias else None
            extra = wide(bias) if with_bias else 0
            layouts = [contiguous] if len(lead) < 1 else [contiguous, transposed, sliced]
            for layout in layouts:
                x = layout((*lead, k), dtype, 1)
                want = wide(x) @ wide(w).T + extra
                (y,) = blas.run("linear", [x, w, bias], [(want.shape, dtype)])
                close(y, want, dtype, k)
            (y,) = blas.run("linear", [x, sliced((n, k), dtype, 2), bias], [(want.shape, dtype)])
            close(y, wide(x) @ wide(sliced((n, k), dtype, 2)).T + extra, dtype, k)


LARGE = [
    (600, 700, 800),  # blocks of columns and strips of rows
    (97, 512, 33),  # a row and a column more than whole strips and panels
    (1030, 64, 40),  # more rows than columns
    (50, 768, 100),  # the longest k that stays in one slab of float32
    (61, 769, 600),  # and one more
    (24, 2050, 1100),  # few rows times many panels
    (13, 4099, 70),  # slabs of k; an odd one
    (1100, 9001, 35),  # slabs, and rows in ranges
]


@pytest.mark.parametrize("dtype", [np.dtype("f4"), BF16], ids=str)
@pytest.mark.parametrize("m, k, n", LARGE)
def test_large_matmul(simd_device, dtype, m, k, n):
    ulps = 16 + math.sqrt(k)  # every sum is rounded k times
    for fa in (contiguous, transposed):
        for fb in (contiguous, transposed):
            a, b = fa((m, k), dtype, 1), fb((k, n), dtype, 2)
            (c,) = simd_device.run("matmul", [a, b], [((m, n), dtype)])
            close(c, wide(a) @ wide(b), dtype, k, ulps)
    x, w, bias = values((m, k), dtype, 1), values((n, k), dtype, 2), values((n,), dtype, 3)
    (y,) = simd_device.run("linear", [x, w, bias], [((m, n), dtype)])
    close(y, wide(x) @ wide(w).T + wide(bias), dtype, k, ulps)


@pytest.mark.parametrize("dtype", [np.dtype("f4"), BF16], ids=str)
@pytest.mark.parametrize("k", [130, 4200], ids=["one slab", "slabs"])
def test_large_batched_matmul(blas, dtype, k):
    a, b = values((5, 70, k), dtype, 1), values((5, k, 210), dtype, 2)
    (c,) = blas.run("matmul", [a, b], [((5, 70, 210), dtype)])
    close(c, wide(a) @ wide(b), dtype, k, 16 + math.sqrt(k))


@pytest.mark.parametrize("narrow, to", [("f4", "f4"), (BF16, "f4"), (BF16, BF16)], ids=str)
@pytest.mark.parametrize("m, k, n", [(70, 90, 110), (40, 5001, 33), (14, 16, 32)])
def test_matmul_accumulate(simd_device, narrow, to, m, k, n):
    narrow, to = np.dtype(narrow), np.dtype(to)
    ulps = 16 + math.sqrt(k)
    for layout in (contiguous, transposed):
        a, b, x = layout((m, k), narrow, 1), values((k, n), narrow, 2), values((m, n), to, 3)
        want = wide(a) @ wide(b)
        try:
            (c,) = simd_device.run("matmul_accumulate", [a, b, None], [((m, n), to)])
        except Failure as refusal:  # this instruction set has no tiles
            assert refusal.status == UNSUPPORTED
            pytest.skip(str(refusal))
        close(c, want, to, k, ulps)
        want = want + wide(x)
        (c,) = simd_device.run("matmul_accumulate", [a, b, x], [((m, n), to)])
        close(c, want, to, k, ulps)
        simd_device.run("matmul_accumulate", [a, b, x], [x])  # in place
        np.testing.assert_array_equal(x, c)


def test_an_operand_is_no_place_for_the_result(blas):
    x = values((40, 40), np.dtype("f4"), 1)
    inplace = 2
    for a, expected in [(x, 0), (values((40, 20), np.dtype("f4"), 1), inplace)]:
        b = values((a.shape[1], 40), np.dtype("f4"), 2)
        try:
            call = blas.prepare("matmul_accumulate", [a, b, x], [np.empty_like(x)])
        except Failure:
            pytest.skip("this CPU has no tiles")
        assert call.caps & inplace == expected
        call.close()


# ---- softmax -----------------------------------------------------------------------------------


def softmax(x, dim):
    e = np.exp(x - x.max(dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


def log_softmax(x, dim):
    z = x - x.max(dim, keepdims=True)
    return z - np.log(np.exp(z).sum(dim, keepdims=True))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_softmax(simd_device, dtype):
    for layout in LAYOUTS:
        x = layout((5, 19, 70), dtype, 1, low=-9, high=9)
        g = layout((5, 19, 70), dtype, 2)
        for dim in range(3):
            run = simd_device.run
            (y,) = run("softmax", [x], [(x.shape, dtype)], dim=dim)
            check(y, softmax(wide(x), dim), ulps=8)
            (dx,) = run("softmax_backward", [g, y], [(x.shape, dtype)], dim=dim)
            yw, gw = wide(y), wide(g)
            check(dx, yw * (gw - (gw * yw).sum(dim, keepdims=True)), ulps=8, scale=1)
            (z,) = run("log_softmax", [x], [(x.shape, dtype)], dim=dim)
            check(z, log_softmax(wide(x), dim), ulps=8, scale=1)
            (dx,) = run("log_softmax_backward", [g, z], [(x.shape, dtype)], dim=dim)
            check(dx, gw - np.exp(wide(z)) * gw.sum(dim, keepdims=True), ulps=16, scale=8)


def test_softmax_extremes(simd_device):
    x = np.array([[1e4, 0, -1e4], [-np.inf, 0, 0], [3e38, -3e38, 0], [0, 0, 0]], "f4")
    (y,) = simd_device.run("softmax", [x], [(x.shape, "f4")], dim=1)
    want = np.array([[1, 0, 0], [0, 0.5, 0.5], [1, 0, 0], [1 / 3] * 3], "f4")
    np.testing.assert_allclose(y, want, rtol=1e-6)
    x[0, 1] = np.nan
    (y,) = simd_device.run("softmax", [x], [(x.shape, "f4")], dim=1)
    assert np.isnan(y[0]).all()
    assert not np.isnan(y[1:]).any()
    long = values((3, 5000), np.dtype("f4"), low=-60, high=60)
    long[1, ::2] = -np.inf
    (y,) = simd_device.run("softmax", [long], [(long.shape, "f4")], dim=1)
    check(y, softmax(wide(long), 1), ulps=40, scale=1e-32)  # subnormal results may be 0


# ---- norms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("weighted", [True, False])
def test_rms_norm(simd_device, dtype, weighted):
    for shape in [(5, 1), (3, 4, 70), (40, 33), (700, 96)]:
        for layout in (contiguous, transposed, sliced):
            x, g = layout(shape, dtype, 1), layout(shape, dtype, 2)
            w = values(shape[-1:], dtype, 3) if weighted else None
            xw, gw, ww = wide(x), wide(g), wide(w) if weighted else 1.0
            r = 1 / np.sqrt((xw * xw).mean(-1, keepdims=True) + 1e-5)
            (y,) = simd_device.run("rms_norm", [x, w], [(shape, dtype)], eps=1e-5)
            check(y, xw * r * ww, ulps=8, scale=1)
            outs = [(shape, dtype)] + [(shape[-1:], dtype)] * weighted
            got = simd_device.run("rms_norm_backward", [g, x, w], outs, eps=1e-5)
            h = gw * ww
            check(got[0], r * (h - xw * r * r * (h * xw).mean(-1, keepdims=True)), ulps=16, scale=4)
            if weighted:
                want = (gw * xw * r).reshape(-1, shape[-1]).sum(0)
                check(got[1], want, ulps=16, scale=math.sqrt(x.size / shape[-1]) * 3)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("weighted", [True, False])
def test_layer_norm(simd_device, dtype, weighted):
    for shape in [(3, 4, 70), (40, 33), (700, 96)]:
        for layout in (contiguous, transposed, sliced):
            x, g = layout(shape, dtype, 1, low=1, high=5), layout(shape, dtype, 2)
            w = values(shape[-1:], dtype, 3) if weighted else None
            b = values(shape[-1:], dtype, 4) if weighted else None
            xw, gw, ww = wide(x), wide(g), wide(w) if weighted else 1.0
            centred = xw - xw.mean(-1, keepdims=True)
            r = 1 / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
            hat = centred * r
            (y,) = simd_device.run("layer_norm", [x, w, b], [(shape, dtype)], eps=1e-5)
            check(y, hat * ww + (wide(b) if weighted else 0), ulps=8, scale=4)
            outs = [(shape, dtype)] + [(shape[-1:], dtype)] * (2 * weighted)
            got = simd_device.run("layer_norm_backward", [g, x, w], outs, eps=1e-5)
            h = gw * ww
            want = r * (h - h.mean(-1, keepdims=True) - hat * (h * hat).mean(-1, keepdims=True))
            check(got[0], want, ulps=16, scale=8)
            if weighted:
                rows = math.sqrt(x.size / shape[-1]) * 3
                check(got[1], (gw * hat).reshape(-1, shape[-1]).sum(0), ulps=16, scale=rows)
                check(got[2], gw.reshape(-1, shape[-1]).sum(0), ulps=16, scale=rows)


def test_layer_norm_far_from_zero(simd_device):
    x = values((8, 500), np.dtype("f4")) + np.float32(10_000)
    (y,) = simd_device.run("layer_norm", [x, None, None], [(x.shape, "f4")], eps=1e-5)
    c = wide(x) - wide(x).mean(-1, keepdims=True)
    np.testing.assert_allclose(y, c / np.sqrt((c * c).mean(-1, keepdims=True) + 1e-5), atol=2e-3)


# ---- losses ------------------------------------------------------------------------------------


# ---- optimizers --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("decoupled", [0, 1])
@pytest.mark.parametrize("n", [5, 3000, 100_000])
def test_adamw_step(simd_device, dtype, decoupled, n):
    state = np.dtype("f8") if dtype == np.dtype("f8") else np.dtype("f4")
    p, g = values((n,), dtype, 1), values((n,), dtype, 2)
    m, v = values((n,), state, 3), values((n,), state, 4, low=0.1, high=2)
    lr, b1, b2, eps, wd, t = 0.01, 0.9, 0.99, 1e-8, 0.1, 3
    scalars = [Scalar(s, "f8") for s in (lr, b1, b2, eps, wd)] + [Scalar(t, "i8")]
    outs = [((n,), dtype), ((n,), state), ((n,), state)]
    p1, m1, v1 = simd_device.run("adamw_step", [p, g, m, v, *scalars], outs, decoupled=decoupled)
    d = wide(g) + (0 if decoupled else wd * wide(p))
    mw, vw = b1 * wide(m) + (1 - b1) * d, b2 * wide(v) + (1 - b2) * d * d
    step = lr * (mw / (1 - b1**t)) / (np.sqrt(vw / (1 - b2**t)) + eps)
    check(m1, mw, ulps=8, scale=1)
    check(v1, vw, ulps=8, scale=1)
    check(p1, wide(p) * (1 - lr * wd if decoupled else 1) - step, ulps=8, scale=1)
    simd_device.run("adamw_step", [p, g, m, v, *scalars], [p, m, v], decoupled=decoupled)
    for inplace, fresh in [(p, p1), (m, m1), (v, v1)]:
        np.testing.assert_array_equal(inplace, fresh)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("nesterov, first", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_sgd_step(simd_device, dtype, nesterov, first):
    n = 3001
    p, g, buf = (values((n,), dtype, i) for i in range(3))
    lr, mu, damp, wd = 0.1, 0.9, 0.0 if nesterov else 0.2, 0.01
    scalars = [Scalar(s, "f8") for s in (lr, mu, damp, wd)]
    d = wide(g) + wd * wide(p)
    b = d if first else mu * wide(buf) + (1 - damp) * d
    p1, b1 = simd_device.run("sgd_step", [p, g, buf, *scalars], [((n,), dtype)] * 2,
                             nesterov=nesterov, first=first)  # fmt: skip
    check(b1, b, ulps=8, scale=1)
    check(p1, wide(p) - lr * (d + mu * b if nesterov else b), ulps=8, scale=1)
    (p1,) = simd_device.run(
        "sgd_step", [p, g, None, *scalars], [((n,), dtype)], nesterov=0, first=0
    )
    check(p1, wide(p) - lr * d, ulps=8, scale=1)


def test_tables_name_every_float():
    assert {BF16, np.dtype("f2"), np.dtype("f4"), np.dtype("f8")} == set(FLOATS) <= set(EPS)
