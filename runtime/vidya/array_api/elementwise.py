"""Element-wise functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..dtypes import FLOAT
from ..ops import bits as _b
from ..ops import compare, complex, pointwise, special
from ..ops import elementwise as _e
from ..ops import unary as _u
from ..ops.nextafter import nextafter as _nextafter
from ..tensor import Tensor
from .operands import array, promoted

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "conj",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "imag",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "real",
    "reciprocal",
    "remainder",
    "round",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
]  # fmt: skip


def _one(name: str, function: Callable[[Any], Tensor]) -> Callable[..., Tensor]:
    def call(x: Tensor, /) -> Tensor:
        return function(array(name, x))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def _two(name: str, function: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    def call(x1: Any, x2: Any, /) -> Tensor:
        return function(*promoted(name, x1, x2))

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def _sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; x / |x| for complex."""
    return pointwise.sgn(x) if x.dtype.is_complex else _u.sign(x)


def _round(x: Tensor) -> Tensor:
    """The nearest whole number, halves to the even one; of a complex number both parts."""
    if not x.dtype.is_complex:
        return _u.round(x)
    return complex.view_as_complex(_u.round(complex.view_as_real(x)))


def _imag(x: Tensor) -> Tensor:
    """The imaginary part; zeros for a real tensor."""
    return complex.imag(x) if x.dtype.is_complex else x * 0


def _logaddexp(x1: Any, x2: Any) -> Tensor:
    """log(exp(x1) + exp(x2)), without overflow."""
    like = x1 if isinstance(x1, Tensor) else x2
    x1, x2 = (x if isinstance(x, Tensor) else like.new_full((), x) for x in (x1, x2))
    return special.logaddexp(x1, x2)


abs, sign, round = _one("abs", _u.abs), _one("sign", _sign), _one("round", _round)
acos, acosh = _one("acos", _u.acos), _one("acosh", _u.acosh)
asin, asinh = _one("asin", _u.asin), _one("asinh", _u.asinh)
atan, atanh = _one("atan", _u.atan), _one("atanh", _u.atanh)
bitwise_invert = _one("bitwise_invert", _b.bitwise_not)
ceil, floor, trunc = (
    _one("ceil", _u.ceil),
    _one("floor", _u.floor),
    _one("trunc", _u.trunc),
)
conj, real, imag = _one("conj", complex.conj), _one("real", complex.real), _one("imag", _imag)
cos, cosh, sin, sinh = (_one(f.name, f) for f in (_u.cos, _u.cosh, _u.sin, _u.sinh))
tan, tanh, exp, expm1 = (_one(f.name, f) for f in (_u.tan, _u.tanh, _u.exp, _u.expm1))
log, log1p, log2, log10 = (_one(f.name, f) for f in (_u.log, _u.log1p, _u.log2, _u.log10))
isfinite, isinf = _one("isfinite", compare.isfinite), _one("isinf", compare.isinf)
isnan, logical_not = _one("isnan", _u.isnan), _one("logical_not", _b.logical_not)
negative, positive = _one("negative", _u.neg), _one("positive", pointwise.positive)
reciprocal, sqrt = _one("reciprocal", _u.reciprocal), _one("sqrt", _u.sqrt)
signbit, square = _one("signbit", pointwise.signbit), _one("square", _u.square)

add, subtract = _two("add", _e.add), _two("subtract", _e.sub)
multiply, divide = _two("multiply", _e.mul), _two("divide", _e.div)
pow, remainder = _two("pow", _e.pow), _two("remainder", _e.remainder)
floor_divide, atan2 = _two("floor_divide", _e.floor_divide), _two("atan2", _e.atan2)
bitwise_and, bitwise_or = (
    _two("bitwise_and", _b.bitwise_and),
    _two("bitwise_or", _b.bitwise_or),
)
bitwise_xor = _two("bitwise_xor", _b.bitwise_xor)
bitwise_left_shift = _two("bitwise_left_shift", _b.bitwise_left_shift)
bitwise_right_shift = _two("bitwise_right_shift", _b.bitwise_right_shift)
equal, not_equal = _two("equal", compare.eq), _two("not_equal", compare.ne)
less, less_equal = _two("less", compare.lt), _two("less_equal", compare.le)
greater, greater_equal = _two("greater", compare.gt), _two("greater_equal", compare.ge)
logical_and, logical_or = (
    _two("logical_and", compare.logical_and),
    _two("logical_or", compare.logical_or),
)
logical_xor = _two("logical_xor", compare.logical_xor)
maximum, minimum = _two("maximum", _e.maximum), _two("minimum", _e.minimum)
copysign, hypot = _two("copysign", pointwise.copysign), _two("hypot", pointwise.hypot)
logaddexp, nextafter = _two("logaddexp", _logaddexp), _two("nextafter", _nextafter)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """x limited to [min, max], in x's dtype; either may be None. NaN stays NaN."""
    array("clip", x)
    if min is None and max is None:
        return x.clone()
    if x.dtype.category < FLOAT and any(isinstance(v, float) for v in (min, max)):
        raise TypeError(f"clip: a float limit does not fit {x.dtype.name}")
    limits = [v.to(x.dtype) if isinstance(v, Tensor) else v for v in (min, max)]
    return _u.clamp(x, *limits)
