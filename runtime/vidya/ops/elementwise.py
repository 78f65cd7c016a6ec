"""Element-wise arithmetic, selection and conversion.

All of them broadcast, and promote their operands by PyTorch's rule. Shapes: [...] -> [...].
"""

from __future__ import annotations

import cmath
import math
from typing import TYPE_CHECKING, Any

from ..dtypes import as_dtype, bool_
from ..engine import trace as tracing
from ..schema import PRIMITIVE, op
from .rules import Operand, cast_to, elementwise, is_scalar, kernel, promote, result_type

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "add", "arctan2", "atan2", "cast", "clone", "div", "floor_divide", "fmod", "maximum",
    "minimum", "mul", "pow", "remainder", "sub",
]  # fmt: skip

_HOST = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


def binary(name: str, x: Tensor, y: Tensor, *, floating: bool = False) -> Tensor:
    """Promote, broadcast, one kernel; numbers among themselves are computed on the host."""
    real = not x.dtype.is_complex and not y.dtype.is_complex
    if is_scalar(x) and is_scalar(y) and name in _HOST and real:
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
    return binary("add", x, _scaled(x, y, alpha))


@add.pullback(saves="")
def _(ctx, x, y, alpha):
    return lambda g: (g, g if alpha == 1 else g * conj_of(alpha))


@op("sub", PRIMITIVE)
def sub(x: Operand, y: Operand, alpha=1) -> Tensor:
    """x - alpha * y. TypeError for bool: there use `x ^ y` or logical_not."""
    if x.dtype is bool_ or y.dtype is bool_:
        raise TypeError("sub: bool has no subtraction; use x ^ y (logical_xor), or ~x")
    return binary("sub", x, _scaled(x, y, alpha))


def _scaled(x: Tensor, y: Tensor, alpha) -> Tensor:
    """alpha * y in the dtype of the sum: a uint8 must not wrap before it meets an int64."""
    if alpha == 1:
        return y
    return mul(y if is_scalar(y) else cast_to(y, result_type(x, y)), alpha)


@sub.pullback(saves="")
def _(ctx, x, y, alpha):
    return lambda g: (g, -g if alpha == 1 else g * conj_of(-alpha))


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
    return quotient if x.dtype.is_integer else quotient.trunc()


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
    """x ** exponent, as C's pow. Integers with a negative exponent give 0, units stay units."""
    if x.dtype is bool_ and exponent.dtype is bool_:
        raise TypeError("pow: bool has no powers; cast first")
    return binary("pow", x, exponent)


@pow.pullback(saves="x exponent out")
def _(ctx, x, y):
    def back(g):
        dx = dy = None
        if ctx.needs[0]:
            if isinstance(y, (int, float, complex)):
                dx = g * conj_of(y * x ** (y - 1)) if y != 0 else g * 0
            else:  # d/dx x**0 is 0 even where x**(y-1) is not finite
                dx = g * where(y == 0, 0.0, conj_of(y * x ** (y - 1)))
        if ctx.needs[1]:
            if isinstance(x, (int, float, complex)):
                log_x = _log_number(x, ctx.out.dtype.is_complex)
            else:  # 0**y is 0 for all y near a positive one
                positive = (y.real if isinstance(y, complex) else real_part(y)) >= 0
                log_x = where((x == 0) & positive, 0.0, x.log())
            dy = g * conj_of(ctx.out * log_x)
        return dx, dy

    return back


def _log_number(x: Any, is_complex: bool) -> Any:
    if x == 0:
        return 0.0
    if is_complex:
        return cmath.log(x)
    return math.log(x) if x > 0 else math.nan


def real_part(x: Any) -> Any:
    """The real part of a complex tensor; a real tensor or number itself."""
    if isinstance(x, (int, float)) or not x.dtype.is_complex:
        return x
    return x.real


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
        rounded = where(down, quotient - 1.0, quotient).round()
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


# PyTorch's other names
arctan2 = atan2
