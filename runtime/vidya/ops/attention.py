"""Scaled dot-product attention and its gradient, each as one op so that a backend can fuse it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..dtypes import bool_
from ..schema import op
from .create import count_like, full
from .elementwise import where
from .reduce import amax
from .rules import accumulation, broadcast_shapes, cast_to, promote

if TYPE_CHECKING:
    from ..tensor import Tensor

_NAME = "scaled_dot_product_attention"


def _check(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, window: int) -> int:
    """Query heads per key head. Raises ValueError or TypeError where the shapes do not fit."""
    shapes = f"query {tuple(q.shape)}, key {tuple(k.shape)}, value {tuple(v.shape)}"
    if not q.dtype.is_floating_point:
        raise TypeError(f"{_NAME}: takes floating tensors, not {q.dtype.name}")
    if min(q.ndim, k.ndim, v.ndim) < 2 or not q.ndim == k.ndim == v.ndim:
        raise ValueError(f"{_NAME}: {shapes}: all need as many dims, [..., H, T, D]")
    if q.shape[-1] != k.shape[-1] or k.shape[:-1] != v.shape[:-1]:
        raise ValueError(
            f"{_NAME}: {shapes}: query and key share their last size, key and value all others"
        )
    heads, shared = (q.shape[-3], k.shape[-3]) if q.ndim > 2 else (1, 1)
    if q.shape[:-3] != k.shape[:-3] or (heads != shared and (not shared or heads % shared)):
        raise ValueError(
            f"{_NAME}: {shapes}: the leading sizes must agree, and the query's heads be a "
            "multiple of the key's"
        )
    if mask is not None:
        if mask.dtype is not bool_ and not mask.dtype.is_floating_point:
            raise TypeError(f"{_NAME}: the mask is bool or floating, not {mask.dtype.name}")
        full_shape = (*q.shape[:-1], k.shape[-2])
        if broadcast_shapes(_NAME, full_shape, mask.shape) != full_shape:
            raise ValueError(f"{_NAME}: mask {tuple(mask.shape)} does not fit scores {full_shape}")
    if window < 0:
        raise ValueError(f"{_NAME}: window must be 0 (none) or more, not {window}")
    return heads // shared if shared else 1


def _grouped(x: Tensor, groups: int) -> Tensor:
    """[..., H, T, D] with the heads that share a key head laid one after the other."""
    if groups == 1:
        return x
    return x.reshape((*x.shape[:-3], x.shape[-3] // groups, groups * x.shape[-2], x.shape[-1]))


def _allowed(x: Tensor, t: int, s: int, causal: bool, window: int) -> Tensor | None:
    """[T, S] bool: may query i see key j? None if all may."""
    if not causal and not window:
        return None
    distance = count_like(x, t).reshape((t, 1)) - count_like(x, s).reshape((1, s))
    seen = distance >= 0 if causal else None
    if window:
        near = distance < window
        near = near if causal else near & (distance > -window)
        seen = near if seen is None else seen & near
    return seen


def _scores(q, k, mask, causal, scale, window) -> Tensor:
    """q k^T scale + mask, -inf where nothing may be seen. [..., H, T, S] in float32 or wider."""
    groups = _check(q, k, k, mask, window)
    t, s = q.shape[-2], k.shape[-2]
    scores = _grouped(q, groups) @ k.transpose(-2, -1)
    scores = cast_to(scores, accumulation(q.dtype)).reshape((*q.shape[:-1], s)) * scale
    if mask is not None:
        scores = where(mask, scores, -math.inf) if mask.dtype is bool_ else scores + mask
    seen = _allowed(q, t, s, causal, window)
    return scores if seen is None else where(seen, scores, -math.inf)


@op(_NAME)
def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal=False, scale=1.0, window=0
) -> tuple[Tensor, Tensor]:
    """softmax(q k^T scale + mask) v, and the logarithm of the softmax's denominators.

    q [..., H, T, D], k [..., Hk, S, D], v [..., Hk, S, Dv], where Hk divides H (grouped queries);
    mask, broadcast to [..., H, T, S], is bool (true: may be seen) or added. causal: query i sees
    keys up to i; window w: only the w nearest of them. Gives out [..., H, T, Dv] and
    lse [..., H, T] (float32 or wider). A query that sees nothing has out 0 and lse +inf.
    (Vaswani et al., Attention Is All You Need, 2017; Ainslie et al., GQA, 2023)
    """
    groups = _check(q, k, v, mask, window)
    q, k, v = promote(q, k, v)
    wide = accumulation(q.dtype)
    if not k.shape[-2] or not q.numel():
        out = full((*q.shape[:-1], v.shape[-1]), 0, q.dtype, q.device)
        return out, full(q.shape[:-1], math.inf, wide, q.device)
    scores = cast_to(_scores(q, k, mask, causal, scale, window), wide)
    top = amax(scores, -1, True)
    blind = top == -math.inf
    p = (scores - where(blind, 0.0, top)).exp()
    total = p.sum(-1, True)
    p = p / where(blind, 1.0, total)
    out = _grouped(cast_to(p, q.dtype), groups) @ v
    lse = where(blind, math.inf, top + total.log())
    return out.reshape((*q.shape[:-1], v.shape[-1])), lse.reshape(q.shape[:-1])


@scaled_dot_product_attention.pullback(saves="q k v mask out")
def _(ctx, q, k, v, mask, causal, scale, window):
    out, lse = ctx.out
    attrs = (causal, scale, window)

    def back(g, g_lse):
        extra = None
        if g is None:
            g = out * 0
        if g_lse is not None:  # only in gradients of gradients
            extra = g_lse
        dq, dk, dv = scaled_dot_product_attention_backward(
            g, q, k, v, out, lse, mask, extra, *attrs
        )
        dmask = None
        if mask is not None and ctx.needs[3]:
            dmask = _score_gradient(g, q, k, v, out, lse, mask, extra, *attrs)[1]
        return dq, dk, dv, dmask

    return back


def _score_gradient(g, q, k, v, out, lse, mask, g_lse, causal, scale, window):
    """The probabilities and the gradient of the scores, both [..., H, T, S]."""
    groups = _check(q, k, v, mask, window)
    wide = accumulation(q.dtype)
    p = (_scores(q, k, mask, causal, scale, window) - lse.unsqueeze(-1)).exp()
    dp = cast_to(_grouped(g, groups) @ v.transpose(-2, -1), wide).reshape(p.shape)
    delta = (cast_to(g, wide) * cast_to(out, wide)).sum(-1, True)
    if g_lse is not None:
        delta = delta - g_lse.unsqueeze(-1)
    return p, p * (dp - delta)


@op(_NAME + "_backward")
def scaled_dot_product_attention_backward(
    g: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor,
    mask: Tensor | None = None, g_lse: Tensor | None = None, causal=False, scale=1.0, window=0,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """dq, dk and dv from the gradients of out (and of lse, if there is one).

    P = exp(scores - lse), dP = g v^T, dS = P (dP - sum(g out) + g_lse).
    (Dao et al., FlashAttention, 2022, appendix B.4)
    """
    groups = _check(q, k, v, mask, window)
    if not k.shape[-2] or not q.numel():
        return q * 0, k * 0, v * 0
    p, ds = _score_gradient(g, q, k, v, out, lse, mask, g_lse, causal, scale, window)
    p, ds = (_grouped(cast_to(x, q.dtype), groups) for x in (p, ds * scale))
    dq = (ds @ k).reshape(q.shape)
    dk = ds.transpose(-2, -1) @ _grouped(q, groups)
    return dq, dk, p.transpose(-2, -1) @ _grouped(g, groups)
