"""Reductions that count, rank or ignore: spread, medians, quantiles, modes, NaN left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _core
from ..dtypes import FLOAT, int64
from . import reduce
from .elementwise import (
    maximum,
    minimum,
    where,
)
from .index import gather
from .named import Extremes, Ordered
from .reduce import amax, amin, argmax, argmin, sum
from .unary import isnan

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "aminmax", "count_nonzero", "max", "min", "nanmean", "nansum", "std", "std_mean", "var",
    "var_mean",
]  # fmt: skip


# ---- spread ----


def _spread_arguments(name: str, dim: Any, unbiased: Any, correction: Any) -> tuple[Any, Any]:
    """(dim, correction) from PyTorch's two signatures: (dim, unbiased, keepdim), (unbiased)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}: give unbiased or correction, not both")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return (tuple(dim) if isinstance(dim, list) else dim), correction


def var(
    x: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The variance over n - correction (1; 0 if not unbiased), whole or along `dim`."""
    dim, correction = _spread_arguments("var", dim, unbiased, correction)
    return reduce.var(x, dim, correction, keepdim)


def std(
    x: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> Tensor:
    """The standard deviation over n - correction, whole or along `dim`."""
    dim, correction = _spread_arguments("std", dim, unbiased, correction)
    return reduce.std(x, dim, correction, keepdim)


def var_mean(
    x: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """(var, mean)."""
    return (
        var(x, dim, unbiased, keepdim, correction=correction),
        reduce.mean(x, None if isinstance(dim, bool) else dim, keepdim),
    )


def std_mean(
    x: Tensor,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    *,
    correction: Any = None,
) -> tuple[Tensor, Tensor]:
    """(std, mean)."""
    return (
        std(x, dim, unbiased, keepdim, correction=correction),
        reduce.mean(x, None if isinstance(dim, bool) else dim, keepdim),
    )


# ---- without NaN ----


def nansum(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum, NaN counting as 0."""
    if x.dtype.category < FLOAT:
        return sum(x, dim, keepdim, dtype)
    return sum(where(isnan(x), 0.0, x), dim, keepdim, dtype)


def nanmean(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not NaN; NaN where nothing is left."""
    if x.dtype.category < FLOAT:
        raise TypeError(f"nanmean: takes floating tensors, not {x.dtype.name}")
    total = nansum(x, dim, keepdim, dtype=dtype)
    return total / sum(~isnan(x), dim, keepdim).to(total.dtype)


def count_nonzero(x: Tensor, dim: Any = None) -> Tensor:
    """How many elements are not 0. int64"""
    return sum(x != 0, dim, dtype=int64)


# ---- extremes ----


def aminmax(x: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Extremes:
    """(smallest, largest), whole or along `dim`."""
    return Extremes(amin(x, dim, keepdim), amax(x, dim, keepdim))


def max(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; (values, indices) along `dim`; max(x, other) is maximum."""
    if other is not None or isinstance(dim, _core.TensorBase):
        return maximum(x, dim if other is None else other)
    if dim is None:
        return amax(x, None, keepdim)
    where = argmax(x, dim, True)
    values = gather(x, dim, where) if x.ndim else x
    return Ordered(values, where) if keepdim else Ordered(values.squeeze(dim), where.squeeze(dim))


def min(x: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; (values, indices) along `dim`; min(x, other) is minimum."""
    if other is not None or isinstance(dim, _core.TensorBase):
        return minimum(x, dim if other is None else other)
    if dim is None:
        return amin(x, None, keepdim)
    where = argmin(x, dim, True)
    values = gather(x, dim, where) if x.ndim else x
    return Ordered(values, where) if keepdim else Ordered(values.squeeze(dim), where.squeeze(dim))
