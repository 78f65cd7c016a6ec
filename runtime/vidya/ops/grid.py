"""Images and volumes read at any places: grid_sample, and the grids of affine maps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, int64
from ..schema import op
from .create import count_like
from .elementwise import fmod, remainder, where
from .layout import expand
from .linalg import matmul
from .parts import stack
from .resize import _keys
from .rules import accumulation, cast_to
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor

_PADDINGS = ("zeros", "border", "reflection")
_FAR = 2.0**30  # beyond any element


def _bounced(at: Tensor, size: int, align_corners: bool) -> Tensor:
    """Places mirrored at the borders until they are inside."""
    low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
    if span <= 0:
        return at * 0
    away = (at - low).abs()
    extra = fmod(away, span)
    even = remainder((away / span).floor(), 2) == 0
    return where(even, extra, span - extra) + low


def _inside(at: Tensor, size: int, padding: str, align_corners: bool) -> Tensor:
    if padding == "reflection":
        at = _bounced(at, size, align_corners)
    if padding == "zeros":
        return clamp(where(at == at, at, _FAR), -_FAR, _FAR)  # a NaN is outside
    return clamp(where(at == at, at, 0), 0, size - 1)


@op("grid_sample")
def _grid_sample(x: Tensor, grid: Tensor, mode, padding, align_corners) -> Tensor:
    """x [N, C, *S] at grid [N, *O, K], K = len(S) -> [N, C, *O]."""
    if x.ndim not in (4, 5) or grid.ndim != x.ndim or grid.shape[-1] != x.ndim - 2:
        raise ValueError(
            f"grid_sample: input {tuple(x.shape)} and grid {tuple(grid.shape)} must be "
            "[N, C, H, W] and [N, Ho, Wo, 2], or [N, C, D, H, W] and [N, Do, Ho, Wo, 3]"
        )
    n, c, *sizes = x.shape
    places = math.prod(grid.shape[1:-1])
    wide = accumulation(x.dtype)
    flat = x.reshape((n, c, math.prod(sizes)))
    at = []
    for d, size in enumerate(sizes):  # the grid names the last dim first
        g = cast_to(grid.select(-1, len(sizes) - 1 - d).reshape((n, places)), wide)
        at.append((g + 1) * 0.5 * (size - 1) if align_corners else ((g + 1) * size - 1) * 0.5)
    if mode != "bicubic":
        at = [_inside(a, s, padding, align_corners) for a, s in zip(at, sizes, strict=True)]
    taps = []  # per dim: [(whole place, weight or None)]
    for a in at:
        if mode == "nearest":
            taps.append([(a.round(), None)])
            continue
        low = a.floor()
        t = a - low
        if mode == "bilinear":
            taps.append([(low, 1 - t), (low + 1, t)])
        else:
            taps.append([(low + i, w) for i, w in zip(range(-1, 3), _keys(t), strict=True)])
    out: Any = None
    for corner in itertools.product(*taps):
        index: Any = 0
        weight: Any = None
        seen: Any = None
        for (place, w), size in zip(corner, sizes, strict=True):
            if mode == "bicubic":
                place = _inside(place, size, padding, align_corners)
            weight = w if weight is None else weight if w is None else weight * w
            if padding == "zeros":
                here = (place >= 0) & (place <= size - 1)
                seen = here if seen is None else seen & here
            index = index * size + cast_to(clamp(place, 0, size - 1), int64)
        picked = cast_to(flat.gather(2, expand(index.unsqueeze(1), (n, c, places))), wide)
        if seen is not None:  # 0 of what is outside, also beside an infinity
            picked = where(seen.unsqueeze(1), picked, 0)
        part = picked if weight is None else picked * weight.unsqueeze(1)
        out = part if out is None else out + part
    return cast_to(out, x.dtype).reshape((n, c, *grid.shape[1:-1]))


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """input [N, C, H, W] (or [N, C, D, H, W]) read at grid [N, Ho, Wo, 2] (or [N, Do, Ho, Wo, 3]).

    A place is (x, y) (or (x, y, z)) from -1 to 1: the centres of the outermost elements with
    align_corners, else their outer edges. mode "bilinear", "nearest" or "bicubic" (images only);
    beyond the borders padding_mode "zeros", "border" or "reflection".
    (Jaderberg et al., Spatial Transformer Networks, 2015)
    """
    if input.shape[:1] != grid.shape[:1] or 0 in input.shape[2:]:
        raise ValueError(
            f"grid_sample: input {tuple(input.shape)} and grid {tuple(grid.shape)} need the same "
            "N, and the input an element to read"
        )
    if input.dtype is not grid.dtype or input.dtype.category != FLOAT:
        raise TypeError(
            f"grid_sample: input and grid must be floats of one dtype, not {input.dtype.name} and "
            f"{grid.dtype.name}"
        )
    if mode not in ("bilinear", "nearest", "bicubic") or (mode == "bicubic" and input.ndim == 5):
        raise ValueError(
            f'grid_sample: mode is "bilinear", "nearest" or, for images, "bicubic", not {mode!r}'
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(f"grid_sample: padding_mode is one of {_PADDINGS}, not {padding_mode!r}")
    return _grid_sample(input, grid, mode, padding_mode, bool(align_corners))


@op("affine_grid", fusable=False)
def _affine_grid(theta: Tensor, sizes, align_corners) -> Tensor:
    """Places [N, *sizes, K] that theta [N, K, K + 1] maps the regular grid to."""
    k = len(sizes)
    lines = []
    for d, size in enumerate(sizes):
        step = 2.0 / max(size - 1, 1) if align_corners else 2.0 / size
        start = (-1.0 if size > 1 else 0.0) if align_corners else 1.0 / size - 1.0
        line = count_like(theta, size, start, step, theta.dtype)
        lines.append(line.reshape((1,) * d + (-1,) + (1,) * (k - 1 - d)).expand(sizes))
    one = lines[0] * 0 + 1
    points = stack([*reversed(lines), one], -1).reshape((math.prod(sizes), k + 1))
    out = matmul(points, theta.transpose(1, 2))
    return out.reshape((theta.shape[0], *sizes, k))


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where theta [N, 2, 3] (or [N, 3, 4]) maps the places of an image of `size` [N, C, H, W].

    Gives [N, H, W, 2] (or [N, D, H, W, 3]) for grid_sample, with its align_corners.
    """
    sizes = tuple(size)
    k = len(sizes) - 2
    if k not in (2, 3) or theta.shape != (sizes[0], k, k + 1) or min(sizes) < 1:
        raise ValueError(
            f"affine_grid: theta {tuple(theta.shape)} and size {sizes} must be [N, 2, 3] and "
            "(N, C, H, W), or [N, 3, 4] and (N, C, D, H, W)"
        )
    if theta.dtype.category != FLOAT:
        raise TypeError(f"affine_grid: theta must be of floats, not {theta.dtype.name}")
    return _affine_grid(theta, sizes[2:], bool(align_corners))
