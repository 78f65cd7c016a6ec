"""Attention and its gradients against NumPy in float64."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from layouts import BF16, EPS, sliced, values, wide

F32, F16 = np.dtype("f4"), np.dtype("f2")
_FORWARD = "scaled_dot_product_attention"


def oracle(q, k, v, mask, g, causal, scale, window, g_lse=None):
    """out, lse, dq, dk, dv in float64; q [..., H, T, D], k and v [..., Hk, S, D]."""
    q, k, v, g = (wide(x) for x in (q, k, v, g))
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    if group > 1:
        k, v = (np.repeat(x, group, -3) for x in (k, v))
    scores = q @ k.swapaxes(-1, -2) * scale
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + wide(mask)
    distance = np.arange(q.shape[-2])[:, None] - np.arange(k.shape[-2])
    seen = np.ones(distance.shape, bool)
    if causal:
        seen &= distance >= 0
    if window:
        seen &= (distance < window) & (distance > -window)
    scores = np.where(seen, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    p = np.exp(scores - np.where(np.isinf(top), 0, top))
    total = p.sum(-1, keepdims=True)
    p = p / np.where(total == 0, 1, total)
    out = p @ v
    with np.errstate(divide="ignore"):
        lse = np.where(total == 0, np.inf, top + np.log(total))[..., 0]
    delta = (g * out).sum(-1, keepdims=True) - (0 if g_lse is None else wide(g_lse)[..., None])
    ds = p * (g @ v.swapaxes(-1, -2) - delta) * scale
    dq, dk, dv = ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g
    if group > 1:
        dk, dv = (
            x.reshape(*x.shape[:-3], x.shape[-3] // group, group, *x.shape[-2:]).sum(-3)
            for x in (dk, dv)
        )
    return out, lse, dq, dk, dv


def near(got, want, tolerance):
    finite = np.isfinite(want)
    error = np.abs(wide(got)[finite] - want[finite])
    bound = tolerance * max(1.0, np.abs(want[finite]).max(initial=0))
    assert not error.size or error.max() <= bound, f"off by {error.max()}, allowed {bound}"
    np.testing.assert_array_equal(wide(got)[~finite], want[~finite])


def check(device, q, k, v, mask=None, causal=False, window=0, with_lse=False, scale=None):
    dtype, scale = q.dtype, 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    shape = (*q.shape[:-1], v.shape[-1])
    g = values(shape, dtype, 7, low=-1, high=1)
    g_lse = values(shape[:-1], F32, 8, low=-1, high=1) if with_lse else None
    attrs = {"causal": causal, "scale": scale, "window": window}
    out, lse, dq, dk, dv = oracle(q, k, v, mask, g, causal, scale, window, g_lse)
    got, got_lse = device.run(
        _FORWARD, [q, k, v, mask], [(shape, dtype), (shape[:-1], F32)], **attrs
    )
    tolerance = 8 * EPS[dtype] if dtype == F32 else EPS[dtype]
    near(got, out, tolerance)
    near(got_lse, lse, 8 * EPS[F32])
    # as the runtime hands them over: what the forward rounded
    back = device.run(
        _FORWARD + "_backward", [g, q, k, v, got, got_lse, mask, g_lse],
        [(q.shape, dtype), (k.shape, dtype), (v.shape, dtype)], **attrs,
    )  # fmt: skip
    for x, want in zip(back, (dq, dk, dv), strict=True):
        near(x, want, 4 * tolerance)
    if q.ndim < 3:
        return

    # results with the heads beside each other, as the next product wants them
    def turned(x):
        return np.empty_like(x.swapaxes(-2, -3), order="C").swapaxes(-2, -3)

    there, _ = device.run(_FORWARD, [q, k, v, mask], [turned(got), got_lse], **attrs)
    np.testing.assert_array_equal(there, got)
    beside = device.run(
        _FORWARD + "_backward", [g, q, k, v, there, got_lse, mask, g_lse],
        [turned(x) for x in back], **attrs,
    )  # fmt: skip
    for x, want in zip(beside, back, strict=True):
        np.testing.assert_array_equal(x, want)


def qkv(b, h, hk, t, s, d, dtype=F32, dv=None, make=values):
    return (
        make((b, h, t, d), dtype, 1, low=-2, high=2),
        make((b, hk, s, d), dtype, 2, low=-2, high=2),
        make((b, hk, s, dv or d), dtype, 3, low=-2, high=2),
    )


@pytest.mark.parametrize("t", [1, 2, 7, 12, 65, 97, 200])
@pytest.mark.parametrize("d", [1, 20, 32, 48, 64, 128])
@pytest.mark.parametrize("causal, window", [(False, 0), (True, 0), (True, 5), (False, 3)])
def test_sizes(blas, t, d, causal, window):
    check(blas, *qkv(2, 2, 1, t, t, d), causal=causal, window=window)


@pytest.mark.parametrize("dtype", [F32, F16, BF16], ids=str)
@pytest.mark.parametrize("causal, window", [(False, 0), (True, 0), (True, 70), (False, 40)])
def test_every_instruction_set(simd_device, dtype, causal, window):
    for t, s in [(1, 300), (3, 5), (205, 205), (100, 333), (333, 100)]:
        check(simd_device, *qkv(2, 6, 2, t, s, 40, dtype, dv=24), causal=causal, window=window)


@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
@pytest.mark.parametrize("scale", [-0.3, 0.0, 0.7])
def test_scales(simd_device, dtype, scale):
    q, k, v = qkv(1, 2, 2, 50, 70, 24, dtype)
    check(simd_device, q, k, v, causal=True, scale=scale)
    check(simd_device, q, k, v, mask=values((50, 70), F32, 6), scale=scale)


@pytest.mark.parametrize("dtype", [F32, BF16], ids=str)
def test_layouts(blas, dtype):
    b, t, h, hk, d = 2, 70, 6, 2, 32
    fused = values((b, t, (h + 2 * hk) * d), dtype, 5).reshape(b, t, h + 2 * hk, d)
    q, k, v = (x.transpose(0, 2, 1, 3) for x in np.split(fused, [h, h + hk], 2))
    check(blas, q, k, v, causal=True)
    check(blas, q[:, :, -1:], k, v)  # a decoding step
    check(blas, *qkv(b, 4, 2, 9, 50, 16, dtype, make=sliced))
    q, k, v = qkv(1, 4, 4, 30, 30, 16, dtype)
    check(blas, q, np.broadcast_to(k[:, :1], k.shape), np.broadcast_to(v[:, :, :1], v.shape))
    check(blas, q[0], k[0], v[0], causal=True)
    check(blas, q[0, 0], k[0, 0], v[0, 0], causal=True)
    check(blas, *(x.reshape(1, 2, 2, *x.shape[2:]) for x in (q, k, v)), causal=True)


@pytest.mark.parametrize("kind", ["bool", "f4", "f2", "f8", str(BF16)])
@pytest.mark.parametrize("t", [2, 50, 230])
def test_masks(blas, kind, t):
    q, k, v = qkv(2, 4, 2, t, 210, 32)
    full = (2, 4, t, 210)
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    for shape in [full, full[2:], (2, 1, 1, 210), (4, t, 1), (1, 1, t, 210), (210,)]:
        mask = rng.random(shape) > 0.3 if kind == "bool" else rng.normal(size=shape).astype(
            BF16 if kind == str(BF16) else kind
        )  # fmt: skip
        check(blas, q, k, v, mask, with_lse=True)
    columns = np.ones((210, t), bool) if kind == "bool" else values((210, t), mask.dtype, 4)
    check(blas, q, k, v, columns.T)
    check(blas, q, k, v, mask, causal=True, window=20)


@pytest.mark.parametrize("dtype", [F32, F16, BF16], ids=str)
@pytest.mark.parametrize("t, h, hk, d", [(1, 4, 2, 128), (3, 2, 1, 96), (1, 7, 1, 80)])
def test_long_caches(simd_device, dtype, t, h, hk, d):
    """Parts of the keys are gathered on their own; a mask says which of them matter."""
    s = 1300
    q, k, v = qkv(2, h, hk, t, s, d, dtype)
    check(simd_device, q, k, v)
    check(simd_device, q, k, v, window=900)
    key = np.arange(s)
    filled = key < np.array([1100, 7]).reshape(2, 1, 1, 1)  # so far, of each sequence
    check(simd_device, q, k, v, mask=filled)
    check(simd_device, q, k, v, mask=(key % 5 != 2)[None, None, None] & filled)
    each = np.random.default_rng(0).random((2, h, t, s)) < 0.01
    each[0, 0, 0], each[1, -1, -1] = False, key == 1299
    check(simd_device, q, k, v, mask=each)
    check(simd_device, q, k, v, mask=np.where(each, 0.5, -np.inf).astype(F32))


def test_blind_queries_give_zero_and_infinity(blas):
    q, k, v = qkv(1, 2, 2, 30, 30, 16)
    mask = np.ones((30, 30), bool)
    mask[[0, 11, 29]] = False
    check(blas, q, k, v, mask, causal=True)
    check(blas, q[:, :, :2], k, v, mask[:2])
    check(blas, *qkv(1, 1, 1, 300, 4, 16), causal=True, window=8)  # the last see nothing


def test_large_scores_do_not_overflow(blas):
    q, k, v = qkv(1, 1, 1, 40, 400, 16)
    out, lse, *_ = oracle(q * 200, k * 200, v, None, v[:, :, :40], False, 1.0, 0)
    got, got_lse = blas.run(
        _FORWARD, [q * 200, k * 200, v, None], [(out.shape, F32), (lse.shape, F32)],
        causal=False, scale=1.0, window=0,
    )  # fmt: skip
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got_lse, lse, rtol=1e-6)


def test_nan_reaches_only_its_own_rows(blas):
    for t in (3, 40):
        q, k, v = qkv(1, 1, 1, t, 40, 16)
        q[0, 0, 1, 3] = np.nan
        out, lse = blas.run(_FORWARD, [q, k, v, None], [(q.shape, F32), (q.shape[:3], F32)],
                            causal=True, scale=0.25, window=0)  # fmt: skip
        bad = np.isnan(out[0, 0]).any(-1)
        assert bad[1] and bad.sum() == 1
        assert np.isnan(lse[0, 0, 1])


def test_long_sequences_split_over_threads(blas):
    check(blas, *qkv(1, 1, 1, 1500, 1500, 64), causal=True)
    check(blas, *qkv(1, 3, 1, 900, 900, 64), causal=True, window=100)


def test_float64_is_left_to_the_runtime(blas):
    import abi

    q = values((2, 3, 4), np.dtype("f8"), 1)
    with pytest.raises(abi.Failure, match="float32") as e:
        blas.prepare(_FORWARD, [q, q, q, None], [q, q[..., 0]], causal=False, scale=1.0, window=0)
    assert e.value.status == abi.UNSUPPORTED
