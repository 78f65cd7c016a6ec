"""Reductions by rank: medians, the kth value, modes, quantiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..dtypes import FLOAT, int64
from ..schema import op
from .create import full
from .elementwise import (
    needs,
    where,
)
from .index import gather
from .layout import cat
from .named import Ordered
from .reduce import keep, sum
from .rules import Dim, wrap_dim
from .scan import cummax
from .sort import sort
from .unary import isnan

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["kthvalue", "median", "mode", "nanmedian", "nanquantile", "quantile"]


# ---- by rank ----


def _picked(name: str, x: Tensor, dim: int, keepdim: bool, place: Any) -> tuple[Tensor, Tensor]:
    """The element at rank place(sorted values, axis, size) along dim."""
    axis = wrap_dim(name, dim, x.ndim)
    if x.ndim == 0:
        values, indices = _picked(name, x.reshape((1,)), 0, False, place)
        return values, indices
    size = x.shape[axis]
    if size == 0:
        raise ValueError(f"{name}: {tuple(x.shape)} has nothing along dim {dim}")
    values, indices = sort(x, axis)
    at = place(values, axis, size)
    values, indices = gather(values, axis, at), gather(indices, axis, at)
    return (values, indices) if keepdim else (values.squeeze(axis), indices.squeeze(axis))


def _numbers(values: Tensor, axis: int) -> Tensor:
    """How many along the axis are not NaN."""
    real = ~isnan(values) if values.dtype.category >= FLOAT else values == values
    return sum(real, axis, True)


def _median_place(values: Tensor, axis: int, size: int) -> Tensor:
    count = _numbers(values, axis)
    return where(count < size, count, (size - 1) // 2)  # the first NaN, if there is one


def _nanmedian_place(values: Tensor, axis: int, size: int) -> Tensor:
    count = _numbers(values, axis)
    return where(count == 0, 0, (count - 1) // 2)


@op("median", results=Ordered)
def _median(x: Tensor, dim: Dim, keepdim=False) -> tuple[Tensor, Tensor]:
    """The middle element along dim, the lower of two; NaN if there is one. (values, indices)"""
    needs("median", x, (1, 2, 3), "numbers")
    return _picked("median", x, dim, keepdim, _median_place)


@op("nanmedian", results=Ordered)
def _nanmedian(x: Tensor, dim: Dim, keepdim=False) -> tuple[Tensor, Tensor]:
    """The middle of the elements that are not NaN, the lower of two. (values, indices)"""
    needs("nanmedian", x, (1, 2, 3), "numbers")
    return _picked("nanmedian", x, dim, keepdim, _nanmedian_place)


def _along(ctx, x, dim, keepdim):
    """A gradient that goes where the picked element came from."""

    def back(g, _):
        if x.ndim == 0:
            return g
        at = keep(ctx.out[1], x.shape, dim, keepdim)
        return (
            (keep(g, x.shape, dim, keepdim) * 0)
            .expand(x.shape)
            .scatter(dim, at, keep(g, x.shape, dim, keepdim))
        )

    return back


_median.pullback(_along, saves="out")
_nanmedian.pullback(_along, saves="out")


def median(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle element, the lower of two; (values, indices) along `dim`."""
    return _median_all(x) if dim is None else _median(x, dim, keepdim)


def nanmedian(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """median of the elements that are not NaN."""
    return _nanmedian_all(x) if dim is None else _nanmedian(x, dim, keepdim)


def _whole(name: str, pick: Any) -> Any:
    def body(x: Tensor) -> Tensor:
        if x.numel() == 0:
            return full((), math.nan if x.dtype.category >= FLOAT else 0, x.dtype, x.device)
        return pick(x.reshape((x.numel(),)), 0)[0]

    body.__doc__ = f"{name} of all elements. Equal elements share the gradient."
    made = op(f"{name}_all", fusable=False)(body)

    def pullback(ctx, x):
        def back(g):
            hit = ((x == ctx.out) | (isnan(x) & isnan(ctx.out))).to(g.dtype)
            return hit * (g / sum(hit))

        return back

    made.pullback(pullback, saves="x out")
    return made


_median_all, _nanmedian_all = _whole("median", _median), _whole("nanmedian", _nanmedian)


@op("kthvalue", results=Ordered)
def kthvalue(x: Tensor, k, dim: Dim = -1, keepdim=False) -> tuple[Tensor, Tensor]:
    """The k-th smallest element along dim, k from 1; NaN counts as the largest."""
    needs("kthvalue", x, (1, 2, 3), "numbers")
    axis = wrap_dim("kthvalue", dim, x.ndim)
    size = x.shape[axis] if x.ndim else 1
    if not 1 <= k <= size:
        raise ValueError(f"kthvalue: k = {k} must be from 1 to the size of dim {dim}, {size}")
    return _picked("kthvalue", x, dim, keepdim, lambda v, d, n: _numbers(v, d) * 0 + (k - 1))


@kthvalue.pullback(saves="out")
def _(ctx, x, k, dim, keepdim):
    return _along(ctx, x, dim, keepdim)


@op("mode", results=Ordered)
def mode(x: Tensor, dim: Dim = -1, keepdim=False) -> tuple[Tensor, Tensor]:
    """The most frequent element along dim, the smallest of several; and where it is last."""
    axis = wrap_dim("mode", dim, x.ndim)
    if x.ndim == 0:
        return x.clone(), (x != x).to(int64)
    if x.shape[axis] == 0:
        raise ValueError(f"mode: {tuple(x.shape)} has nothing along dim {dim}")
    values, indices = sort(x.to(dtypes.uint8) if x.dtype is dtypes.bool_ else x, axis)
    n = x.shape[axis]
    place = _positions(values, axis)
    if n > 1:
        before = values.narrow(axis, 0, n - 1)
        fresh = values.narrow(axis, 1, n - 1) != before
        start = where(fresh, place.narrow(axis, 1, n - 1), 0)
        start = cummax(cat([place.narrow(axis, 0, 1), start], axis), axis)[0]
        place = place - start
    at = place.argmax(axis, True)
    where_ = gather(indices, axis, at)
    found = gather(x, axis, where_)
    return (found, where_) if keepdim else (found.squeeze(axis), where_.squeeze(axis))


@mode.pullback(saves="out")
def _(ctx, x, dim, keepdim):
    return _along(ctx, x, dim, keepdim)


def _positions(x: Tensor, axis: int) -> Tensor:
    """0, 1, 2 ... along the axis, in x's shape. int64"""
    ones = (x == x) | (x != x)
    return ones.to(int64).cumsum(axis) - 1


# ---- quantiles ----

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(
    x: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The value below which a part q (0 to 1; a number or a tensor [Q]) of the elements lies.

    Between two elements it is interpolated: "linear", "lower", "higher", "midpoint" or "nearest".
    The result has q's dim in front. NaN where x has one.
    """
    return _quantile("quantile", x, q, dim, keepdim, interpolation)


def nanquantile(
    x: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """quantile of the elements that are not NaN."""
    return _quantile("nanquantile", x, q, dim, keepdim, interpolation)


def _quantile(name: str, x: Tensor, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Tensor:
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise TypeError(f"{name}: takes float32 or float64, not {x.dtype.name}")
    if interpolation not in _INTERPOLATIONS:
        raise ValueError(
            f"{name}: interpolation must be one of {_INTERPOLATIONS}, not {interpolation!r}"
        )
    if x.numel() == 0:
        raise ValueError(f"{name}: {tuple(x.shape)} has no elements")
    given = q if hasattr(q, "ndim") else x.new_full((), float(q))
    if given.ndim > 1:
        raise ValueError(f"{name}: q must have at most 1 dim, got {tuple(given.shape)}")
    if bool(((given < 0) | (given > 1)).any()):
        raise ValueError(f"{name}: q must be from 0 to 1")
    rank = x.ndim
    whole = dim is None
    rows = x.reshape(-1) if whole or not rank else x.movedim(wrap_dim(name, dim, rank), -1)
    values, _ = sort(rows, -1)
    size = values.shape[-1]
    count = _numbers(values, -1)  # [..., 1]
    part = given.reshape(-1)
    last = (count - 1).to(x.dtype) if name == "nanquantile" else count.to(x.dtype) * 0 + (size - 1)
    rank_at = (part * last).clamp_min(0)  # [..., Q]
    if interpolation == "nearest":
        rank_at = rank_at.round()
    low, high = rank_at.detach().floor(), rank_at.detach().ceil()
    below = gather(values, -1, low.to(int64))
    if interpolation in ("lower", "nearest"):
        out = below
    else:
        above = gather(values, -1, high.to(int64))
        if interpolation == "higher":
            out = above
        else:
            weight = rank_at - low if interpolation == "linear" else rank_at * 0 + 0.5
            level = (below == above).detach()  # also where both are infinite
            out = where(level, below, below + where(level, 0.0, above - below) * weight)
    if name == "quantile":
        out = where(count < size, math.nan, out)
    out = out.movedim(-1, 0)
    if keepdim:
        shape = [1] * rank if whole else list(x.shape)
        if not whole and rank:
            shape[wrap_dim(name, dim, rank)] = 1
        out = out.reshape((out.shape[0], *shape))
    return out if given.ndim else out.squeeze(0)
