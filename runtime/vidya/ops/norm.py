"""Normalisation over the last dim(s).  Statistics are in float32 or wider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import conj_of
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


def _check(name: str, x: Tensor, *params: Tensor | None, complex: bool = False) -> None:
    if x.ndim == 0 or not (x.dtype.is_floating_point or (complex and x.dtype.is_complex)):
        raise TypeError(
            f"{name}: takes floating tensors [..., C], got {x.dtype.name} {tuple(x.shape)}"
        )
    for p in params:
        if p is not None and p.shape != x.shape[-1:]:
            raise ValueError(
                f"{name}: weight and bias {tuple(p.shape)} must have the last size of "
                f"x {tuple(x.shape)}"
            )


@op("rms_norm")
def rms_norm(x: Tensor, weight: Tensor | None = None, eps=1e-5) -> Tensor:
    """x / sqrt(mean(x^2) + eps) * weight over the last dim. x [..., C], weight [C].

    For complex x, too, it is the square, not the magnitude's, as in PyTorch.
    (Zhang and Sennrich, Root Mean Square Layer Normalization, 2019)
    """
    _check("rms_norm", x, weight, complex=True)
    wide = cast_to(x, accumulation(x.dtype))
    y = wide * ((wide * wide).mean(-1, True) + eps).rsqrt()
    return cast_to(y if weight is None else y * weight, x.dtype)


@rms_norm.pullback
def _(ctx, x, weight, eps):
    def back(g):
        if weight is None:
            return rms_norm_backward(g, conj_of(x), None, eps)
        return rms_norm_backward(g, conj_of(x), conj_of(weight), eps)

    return back


@op("rms_norm_backward")
def rms_norm_backward(g: Tensor, x: Tensor, weight: Tensor | None, eps):
    """dx and, with a weight, dweight [C]. With h = g w and r = 1 / rms: r h - x r^3 mean(h x)."""
    wide = accumulation(x.dtype)
    gw, xw = cast_to(g, wide), cast_to(x, wide)
    r = ((xw * xw).mean(-1, True) + eps).rsqrt()
    h = gw if weight is None else gw * weight
    dx = r * h - xw * (r * r * r) * (h * xw).mean(-1, True)
    if weight is None:
        return cast_to(dx, x.dtype)
    dims = tuple(range(x.ndim - 1))
    dw = gw * xw * r
    return cast_to(dx, x.dtype), cast_to(dw.sum(dims) if dims else dw, weight.dtype)


@op("layer_norm")
def layer_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps=1e-5
) -> Tensor:
    """(x - mean) / sqrt(var + eps) * weight + bias over the last dim. x [..., C].

    (Ba, Kiros and Hinton, Layer Normalization, 2016)
    """
    _check("layer_norm", x, weight, bias)
    wide = cast_to(x, accumulation(x.dtype))
    centered = wide - wide.mean(-1, True)
    y = centered * ((centered * centered).mean(-1, True) + eps).rsqrt()
    y = y if weight is None else y * weight
    return cast_to(y if bias is None else y + bias, x.dtype)


@layer_norm.pullback
def _(ctx, x, weight, bias, eps):
    def back(g):
        if weight is None:
            db = g.sum(tuple(range(g.ndim - 1))) if g.ndim > 1 else g
            return layer_norm_backward(g, x, None, eps), None, db if bias is not None else None
        dx, dw, db = layer_norm_backward(g, x, weight, eps)
        return dx, dw, db if bias is not None else None

    return back


@op("layer_norm_backward")
def layer_norm_backward(g: Tensor, x: Tensor, weight: Tensor | None, eps):
    """dx and, with a weight, dweight and dbias [C]."""
    wide = accumulation(x.dtype)
    gw, xw = cast_to(g, wide), cast_to(x, wide)
    centered = xw - xw.mean(-1, True)
    r = ((centered * centered).mean(-1, True) + eps).rsqrt()
    normal = centered * r
    h = gw if weight is None else gw * weight
    dx = r * (h - h.mean(-1, True) - normal * (h * normal).mean(-1, True))
    if weight is None:
        return cast_to(dx, x.dtype)
    dims = tuple(range(x.ndim - 1))
    dw, db = gw * normal, gw
    if dims:
        dw, db = dw.sum(dims), db.sum(dims)
    return cast_to(dx, x.dtype), cast_to(dw, weight.dtype), cast_to(db, weight.dtype)
