"""A norm with what stands around it in a network of residuals: one pass over memory for all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..schema import op
from .norm import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward
from .rules import cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


def _total(name: str, x: Tensor, residual: Tensor | None) -> Tensor:
    if residual is None:
        return x
    if residual.shape != x.shape or residual.dtype is not x.dtype:
        raise ValueError(
            f"{name}: residual {tuple(residual.shape)} {residual.dtype.name} must be like "
            f"x {tuple(x.shape)} {x.dtype.name}"
        )
    return x + residual


def _narrow(x: Tensor, narrow: str | None) -> Tensor:
    return x if narrow is None else cast_to(x, dtypes.as_dtype(narrow))


@op("residual_rms_norm")
def residual_rms_norm(
    x: Tensor, residual: Tensor | None = None, weight: Tensor | None = None, eps=1e-5, narrow=None
):
    """(x + residual, rms_norm of that); without a residual rms_norm(x) alone.

    x and residual [..., C], weight [C]. narrow: the name of a dtype to which the norm is rounded.
    """
    total = _total("residual_rms_norm", x, residual)
    y = _narrow(rms_norm(total, weight, eps), narrow)
    return y if residual is None else (total, y)


@op("residual_layer_norm")
def residual_layer_norm(
    x: Tensor, residual: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, eps=1e-5, narrow=None,
):  # fmt: skip
    """residual_rms_norm with layer_norm, whose weight and bias are [C]."""
    total = _total("residual_layer_norm", x, residual)
    y = _narrow(layer_norm(total, weight, bias, eps), narrow)
    return y if residual is None else (total, y)


@op("residual_rms_norm_backward")
def residual_rms_norm_backward(
    g: Tensor, x: Tensor, weight: Tensor | None, residual: Tensor, eps=1e-5, narrow=None
):
    """residual + dx of rms_norm, its dweight if there is a weight, and the sum as `narrow` if that
    is named."""
    grads = rms_norm_backward(g, x, weight, eps)
    return _back("residual_rms_norm_backward", grads, residual, narrow)


@op("residual_layer_norm_backward")
def residual_layer_norm_backward(
    g: Tensor, x: Tensor, weight: Tensor | None, residual: Tensor, eps=1e-5, narrow=None
):
    """residual + dx of layer_norm, its dweight and dbias if there is a weight, and the sum as
    `narrow` if that is named."""
    grads = layer_norm_backward(g, x, weight, eps)
    return _back("residual_layer_norm_backward", grads, residual, narrow)


def _back(name: str, grads: Any, residual: Tensor, narrow: str | None) -> Any:
    dx, *rest = grads if isinstance(grads, tuple) else (grads,)
    dx = _total(name, dx, residual)
    rest += [] if narrow is None else [_narrow(dx, narrow)]
    return (dx, *rest) if rest else dx
