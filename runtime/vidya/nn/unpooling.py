"""The inverse of max pooling, as far as there is one, as layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..tensor import Tensor
from .module import Module


class _MaxUnpool(Module):
    """Zeros, with x at the places that a max pooling gave as its indices."""

    dims: int

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def forward(self, x: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return getattr(F, f"max_unpool{self.dims}d")(
            x, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The maxima of windows back to where they were in [N, C, L] or [C, L]."""

    dims = 1


class MaxUnpool2d(_MaxUnpool):
    """The maxima of windows back to where they were in [N, C, H, W] or [C, H, W]."""

    dims = 2


class MaxUnpool3d(_MaxUnpool):
    """The maxima of windows back to where they were in [N, C, D, H, W] or [C, D, H, W]."""

    dims = 3
