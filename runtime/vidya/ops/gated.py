"""Gated activations: one half opens or closes the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import op
from .activation import gelu, gelu_backward, sigmoid, silu, silu_backward
from .elementwise import maximum
from .rules import Dim, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("swiglu")
def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """silu(gate) * up. Both [...]. (Shazeer, GLU Variants Improve Transformer, 2020)"""
    return silu(gate) * up


@swiglu.pullback
def _(ctx, gate, up):
    return lambda g: swiglu_backward(g, gate, up)


@op("swiglu_backward")
def swiglu_backward(g: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of gate and up."""
    return silu_backward(g * up, gate), g * silu(gate)


@op("geglu")
def geglu(gate: Tensor, up: Tensor, approximate="none") -> Tensor:
    """gelu(gate) * up. Both [...]. (Shazeer, GLU Variants Improve Transformer, 2020)"""
    return gelu(gate, approximate) * up


@geglu.pullback
def _(ctx, gate, up, approximate):
    return lambda g: geglu_backward(g, gate, up, approximate)


@op("geglu_backward")
def geglu_backward(
    g: Tensor, gate: Tensor, up: Tensor, approximate="none"
) -> tuple[Tensor, Tensor]:
    """The gradients of gate and up."""
    return gelu_backward(g * up, gate, approximate), g * gelu(gate, approximate)


@op("relu_squared")
def relu_squared(x: Tensor) -> Tensor:
    """max(x, 0)^2. (So et al., Primer, 2021)"""
    positive = maximum(x, 0)
    return positive * positive


@relu_squared.pullback
def _(ctx, x):
    return lambda g: g * (2 * maximum(x, 0))


@op("glu", fusable=False)
def glu(input: Tensor, dim: Dim = -1) -> Tensor:
    """a * sigmoid(b), where a and b are the halves of x along `dim`. (Dauphin et al., 2016)"""
    axis = wrap_dim("glu", dim, input.ndim)
    size = input.shape[axis] if input.ndim else 1
    if size % 2:
        raise ValueError(f"glu: dim {dim} of {tuple(input.shape)} must have an even size")
    half = size // 2
    return input.narrow(axis, 0, half) * sigmoid(input.narrow(axis, half, half))
