"""Layers that bring activations to one scale."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .. import functional as F
from ..construct import ones, zeros
from ..tensor import Tensor
from .module import Module
from .parameter import Parameter


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight over the last dimension.  (Zhang and Sennrich 2019)

    x: [..., dim].  weight: [dim] of ones, none if not `elementwise_affine`.  eps None is the
    dtype's machine epsilon, as in PyTorch.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _last_dim(normalized_shape), eps
        if elementwise_affine:
            self.weight = Parameter(ones(*self.normalized_shape, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)

    def forward(self, x: Tensor) -> Tensor:
        eps = dtypes.finfo(x.dtype).eps if self.eps is None else self.eps
        return F.rms_norm(x, self.normalized_shape, self.weight, float(eps))

    def extra_repr(self) -> str:
        affine = self.weight is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimension.  (Ba et al. 2016)

    x: [..., dim].  weight: ones [dim] and bias: zeros [dim], none if not `elementwise_affine`.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _last_dim(normalized_shape), eps
        self.register_parameter("weight", None)
        self.register_parameter("bias", None)
        if elementwise_affine:
            self.weight = Parameter(ones(*self.normalized_shape, device=device, dtype=dtype))
            if bias:
                self.bias = Parameter(zeros(*self.normalized_shape, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        affine = self.weight is not None
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}"


def _last_dim(shape: int | tuple[int, ...] | list[int]) -> tuple[int]:
    dims = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(dims) != 1:
        raise ValueError(
            f"norms run over the last dimension, so normalized_shape is one size, not {dims}; "
            "flatten the dimensions first"
        )
    return dims
