"""Statistical and utility functions: over one axis, several, or all (None)."""

from __future__ import annotations

from typing import Any

from ..dtypes import FLOAT
from ..ops import reduce, scan
from ..ops.layout import cat
from ..ops.rules import wrap_dims
from ..tensor import Tensor
from .operands import array, summed_dtype

__all__ = [
    "all", "any", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std",
    "sum", "var",
]  # fmt: skip

Axis = int | tuple[int, ...] | None


def _nothing(axis: Axis) -> bool:
    """An empty tuple reduces over no axis (PyTorch's dims mean all of them then)."""
    return isinstance(axis, tuple) and not axis


def sum(x: Tensor, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The sum; integers in 64 bits, unsigned ones unsigned."""
    kind = summed_dtype(array("sum", x), dtype)
    return x.to(kind) if _nothing(axis) else reduce.sum(x, axis, keepdims, kind)


def prod(x: Tensor, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Tensor:
    """The product; integers in 64 bits, unsigned ones unsigned."""
    kind = summed_dtype(array("prod", x), dtype)
    return x.to(kind) if _nothing(axis) else reduce.prod(x, axis, keepdims, kind)


def max(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The largest element; NaN if there is one. ValueError over nothing."""
    return x if _nothing(axis) else reduce.amax(array("max", x), axis, keepdims)


def min(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The smallest element; NaN if there is one. ValueError over nothing."""
    return x if _nothing(axis) else reduce.amin(array("min", x), axis, keepdims)


def mean(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The arithmetic mean of floats."""
    return x if _nothing(axis) else reduce.mean(array("mean", x), axis, keepdims)


def _spread(name: str, x: Tensor, axis: Axis, correction: float, keepdims: bool) -> Tensor:
    if array(name, x).dtype.category != FLOAT:
        raise TypeError(f"{name}: takes real floats, not {x.dtype.name}")
    if _nothing(axis):
        return x * 0 if correction < 1 else x * 0 / 0.0
    return reduce.var(x, axis, correction, keepdims)


def var(
    x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The squared distances from the mean, over n - correction."""
    return _spread("var", x, axis, correction, keepdims)


def std(
    x: Tensor, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False
) -> Tensor:
    """The square root of var."""
    return _spread("std", x, axis, correction, keepdims).sqrt()


def _running(function: Any, identity: int, x: Tensor, axis: Any, dtype: Any, initial: bool):
    name = f"cumulative_{function.name.removeprefix('cum')}"
    if axis is None:
        if array(name, x).ndim != 1:
            raise ValueError(f"{name}: needs an axis for {x.ndim} dims")
        axis = 0
    (axis,) = wrap_dims(name, axis, x.ndim)
    out = function(x, axis, summed_dtype(x, dtype))
    if not initial:
        return out
    shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return cat([out.new_full(shape, identity), out], axis)


def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Tensor:
    """The sums of the first elements along an axis; include_initial puts a 0 in front."""
    return _running(scan.cumsum, 0, array("cumulative_sum", x), axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    include_initial: bool = False,
) -> Tensor:
    """The products of the first elements along an axis; include_initial puts a 1 in front."""
    return _running(scan.cumprod, 1, array("cumulative_prod", x), axis, dtype, include_initial)


def all(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Are all elements true (not 0)?"""
    return array("all", x).bool() if _nothing(axis) else reduce.all_(x, axis, keepdims)


def any(x: Tensor, /, *, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Is any element true (not 0)?"""
    return array("any", x).bool() if _nothing(axis) else reduce.any_(x, axis, keepdims)


def diff(
    x: Tensor,
    /,
    n: int = 1,
    *,
    axis: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """The differences of neighbours along an axis, n times. n may come by position."""
    return scan.diff(array("diff", x), n, axis, prepend, append)
