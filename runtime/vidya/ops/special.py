"""Special functions, float -> float; integers become floats.

Each is a decomposition that any device can run, good to its dtype's precision. A device may have a
kernel of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..dtypes import FLOAT, float64
from ..schema import op
from .elementwise import (
    cast,
    conj_of,
    maximum,
    needs,
    real_part,
    where,
)
from .rules import Operand, accumulation, as_floating, promote
from .unary import abs, clamp, erf, isnan, log, log1p

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "erfinv", "expit", "logaddexp", "logaddexp2", "logit", "sinc", "xlogy",
]  # fmt: skip


def floating(name: str, x: Tensor) -> Tensor:
    """x as floats, low precision as float32: these have too many steps to round at each."""
    needs(name, x, (0, 1, 2, 3), "real numbers")
    if x.dtype.category < FLOAT:
        return as_floating(x)
    wide = accumulation(x.dtype)
    return x if x.dtype is wide else cast(x, wide)


def narrowed(y: Tensor, x: Tensor) -> Tensor:
    """The result in x's own precision."""
    low = x.dtype.category == FLOAT and x.dtype is not y.dtype
    return cast(y, x.dtype) if low else y


def expit(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)): the sigmoid."""
    return x.sigmoid()


@op("logit", fusable=False)
def logit(x: Tensor, eps=None) -> Tensor:
    """log(x / (1 - x)), with x first limited to [eps, 1 - eps] if eps is given."""
    given, x = x, floating("logit", x)
    if eps is not None:
        x = clamp(x, eps, 1 - eps)
    return narrowed(log(x / (1 - x)), given)


@op("sinc", fusable=False)
def sinc(x: Tensor) -> Tensor:
    """sin(pi x) / (pi x), and 1 at 0."""
    zero = x == 0
    turned = where(zero, 1.0, x * math.pi)
    return where(zero, 1.0, turned.sin() / turned)


# d sinc(t / pi) / dt = sum of (-1)^k 2k t^(2k - 1) / (2k + 1)!, highest power first
_SINC = tuple((-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(7, 0, -1))


@sinc.pullback
def _(ctx, x):
    def back(g):
        t = x * math.pi
        near = abs(t) < 0.5  # there the closed form below would cancel
        far = where(near, 1.0, t)
        slope = where(near, t * horner(t * t, _SINC), (far.cos() - far.sin() / far) / far)
        return g * conj_of(slope * math.pi)

    return back


# ---- logarithms of sums ----


def _log_of_sum(name: str, doc: str, base: float):
    scale = math.log(base)

    def body(x: Tensor, other: Tensor) -> Tensor:
        x, other = promote(x, other)
        needs(name, x, (3, 4), "floats")
        if x.dtype.is_complex:  # the larger real part is taken out
            left, right = real_part(x), real_part(other)
            first, infinite = left >= right, (left == right) & (abs(left) == math.inf)
            gap = where(infinite, 0.0, where(first, other - x, x - other))
            return where(first, x, other) + ((gap * scale).exp() + 1).log() / scale
        top = maximum(x, other)
        gap = where(top == x, other - x, x - other)  # never above 0
        smooth = (gap * scale).exp().log1p() / scale
        return where((x == other) & (abs(x) == math.inf), x, top + smooth)

    body.__doc__ = doc
    made = op(name)(body)

    def pullback(ctx, x, other):
        gap = (other - x) * scale
        return lambda g: (g / conj_of(1 + gap.exp()), g / conj_of(1 + (-gap).exp()))

    made.pullback(pullback)
    return made


logaddexp = _log_of_sum("logaddexp", "log(exp(x) + exp(other)), without overflow.", math.e)
logaddexp2 = _log_of_sum("logaddexp2", "log2(2 ** x + 2 ** other), without overflow.", 2.0)


def _times_log(name: str, doc: str, logarithm: Callable, shift: float):
    """x logarithm(y), where logarithm(y) = log(y + shift)."""

    def body(x: Operand, y: Operand) -> Tensor:
        x, y = promote(x, y, floating=True)
        return where(isnan(y), y, where(x == 0, 0.0, x * logarithm(y)))

    body.__doc__ = doc
    made = op(name)(body)

    def pullback(ctx, x, y):
        def back(g):
            gx = gy = None
            if ctx.needs[0]:
                slope = logarithm(x * 0 + y if isinstance(y, (int, float)) else y)
                gx = g * where((x == 0) & (y <= -shift), 0.0, slope)
            if ctx.needs[1]:
                gy = g * x / (y + shift)
            return gx, gy

        return back

    made.pullback(pullback)
    return made


xlogy = _times_log("xlogy", "x log(y), and 0 where x is 0 unless y is NaN.", log, 0.0)
xlog1py = _times_log("xlog1py", "x log(1 + y), and 0 where x is 0 unless y is NaN.", log1p, 1.0)


@op("entr")
def entr(x: Tensor) -> Tensor:
    """-x log(x), 0 at 0, and -inf below."""
    given, x = x, floating("entr", x)
    value = where(x > 0, -x * log(where(x > 0, x, 1.0)), where(x < 0, -math.inf, 0.0 * x))
    return narrowed(value, given)


@entr.pullback
def _(ctx, x):
    return lambda g: -g * (log(x) + 1)


# ---- the inverse of erf ----

_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
    -0.00125372503, -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
    -0.0076224613, 0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def horner(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    total = x * 0 + coefficients[0]
    for c in coefficients[1:]:
        total = total * x + c
    return total


@op("erfinv")
def erfinv(x: Tensor) -> Tensor:
    """The inverse of erf on [-1, 1]: infinite at the ends, NaN outside.

    Giles' single-precision approximation (2010), in float64 with two steps of Newton's.
    """
    given, x = x, floating("erfinv", x)
    w = -log((1 - x) * (1 + x))
    centre, tail = horner(w - 2.5, _CENTRE), horner(w.sqrt() - 3, _TAIL)
    y = where(w < 5, centre, tail) * x
    if x.dtype is float64:
        for _ in range(2):
            y = y - (erf(y) - x) / ((-(y * y)).exp() * (2 / math.sqrt(math.pi)))
    ends = where(x == 1, math.inf, where(x == -1, -math.inf, math.nan))
    return narrowed(where(abs(x) < 1, y, ends), given)


@erfinv.pullback(saves="out")
def _(ctx, x):
    return lambda g: g * (ctx.out * ctx.out).exp() * (math.sqrt(math.pi) / 2)
