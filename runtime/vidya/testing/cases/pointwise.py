"""Element-wise functions beyond the operators, and complex numbers."""

from __future__ import annotations

import numpy as np
from vidya.dtypes import get_default_dtype

from ..case import S, Wrong, case
from .common import EXTREMES, binary, floated, number_as, unary

_NUMBERS = (float("inf"), -float("inf"), 0.0, -0.0, 1e4, -1e4, 1e-3)  # PyTorch's sgn(NaN) is 0

case(
    "frac", lambda x: x - np.trunc(x), unary(-2.4, 2.4, extremes=(0.0, 1e4, -1e4, 1e-3)), types="f"
)
case("positive", lambda x: x, unary(), types="fci")
case(
    "sgn",
    lambda x: (
        np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))
        if x.dtype.kind == "c"
        else np.sign(x)
    ),
    unary(nonzero=True, extremes=_NUMBERS),
    types="fci",
)
case(
    "signbit",
    lambda x: x & False if x.dtype.kind == "b" else np.signbit(x),
    unary(extremes=_NUMBERS),
    types="fib",
    out="bool",
    grad=False,
)
case("deg2rad", floated(np.deg2rad), unary(-200, 200), types="fib", out="float")
case("rad2deg", floated(np.rad2deg), unary(-3, 3), types="fib", out="float")
case("isposinf", np.isposinf, unary(), types="fib", out="bool", grad=False)
case("isneginf", np.isneginf, unary(), types="fib", out="bool", grad=False)
case("isreal", np.isreal, unary(), types="fcib", out="bool", grad=False)


def nan_to_num(x, nan=None, posinf=None, neginf=None):
    return np.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


case("nan_to_num", nan_to_num, unary(nan=1.5, posinf=7.0, neginf=-7.0), types="fic")

case(
    "hypot",
    np.hypot,
    binary(nonzero=True, scalars=()),
    wrong=lambda t: [Wrong(S(t(3, 4), t(3, 5)), ValueError, r"3, 4.*3, 5")],
)
case(
    "copysign",
    floated(np.copysign),
    binary((0.2, 2), nonzero=True, scalars=(-2,), extremes=False),
    types="fib",
    out="float",
)
case("heaviside", np.heaviside, binary(scalars=(), extremes=False), types="fi", grad=False)
case("fmax", np.fmax, binary(scalars=()), types="fib")
case("fmin", np.fmin, binary(scalars=()), types="fib")
case(
    "ldexp",
    lambda x, y: x * 2.0**y,
    binary((-2, 2), (-2, 2), scalars=(), extremes=False),
    types="fc",
)
case(
    "clamp_min",
    lambda x, y: np.maximum(x, number_as(x, y)),
    lambda t: [S(t.distinct(3, 4), t(4, low=0.1, high=0.3)), S(t(2, 3), 0.25)],
)
case(
    "clamp_max",
    lambda x, y: np.minimum(x, number_as(x, y)),
    lambda t: [S(t.distinct(3, 4), t(4, low=0.1, high=0.3)), S(t(2, 3), 0.25)],
)


def _lerp(t):
    for weight in (0.25, 0.75, 1.0):
        yield S(t(3, 4), t(4), weight)
    yield S(t(3, 4), t(3, 4), t(3, 1, low=0, high=1))


case("lerp", lambda a, b, w: a + w * (b - a), _lerp, types="fc", scale=2)
case(
    "addcmul",
    lambda x, a, b, value=1: x + value * a * b,
    lambda t: [S(t(3, 4), t(4), t(3, 1)), S(t(3, 4), t(3, 4), t(3, 4), value=2)],
    types="fc",
    scale=2,
)
case(
    "addcdiv",
    lambda x, a, b, value=1: x + value * a / b,
    lambda t: [S(t(3, 4), t(4), t.nonzero(3, 1)), S(t(3, 4), t(3, 4), t.nonzero(3, 4), value=0.5)],
    types="fc",
    scale=2,
)


def _close(t):
    x = t(3, 4)
    yield S(x, x)
    yield S(x, t(3, 4), rtol=0.5, atol=0.25)
    if t.is_float:
        values = t.of(EXTREMES)
        yield S(values[:, None], values[None, :], equal_nan=True)
        yield S(values[:, None], values[None, :])


case(
    "isclose",
    np.isclose,
    _close,
    types="fic",
    out="bool",
    grad=False,
    wrong=lambda t: [Wrong(S(t(3), t(3), rtol=-1.0), (ValueError, RuntimeError), "rtol")],
)
for _name, _oracle in [("gcd", np.gcd), ("lcm", np.lcm)]:
    case(
        _name,
        _oracle,
        lambda t: [S(t(3, 4, low=-10, high=10), t(4, low=-10, high=10)), S(t(0), t(1))],
        types="i",
        grad=False,
    )


def as_complex(t):
    yield S(t(3, 4), t(3, 4))
    yield S(t(3, 1), t(4))
    yield S(t(0), t(0))


_WIDE = ["float16", "bfloat16"]  # there are no complex numbers of these
case(
    "complex",
    lambda a, b: a + 1j * b,
    as_complex,
    types="f",
    out=lambda d: d.to_complex(),
    skip_dtypes=_WIDE,
)
case(
    "polar",
    lambda a, b: a * np.exp(1j * b),
    lambda t: [S(t.positive(3, 4), t(4)), S(t.positive(), t())],
    types="f",
    out=lambda d: d.to_complex(),
    skip_dtypes=_WIDE,
)
case(
    "real_part",
    np.real,
    lambda t: [S(t(3, 4)), S(t())],
    fn="real",
    types="fc",
    out="real",
)
case(
    "imag_part",
    np.imag,
    lambda t: [S(t(3, 4)), S(t())],
    fn="imag",
    types="c",
    out="real",
)
case(
    "angle",
    floated(np.angle),
    lambda t: [S(t(3, 4)), S(t()), S(t.of([1, -1, np.nan, 0])).forward_only()],
    types="fci",
    out=lambda d: d.to_real() if not d.is_integer else get_default_dtype(),
)


def _neighbours(t):
    """Oracles compute in float64, where alone the neighbour is the same; every 16-bit float is in
    tests/backend/test_nextafter.py."""
    x = t(3, 4)
    yield S(x, x)
    yield S(t.of(EXTREMES), t.of(EXTREMES))
    if t.dtype.name == "float64":
        yield S(x, t(4))
        yield S(t.of(EXTREMES)[:, None], t.of(EXTREMES)[None])


case("nextafter", np.nextafter, _neighbours, grad=False)
