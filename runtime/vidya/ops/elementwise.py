"""Element-wise arithmetic and functions of one, two or three tensors.

All of them broadcast, and promote their operands by PyTorch's rule. Shapes: [...] -> [...].
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, as_dtype, bool_, int64
from ..engine import trace as tracing
from ..schema import PRIMITIVE, op
from .rules import Operand, as_floating, cast_to, elementwise, is_scalar, kernel, promote

if TYPE_CHECKING:
    from ..tensor import Tensor

_HOST = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


def binary(name: str, x: Tensor, y: Tensor, *, floating: bool = False) -> Tensor:
    """Promote, broadcast, one kernel; numbers among themselves are computed on the host."""
    if is_scalar(x) and is_scalar(y) and name in _HOST:
        return tracing.current().expression(_HOST[name], x, y)
    x, y = promote(x, y, floating=floating)
    return elementwise(name, [x, y])


def needs(name: str, x: Tensor, allowed: tuple[int, ...], what: str) -> None:
    if x.dtype.category not in allowed:
        raise TypeError(f"{name}: takes {what}, not {x.dtype.name}")


# ---- arithmetic ----


@op("add", PRIMITIVE)
def add(x: Operand, y: Operand, alpha=1) -> Tensor:
    """x + alpha * y. For bool the logical or."""
    return binary("add", x, y if alpha == 1 else mul(y, alpha))


@add.pullback(saves="")
def _(ctx, x, y, alpha):
    return lambda g: (g, g if alpha == 1 else g * alpha)


@op("sub", PRIMITIVE)
def sub(x: Operand, y: Operand, alpha=1) -> Tensor:
    """x - alpha * y. TypeError for bool: there use `x ^ y` or logical_not."""
    if x.dtype is bool_ or y.dtype is bool_:
        raise TypeError("sub: bool has no subtraction; use x ^ y (logical_xor), or ~x")
    return binary("sub", x, y if alpha == 1 else mul(y, alpha))


@sub.pullback(saves="")
def _(ctx, x, y, alpha):
    return lambda g: (g, -g if alpha == 1 else g * -alpha)


@op("rsub", fusable=False)
def rsub(x: Operand, y: Operand) -> Tensor:
    """y - x."""
    return sub(y, x)


@op("mul", PRIMITIVE)
def mul(x: Operand, y: Operand) -> Tensor:
    """x * y. For bool the logical and."""
    return binary("mul", x, y)


@mul.pullback
def _(ctx, x, y):
    return lambda g: (
        g * conj_of(y) if ctx.needs[0] else None,
        g * conj_of(x) if ctx.needs[1] else None,
    )


def conj_of(x):
    """The conjugate of a complex tensor or number; a real one itself."""
    if isinstance(x, complex):
        return x.conjugate()
    if isinstance(x, (int, float)) or not x.dtype.is_complex:
        return x
    return x.conj()


@op("div", PRIMITIVE)
def div(x: Operand, y: Operand, rounding_mode=None) -> Tensor:
    """x / y: true division, integers become floats. rounding_mode "trunc" or "floor" rounds the
    quotient and keeps integers."""
    if rounding_mode is None:
        return binary("div", x, y, floating=True)
    if rounding_mode == "floor":
        return floor_divide(x, y)
    if rounding_mode != "trunc":
        raise ValueError(
            f'div: rounding_mode must be None, "trunc" or "floor", not {rounding_mode!r}'
        )
    x, y = promote(x, y)
    quotient = elementwise("div", [x, y])
    return quotient if x.dtype.is_integer else trunc(quotient)


@div.pullback
def _(ctx, x, y, rounding_mode):
    if rounding_mode is not None:
        return lambda g: (None, None)
    return lambda g: (
        g / conj_of(y) if ctx.needs[0] else None,
        -g * conj_of(x / (y * y)) if ctx.needs[1] else None,
    )


@op("rdiv", fusable=False)
def rdiv(x: Operand, y: Operand) -> Tensor:
    """y / x."""
    return div(y, x)


@op("pow", PRIMITIVE)
def pow(x: Operand, exponent: Operand) -> Tensor:
    """x ** exponent. For integers the exponent must not be negative."""
    if x.dtype is bool_ and exponent.dtype is bool_:
        raise TypeError("pow: bool has no powers; cast first")
    return binary("pow", x, exponent)


@pow.pullback(saves="x exponent out")
def _(ctx, x, y):
    def back(g):
        dx = dy = None
        if ctx.needs[0]:
            if isinstance(y, (int, float)):
                dx = g * conj_of(y * x ** (y - 1)) if y != 0 else g * 0
            else:  # d/dx x**0 is 0 even where x**(y-1) is not finite
                dx = g * where(y == 0, 0.0, conj_of(y * x ** (y - 1)))
        if ctx.needs[1]:
            log_x = log(x) if not isinstance(x, (int, float)) else _log_number(x)
            zero = (
                ctx.out * 0
                if isinstance(x, (int, float))
                else where((x == 0) & (y >= 0), 0.0, log_x)
            )
            dy = g * conj_of(ctx.out * (log_x if isinstance(x, (int, float)) else zero))
        return dx, dy

    return back


def _log_number(x: float) -> float:
    return math.log(x) if x > 0 else (0.0 if x == 0 else math.nan)


@op("rpow", fusable=False)
def rpow(x: Operand, y: Operand) -> Tensor:
    """y ** x."""
    return pow(y, x)


@op("fmod", PRIMITIVE)
def fmod(x: Operand, y: Operand) -> Tensor:
    """The remainder of x / y with the sign of x, as C's fmod."""
    return binary("fmod", x, y)


@fmod.pullback
def _(ctx, x, y):
    return lambda g: (g, -g * div(x, y, rounding_mode="trunc") if ctx.needs[1] else None)


@op("remainder")
def remainder(x: Operand, y: Operand) -> Tensor:
    """The remainder of x / y with the sign of y, as Python's %."""
    x, y = promote(x, y)
    r = fmod(x, y)
    if not x.dtype.is_signed:
        return r
    return where((r != 0) & ((r < 0) ^ (y < 0)), r + y, r)


@remainder.pullback
def _(ctx, x, y):
    return lambda g: (g, -g * floor_divide(x, y) if ctx.needs[1] else None)


@op("floor_divide")
def floor_divide(x: Operand, y: Operand) -> Tensor:
    """The quotient rounded down: floor(x / y), exact for integers."""
    x, y = promote(x, y)
    if not x.dtype.is_integer:
        # Not floor(x / y): that rounds twice. As CPython: take the remainder away first.
        quotient = (x - fmod(x, y)) / y
        down = (fmod(x, y) != 0) & ((fmod(x, y) < 0) ^ (y < 0))
        rounded = round(where(down, quotient - 1.0, quotient))
        return where(y == 0, x / y, rounded)
    quotient = elementwise("div", [x, y])
    if not x.dtype.is_signed:
        return quotient
    r = fmod(x, y)
    return where((r != 0) & ((r < 0) ^ (y < 0)), quotient - 1, quotient)


@floor_divide.pullback(saves="")
def _(ctx, x, y):
    return lambda g: (g * 0, g * 0)  # constant between its steps


@op("atan2", PRIMITIVE)
def atan2(x: Operand, y: Operand) -> Tensor:
    """The angle of the point (y, x), in radians: atan2(ordinate, abscissa)."""
    x, y = promote(x, y, floating=True)
    needs("atan2", x, (3,), "real numbers")
    return elementwise("atan2", [x, y])


@atan2.pullback
def _(ctx, x, y):
    return lambda g: (g * y / (x * x + y * y), -g * x / (x * x + y * y))


@op("maximum", PRIMITIVE)
def maximum(x: Operand, y: Operand) -> Tensor:
    """The larger of the two; NaN if either is."""
    x, y = promote(x, y)
    needs("maximum", x, (0, 1, 2, 3), "real numbers")
    return elementwise("maximum", [x, y])


@op("minimum", PRIMITIVE)
def minimum(x: Operand, y: Operand) -> Tensor:
    """The smaller of the two; NaN if either is."""
    x, y = promote(x, y)
    needs("minimum", x, (0, 1, 2, 3), "real numbers")
    return elementwise("minimum", [x, y])


def _extreme(ctx, x, y, wins, ties):
    def back(g):  # on a tie each gets half, as in PyTorch
        half = g / 2
        return where(ties, half, where(wins, g, 0.0)), where(ties, half, where(wins, 0.0, g))

    return back


@maximum.pullback
def _(ctx, x, y):
    return _extreme(ctx, x, y, x > y, x == y)


@minimum.pullback
def _(ctx, x, y):
    return _extreme(ctx, x, y, x < y, x == y)


# ---- selection and conversion ----


@op("where", PRIMITIVE)
def where(condition: Tensor, input: Operand, other: Operand) -> Tensor:
    """input where the condition (bool) holds, else other."""
    if condition.dtype is not bool_:
        raise TypeError(f"where: the condition must be bool, not {condition.dtype.name}")
    x, y = promote(input, other)
    return elementwise("where", [condition, x, y], x.dtype)


@where.pullback(saves="condition")
def _(ctx, condition, x, y):
    return lambda g: (
        None,
        where(condition, g, 0.0) if ctx.needs[1] else None,
        where(condition, 0.0, g) if ctx.needs[2] else None,
    )


@op("cast", PRIMITIVE)
def cast(x: Operand, dtype) -> Tensor:
    """x with another dtype. Floats become integers by truncation, bool means "is not 0"."""
    return cast_to(x, as_dtype(dtype))


@cast.pullback(saves="")
def _(ctx, x, dtype):
    return lambda g: cast(g, x.dtype)


@op("copy", PRIMITIVE)
def clone(x: Tensor) -> Tensor:
    """A copy of x, contiguous."""
    return kernel("copy", [x], x.shape, x.dtype)


@clone.pullback(saves="")
def _(ctx, x):
    return lambda g: g


# ---- bits ----


def _bitwise(name: str, x: Tensor, y: Tensor) -> Tensor:
    x, y = promote(x, y)
    needs(name, x, (0, 1, 2), "bools and integers")
    return elementwise(name, [x, y])


@op("bitwise_and", PRIMITIVE, differentiable=False)
def bitwise_and(x: Operand, y: Operand) -> Tensor:
    """x & y, for bools and integers."""
    return _bitwise("bitwise_and", x, y)


@op("bitwise_or", PRIMITIVE, differentiable=False)
def bitwise_or(x: Operand, y: Operand) -> Tensor:
    """x | y, for bools and integers."""
    return _bitwise("bitwise_or", x, y)


@op("bitwise_xor", PRIMITIVE, differentiable=False)
def bitwise_xor(x: Operand, y: Operand) -> Tensor:
    """x ^ y, for bools and integers."""
    return _bitwise("bitwise_xor", x, y)


@op("shift_left", PRIMITIVE, differentiable=False)
def bitwise_left_shift(x: Operand, y: Operand) -> Tensor:
    """x << y, for integers."""
    x, y = promote(x, y)
    needs("bitwise_left_shift", x, (1, 2), "integers")
    return elementwise("shift_left", [x, y])


@op("shift_right", PRIMITIVE, differentiable=False)
def bitwise_right_shift(x: Operand, y: Operand) -> Tensor:
    """x >> y, for integers; the sign stays."""
    x, y = promote(x, y)
    needs("bitwise_right_shift", x, (1, 2), "integers")
    return elementwise("shift_right", [x, y])


@op("bitwise_not", PRIMITIVE, differentiable=False)
def bitwise_not(x: Tensor) -> Tensor:
    """~x: all bits flipped; for bool the logical not."""
    needs("bitwise_not", x, (0, 1, 2), "bools and integers")
    return elementwise("bitwise_not", [x])


@op("logical_not", differentiable=False)
def logical_not(x: Tensor) -> Tensor:
    """True where x is 0."""
    return x == 0 if x.dtype is not bool_ else bitwise_not(x)


# ---- functions of one tensor ----


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
        return lambda g: g * where(ctx.out == 0, 0.0, x / ctx.out)
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
        if is_scalar(x) and name == "sqrt":
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
    """x limited to [min, max]; either may be None, not both. NaN stays NaN."""
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
        lo = where(x < min, g, 0.0) if min is not None and ctx.needs[1] else None
        hi = where(x > max, g, 0.0) if max is not None and ctx.needs[2] else None
        return gx, lo, hi

    return back
