"""Convolutions as layers."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..functions.construct import empty
from ..ops.sliding import per_dim
from ..tensor import Tensor
from . import init
from .module import Module
from .parameter import Parameter

_FILL = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}


class _Conv(Module):
    """What all of them share.  weight and bias start uniform in +-1/sqrt(fan in)."""

    dims: int
    transposed = False
    weight: Parameter
    bias: Parameter | None

    def _build(
        self, in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
        padding_mode, device, dtype,
    ) -> None:  # fmt: skip
        name, n = type(self).__name__, self.dims
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: {in_channels} and {out_channels} channels must both be multiples of "
                f"groups {groups}"
            )
        if padding_mode not in _FILL:
            raise ValueError(
                f"{name}: padding_mode is one of {', '.join(_FILL)}, not {padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = per_dim(name, "kernel_size", kernel_size, n)
        self.stride = per_dim(name, "stride", stride, n)
        self.dilation = per_dim(name, "dilation", dilation, n)
        self.padding = (
            padding if isinstance(padding, str) else per_dim(name, "padding", padding, n, 0)
        )
        self.padding_mode = padding_mode
        first, second = (
            (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        )
        self.weight = Parameter(
            empty(first, second // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        fan_in = math.prod(self.weight.shape[1:])
        bound = fan_in**-0.5 if fan_in else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        for what, plain in (("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, what)
            if value not in (plain, (plain,) * self.dims):
                parts.append(f"{what}={value}")
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        convolve = getattr(F, f"conv{self.dims}d")
        padding: Any = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            x, padding = F.pad(x, self._border(), _FILL[self.padding_mode]), 0
        return convolve(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _border(self) -> tuple[int, ...]:
        """Pairs from the last dim, as F.pad takes them."""
        if self.padding == "same":
            total = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return tuple(p for t in reversed(total) for p in (t // 2, t - t // 2))
        sizes: Any = self.padding
        return tuple(p for size in reversed(sizes) for p in (size, size))


class Conv1d(_Forward):
    """Cross-correlation.  x: [N, C, L] -> [N, out_channels, L']; weight: [out, C / groups, K]."""

    dims = 1


class Conv2d(_Forward):
    """Cross-correlation.  x: [N, C, H, W] -> [N, out_channels, H', W']."""

    dims = 2


class Conv3d(_Forward):
    """Cross-correlation.  x: [N, C, D, H, W] -> [N, out_channels, D', H', W']."""

    dims = 3


class _Transposed(_Conv):
    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'{type(self).__name__}: padding_mode can only be "zeros"')
        name = type(self).__name__
        self.output_padding = per_dim(name, "output_padding", output_padding, self.dims, 0)
        self._build(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, x: Tensor, output_size: Any = None) -> Tensor:
        convolve = getattr(F, f"conv_transpose{self.dims}d")
        extra = self.output_padding if output_size is None else self._extra(x, output_size)
        return convolve(
            x, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _extra(self, x: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output_padding that gives these sizes."""
        sizes = tuple(output_size)[-self.dims :]
        rows = zip(
            x.shape[-self.dims :], sizes, self.stride, self.padding, self.dilation,
            self.kernel_size, strict=True,
        )  # fmt: skip
        extra = tuple(
            want - ((have - 1) * s - 2 * int(p) + d * (k - 1) + 1)
            for have, want, s, p, d, k in rows
        )
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            raise ValueError(
                f"{type(self).__name__}: {tuple(x.shape)} cannot give output_size {sizes} with "
                f"stride {self.stride}"
            )
        return extra


class ConvTranspose1d(_Transposed):
    """The adjoint of Conv1d.  x: [N, C, L] -> [N, out_channels, L']."""

    dims = 1


class ConvTranspose2d(_Transposed):
    """The adjoint of Conv2d.  x: [N, C, H, W] -> [N, out_channels, H', W']."""

    dims = 2


class ConvTranspose3d(_Transposed):
    """The adjoint of Conv3d.  x: [N, C, D, H, W] -> [N, out_channels, D', H', W']."""

    dims = 3
