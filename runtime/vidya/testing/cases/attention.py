"""Scaled dot-product attention."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, case
from .nn import softmax


def attention(q, k, v, attn_mask=None, is_causal=False, scale=None, enable_gqa=False):
    """q [..., Hq, T, D], k and v [..., Hk, S, D]; position i sees S - T + i and what is before."""
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
    return softmax(scores, -1) @ v


def _attention(t):
    yield S(t(2, 3, 4, 5), t(2, 3, 6, 5), t(2, 3, 6, 5))
    yield S(t(2, 4, 5), t(2, 4, 5), t(2, 4, 5), is_causal=True)
    yield S(t(1, 4, 3, 2), t(1, 2, 5, 2), t(1, 2, 5, 2), enable_gqa=True)
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), scale=0.3)
    mask = np.tril(np.ones((3, 4), bool))
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), attn_mask=mask)
    yield S(t(2, 3, 5), t(2, 4, 5), t(2, 4, 5), attn_mask=t(3, 4))


case("nn.functional.scaled_dot_product_attention", attention, _attention, scale=4)
