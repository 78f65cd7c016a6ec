"""Scaled dot-product attention."""

from __future__ import annotations

import math

import numpy as np
from vidya import dtypes

from ..case import S, Wrong, case
from .nn import softmax


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None, enable_gqa=False):
    """q [..., Hq, T, D], k and v [..., Hk, S, D]; causal: position i sees keys up to i."""
    if enable_gqa:
        repeat = q.shape[-3] // k.shape[-3]
        k, v = np.repeat(k, repeat, -3), np.repeat(v, repeat, -3)
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    if attn_mask is not None:
        if attn_mask.dtype == bool:
            scores = np.where(attn_mask, scores, -np.inf)
        else:
            scores = scores + attn_mask
    blind = np.all(scores == -np.inf, axis=-1, keepdims=True)
    return np.where(blind, 0.0, softmax(np.where(blind, 0.0, scores), -1)) @ v


def _attention(t):
    yield S(t(2, 3, 4, 5), t(2, 3, 6, 5), t(2, 3, 6, 5))
    yield S(t(2, 4, 5), t(2, 4, 5), t(2, 4, 5), is_causal=True)
    yield S(t(1, 4, 3, 2), t(1, 2, 5, 2), t(1, 2, 5, 2), enable_gqa=True)
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), scale=0.3)
    mask = np.tril(np.ones((3, 4), bool))
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), attn_mask=mask)
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), attn_mask=t(3, 4))
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 3))  # values of another size
    blind = mask.copy()
    blind[1] = False  # a query that may see nothing gives 0
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), attn_mask=blind)


case(
    "nn.functional.scaled_dot_product_attention",
    attention,
    _attention,
    scale=4,
    wrong=lambda t: [
        Wrong(S(t(2, 3, 5), t(2, 4, 4), t(2, 4, 4)), ValueError, r"2, 3, 5.*2, 4, 4"),
        Wrong(S(t(4, 3, 5), t(2, 3, 5), t(2, 3, 5)), ValueError, r"enable_gqa"),
        Wrong(S(t(3, 3, 5), t(2, 3, 5), t(2, 3, 5), enable_gqa=True), ValueError, "multiple"),
        Wrong(
            S(t(3, 5), t(4, 5), t(4, 5), attn_mask=np.ones((3, 3), bool)),
            ValueError,
            "mask|broadcast",
        ),
    ],
    bench=lambda t: [S(t(1, 8, 1024, 64), t(1, 8, 1024, 64), t(1, 8, 1024, 64), is_causal=True)],
)


def windowed(q, k, v, mask, causal, scale, window):
    """(out, lse) of the op that backends may have a kernel for."""
    groups = q.shape[-3] // k.shape[-3]
    k, v = np.repeat(k, groups, -3), np.repeat(v, groups, -3)
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    away = np.arange(q.shape[-2])[:, None] - np.arange(k.shape[-2])
    seen = away >= 0 if causal else np.ones(away.shape, bool)
    if window:
        seen &= (away < window) if causal else (np.abs(away) < window)
    scores = np.where(seen, scores, -np.inf)
    top = scores.max(-1, keepdims=True)
    blind = top == -np.inf
    e = np.exp(scores - np.where(blind, 0.0, top))
    total = np.where(blind, 1.0, e.sum(-1, keepdims=True))
    lse = np.where(blind, np.inf, top + np.log(total))[..., 0]
    return (e / total) @ v, lse


def _wide(kind):
    return kind if kind.name == "float64" else dtypes.float32


def _windowed(t):
    def qkv(h, hk, rows, s):
        return t(2, h, rows, 4), t(2, hk, s, 4), t(2, hk, s, 3)

    yield S(*qkv(2, 2, 5, 5), None, True, 0.5, 2)
    yield S(*qkv(4, 2, 5, 6), None, False, 0.5, 2)
    yield S(*qkv(4, 1, 5, 5), None, True, 0.5, 0)
    yield S(*qkv(2, 1, 3, 5), t(3, 5), False, 0.5, 0)
    yield S(*qkv(2, 2, 3, 3), np.array([True, True, False]), True, 1.0, 2)


case(
    "attention_op",
    windowed,
    _windowed,
    fn="ops.attention.scaled_dot_product_attention",
    out=("same", _wide),
    scale=4,
    skip_dtypes=("bfloat16", "float16"),  # lse is float32, but of scores in low precision
)
