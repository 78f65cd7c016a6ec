"""Element-wise functions of one tensor."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, case
from .common import floated, unary

erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * erfc(-x / math.sqrt(2))


# name, oracle, samples, types, dtype of the result
_SMOOTH = [
    ("sqrt", np.sqrt, unary(0.2, 3)),
    ("exp", np.exp, unary(-3, 3)),
    ("expm1", np.expm1, unary(-1, 1)),
    ("log", np.log, unary(0.2, 3)),
    ("log1p", np.log1p, unary(-0.5, 2)),
    ("sin", np.sin, unary(-3, 3)),
    ("cos", np.cos, unary(-3, 3)),
    ("tan", np.tan, unary(-1.2, 1.2)),
    ("asin", np.arcsin, unary(-0.9, 0.9)),
    ("acos", np.arccos, unary(-0.9, 0.9)),
    ("atan", np.arctan, unary(-2, 2)),
    ("sinh", np.sinh, unary(-2, 2)),
    ("cosh", np.cosh, unary(-2, 2)),
    ("tanh", np.tanh, unary(-2, 2)),
    ("asinh", np.arcsinh, unary(-2, 2)),
    ("acosh", np.arccosh, unary(1.2, 3)),
    ("atanh", np.arctanh, unary(-0.8, 0.8)),
    ("reciprocal", lambda x: 1 / x, unary(nonzero=True)),
    ("rsqrt", lambda x: 1 / np.sqrt(x), unary(0.2, 3)),
    ("exp2", np.exp2, unary(-3, 3)),
    ("log2", np.log2, unary(0.2, 3)),
    ("log10", np.log10, unary(0.2, 3)),
    ("sigmoid", sigmoid, unary(-4, 4)),
]
for _name, _oracle, _samples in _SMOOTH:
    case(_name, floated(_oracle), _samples, types="fcib", out="float")

for _name, _oracle, _samples in [
    ("erf", erf, unary(-2, 2)),
    ("erfc", erfc, unary(-2, 2)),
]:
    case(_name, floated(_oracle), _samples, types="fib", out="float")

case("neg", np.negative, unary(), types="fci")
case("abs", np.abs, unary(nonzero=True), types="fci", out="real")
case("square", lambda x: x * x, unary(), types="fci")
case("sign", np.sign, unary(nonzero=True), types="fi")
for _name, _oracle in [
    ("floor", np.floor),
    ("ceil", np.ceil),
    ("round", np.rint),
    ("trunc", np.trunc),
]:
    case(_name, _oracle, unary(-2.4, 2.4), types="fi")
case(
    "round_ties",
    np.rint,
    lambda t: [S(t.of([0.5, 1.5, 2.5, -0.5, -1.5]))],
    fn="round",
    grad=False,
)

case("isnan", np.isnan, unary(), types="fcib", out="bool", grad=False)
case("isinf", np.isinf, unary(), types="fcib", out="bool", grad=False)
case("isfinite", np.isfinite, unary(), types="fcib", out="bool", grad=False)
case("logical_not", np.logical_not, unary(), types="fcib", out="bool", grad=False)
case("bitwise_not", np.invert, unary(), types="ib", grad=False)

case("relu", lambda x: np.maximum(x, 0), unary(nonzero=True), types="fi")
# infinity * 0 is left open: at minus infinity a gate may be NaN, as in PyTorch, or its limit 0
_FINITE = (float("nan"), 0.0, -0.0, 1e4, -1e4, 1e-3)
case("nn.functional.silu", lambda x: x * sigmoid(x), unary(-4, 4, extremes=_FINITE), types="fc")
case("nn.functional.gelu", gelu, unary(-3, 3, extremes=_FINITE))
case(
    "gelu_tanh",
    gelu,
    unary(-3, 3, extremes=_FINITE, approximate="tanh"),
    fn="nn.functional.gelu",
)
# the values that overflowed elsewhere: a gate saturates, and the product stays finite
case(
    "gelu_large",
    gelu,
    lambda t: [S(t.of([-1e3, -50, -10, 10, 50, 1e3]), approximate="tanh")],
    fn="nn.functional.gelu",
)
case(
    "nn.functional.softplus",
    lambda x: np.logaddexp(0, x),
    unary(-4, 4, extremes=_FINITE),
)
