"""The normal distribution's function, its inverse, and erfc without its fall to 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import where
from .special import floating, narrowed
from .unary import clamp, erfc, log, square

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["erfcx", "log_ndtr", "ndtr", "ndtri"]


@op("ndtr")
def ndtr(x: Tensor) -> Tensor:
    """The standard normal distribution's function: the area below x."""
    given, x = x, floating("ndtr", x)
    return narrowed(0.5 * erfc(-x * math.sqrt(0.5)), given)


@ndtr.pullback
def _(ctx, x):
    return lambda g: g * (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))


@op("erfcx")
def erfcx(x: Tensor) -> Tensor:
    """exp(x^2) erfc(x): what erfc is where it is too small to hold.

    From 2 on by Laplace's continued fraction, below by the definition.
    """
    given, x = x, floating("erfcx", x)
    far = clamp(x, 2.0)
    fraction = far
    for k in range(50, 0, -1):
        fraction = far + (0.5 * k) / fraction
    near = clamp(x, None, 2.0)
    value = where(x < 2, square(near).exp() * erfc(near), 1 / (fraction * math.sqrt(math.pi)))
    return narrowed(value, given)


@erfcx.pullback(saves="x out")
def _(ctx, x):
    return lambda g: g * (2 * x * ctx.out - 2 / math.sqrt(math.pi))


@op("log_ndtr")
def log_ndtr(x: Tensor) -> Tensor:
    """log(ndtr(x)), also where ndtr(x) is too small to hold."""
    given, x = x, floating("log_ndtr", x)
    far, near = clamp(x, None, -1.0), clamp(x, -1.0)
    low = log(0.5 * erfcx(far * -math.sqrt(0.5))) - 0.5 * far * far
    return narrowed(where(x < -1, low, (-0.5 * erfc(near * math.sqrt(0.5))).log1p()), given)


@log_ndtr.pullback(saves="x out")
def _(ctx, x):
    def back(g):
        low = math.sqrt(2 / math.pi) / erfcx(clamp(x, None, -1.0) * -math.sqrt(0.5))
        near = clamp(x, -1.0)
        density = (-0.5 * near * near - where(x < -1, 0.0, ctx.out)).exp()
        return g * where(x < -1, low, density * (1 / math.sqrt(2 * math.pi)))

    return back


@op("ndtri")
def ndtri(x: Tensor) -> Tensor:
    """The inverse of ndtr on [0, 1]: infinite at the ends, NaN outside.

    Newton's method for log ndtr(y) = log x, which is nearly a parabola, from its asymptote.
    """
    given, x = x, floating("ndtri", x)
    less = where(x < 0.5, x, 1 - x)
    inside = (x > 0) & (x < 1)
    target = log(where(inside, less, 0.5))
    t = -2 * target
    y = clamp(t - log(t * (2 * math.pi)), 0.0).sqrt()
    for _ in range(5):
        scaled = erfcx(y * math.sqrt(0.5))  # ndtr(-y) = scaled exp(-y^2 / 2) / 2
        y = y + (log(0.5 * scaled) - 0.5 * y * y - target) * scaled * math.sqrt(math.pi / 2)
    value = where(x < 0.5, -y, y)
    ends = where(x == 0, -math.inf, where(x == 1, math.inf, math.nan))
    return narrowed(where(inside, where(x == 0.5, 0.0, value), ends), given)


@ndtri.pullback(saves="out")
def _(ctx, x):
    return lambda g: g * (ctx.out * ctx.out * 0.5).exp() * math.sqrt(2 * math.pi)
