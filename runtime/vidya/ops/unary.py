"""Functions of one tensor, element by element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, bool_, int64
from ..engine import trace as tracing
from ..schema import PRIMITIVE, op
from .elementwise import (
    cast,
    clone,
    conj_of,
    maximum,
    minimum,
    mul,
    needs,
    where,
)
from .rules import Operand, as_floating, elementwise, is_scalar

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "abs", "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh",
    "asin", "asinh", "atan", "atanh", "ceil", "clamp", "cos", "cosh", "erf", "erfc", "exp",
    "exp2", "expm1", "floor", "isnan", "log", "log1p", "log2", "log10", "neg", "reciprocal",
    "round", "rsqrt", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "trunc",
]  # fmt: skip

_HOST = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


@op("neg", PRIMITIVE)
def neg(x: Operand) -> Tensor:
    """-x."""
    if x.dtype is bool_:
        raise TypeError("neg: bool has no minus; use ~x (logical_not)")
    if is_scalar(x):
        return mul(x, -1)
    return elementwise("neg", [x])


@neg.pullback(saves="")
def _(ctx, x):
    return lambda g: -g


@op("abs", PRIMITIVE)
def abs(x: Tensor) -> Tensor:
    """|x|; for complex the magnitude, a real number."""
    needs("abs", x, (1, 2, 3, 4), "numbers")
    return elementwise("abs", [x], x.dtype.to_real())


@abs.pullback(saves="x out")
def _(ctx, x):
    if x.dtype.is_complex:
        return lambda g: g * (x / where(ctx.out == 0, 1.0, ctx.out))
    return lambda g: g * sign(x)


@op("sign", PRIMITIVE)
def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; NaN stays NaN."""
    needs("sign", x, (0, 1, 2, 3), "real numbers; for complex ones there is sgn")
    return elementwise("sign", [x]) if x.dtype is not bool_ else clone(x)


def _rounding(name: str, doc: str):
    def body(x: Tensor) -> Tensor:
        needs(name, x, (0, 1, 2, 3), "real numbers")
        return elementwise(name, [x]) if x.dtype.category >= FLOAT else clone(x)

    body.__doc__ = doc
    made = op(name, PRIMITIVE)(body)
    made.pullback(lambda ctx, x: lambda g: g * 0, saves="")
    return made


sign.pullback(lambda ctx, x: lambda g: g * 0, saves="")
floor = _rounding("floor", "The largest whole number not above x.")
ceil = _rounding("ceil", "The smallest whole number not below x.")
trunc = _rounding("trunc", "x without its fraction.")


@op("round", PRIMITIVE)
def round(x: Tensor, decimals=0) -> Tensor:
    """The nearest whole number; halves go to the even one. With decimals, the nearest multiple of
    10**-decimals, for floats only."""
    needs("round", x, (0, 1, 2, 3), "real numbers")
    if x.dtype.category < FLOAT:
        if decimals:
            raise TypeError(f"round: decimals are for floats, not {x.dtype.name}")
        return clone(x)
    if not decimals:
        return elementwise("round", [x])
    scale = 10.0 ** (decimals if decimals > 0 else -decimals)
    if decimals > 0:
        return elementwise("round", [x * scale]) / scale
    return elementwise("round", [x / scale]) * scale


round.pullback(lambda ctx, x, decimals: lambda g: g * 0, saves="")


@op("isnan", PRIMITIVE, differentiable=False)
def isnan(x: Tensor) -> Tensor:
    """True where x is not a number. bool result."""
    if x.dtype.category < FLOAT:
        return x != x
    return elementwise("isnan", [x], bool_)


def function(name: str, doc: str, derivative, saves: str) -> Any:
    """A smooth function of one tensor; integers become floats. derivative(x, y) with y = f(x)."""

    def body(x: Operand) -> Tensor:
        if is_scalar(x) and name == "sqrt" and not x.dtype.is_complex:
            return tracing.current().expression("r", x, x)
        if name == "erf":
            needs(name, x, (0, 1, 2, 3), "real numbers")
        return elementwise(name, [as_floating(x)])

    body.__doc__ = doc
    made = op(name, PRIMITIVE)(body)

    def pullback(ctx, x):
        return lambda g: g * conj_of(derivative(x, ctx.out if "out" in saves else None))

    made.pullback(pullback, saves=saves)
    return made


sqrt = function("sqrt", "The square root.", lambda x, y: 0.5 / y, "out")
exp = function("exp", "e ** x.", lambda x, y: y, "out")
expm1 = function("expm1", "e ** x - 1, exact near 0.", lambda x, y: y + 1, "out")
log = function("log", "The natural logarithm.", lambda x, y: 1 / x, "x")
log1p = function("log1p", "log(1 + x), exact near 0.", lambda x, y: 1 / (1 + x), "x")
sin = function("sin", "The sine of x radians.", lambda x, y: x.cos(), "x")
cos = function("cos", "The cosine of x radians.", lambda x, y: -sin(x), "x")
tan = function("tan", "The tangent of x radians.", lambda x, y: 1 + y * y, "out")
asin = function("asin", "The angle whose sine is x.", lambda x, y: (1 - x * x) ** -0.5, "x")
acos = function("acos", "The angle whose cosine is x.", lambda x, y: -((1 - x * x) ** -0.5), "x")
atan = function("atan", "The angle whose tangent is x.", lambda x, y: 1 / (1 + x * x), "x")
sinh = function("sinh", "The hyperbolic sine.", lambda x, y: x.cosh(), "x")
cosh = function("cosh", "The hyperbolic cosine.", lambda x, y: sinh(x), "x")
tanh = function("tanh", "The hyperbolic tangent.", lambda x, y: 1 - y * y, "out")
asinh = function("asinh", "The inverse of sinh.", lambda x, y: (x * x + 1) ** -0.5, "x")
acosh = function("acosh", "The inverse of cosh.", lambda x, y: (x * x - 1) ** -0.5, "x")
atanh = function("atanh", "The inverse of tanh.", lambda x, y: 1 / (1 - x * x), "x")
erf = function(
    "erf",
    "The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
    lambda x, y: (2 / math.sqrt(math.pi)) * exp(-(x * x)),
    "x",
)


@op("square")
def square(x: Tensor) -> Tensor:
    """x * x; int64 for bool."""
    return x * x if x.dtype is not bool_ else cast(x, int64)


@op("reciprocal")
def reciprocal(x: Tensor) -> Tensor:
    """1 / x; integers become floats."""
    return 1 / x


@op("rsqrt")
def rsqrt(x: Tensor) -> Tensor:
    """1 / sqrt(x)."""
    return 1 / sqrt(x)


@rsqrt.pullback(saves="out")
def _(ctx, x):
    return lambda g: g * conj_of(-0.5 * ctx.out * ctx.out * ctx.out)


@op("exp2")
def exp2(x: Tensor) -> Tensor:
    """2 ** x."""
    return exp(x * math.log(2))


@op("log2")
def log2(x: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return log(x) * (1 / math.log(2))


@op("log10")
def log10(x: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return log(x) * (1 / math.log(10))


@op("erfc")
def erfc(x: Tensor) -> Tensor:
    """1 - erf(x)."""
    return 1 - erf(x)


@erfc.pullback
def _(ctx, x):
    return lambda g: g * (-2 / math.sqrt(math.pi)) * exp(-(x * x))


@op("clamp")
def clamp(x: Tensor, min: Operand = None, max: Operand = None) -> Tensor:
    """x limited to [min, max]; either may be None, not both. NaN stays NaN; max wins over min."""
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


@clamp.pullback
def _(ctx, x, min, max):
    def back(g):
        inside = x == x
        if min is not None:
            inside = inside & (x >= min)
        if max is not None:
            inside = inside & (x <= max)
        gx = where(inside, g, 0.0)
        lo = hi = None
        if min is not None and ctx.needs[1]:
            lo = where(x < min if max is None else (x < min) & (min < max), g, 0.0)
        if max is not None and ctx.needs[2]:
            hi = where(x > max if min is None else (x > max) | (min > max), g, 0.0)
        return gx, lo, hi

    return back


# PyTorch's other names
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctanh = atanh
