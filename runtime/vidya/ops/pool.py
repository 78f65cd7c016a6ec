"""Pooling: the maximum or the mean of sliding windows."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..schema import op
from .create import count_like
from .index import zeros_like_meta
from .pad import pad_constant
from .reduce import argmax
from .rules import accumulation, cast_to
from .sliding import per_dim, windows
from .unary import clamp

if TYPE_CHECKING:
    from ..tensor import Tensor


_FEW = 16  # elements of a window


def pooled_size(size: int, k: int, stride: int, pad: int, dilation: int, ceil_mode: bool) -> int:
    """How many windows; with ceil_mode a last partial one, if it starts inside."""
    over = size + 2 * pad - dilation * (k - 1) - 1
    count = (-(-over // stride) if ceil_mode else over // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + pad:
        count -= 1
    return count


def _places(name: str, x: Tensor, kernel, stride, padding, dilation, ceil_mode):
    """Output sizes, and the padding behind that lets every window fit."""
    sizes = x.shape[x.ndim - len(kernel) :]
    if any(2 * p > d * (k - 1) + 1 for p, k, d in zip(padding, kernel, dilation, strict=True)):
        raise ValueError(f"{name}: padding {padding} must be at most half of the kernel {kernel}")
    rows = list(zip(sizes, kernel, stride, padding, dilation, strict=True))
    counts = tuple(pooled_size(*row, ceil_mode) for row in rows)
    if min(counts) < 1:
        raise ValueError(f"{name}: the kernel {kernel} does not fit into {tuple(x.shape)}")
    behind = tuple(
        max((c - 1) * t + d * (k - 1) + 1 - s - p, 0)
        for c, (s, k, t, p, d) in zip(counts, rows, strict=True)
    )
    return counts, behind


def _lowest(type_: dtypes.dtype) -> float | int:
    return -math.inf if type_.is_floating_point else int(dtypes.iinfo(type_).min)


def _surrounded(x: Tensor, before, behind, value) -> Tensor:
    pads = tuple(p for a, b in zip(reversed(before), reversed(behind), strict=True) for p in (a, b))
    return pad_constant(x, pads, value) if any(pads) else x


@op("max_pool")
def max_pool(
    x: Tensor, kernel, stride, padding, dilation, ceil_mode=False
) -> tuple[Tensor, Tensor]:
    """(values, indices): the maximum of each window over the last dims, and where it is.

    x [N, C, *S]; all places are tuples. indices (int64) count the elements of *S, flattened. The
    border is below every number; NaN counts as the largest.
    """
    n = len(kernel)
    counts, behind = _places("max_pool", x, kernel, stride, padding, dilation, ceil_mode)
    cut = windows(_surrounded(x, padding, behind, _lowest(x.dtype)), kernel, stride, dilation)
    cut = cut[(..., *(slice(0, c) for c in counts))]
    lead = x.shape[: x.ndim - n]
    flat = cut.reshape((*lead, math.prod(kernel), *counts))
    best = argmax(flat, len(lead), True)
    values = flat.gather(len(lead), best).squeeze(len(lead))
    place, scale = best.squeeze(len(lead)), 1
    where_to: Any = None
    for d in range(n - 1, -1, -1):
        k = place.remainder(kernel[d])
        place = place.floor_divide(kernel[d])
        first = count_like(x, counts[d], -padding[d], stride[d])
        at = k * dilation[d] + first.reshape((-1, *(1,) * (n - 1 - d)))
        where_to = at * scale if where_to is None else where_to + at * scale
        scale *= x.shape[len(lead) + d]
    return values, where_to


@max_pool.pullback(saves="out")
def _(ctx, x, kernel, stride, padding, dilation, ceil_mode):
    def back(g, _):
        return max_unpool(g, ctx.out[1], tuple(x.shape[x.ndim - len(kernel) :]))

    return back


@op("max_unpool")
def max_unpool(values: Tensor, indices: Tensor, sizes) -> Tensor:
    """Zeros [N, C, *sizes] with the values added at the indices that max_pool gave."""
    lead = values.shape[: values.ndim - len(sizes)]
    flat = zeros_like_meta(values, (*lead, math.prod(sizes)))
    spread = (*lead, math.prod(values.shape[len(lead) :]))
    out = flat.scatter_add(len(lead), indices.reshape(spread), values.reshape(spread))
    return out.reshape((*lead, *sizes))


@max_unpool.pullback(saves="indices")
def _(ctx, values, indices, sizes):
    n = len(sizes)

    def back(g):
        lead = g.shape[: g.ndim - n]
        flat = g.reshape((*lead, math.prod(sizes)))
        picked = flat.gather(len(lead), indices.reshape((*lead, -1)))
        return picked.reshape(values.shape), None

    return back


@op("avg_pool")
def avg_pool(
    x: Tensor, kernel, stride, padding, ceil_mode=False, count_include_pad=True, divisor=None
) -> Tensor:
    """The mean of each window over the last dims. x [N, C, *S]; places are tuples.

    The border counts as zeros, or not at all without count_include_pad; elements beyond it, which
    ceil_mode may reach, never count. `divisor` replaces the number of elements.
    """
    n = len(kernel)
    one = (1,) * n
    counts, behind = _places("avg_pool", x, kernel, stride, padding, one, ceil_mode)
    wide = cast_to(x, accumulation(x.dtype))
    cut = windows(_surrounded(wide, padding, behind, 0), kernel, stride, one)
    cut = cut[(..., *(slice(0, c) for c in counts))]
    lead = x.ndim - n
    if math.prod(kernel) <= _FEW:  # adding views beats gathering windows
        total = functools.reduce(
            operator.add,
            (cut[(..., *at, *(slice(None),) * n)] for at in itertools.product(*map(range, kernel))),
        )
    else:
        total = cut.sum(tuple(range(lead, lead + n)))
    if divisor is not None:
        return cast_to(total / divisor, x.dtype)
    sizes = x.shape[lead:]
    plain = not ceil_mode and (count_include_pad or not any(padding))
    if plain:
        return cast_to(total * (1.0 / math.prod(kernel)), x.dtype)
    for d in range(n):
        start = count_like(x, counts[d], -padding[d], stride[d])
        end = clamp(start + kernel[d], None, sizes[d] + padding[d])
        if not count_include_pad:
            start, end = clamp(start, 0, None), clamp(end, None, sizes[d])
        met = cast_to(end - start, wide.dtype)
        total = total / met.reshape((-1, *(1,) * (n - 1 - d)))
    return cast_to(total, x.dtype)


@op("tile_mean", fusable=False)
def tile_mean(x: Tensor, kernel) -> Tensor:
    """avg_pool of windows that lie side by side and cover x: its gradient is g, spread out."""
    return avg_pool(x, kernel, kernel, (0,) * len(kernel))


@tile_mean.pullback(saves="")
def _(ctx, x, kernel):
    lead, sizes = tuple(x.shape[: x.ndim - len(kernel)]), tuple(x.shape[x.ndim - len(kernel) :])
    pairs = [(s // k, k) for s, k in zip(sizes, kernel, strict=True)]

    def back(g):
        apart = (g * (1.0 / math.prod(kernel))).reshape(
            (*lead, *(s for n, _ in pairs for s in (n, 1)))
        )
        return apart.expand((*lead, *(s for pair in pairs for s in pair))).reshape(x.shape)

    return back


# ---- with PyTorch's arguments ----


def batched(name: str, n: int, input: Tensor) -> tuple[Tensor, bool]:
    """input as [N, C, *S], and whether the batch had to be added."""
    if input.ndim not in (n + 1, n + 2):
        raise ValueError(f"{name}: takes [N, C, ...] with {n} more dims, got {tuple(input.shape)}")
    return (input.unsqueeze(0), True) if input.ndim == n + 1 else (input, False)


def _max_pool(n: int):
    name = f"max_pool{n}d"

    def pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
        ceil_mode: bool = False, return_indices: bool = False,
    ) -> Any:  # fmt: skip
        x, alone = batched(name, n, input)
        kernel = per_dim(name, "kernel_size", kernel_size, n)
        values, indices = max_pool(
            x,
            kernel,
            kernel if stride is None else per_dim(name, "stride", stride, n),
            per_dim(name, "padding", padding, n, 0),
            per_dim(name, "dilation", dilation, n),
            bool(ceil_mode),
        )
        if alone:
            values, indices = values.squeeze(0), indices.squeeze(0)
        return (values, indices) if return_indices else values

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = (
        f"The maximum of windows over {n} dim(s) of [N, C, *S] or [C, *S]; stride is the kernel's "
        "size if not given.\n\nreturn_indices: also where it was, in *S flattened (int64)."
    )
    return pool


def _avg_pool(n: int):
    name = f"avg_pool{n}d"

    def pool(
        input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
        ceil_mode: bool = False, count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Tensor:  # fmt: skip
        x, alone = batched(name, n, input)
        if divisor_override == 0:
            raise ValueError(f"{name}: divisor_override must not be 0")
        kernel = per_dim(name, "kernel_size", kernel_size, n)
        places = kernel if stride is None else per_dim(name, "stride", stride, n)
        border = per_dim(name, "padding", padding, n, 0)
        covers = not any(s % k for s, k in zip(x.shape[2:], kernel, strict=True) if k > 0)
        if (
            covers
            and places == kernel
            and not any(border)
            and divisor_override is None
            and x.numel()
        ):
            out = tile_mean(x, kernel)
            return out.squeeze(0) if alone else out
        out = avg_pool(
            x,
            kernel,
            places,
            border,
            bool(ceil_mode),
            bool(count_include_pad),
            divisor_override,
        )
        return out.squeeze(0) if alone else out

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = (
        f"The mean of windows over {n} dim(s) of [N, C, *S] or [C, *S]; stride is the kernel's "
        "size if not given."
    )
    return pool


max_pool1d, max_pool2d, max_pool3d = map(_max_pool, (1, 2, 3))
avg_pool1d, avg_pool2d, avg_pool3d = map(_avg_pool, (1, 2, 3))


def lp_pool_nd(name: str, n: int, input, norm_type, kernel_size, stride, ceil_mode) -> Tensor:
    x, alone = batched(name, n, input)
    kernel = per_dim(name, "kernel_size", kernel_size, n)
    places = kernel if stride is None else per_dim(name, "stride", stride, n)
    mean = avg_pool(x**norm_type, kernel, places, (0,) * n, bool(ceil_mode))
    total = mean * math.prod(kernel)
    out = (total.sign() * total.relu()) ** (1.0 / norm_type)
    return out.squeeze(0) if alone else out


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over windows of [N, C, L] or [C, L]."""
    return lp_pool_nd("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over windows of [N, C, H, W] or [C, H, W]."""
    return lp_pool_nd("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """(sum of x^p)^(1/p) over windows of [N, C, D, H, W] or [C, D, H, W]."""
    return lp_pool_nd("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)
