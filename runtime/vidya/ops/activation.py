"""Activations, element-wise, float -> float."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import (
    conj_of,
    maximum,
    where,
)
from .rules import as_floating
from .slopes import softplus_backward
from .unary import erf

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("relu")
def relu(x: Tensor) -> Tensor:
    """max(x, 0)."""
    return maximum(x, 0)


@relu.pullback(saves="out")
def _(ctx, x):
    return lambda g: relu_backward(g, ctx.out)


@op("relu_backward")
def relu_backward(g: Tensor, y: Tensor) -> Tensor:
    """g where the result y of relu is positive, else 0."""
    return where(y > 0, g, 0.0)


@op("sigmoid")
def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)); exp(-|x|) cannot overflow."""
    x = as_floating(x)
    if x.dtype.is_complex:
        return 1 / (1 + (-x).exp())
    e = (-x.abs()).exp()
    return where(x >= 0, 1.0, e) / (1 + e)


@sigmoid.pullback(saves="out")
def _(ctx, x):
    return lambda g: sigmoid_backward(g, conj_of(ctx.out))


@op("sigmoid_backward")
def sigmoid_backward(g: Tensor, y: Tensor) -> Tensor:
    """g y (1 - y), from the result y."""
    return g * y * (1 - y)


@op("tanh_backward")
def tanh_backward(g: Tensor, y: Tensor) -> Tensor:
    """g (1 - y^2), from the result y."""
    return g * (1 - y * y)


@op("silu")
def silu(x: Tensor) -> Tensor:
    """x sigmoid(x). (Elfwing, Uchibe and Doya, 2017)"""
    return x * sigmoid(x)


@silu.pullback
def _(ctx, x):
    return lambda g: silu_backward(g, conj_of(x))


@op("silu_backward")
def silu_backward(g: Tensor, x: Tensor) -> Tensor:
    """g s (1 + x (1 - s)) with s = sigmoid(x)."""
    s = sigmoid(x)
    return g * s * (1 + x * (1 - s))


@op("gelu")
def gelu(x: Tensor, approximate="none") -> Tensor:
    """x Phi(x), Phi the normal distribution; approximate="tanh" for the usual approximation.

    (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016)
    """
    if approximate == "none":
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))
    if approximate != "tanh":
        raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    return 0.5 * x * (1 + (math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)).tanh())


@gelu.pullback
def _(ctx, x, approximate):
    return lambda g: gelu_backward(g, x, approximate)


@op("gelu_backward")
def gelu_backward(g: Tensor, x: Tensor, approximate="none") -> Tensor:
    """g times the derivative of gelu at x."""
    if approximate == "none":
        density = (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
        return g * (0.5 * (1 + erf(x * math.sqrt(0.5))) + x * density)
    scale = math.sqrt(2 / math.pi)
    t = (scale * (x + 0.044715 * x * x * x)).tanh()
    slope = scale * (1 + 3 * 0.044715 * x * x)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * slope)


@op("softplus")
def softplus(x: Tensor, beta=1.0, threshold=20.0) -> Tensor:
    """log(1 + exp(beta x)) / beta; x itself where beta x exceeds the threshold."""
    bx = x * beta
    smooth = (maximum(bx, 0) + (-bx.abs()).exp().log1p()) / beta
    return where(bx > threshold, x, smooth)


@softplus.pullback
def _(ctx, x, beta, threshold):
    return lambda g: softplus_backward(g, x, beta, threshold)
