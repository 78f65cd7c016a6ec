"""Rotary position embedding."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import dtypes
from ..schema import op
from .create import count_like
from .layout import cat
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


def _pairs(x: Tensor, interleaved: bool) -> tuple[Tensor, Tensor]:
    """The first and the second number of every pair: x[2i], x[2i+1], or x[i], x[i + R/2]."""
    half = x.shape[-1] // 2
    if interleaved:
        pairs = x.reshape((*x.shape[:-1], half, 2))
        return pairs.select(-1, 0), pairs.select(-1, 1)
    return x.narrow(-1, 0, half), x.narrow(-1, half, half)


def _joined(a: Tensor, b: Tensor, interleaved: bool) -> Tensor:
    if not interleaved:
        return cat([a, b], -1)
    return cat([a.unsqueeze(-1), b.unsqueeze(-1)], -1).reshape((*a.shape[:-1], 2 * a.shape[-1]))


@op("rope")
def rope(x: Tensor, cos: Tensor, sin: Tensor, interleaved=False) -> Tensor:
    """Pairs of x turned by an angle: (a cos - b sin, b cos + a sin).

    x [..., D]; cos and sin [..., R/2] broadcast against x's pairs: [T, R/2] for x [..., T, D],
    [B, 1, T, R/2] for positions per batch, [T, 1, R/2] for x [..., T, H, D]. The pairs are
    (x[i], x[i + R/2]), or (x[2i], x[2i + 1]) if interleaved; what follows the first R stays.
    (Su et al., RoFormer, 2021)
    """
    turned = 2 * cos.shape[-1] if cos.ndim else 0
    if not turned or cos.shape != sin.shape or not x.ndim or turned > x.shape[-1]:
        raise ValueError(
            f"rope: cos {tuple(cos.shape)} and sin {tuple(sin.shape)} must be alike, with at most "
            f"half the last size of x {tuple(x.shape)}"
        )
    wide = accumulation(x.dtype)
    a, b = _pairs(cast_to(x.narrow(-1, 0, turned), wide), interleaved)
    cos, sin = cast_to(cos, wide), cast_to(sin, wide)
    out = cast_to(_joined(a * cos - b * sin, b * cos + a * sin, interleaved), x.dtype)
    if out.shape[:-1] != x.shape[:-1]:
        raise ValueError(
            f"rope: cos and sin {tuple(cos.shape)} do not broadcast to x {tuple(x.shape)}"
        )
    if turned == x.shape[-1]:
        return out
    return cat([out, x.narrow(-1, turned, x.shape[-1] - turned)], -1)


@rope.pullback
def _(ctx, x, cos, sin, interleaved):
    def back(g):
        dx = rope(g, cos, -sin, interleaved) if ctx.needs[0] else None
        if not ctx.needs[1] and not ctx.needs[2]:
            return dx, None, None
        turned = 2 * cos.shape[-1]
        a, b = _pairs(x.narrow(-1, 0, turned), interleaved)
        ga, gb = _pairs(g.narrow(-1, 0, turned), interleaved)
        return dx, ga * a + gb * b, gb * a - ga * b

    return back


@op("rope_tables", differentiable=False)
def rope_tables(positions: Tensor, dim, theta=10000.0, dtype=None) -> tuple[Tensor, Tensor]:
    """cos and sin of position * theta^(-2i / dim), each [..., dim/2] for positions [...].

    Angles are computed in float32, or float64 if that is the dtype asked for.
    """
    if not isinstance(dim, int) or dim < 2 or dim % 2:
        raise ValueError(f"rope_tables: dim must be an even, positive int, not {dim!r}")
    type_ = dtypes.as_dtype(dtype) if dtype is not None else dtypes.default_float()
    wide = accumulation(type_)
    step = -2.0 * math.log(theta) / dim
    speed = count_like(positions, dim // 2, 0.0, step, wide).exp()
    angle = cast_to(positions, wide).unsqueeze(-1) * speed
    return cast_to(angle.cos(), type_), cast_to(angle.sin(), type_)
