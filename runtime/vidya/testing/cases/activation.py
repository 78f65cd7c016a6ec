"""Activations: made of pieces, and smooth."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case
from .common import unary

F = "nn.functional."
_FINITE = (0.0, -0.0, 1e4, -1e4, 1e-3)
_WITH_NAN = (float("nan"), *_FINITE)


def away(t):
    """Inputs that stand on no kink: all kinks are whole numbers or halves."""
    for shape in ((3, 4), (), (5,), (0, 3), (2, 3, 1, 4)):
        base = t(*shape, low=-4, high=7)
        yield S(np.asarray(np.floor(base * 4) / 4 + 0.125).astype(t.dtype.np))
    yield S(t.of(_FINITE)).forward_only()


def with_kwargs(samples, **kwargs):
    return lambda t: [
        S(*s.args, **kwargs) if s.grad else S(*s.args, **kwargs).forward_only() for s in samples(t)
    ]


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x):
    return np.logaddexp(0, x)


def shrunk(x, lambd=0.5):
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0))


_ROWS = {
    "elu": (elu, {"alpha": 0.5}),
    "celu": (
        lambda x, alpha=1.0: (
            np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(np.minimum(x, 0) / alpha))
        ),
        {"alpha": 2.0},
    ),
    "selu": (lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), None),
    "leaky_relu": (
        lambda x, negative_slope=0.01: np.where(x > 0, x, x * negative_slope),
        {"negative_slope": 0.25},
    ),
    "relu6": (lambda x: np.clip(x, 0, 6), None),
    "hardtanh": (
        lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        {"min_val": -0.5, "max_val": 2.0},
    ),
    "hardsigmoid": (lambda x: np.clip(x + 3, 0, 6) / 6, None),
    "hardswish": (lambda x: x * np.clip(x + 3, 0, 6) / 6, None),
    "hardshrink": (lambda x, lambd=0.5: np.where(np.abs(x) <= lambd, 0, x), {"lambd": 1.0}),
    "softshrink": (shrunk, {"lambd": 1.0}),
}
for _name, (_oracle, _kwargs) in _ROWS.items():
    case(F + _name, _oracle, away, scale=2)
    if _kwargs:
        case(
            f"{_name}_arguments",
            _oracle,
            with_kwargs(away, **_kwargs),
            fn=F + _name,
            scale=2,
        )
case(
    F + "threshold",
    lambda x, threshold, value: np.where(x > threshold, x, value),
    with_kwargs(away, threshold=1.0, value=20.0),
)


def _prelu(x, weight):
    shape = [-1 if d == 1 else 1 for d in range(x.ndim)] if weight.size > 1 else ()
    return np.where(x > 0, x, x * weight.reshape(shape))


case(
    F + "prelu",
    _prelu,
    lambda t: [
        S(t.nonzero(3, 4), t(4)),
        S(t.nonzero(2, 3, 4), t(3)),
        S(t.nonzero(5), t(1)),
        S(t.nonzero(2, 3, 2, 2), t(3)),
    ],
    wrong=lambda t: [Wrong(S(t(3, 4), t(3)), (ValueError, RuntimeError), r"3")],
)

_SMOOTH = {
    "mish": (lambda x: x * np.tanh(softplus(x)), _WITH_NAN),
    "logsigmoid": (lambda x: -softplus(-x), (*_WITH_NAN, math.inf, -math.inf)),
    "softsign": (lambda x: x / (1 + np.abs(x)), _WITH_NAN),
    "tanhshrink": (lambda x: x - np.tanh(x), _WITH_NAN),
}
for _name, (_oracle, _extremes) in _SMOOTH.items():
    case(
        F + _name,
        _oracle,
        unary(-4, 4, nonzero=_name == "softsign", extremes=_extremes),
        types="fc" if _name in ("softsign", "tanhshrink") else "f",
        scale=2,
    )


def softmin(x, dim):
    e = np.exp(-x - np.max(-x, axis=dim, keepdims=True))
    return e / e.sum(dim, keepdims=True)


case(F + "softmin", softmin, lambda t: [S(t(3, 4), 0), S(t(2, 3, 4), -1)])
