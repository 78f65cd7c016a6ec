"""Images and signals at another resolution, and channels traded for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, float32, iinfo, int64
from ..schema import op
from .adaptive import adaptive_avg_pool
from .create import count_like
from .rules import accumulation, cast_to
from .sliding import per_dim, windows, windows_backward
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("resize_nearest", fusable=False)
def resize_nearest(x: Tensor, dim, size, scale, exact=False) -> Tensor:
    """Along `dim`: element floor(i * scale) of x (of i + 1/2 if exact) for i < size."""
    # In float32, as PyTorch: where i * scale is nearly whole, rounding decides.
    at = (count_like(x, size, 0.5 if exact else 0.0, 1.0, float32) * scale).floor()
    return x.index_select(dim, clamp(cast_to(at, int64), 0, x.shape[dim] - 1))


@op("resize_linear", fusable=False)
def resize_linear(x: Tensor, dim, size, scale, align_corners, cubic=False) -> Tensor:
    """Along `dim`: x between its elements, linearly or by cubics (Keys, 1981, with a = -3/4)."""
    n = x.shape[dim]
    wide = accumulation(x.dtype)
    source = count_like(x, size, 0.0 if align_corners else 0.5, 1.0, wide) * scale
    if not align_corners:
        source = source - 0.5
    if not cubic:
        source = clamp(source, 0.0, None)
    low = source.floor()
    shape = (-1, *(1,) * (x.ndim - 1 - dim))
    t = (source - low).reshape(shape)
    at = cast_to(low, int64)
    taps = [(0, 1 - t), (1, t)] if not cubic else list(zip(range(-1, 3), _keys(t), strict=True))
    out: Any = None
    for shift, weight in taps:
        part = cast_to(x.index_select(dim, clamp(at + shift, 0, n - 1)), wide) * weight
        out = part if out is None else out + part
    return cast_to(out, x.dtype)


def _keys(t: Any) -> list:
    """The weights of the four neighbours of a point at fraction t."""
    a = -0.75

    def near(s: Any) -> Any:
        return ((a + 2) * s - (a + 3)) * s * s + 1

    def far(s: Any) -> Any:
        return ((a * s - 5 * a) * s + 8 * a) * s - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


_LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_MODES = ("nearest", "nearest-exact", "area", *_LINEAR)


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """input [N, C, *S] at another size, or at its size times scale_factor.

    mode: "nearest", "nearest-exact", "area", and by the number of dims of S "linear" (1),
    "bilinear" or "bicubic" (2), "trilinear" (3). align_corners: the corner elements stay where
    they are, else the corners of the corner elements do. ValueError with antialias, which is not
    offered.
    """
    n = input.ndim - 2
    if mode not in _MODES:
        raise ValueError(f"interpolate: mode is one of {', '.join(_MODES)}, not {mode!r}")
    if not 1 <= n <= 3 or _LINEAR.get(mode, n) != n:
        raise ValueError(f"interpolate: mode {mode!r} does not fit input {tuple(input.shape)}")
    if antialias:
        raise ValueError("interpolate: antialias is not offered; smooth with avg_pool2d first")
    if align_corners is not None and mode not in _LINEAR:
        raise ValueError(f"interpolate: align_corners has no meaning for mode {mode!r}")
    sizes, scales = _targets(input, n, size, scale_factor, bool(recompute_scale_factor))
    if min(sizes) < 1 or (0 in input.shape[1:]):
        raise ValueError(f"interpolate: {tuple(input.shape)} cannot be brought to {sizes}")
    if mode == "area":
        return adaptive_avg_pool(input, sizes)
    if mode in _LINEAR and input.dtype.category < FLOAT:  # rounded once, kept in range
        between = interpolate(input.to(float32), size, scale_factor, mode, align_corners,
                              recompute_scale_factor)  # fmt: skip
        if not input.dtype.is_integer:
            raise TypeError(f"interpolate: mode {mode!r} takes numbers, not {input.dtype.name}")
        ends = iinfo(input.dtype)
        return (between + 0.5).floor().clamp(ends.min, ends.max).to(input.dtype)
    for d, (new, factor) in enumerate(zip(sizes, scales, strict=True)):
        have = input.shape[2 + d]
        scale = 1 / factor if factor else have / new
        if mode in _LINEAR:
            if align_corners:
                scale = (have - 1) / (new - 1) if new > 1 else 0.0
            cubic = mode == "bicubic"
            input = resize_linear(input, 2 + d, new, float(scale), bool(align_corners), cubic)
        else:
            input = resize_nearest(input, 2 + d, new, float(scale), mode == "nearest-exact")
    return input


def _targets(input, n, size, scale_factor, recompute):
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate: give size or scale_factor, one of them")
    if size is not None:
        sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,) * n
        if len(sizes) != n or not all(isinstance(v, int) for v in sizes):
            raise ValueError(f"interpolate: size {size!r} must be an int or {n} ints")
        return sizes, (None,) * n
    scales = (scale_factor,) * n if isinstance(scale_factor, (int, float)) else tuple(scale_factor)
    if len(scales) != n:
        raise ValueError(
            f"interpolate: scale_factor {scale_factor!r} must be a number or {n} of them"
        )
    sizes = tuple(math.floor(s * f) for s, f in zip(input.shape[2:], scales, strict=True))
    return sizes, (None,) * n if recompute else scales


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Windows as columns: [N, C, H, W] -> [N, C * kh * kw, windows]; without N for 3 dims."""
    from .pool import batched

    x, alone = batched("unfold", 2, input)
    kernel, dilation = (
        per_dim("unfold", "kernel_size", kernel_size, 2),
        per_dim("unfold", "dilation", dilation, 2),
    )
    stride, padding = (
        per_dim("unfold", "stride", stride, 2),
        per_dim("unfold", "padding", padding, 2, 0),
    )
    out = im2col(x, kernel, dilation, padding, stride)
    return out.squeeze(0) if alone else out


@op("im2col", fusable=False)
def im2col(x: Tensor, kernel, dilation, padding, stride) -> Tensor:
    """[N, C, *S] -> [N, C * prod(kernel), windows]."""
    from .conv import _padded

    cut = windows(_padded(x, padding), kernel, stride, dilation)
    n = len(kernel)
    return cut.reshape((x.shape[0], x.shape[1] * math.prod(kernel), math.prod(cut.shape[2 + n :])))


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """The adjoint of unfold: columns [N, C * kh * kw, windows] added up to [N, C, *output_size]."""
    from .pool import batched

    x, alone = batched("fold", 1, input)
    kernel, dilation = (
        per_dim("fold", "kernel_size", kernel_size, 2),
        per_dim("fold", "dilation", dilation, 2),
    )
    stride, padding = (
        per_dim("fold", "stride", stride, 2),
        per_dim("fold", "padding", padding, 2, 0),
    )
    sizes = per_dim("fold", "output_size", output_size, 2)
    out = col2im(x, sizes, kernel, dilation, padding, stride)
    return out.squeeze(0) if alone else out


@op("col2im", fusable=False)
def col2im(x: Tensor, sizes, kernel, dilation, padding, stride) -> Tensor:
    """[N, C * prod(kernel), windows] -> [N, C, *sizes]."""
    from .pad import pad_constant
    from .sliding import window_count

    padded = tuple(s + 2 * p for s, p in zip(sizes, padding, strict=True))
    counts = tuple(map(window_count, padded, kernel, stride, dilation))
    block = math.prod(kernel)
    if min(counts) < 1 or x.shape[1] % block or x.shape[2] != math.prod(counts):
        raise ValueError(
            f"fold: {tuple(x.shape)} does not fit output_size {sizes} and kernel {kernel}: "
            f"[N, C * {block}, {math.prod(counts)}] is needed"
        )
    parts = x.reshape((x.shape[0], x.shape[1] // block, *kernel, *counts))
    out = windows_backward(parts, padded, kernel, stride, dilation)
    if not any(padding):
        return out
    return pad_constant(out, tuple(-p for size in reversed(padding) for p in (size, size)), 0)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[..., C r^2, H, W] -> [..., C, H r, W r]. (Shi et al., 2016)"""
    r = upscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-3] % (r * r):
        raise ValueError(f"pixel_shuffle: {tuple(input.shape)} needs [..., C * {r * r}, H, W]")
    *lead, c, h, w = input.shape
    n = len(lead)
    cut = input.reshape(*lead, c // (r * r), r, r, h, w)
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return cut.permute(order).reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[..., C, H r, W r] -> [..., C r^2, H, W]: the inverse of pixel_shuffle."""
    r = downscale_factor
    if input.ndim < 3 or r < 1 or input.shape[-1] % r or input.shape[-2] % r:
        raise ValueError(f"pixel_unshuffle: {tuple(input.shape)} needs [..., C, H * {r}, W * {r}]")
    *lead, c, h, w = input.shape
    n = len(lead)
    cut = input.reshape(*lead, c, h // r, r, w // r, r)
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return cut.permute(order).reshape(*lead, c * r * r, h // r, w // r)
