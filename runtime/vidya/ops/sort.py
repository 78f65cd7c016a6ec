"""Order along one dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import int64
from ..schema import PRIMITIVE, op
from .elementwise import needs
from .index import zeros_like_meta
from .named import Ordered
from .rules import Dim, kernels, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "argsort", "sort", "topk",
]  # fmt: skip


@op("sort", PRIMITIVE, results=Ordered)
def sort(x: Tensor, dim: Dim = -1, descending=False, stable=False) -> tuple[Tensor, Tensor]:
    """(values, int64 indices) in order along `dim`; NaN counts as the largest.

    Equal elements keep their order, asked for by `stable` or not.
    """
    needs("sort", x, (0, 1, 2, 3), "real numbers")
    axis = wrap_dim("sort", dim, x.ndim)
    if x.ndim == 0:
        values, indices = sort(x.reshape((1,)), 0, descending)
        return values.reshape(()), indices.reshape(())
    outputs = [(x.shape, x.dtype), (x.shape, int64)]
    return kernels("sort", [x], outputs, dim=axis, descending=bool(descending))


@sort.pullback(saves="out")
def _(ctx, x, dim, descending, stable):
    return lambda g, _: zeros_like_meta(g, x.shape).scatter(dim, ctx.out[1], g)


@op("argsort", differentiable=False)
def argsort(x: Tensor, dim: Dim = -1, descending=False, stable=False) -> Tensor:
    """The indices that sort x along `dim`. int64. Always stable."""
    return sort(x, dim, descending)[1]


@op("topk", results=Ordered)
def topk(x: Tensor, k, dim: Dim = -1, largest=True, sorted=True) -> tuple[Tensor, Tensor]:
    """The k largest (or smallest) along `dim`, always in order. (values, int64 indices)"""
    axis = wrap_dim("topk", dim, x.ndim)
    size = x.shape[axis] if x.ndim else 1
    if not 0 <= k <= size:
        raise ValueError(f"topk: k = {k} must be from 0 to the size of dim {dim}, {size}")
    values, indices = sort(x, axis, bool(largest))
    if not x.ndim:
        return (
            (values, indices)
            if k
            else (values.reshape((1,)).narrow(0, 0, 0), indices.reshape((1,)).narrow(0, 0, 0))
        )
    return values.narrow(axis, 0, k), indices.narrow(axis, 0, k)


@topk.pullback(saves="out")
def _(ctx, x, k, dim, largest, sorted):
    return lambda g, _: zeros_like_meta(g, x.shape).scatter(dim, ctx.out[1], g)
