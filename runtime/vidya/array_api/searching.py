"""Searching, sorting and indexing functions."""

from __future__ import annotations

from typing import Any

from ..ops import masked, reduce, scatter, sets
from ..ops import sort as _sort
from ..ops.elementwise import where as _where
from ..ops.index import index_select
from ..ops.rules import wrap_dim
from ..tensor import Tensor
from .operands import array, promoted

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "nonzero", "searchsorted", "sort", "take",
    "take_along_axis", "where",
]  # fmt: skip


def argmax(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the largest element is, the first of several."""
    return reduce.argmax(array("argmax", x), axis, keepdims)


def argmin(x: Tensor, /, *, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Where the smallest element is, the first of several."""
    return reduce.argmin(array("argmin", x), axis, keepdims)


def count_nonzero(
    x: Tensor, /, *, axis: int | tuple[int, ...] | None = None, keepdims: bool = False
) -> Tensor:
    """How many elements are not 0. int64"""
    hits = (array("count_nonzero", x) != 0).long()
    return hits if axis == () else reduce.sum(hits, axis, keepdims)


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Where x is not 0: the indices, one tensor per dim."""
    if array("nonzero", x).ndim == 0:
        raise ValueError("nonzero: a 0-d tensor has no places")
    return masked.nonzero(x, as_tuple=True)


def searchsorted(
    x1: Tensor, x2: Any, /, *, side: str = "left", sorter: Tensor | None = None
) -> Tensor:
    """Where x2's elements would go into the sorted x1 [n]: before ("left") or after equal ones."""
    if array("searchsorted", x1).ndim != 1:
        raise ValueError(f"searchsorted: x1 must have 1 dim, not {x1.ndim}")
    return sets.searchsorted(*promoted("searchsorted", x1, x2), side=side, sorter=sorter)


def where(condition: Tensor, x1: Any, x2: Any, /) -> Tensor:
    """x1 where the condition (bool) holds, else x2."""
    return _where(array("where", condition), *promoted("where", x1, x2))


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """In order along an axis."""
    return _sort.sort(array("sort", x), axis, descending, stable)[0]


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """The indices that sort x along an axis."""
    return _sort.argsort(array("argsort", x), axis, descending, stable)


def _wrapped(indices: Tensor, size: int) -> Tensor:
    return _where(indices < 0, indices + size, indices)


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The slices of x at `indices` along an axis, which may be left out for 1 dim."""
    array("take", x), array("take", indices)
    if axis is None:
        if x.ndim != 1:
            raise ValueError(f"take: needs an axis for {x.ndim} dims")
        axis = 0
    axis = wrap_dim("take", axis, x.ndim)
    flat = _wrapped(indices.reshape(-1), x.shape[axis])
    out = index_select(x, axis, flat)
    return out.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Of each line along an axis, the elements at that line's `indices`."""
    array("take_along_axis", x), array("take_along_axis", indices)
    axis = wrap_dim("take_along_axis", axis, x.ndim)
    return scatter.take_along_dim(x, _wrapped(indices, x.shape[axis]), axis)
