"""Element-wise functions of two or three tensors."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .common import as_float, binary, floated, number_as


def in_dtype(oracle):
    """Python numbers in the first array's dtype before NumPy sees them."""
    return lambda x, y, **kw: oracle(x, number_as(x, y), **kw)


def scaled(oracle):
    return lambda x, y, alpha=1: oracle(x, number_as(x, y) * x.dtype.type(alpha))


def divided(x, y, rounding_mode=None):
    quotient = as_float(x) / as_float(y)
    if rounding_mode == "floor":
        return np.floor_divide(x, number_as(x, y))
    return np.trunc(quotient) if rounding_mode == "trunc" else quotient


def mismatch(error: type[Exception] = ValueError):
    """Shapes that do not broadcast."""
    return lambda t: [Wrong(S(t(3, 4), t(3, 5)), error, r"3, 4.*3, 5")]


case("add", in_dtype(np.add), binary(), types="fcib", wrong=mismatch())
case("sub", in_dtype(np.subtract), binary(), types="fci", wrong=mismatch())
case("mul", in_dtype(np.multiply), binary(), types="fcib", wrong=mismatch())
case("add_alpha", scaled(np.add), binary(alpha=3), fn="add", types="fci")
case("sub_alpha", scaled(np.subtract), binary(alpha=3), fn="sub", types="fci")
case(
    "div",
    divided,
    binary(nonzero=True, scalars=(2, 0.5)),
    types="fcib",
    out="float",
    wrong=mismatch(),
)
case(
    "div_floor",
    divided,
    binary(nonzero=True, rounding_mode="floor", extremes=False),
    fn="div",
    types="fi",
)
case(
    "div_trunc",
    divided,
    binary(nonzero=True, rounding_mode="trunc", extremes=False),
    fn="div",
    types="fi",
)
case(
    "floor_divide",
    in_dtype(np.floor_divide),
    binary((-9, 9), nonzero=True, extremes=False),
    types="fi",
    grad=False,
)
case("remainder", in_dtype(np.mod), binary((-9, 9), nonzero=True, extremes=False), types="fi")
case("fmod", in_dtype(np.fmod), binary((-9, 9), nonzero=True), types="fi")

case("pow", in_dtype(np.power), binary((0.3, 2), (0, 3), scalars=(2, 3)), types="fic")
case(
    "pow_number",
    np.power,
    lambda t: [S(t.positive(2, 3), p) for p in (2, 3, 0.5, -1.5)],
    fn="pow",
    types="fc",
)
for _name, _fn in [
    ("number_sub", lambda n, x: n - x),
    ("number_div", lambda n, x: n / x),
    ("number_pow", lambda n, x: n**x),
]:
    case(
        _name,
        _fn,
        lambda t: [S(2.5, t.nonzero(2, 3)), S(2, t.nonzero()), S(0.5, t(0))],
        fn=_fn,
        types="fc",
    )

case("atan2", floated(np.arctan2), binary(nonzero=True, scalars=()), types="fib", out="float")
for _name, _oracle in [("maximum", np.maximum), ("minimum", np.minimum)]:
    case(_name, _oracle, binary(scalars=()), types="fib")

for _name, _oracle in [
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
]:
    case(_name, in_dtype(_oracle), binary(), types="fib", out="bool", grad=False)
for _name, _oracle in [("eq", np.equal), ("ne", np.not_equal)]:
    case(_name, in_dtype(_oracle), binary(), types="fcib", out="bool", grad=False)

for _name, _oracle in [
    ("bitwise_and", np.bitwise_and),
    ("bitwise_or", np.bitwise_or),
    ("bitwise_xor", np.bitwise_xor),
]:
    case(_name, in_dtype(_oracle), binary((0, 100), (0, 100)), types="ib", grad=False)
for _name, _oracle in [
    ("bitwise_left_shift", np.left_shift),
    ("bitwise_right_shift", np.right_shift),
]:
    case(_name, in_dtype(_oracle), binary((-9, 9), (0, 3)), types="i", grad=False)
for _name, _oracle in [
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor),
]:
    case(_name, _oracle, binary(scalars=()), types="fcib", out="bool", grad=False)


def _where(t):
    yield S(t.mask(3, 4), t(3, 4), t(3, 4))
    yield S(t.mask(3, 1), t(4), t(2, 1, 4))
    yield S(t.mask(2, 3), t(2, 3), 0)
    yield S(np.array(True), t(3), t(1))


case("where", np.where, _where, types="fci")


def _clamp(t):
    edge = (
        0.2 if t.is_float else 0
    )  # no float stands on an edge, where the gradient is a matter of taste
    yield S(t.distinct(3, 4), min=-1 + edge, max=1 + edge)
    yield S(t.distinct(5), min=0 + edge)
    yield S(t.distinct(2, 3), max=1 + edge)
    if t.is_float:
        yield S(t.distinct(3, 4), t(4, low=-1.3, high=-1.1), t(3, 1, low=1.1, high=1.3))
        yield S(t.distinct(2, 4), t(4, low=0.6, high=0.9), t(2, 1, low=-0.9, high=-0.6))
        yield S(t.of([np.nan, np.inf, -np.inf]), min=-1, max=1).forward_only()


def clamped(x, min=None, max=None):
    low = x if min is None else np.maximum(x, number_as(x, min))
    return low if max is None else np.minimum(low, number_as(x, max))


case("clamp", clamped, _clamp, types="fs")
case(
    "masked_fill",
    lambda x, mask, value: np.where(mask, number_as(x, value), x),
    lambda t: [S(t(3, 4), t.mask(3, 4), 2), S(t(2, 3), t.mask(3), 0), S(t(2, 1), t.mask(1, 1), 1)],
    types="fci",
)
