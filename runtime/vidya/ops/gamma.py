"""The gamma function's family: lgamma, digamma, polygamma."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import where
from .special import floating, horner, narrowed
from .unary import abs, log, round

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["digamma", "lgamma", "polygamma"]


_STIRLING = (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)
_DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
_SHIFT = 10  # from there on the asymptotic series have 16 digits


@op("lgamma")
def lgamma(x: Tensor) -> Tensor:
    """log |gamma(x)|, by Stirling's series; infinite at 0, -1, -2 ..."""
    given, x = x, floating("lgamma", x)
    mirrored = x < 0.5
    y = where(mirrored, 1 - x, x)
    small = y < _SHIFT
    product = where(small, y, 1.0)
    for k in range(1, _SHIFT):
        product = product * where(small, y + k, 1.0)
    s = where(small, y + _SHIFT, y)
    series = horner(1 / (s * s), _STIRLING) / s
    value = (s - 0.5) * log(s) - s + (series + 0.5 * math.log(2 * math.pi)) - log(product)
    sine = ((x - round(x)) * math.pi).sin()
    value = where(mirrored, math.log(math.pi) - log(abs(sine)) - value, value)
    return narrowed(where(abs(x) == math.inf, math.inf, value), given)


@lgamma.pullback
def _(ctx, x):
    return lambda g: g * digamma(x)


@op("digamma")
def digamma(x: Tensor) -> Tensor:
    """The derivative of lgamma; -inf at 0 (inf at -0.0), NaN at -1, -2 ..."""
    given, x = x, floating("digamma", x)
    mirrored = x < 0.5
    y = where(mirrored, 1 - x, x)
    total = y * 0
    for k in range(_SHIFT):
        total = total + 1 / (y + k)
    s = y + _SHIFT
    square = 1 / (s * s)
    value = log(s) - 0.5 / s - horner(square, _DIGAMMA) * square - total
    turned = (x - round(x)) * math.pi
    value = where(mirrored, value - math.pi / turned.tan(), value)
    value = where(x == math.inf, math.inf, value)
    value = where((x < 0) & (x == round(x)), math.nan, where(x == 0, -1 / x, value))
    return narrowed(value, given)


@digamma.pullback
def _(ctx, x):
    return lambda g: g * polygamma(1, x)


_MIRRORED = 20  # up to that order the derivatives of cot are worked out
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


@op("polygamma")
def _polygamma(x: Tensor, n) -> Tensor:
    """The n-th derivative of digamma at x, n >= 1, by Euler and Maclaurin's sum.

    Below 0.5 by reflection: psi_n(x) = (-1)^n psi_n(1 - x) - pi (d/dx)^n cot(pi x).
    """
    given, x = x, floating("polygamma", x)
    s = n + 1
    mirrored = x < 0.5 if n <= _MIRRORED else x != x
    y = where(mirrored, 1 - x, x)
    total = y**-s
    for k in range(1, _SHIFT):
        total = total + (y + k) ** -s
    a = y + _SHIFT
    total = total + a ** (1 - s) * (1 / (s - 1)) + a**-s * 0.5
    factor, power = float(s), a ** (-s - 1)
    for j, bernoulli in enumerate(_BERNOULLI, 1):
        total = total + power * (bernoulli / math.factorial(2 * j) * factor)
        factor *= (s + 2 * j - 1) * (s + 2 * j)
        power = power / (a * a)
    value = total * ((-1.0) ** (n + 1) * (math.factorial(n) if n <= 170 else math.inf))
    if n > _MIRRORED:
        return narrowed(value, given)
    cot = 1 / ((x - round(x)) * math.pi).tan()
    turned = (-1.0) ** n * value - horner(cot, _cotangent(n)) * math.pi ** (n + 1)
    turned = where(x == round(x), (-1.0) ** (n + 1) * math.inf, turned)
    return narrowed(where(mirrored, turned, value), given)


def _cotangent(n: int) -> tuple[float, ...]:
    """The n-th derivative of cot as a polynomial in cot, highest power first: cot' = -1 - cot^2."""
    p = [0, 1]
    for _ in range(n):
        slope = [i * c for i, c in enumerate(p)][1:]
        p = [-a - b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return tuple(float(c) for c in reversed(p))


@_polygamma.pullback
def _(ctx, x, n):
    return lambda g: g * _polygamma(x, n + 1)


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma at input."""
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"polygamma: n must be an int, not {n!r}")
    if n < 0:
        raise ValueError(f"polygamma: n must not be negative, got {n}")
    return digamma(input) if n == 0 else _polygamma(input, n)
