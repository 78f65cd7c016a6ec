"""Softmax and its logarithm, along one dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import op
from .reduce import amax
from .rules import Dim, accumulation, as_floating, cast_to, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "log_softmax", "softmax",
]  # fmt: skip


def _shifted(name: str, x: Tensor, dim: int) -> tuple[Tensor, int]:
    """x minus its maximum, in the accumulation dtype: exp cannot overflow then."""
    axis = wrap_dim(name, dim, x.ndim)
    x = cast_to(x, accumulation(x.dtype))
    return x - amax(x, axis, True), axis


@op("softmax")
def softmax(x: Tensor, dim: Dim, dtype=None) -> Tensor:
    """exp(x) / sum(exp(x)) along `dim`: positive, sums to 1. Integers become floats."""
    x = as_floating(x if dtype is None else cast_to(x, dtype))
    if x.numel() == 0 or x.ndim == 0:
        return x * 0 + 1
    shifted, axis = _shifted("softmax", x, dim)
    e = shifted.exp()
    return cast_to(e / e.sum(axis, True), x.dtype)


@softmax.pullback(saves="out")
def _(ctx, x, dim, dtype):
    return lambda g: softmax_backward(g, ctx.out, dim)


@op("softmax_backward")
def softmax_backward(g: Tensor, y: Tensor, dim: Dim) -> Tensor:
    """y (g - sum(g y)): the gradient of softmax from its result y."""
    wide = accumulation(y.dtype)
    gw, yw = cast_to(g, wide), cast_to(y, wide)
    return cast_to(yw * (gw - (gw * yw).sum(dim, True)), y.dtype)


@op("log_softmax")
def log_softmax(x: Tensor, dim: Dim, dtype=None) -> Tensor:
    """log(softmax(x)) along `dim`, computed as x - max - log(sum(exp(x - max)))."""
    x = as_floating(x if dtype is None else cast_to(x, dtype))
    if x.numel() == 0 or x.ndim == 0:
        return x * 0
    shifted, axis = _shifted("log_softmax", x, dim)
    return cast_to(shifted - shifted.exp().sum(axis, True).log(), x.dtype)


@log_softmax.pullback(saves="out")
def _(ctx, x, dim, dtype):
    return lambda g: log_softmax_backward(g, ctx.out, dim)


@op("log_softmax_backward")
def log_softmax_backward(g: Tensor, y: Tensor, dim: Dim) -> Tensor:
    """g - exp(y) sum(g): the gradient of log_softmax from its result y."""
    wide = accumulation(y.dtype)
    gw, yw = cast_to(g, wide), cast_to(y, wide)
    return cast_to(gw - yw.exp() * gw.sum(dim, True), y.dtype)
