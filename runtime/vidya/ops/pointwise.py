"""Element-wise arithmetic beyond the operators: parts, signs, mixtures, closeness.

All broadcast and promote as the operators do. Shapes: [...] -> [...].
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..dtypes import FLOAT, bool_
from ..schema import op
from .compare import isfinite
from .elementwise import (
    cast,
    clone,
    conj_of,
    div,
    maximum,
    minimum,
    mul,
    needs,
    pow,
    sub,
    where,
)
from .rules import Operand, as_floating, promote
from .unary import abs, clamp, isnan, sign, trunc

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "absolute", "addcdiv", "addcmul", "allclose", "clamp_max", "clamp_min", "clip", "copysign",
    "deg2rad", "divide", "equal", "fix", "float_power", "fmax", "fmin", "frac", "heaviside",
    "hypot", "isclose", "isneginf", "isposinf", "isreal", "ldexp", "lerp", "multiply",
    "nan_to_num", "negative", "positive", "rad2deg", "sgn", "signbit", "subtract",
    "true_divide",
]  # fmt: skip


absolute, clip, divide, fix, multiply, subtract = abs, clamp, div, trunc, mul, sub


def positive(x: Tensor) -> Tensor:
    """x itself; TypeError for bool."""
    if x.dtype is bool_:
        raise TypeError("positive: takes numbers, not bool")
    return x


def negative(x: Tensor) -> Tensor:
    """-x."""
    return -x


def true_divide(x: Any, y: Any) -> Tensor:
    """x / y; integers become floats."""
    return div(x, y)


# ---- parts and signs ----


@op("frac")
def frac(x: Tensor) -> Tensor:
    """The fraction of x with x's sign: x - trunc(x). Floats only."""
    needs("frac", x, (3,), "floats")
    return x - trunc(x)


@frac.pullback(saves="")
def _(ctx, x):
    return lambda g: g


@op("sgn", fusable=False)
def sgn(x: Tensor) -> Tensor:
    """The sign of a real x; x / |x| for complex, 0 where x is 0."""
    if not x.dtype.is_complex:
        return sign(x)
    size = abs(x)
    zero = size == 0
    return where(zero, 0.0, x / where(zero, 1.0, size))


@op("signbit", differentiable=False)
def signbit(x: Operand) -> Tensor:
    """True where the sign is minus, for -0.0 too. The sign of a NaN is not looked at: False."""
    if x.dtype.category < FLOAT:
        return x < 0 if x.dtype is not bool_ else x != x
    needs("signbit", x, (0, 1, 2, 3), "real numbers")
    return (x < 0) | ((x == 0) & (1 / x < 0))


@op("copysign")
def copysign(x: Operand, y: Operand) -> Tensor:
    """|x| with the sign of y; integers become floats."""
    x, y = promote(x, y, floating=True)
    size = abs(x + 0 * y) if x._slot < 0 else abs(x)
    return where(signbit(y), -size, size)


@copysign.pullback
def _(ctx, x, y):
    def back(g):
        along = where(signbit(y), -1.0, 1.0) if not _number(y) else math.copysign(1.0, y)
        return g * (sign(x) * along) if ctx.needs[0] else None, g * 0 if ctx.needs[1] else None

    return back


def _number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex))


@op("heaviside", differentiable=False)
def heaviside(x: Tensor, values: Tensor) -> Tensor:
    """0 below 0, 1 above, `values` at 0. A NaN gives 0, as in PyTorch."""
    x, values = promote(x, values)
    return where(x == 0, values, cast(x > 0, x.dtype))


@op("nan_to_num", fusable=False)
def nan_to_num(x: Tensor, nan=None, posinf=None, neginf=None) -> Tensor:
    """NaN replaced by `nan` (0), infinities by `posinf`, `neginf` (the dtype's limits)."""
    if x.dtype.category < FLOAT:
        return clone(x)
    if x.dtype.is_complex:
        from .complex import view_as_complex, view_as_real

        return view_as_complex(nan_to_num(view_as_real(x), nan, posinf, neginf))
    limit = dtypes.finfo(x.dtype)
    high = float(limit.max) if posinf is None else posinf
    low = float(limit.min) if neginf is None else neginf
    out = where(isnan(x), 0.0 if nan is None else float(nan), x)
    return where(x == -math.inf, low, where(x == math.inf, high, out))


# ---- mixtures ----


@op("lerp")
def lerp(x: Tensor, end: Tensor, weight: Operand) -> Tensor:
    """x + weight (end - x); from the end's side where weight >= 0.5, so that 1 gives `end`."""
    needs("lerp", x, (3, 4), "floats")
    away = end - x
    part = weight * away
    return where(abs(weight) < 0.5, x + part, end - (away - part))


@lerp.pullback
def _(ctx, x, end, weight):
    return lambda g: (
        g * conj_of(1 - weight) if ctx.needs[0] else None,
        g * conj_of(weight) if ctx.needs[1] else None,
        g * conj_of(end - x) if ctx.needs[2] else None,
    )


@op("addcmul")
def addcmul(x: Tensor, tensor1: Tensor, tensor2: Tensor, value: Operand = 1) -> Tensor:
    """x + value * tensor1 * tensor2."""
    return x + value * tensor1 * tensor2


@addcmul.pullback
def _(ctx, x, tensor1, tensor2, value):
    return lambda g: (
        g,
        g * conj_of(tensor2 * value) if ctx.needs[1] else None,
        g * conj_of(tensor1 * value) if ctx.needs[2] else None,
    )


@op("addcdiv")
def addcdiv(x: Tensor, tensor1: Tensor, tensor2: Tensor, value: Operand = 1) -> Tensor:
    """x + value * tensor1 / tensor2; TypeError if both are integers."""
    if tensor1.dtype.category < FLOAT and tensor2.dtype.category < FLOAT:
        raise TypeError("addcdiv: takes floats; for integers write x + value * tensor1 // tensor2")
    return x + value * tensor1 / tensor2


@addcdiv.pullback
def _(ctx, x, tensor1, tensor2, value):
    return lambda g: (
        g,
        g * conj_of(value / tensor2) if ctx.needs[1] else None,
        -g * conj_of(value * tensor1 / (tensor2 * tensor2)) if ctx.needs[2] else None,
    )


@op("hypot")
def hypot(x: Operand, y: Operand) -> Tensor:
    """sqrt(x^2 + y^2) without overflow on the way; infinite where either is."""
    x, y = promote(x, y)
    needs("hypot", x, (3,), "floats")
    a, b = abs(x), abs(y)
    big, small = maximum(a, b), minimum(a, b)
    ratio = small / where(big == 0, 1.0, big)
    endless = (a == math.inf) | (b == math.inf)
    return where(endless, math.inf, big * (1 + ratio * ratio).sqrt())


@hypot.pullback(saves="x y out")
def _(ctx, x, y):
    return lambda g: (g * (x / ctx.out), g * (y / ctx.out))


@op("deg2rad", fusable=False)
def deg2rad(x: Tensor) -> Tensor:
    """Degrees as radians."""
    return x * (math.pi / 180)


@op("rad2deg", fusable=False)
def rad2deg(x: Tensor) -> Tensor:
    """Radians as degrees."""
    return x * (180 / math.pi)


def float_power(x: Any, exponent: Any) -> Tensor:
    """x ** exponent in float64 (complex128 for complex)."""

    def wide(v):
        if _number(v):
            return v
        return v.to(dtypes.complex128 if v.dtype.is_complex else dtypes.float64)

    return pow(wide(x), wide(exponent))


@op("ldexp", fusable=False)
def ldexp(x: Tensor, other: Tensor) -> Tensor:
    """x * 2 ** other, in the dtype that the two have together."""
    out = x * other.exp2()
    type_ = promote(x, other, floating=True)[0].dtype
    return out if out.dtype is type_ else cast(out, type_)


# ---- limits ----


def clamp_min(x: Tensor, min: Any) -> Tensor:
    """x, but not below min."""
    return clamp(x, min)


def clamp_max(x: Tensor, max: Any) -> Tensor:
    """x, but not above max."""
    return clamp(x, None, max)


def _ignoring_nan(name: str, word: str, pick):
    def body(x: Operand, y: Operand) -> Tensor:
        x, y = promote(x, y)
        if x.dtype.category < FLOAT:
            return pick(x, y)
        return where(isnan(x), y, where(isnan(y), x, pick(x, y)))

    body.__doc__ = f"The {word} of the two; a NaN loses to a number."
    made = op(name)(body)

    def pullback(ctx, x, y):
        wins = (x >= y) if name == "fmax" else (x <= y)
        mine = wins | (y != y)
        return lambda g: (where(mine, g, 0.0), where(mine, 0.0, g))

    made.pullback(pullback)
    return made


fmax = _ignoring_nan("fmax", "larger", maximum)
fmin = _ignoring_nan("fmin", "smaller", minimum)


# ---- tests ----


@op("isposinf", differentiable=False)
def isposinf(x: Tensor) -> Tensor:
    """True where x is plus infinity."""
    needs("isposinf", x, (0, 1, 2, 3), "real numbers")
    return x == math.inf if x.dtype.category >= FLOAT else x != x


@op("isneginf", differentiable=False)
def isneginf(x: Tensor) -> Tensor:
    """True where x is minus infinity."""
    needs("isneginf", x, (0, 1, 2, 3), "real numbers")
    return x == -math.inf if x.dtype.category >= FLOAT else x != x


def isreal(x: Tensor) -> Tensor:
    """True where the imaginary part is 0."""
    return x.imag == 0 if x.dtype.is_complex else (x == x) | (x != x)


@op("isclose", differentiable=False)
def isclose(x: Tensor, other: Tensor, rtol=1e-5, atol=1e-8, equal_nan=False) -> Tensor:
    """True where |x - other| <= atol + rtol |other|, or both are the same infinity."""
    if rtol < 0 or atol < 0:
        raise ValueError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    x, other = promote(x, other)
    same = x == other
    if rtol == 0 and atol == 0 and not equal_nan:
        return same
    if equal_nan and x.dtype.category >= FLOAT:
        same = same | (isnan(x) & isnan(other))
    x, other = as_floating(x), as_floating(other)
    apart = abs(x - other)
    return same | (isfinite(apart) & (apart <= atol + abs(rtol * other)))


def allclose(
    x: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Is every element close (see isclose)? A Python bool."""
    return bool(isclose(x, other, rtol, atol, equal_nan).all())


def equal(x: Tensor, other: Tensor) -> bool:
    """Same shape and all elements equal? A Python bool."""
    return x.shape == other.shape and bool((x == other).all())
