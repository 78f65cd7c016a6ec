"""Gradients of activations, each an op of its own: a device makes one pass of it.

g and x [...] -> g times the slope at x. At a kink the slope is PyTorch's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import where
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("elu_backward")
def elu_backward(g: Tensor, x: Tensor, alpha=1.0) -> Tensor:
    """g above 0, g alpha exp(x) below."""
    return where(x > 0, g, g * (alpha * clamp(x, None, 0.0).exp()))


@op("leaky_relu_backward")
def leaky_relu_backward(g: Tensor, x: Tensor, negative_slope=0.01) -> Tensor:
    """g above 0, negative_slope g below."""
    return where(x > 0, g, g * negative_slope)


@op("hardswish_backward")
def hardswish_backward(g: Tensor, x: Tensor) -> Tensor:
    """0 up to -3, g from 3 on, g (x / 3 + 1/2) in between."""
    return where(x <= -3, 0.0, where(x < 3, g * (x / 3 + 0.5), g))


@op("softplus_backward")
def softplus_backward(g: Tensor, x: Tensor, beta=1.0, threshold=20.0) -> Tensor:
    """g sigmoid(beta x); g itself where beta x exceeds the threshold."""
    from .activation import sigmoid

    return where(x * beta > threshold, g, g * sigmoid(x * beta))


@op("mish_backward")
def mish_backward(g: Tensor, x: Tensor) -> Tensor:
    """g (t + x sigmoid(x) (1 - t^2)), t = tanh(softplus(x))."""
    from .activation import sigmoid, softplus

    t = softplus(x).tanh()
    return g * (t + x * sigmoid(x) * (1 - t * t))


@op("logsigmoid_backward")
def logsigmoid_backward(g: Tensor, x: Tensor) -> Tensor:
    """g sigmoid(-x)."""
    from .activation import sigmoid

    return g * sigmoid(-x)
