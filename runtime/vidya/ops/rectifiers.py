"""Activations that are made of pieces: relu's relatives, the hard ones, the shrinkages.

Element-wise, [...] -> [...] same dtype. Their gradients at a kink are PyTorch's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT
from ..schema import op
from .elementwise import (
    cast,
    needs,
    where,
)
from .slopes import elu_backward, hardswish_backward, leaky_relu_backward
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "celu", "elu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "prelu",
    "relu6", "selu", "softshrink", "threshold",
]  # fmt: skip


def _positive(x: Tensor, otherwise: Any) -> Tensor:
    return where(x > 0, x, otherwise)


@op("elu")
def elu(x: Tensor, alpha=1.0) -> Tensor:
    """x above 0, alpha (exp(x) - 1) below. (Clevert, Unterthiner and Hochreiter, 2015)"""
    needs("elu", x, (3,), "floats")
    return _positive(x, alpha * x.expm1())


@elu.pullback
def _(ctx, x, alpha):
    return lambda g: elu_backward(g, x, alpha)


@op("celu")
def celu(x: Tensor, alpha=1.0) -> Tensor:
    """x above 0, alpha (exp(x / alpha) - 1) below. (Barron, 2017)"""
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    needs("celu", x, (3,), "floats")
    return _positive(x, alpha * (x / alpha).expm1())


@celu.pullback
def _(ctx, x, alpha):
    return lambda g: g * where(x > 0, 1.0, clamp(x / alpha, None, 0.0).exp())


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@op("selu")
def selu(x: Tensor) -> Tensor:
    """1.0507 elu(x, 1.6733): keeps mean 0 and variance 1. (Klambauer et al., 2017)"""
    needs("selu", x, (3,), "floats")
    return _positive(x, _SELU_ALPHA * x.expm1()) * _SELU_SCALE


@selu.pullback
def _(ctx, x):
    scale = _SELU_SCALE
    return lambda g: g * where(x > 0, scale, (scale * _SELU_ALPHA) * clamp(x, None, 0.0).exp())


@op("leaky_relu")
def leaky_relu(x: Tensor, negative_slope=0.01) -> Tensor:
    """x above 0, negative_slope x below."""
    needs("leaky_relu", x, (3,), "floats")
    return _positive(x, x * negative_slope)


@leaky_relu.pullback
def _(ctx, x, negative_slope):
    return lambda g: leaky_relu_backward(g, x, negative_slope)


@op("prelu")
def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x above 0, weight x below; weight [C] belongs to dim 1, or [1] to all. (He et al., 2015)"""
    needs("prelu", x, (3,), "floats")
    if weight.numel() == 1:
        slope = weight.reshape(())
    else:
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.ndim != 1 or weight.shape[0] != channels:
            raise ValueError(
                f"prelu: weight {tuple(weight.shape)} must be [1] or [C], and dim 1 of "
                f"{tuple(x.shape)} gives C = {channels}"
            )
        slope = weight.reshape([-1 if d == 1 else 1 for d in range(x.ndim)])
    return _positive(x, slope * x)


@op("hardtanh")
def hardtanh(x: Tensor, min_val=-1.0, max_val=1.0) -> Tensor:
    """x limited to [min_val, max_val]."""
    if min_val > max_val:
        raise ValueError(f"hardtanh: min_val {min_val} must not be above max_val {max_val}")
    if x.dtype.is_integer:
        min_val, max_val = int(min_val), int(max_val)
    return clamp(x, min_val, max_val)


@hardtanh.pullback
def _(ctx, x, min_val, max_val):
    return lambda g: where((x > min_val) & (x < max_val), g, 0.0)


def relu6(x: Tensor, inplace: bool = False) -> Tensor:
    """x limited to [0, 6]."""
    return hardtanh(x, 0.0, 6.0, inplace=inplace)


@op("hardsigmoid")
def hardsigmoid(x: Tensor) -> Tensor:
    """x / 6 + 1/2, limited to [0, 1]. (Howard et al., 2019)"""
    needs("hardsigmoid", x, (3,), "floats")
    return clamp(x + 3, 0.0, 6.0) / 6


@hardsigmoid.pullback
def _(ctx, x):
    return lambda g: where((x > -3) & (x < 3), g / 6, 0.0)


@op("hardswish")
def hardswish(x: Tensor) -> Tensor:
    """x hardsigmoid(x). (Howard et al., 2019)"""
    needs("hardswish", x, (3,), "floats")
    return x * clamp(x + 3, 0.0, 6.0) / 6


@hardswish.pullback
def _(ctx, x):
    return lambda g: hardswish_backward(g, x)


@op("hardshrink")
def hardshrink(x: Tensor, lambd=0.5) -> Tensor:
    """0 where |x| <= lambd, else x."""
    needs("hardshrink", x, (3,), "floats")
    return where((x >= -lambd) & (x <= lambd), 0.0, x)


@hardshrink.pullback
def _(ctx, x, lambd):
    return lambda g: where((x < -lambd) | (x > lambd), g, 0.0)


@op("softshrink")
def softshrink(x: Tensor, lambd=0.5) -> Tensor:
    """x moved towards 0 by lambd, 0 where |x| <= lambd."""
    needs("softshrink", x, (3,), "floats")
    if lambd < 0:
        raise ValueError(f"softshrink: lambd must not be negative, got {lambd}")
    return where(x > lambd, x - lambd, where(x < -lambd, x + lambd, x * 0))


@softshrink.pullback
def _(ctx, x, lambd):
    return lambda g: where((x < -lambd) | (x > lambd), g, 0.0)


@op("threshold")
def threshold(x: Tensor, threshold, value) -> Tensor:
    """x where it is above the threshold, else `value`."""
    if x.dtype.category < FLOAT:
        return where(x > threshold, x, cast(x * 0 + int(value), x.dtype))
    return where(x <= threshold, float(value), x)


@threshold.pullback
def _(ctx, x, threshold, value):
    return lambda g: where(x <= threshold, 0.0, g)
