"""Modified Bessel functions of the first kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import where
from .special import floating, narrowed
from .unary import abs, clamp

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["i0", "i0e", "i1", "i1e"]


_TURN = 20.0  # the power series up to there, the asymptotic one beyond


def _bessel(x: Tensor, order: int, scaled: bool = False) -> Tensor:
    """The modified function of |x|; scaled: times exp(-|x|)."""
    a = abs(x)
    q = (clamp(a, None, _TURN) * 0.5) ** 2
    series = q * 0 + 1
    for k in range(42, 0, -1):
        series = 1 + series * q * (1 / (k * (k + order)))
    if order:
        series = series * (clamp(a, None, _TURN) * 0.5)
    far = clamp(a, _TURN, None if scaled else 1e4)
    mu = 4.0 * order * order
    tail = 0 / far + 1
    for k in range(24, 0, -1):
        tail = 1 - tail * ((mu - (2 * k - 1) ** 2) / (8 * k)) / far
    tail = tail / (far * (2 * math.pi)).sqrt()
    if scaled:
        return where(a <= _TURN, series * (-clamp(a, None, _TURN)).exp(), tail)
    half = (far * 0.5).exp()  # exp(x) alone would overflow before the product does
    return where(a <= _TURN, series, half * (half * tail))


@op("i0")
def i0(x: Tensor) -> Tensor:
    """The modified Bessel function of order 0."""
    return narrowed(_bessel(floating("i0", x), 0), x)


@i0.pullback
def _(ctx, x):
    return lambda g: g * i1(x)


@op("i1")
def i1(x: Tensor) -> Tensor:
    """The modified Bessel function of order 1, the derivative of i0."""
    given, x = x, floating("i1", x)
    value = _bessel(x, 1)
    return narrowed(where(x < 0, -value, value), given)


@i1.pullback(saves="x out")
def _(ctx, x):
    def back(g):
        zero = x == 0
        return g * where(zero, 0.5, i0(x) - ctx.out / where(zero, 1.0, x))

    return back


@op("i0e")
def i0e(x: Tensor) -> Tensor:
    """exp(-|x|) i0(x), which does not overflow."""
    return narrowed(_bessel(floating("i0e", x), 0, True), x)


@i0e.pullback(saves="x out")
def _(ctx, x):
    return lambda g: g * (i1e(x) - x.sign() * ctx.out)


@op("i1e")
def i1e(x: Tensor) -> Tensor:
    """exp(-|x|) i1(x), which does not overflow."""
    given, x = x, floating("i1e", x)
    value = _bessel(x, 1, True)
    return narrowed(where(x < 0, -value, value), given)


@i1e.pullback(saves="x out")
def _(ctx, x):
    def back(g):
        zero = x == 0
        return g * where(zero, 0.5, i0e(x) - ctx.out * (x.sign() + 1 / where(zero, 1.0, x)))

    return back
