"""Smooth activations beyond sigmoid, silu and gelu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import op
from .activation import softplus
from .elementwise import (
    minimum,
    needs,
)
from .slopes import logsigmoid_backward, mish_backward
from .softmax import softmax
from .unary import abs

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["logsigmoid", "mish", "softmin", "softsign", "tanhshrink"]


@op("mish")
def mish(x: Tensor) -> Tensor:
    """x tanh(softplus(x)). (Misra, 2019)"""
    needs("mish", x, (3,), "floats")
    return x * softplus(x).tanh()


@mish.pullback
def _(ctx, x):
    return lambda g: mish_backward(g, x)


@op("logsigmoid")
def logsigmoid(x: Tensor) -> Tensor:
    """log(sigmoid(x)) = min(x, 0) - log(1 + exp(-|x|))."""
    needs("logsigmoid", x, (3,), "floats")
    return minimum(x, 0) - (-abs(x)).exp().log1p()


@logsigmoid.pullback
def _(ctx, x):
    return lambda g: logsigmoid_backward(g, x)


@op("softsign", fusable=False)
def softsign(x: Tensor) -> Tensor:
    """x / (1 + |x|)."""
    return x / (1 + abs(x))


@op("tanhshrink", fusable=False)
def tanhshrink(x: Tensor) -> Tensor:
    """x - tanh(x)."""
    return x - x.tanh()


def softmin(x: Tensor, dim: int, dtype=None) -> Tensor:
    """softmax(-x) along `dim`."""
    return softmax(-x, dim, dtype)
