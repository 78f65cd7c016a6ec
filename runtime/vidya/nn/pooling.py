"""Pooling, padding and resizing as layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..tensor import Tensor
from .activation import layer
from .module import Module

_AVG = {
    "kernel_size": ...,
    "stride": None,
    "padding": 0,
    "ceil_mode": False,
    "count_include_pad": True,
}


class _MaxPool(Module):
    """The maximum of sliding windows; (values, indices) with return_indices."""

    dims: int

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, x: Tensor) -> Any:
        return getattr(F, f"max_pool{self.dims}d")(
            x, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The maximum of windows of [N, C, L] or [C, L]."""

    dims = 1


class MaxPool2d(_MaxPool):
    """The maximum of windows of [N, C, H, W] or [C, H, W]."""

    dims = 2


class MaxPool3d(_MaxPool):
    """The maximum of windows of [N, C, D, H, W] or [C, D, H, W]."""

    dims = 3


AvgPool1d = layer("AvgPool1d", F.avg_pool1d, **_AVG)
AvgPool2d = layer("AvgPool2d", F.avg_pool2d, **_AVG, divisor_override=None)
AvgPool3d = layer("AvgPool3d", F.avg_pool3d, **_AVG, divisor_override=None)
AdaptiveAvgPool1d = layer("AdaptiveAvgPool1d", F.adaptive_avg_pool1d, output_size=...)
AdaptiveAvgPool2d = layer("AdaptiveAvgPool2d", F.adaptive_avg_pool2d, output_size=...)
AdaptiveAvgPool3d = layer("AdaptiveAvgPool3d", F.adaptive_avg_pool3d, output_size=...)
_FOUND = {"output_size": ..., "return_indices": False}
AdaptiveMaxPool1d = layer("AdaptiveMaxPool1d", F.adaptive_max_pool1d, **_FOUND)
AdaptiveMaxPool2d = layer("AdaptiveMaxPool2d", F.adaptive_max_pool2d, **_FOUND)
AdaptiveMaxPool3d = layer("AdaptiveMaxPool3d", F.adaptive_max_pool3d, **_FOUND)
_LP: dict[str, Any] = {"norm_type": ..., "kernel_size": ..., "stride": None, "ceil_mode": False}
LPPool1d = layer("LPPool1d", F.lp_pool1d, **_LP)
LPPool2d = layer("LPPool2d", F.lp_pool2d, **_LP)
LPPool3d = layer("LPPool3d", F.lp_pool3d, **_LP)
PixelShuffle = layer("PixelShuffle", F.pixel_shuffle, upscale_factor=...)
PixelUnshuffle = layer("PixelUnshuffle", F.pixel_unshuffle, downscale_factor=...)
Unfold = layer("Unfold", F.unfold, kernel_size=..., dilation=1, padding=0, stride=1)
Fold = layer("Fold", F.fold, output_size=..., kernel_size=..., dilation=1, padding=0, stride=1)
Upsample = layer(
    "Upsample", F.interpolate, size=None, scale_factor=None, mode="nearest", align_corners=None,
    recompute_scale_factor=None,
)  # fmt: skip


def _flatten(x: Tensor, start_dim: int, end_dim: int) -> Tensor:
    """The dims from start_dim to end_dim as one."""
    return x.flatten(start_dim, end_dim)


def _unflatten(x: Tensor, dim: int, unflattened_size: Any) -> Tensor:
    """One dim as several."""
    return x.unflatten(dim, unflattened_size)


def _softmax2d(x: Tensor) -> Tensor:
    """The softmax over the channels of [N, C, H, W] or [C, H, W]."""
    return F.softmax(x, -3)


def _nearest2d(x: Tensor, size: Any, scale_factor: Any) -> Tensor:
    """interpolate, mode "nearest"."""
    return F.interpolate(x, size, scale_factor, "nearest")


def _bilinear2d(x: Tensor, size: Any, scale_factor: Any) -> Tensor:
    """interpolate, mode "bilinear", align_corners=True."""
    return F.interpolate(x, size, scale_factor, "bilinear", True)


Unflatten = layer("Unflatten", _unflatten, dim=..., unflattened_size=...)
Softmax2d = layer("Softmax2d", _softmax2d)
UpsamplingNearest2d = layer("UpsamplingNearest2d", _nearest2d, size=None, scale_factor=None)
UpsamplingBilinear2d = layer("UpsamplingBilinear2d", _bilinear2d, size=None, scale_factor=None)
ChannelShuffle = layer("ChannelShuffle", F.channel_shuffle, groups=...)
LocalResponseNorm = layer(
    "LocalResponseNorm", F.local_response_norm, size=..., alpha=1e-4, beta=0.75, k=1.0
)
Flatten = layer("Flatten", _flatten, start_dim=1, end_dim=-1)


class Identity(Module):
    """Its argument itself. Settings of the layer whose place it takes are accepted and ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input
