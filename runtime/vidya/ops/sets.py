"""Sorted data: distinct values, counts, places in an order."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import bool_, default_float, int32, int64, uint8
from ..engine.from_host import tensor
from ..schema import op
from .complex import view_as_real
from .elementwise import where
from .index import gather, index_select, scatter_add
from .layout import cat, reshape
from .masked import nonzero
from .named import Histogram
from .rules import promote, wrap_dim
from .sort import sort

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "bincount", "bucketize", "histc", "histogram", "isin", "msort", "searchsorted", "unique",
    "unique_consecutive",
]  # fmt: skip


def msort(x: Tensor) -> Tensor:
    """Sorted along dim 0."""
    return sort(x, 0)[0]


# ---- distinct values ----


def unique(
    x: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct values in ascending order, complex ones by their real parts first; every NaN is
    one of its own.

    Also, if asked: for each element the place of its value (x's shape), and how often each occurs.
    With `dim`, the distinct slices along it. `sorted` is PyTorch's: the result always is.
    """
    if dim is None:
        flat = reshape(x, (x.numel(),))
        if x.dtype.is_complex:
            order = _row_order(view_as_real(flat), 0)
            values = index_select(flat, 0, order)
        else:
            values, order = sort(flat.to(uint8) if x.dtype is bool_ else flat, 0)
        fresh = _starts(values)
    else:
        axis = wrap_dim("unique", dim, x.ndim)
        order = _row_order(x, axis)
        fresh = _starts(index_select(x, axis, order).movedim(axis, 0))
    (first,) = nonzero(fresh, as_tuple=True)
    group = fresh.to(int64).cumsum(0) - 1  # of each element in sorted order
    taken = index_select(order, 0, first)
    results = [index_select(x, axis, taken) if dim is not None else index_select(flat, 0, taken)]
    if return_inverse:
        inverse = (group * 0).scatter(0, order, group)
        results.append(inverse if dim is not None else reshape(inverse, x.shape))
    if return_counts:
        results.append(_lengths(first, order.shape[0]))
    return results[0] if len(results) == 1 else tuple(results)


def unique_consecutive(
    x: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """x without elements that equal the one before; of the flattened x, or slices along `dim`."""
    axis = 0 if dim is None else wrap_dim("unique_consecutive", dim, x.ndim)
    given = reshape(x, (x.numel(),)) if dim is None else x
    fresh = _starts(given.movedim(axis, 0))
    (first,) = nonzero(fresh, as_tuple=True)
    results = [index_select(given, axis, first)]
    if return_inverse:
        inverse = fresh.to(int64).cumsum(0) - 1
        results.append(reshape(inverse, x.shape) if dim is None else inverse)
    if return_counts:
        results.append(_lengths(first, given.shape[axis]))
    return results[0] if len(results) == 1 else tuple(results)


def _starts(rows: Tensor) -> Tensor:
    """True where a row of dim 0 differs from the one before. [n] bool"""
    n = rows.shape[0]
    if n == 0:
        return (rows != rows).reshape((0, -1) if rows.numel() else (0, 1)).any(1)
    flat = reshape(rows, (n, rows.numel() // n))
    changed = (flat.narrow(0, 1, n - 1) != flat.narrow(0, 0, n - 1)).any(1)
    return cat([changed.new_full((1,), True), changed], 0)


def _lengths(first: Tensor, total: int) -> Tensor:
    """How long the groups that start at `first` are."""
    ends = cat([first, first.new_full((1,), total)], 0)
    n = first.shape[0]
    return ends.narrow(0, 1, n) - ends.narrow(0, 0, n)


def _row_order(x: Tensor, axis: int) -> Tensor:
    """The order of the slices along an axis, the first element counting most. [n] int64"""
    rows = x.detach().movedim(axis, 0)
    wide = rows.float() if rows.dtype.is_floating_point and rows.dtype.itemsize == 2 else rows
    host = wide.numpy(force=True).reshape(x.shape[axis], math.prod(rows.shape[1:]))
    order = np.lexsort(host.T[::-1]) if host.shape[1] else np.arange(len(host))
    return tensor(order.astype(np.int64), device=x.device)


# ---- counts ----


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each number 0, 1, ... occurs in x [n], or the sum of its weights."""
    if not x.dtype.is_integer or x.ndim != 1:
        raise TypeError(
            f"bincount: takes a 1-d tensor of integers, not {x.dtype.name} {tuple(x.shape)}"
        )
    if minlength < 0:
        raise ValueError(f"bincount: minlength must not be negative, got {minlength}")
    if x.numel() and int(x.amin()) < 0:
        raise ValueError("bincount: takes numbers that are not negative")
    if weights is not None and weights.shape != x.shape:
        raise ValueError(f"bincount: weights {tuple(weights.shape)} must be {tuple(x.shape)}")
    size = max(int(x.amax()) + 1 if x.numel() else 0, minlength)
    if weights is None:
        zeros = x.new_full((size,), 0, int64)
        return scatter_add(zeros, 0, x.to(int64), zeros.new_full(x.shape, 1))
    if weights.dtype.name != "float32":
        weights = weights.double()
    return scatter_add(weights.new_full((size,), 0), 0, x.to(int64), weights.detach())


def histc(x: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal bins from min to max, both included.

    min = max = 0 takes the data's own range; elements outside are not counted.
    """
    if not x.dtype.is_floating_point:
        raise TypeError(f"histc: takes floats, not {x.dtype.name}")
    if bins < 1 or min > max:
        raise ValueError(f"histc: needs bins > 0 and min <= max, got {bins}, {min}, {max}")
    x = x.detach().reshape(-1)
    low, high = float(min), float(max)
    if low == high and x.numel():
        low, high = x.amin().item(), x.amax().item()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"histc: the range {low} to {high} is not finite")
    if low == high:
        low, high = low - 1, high + 1
    inside = (x >= low) & (x <= high)
    place = where(inside, (x - low) * bins / (high - low), 0.0).to(int64).clamp(0, bins - 1)
    return scatter_add(x.new_full((bins,), 0), 0, place, inside.to(x.dtype))


def histogram(
    x: Tensor,
    bins: int | Tensor,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """(hist, bin_edges): how many elements fall between neighbouring edges, the last one included.

    bins: their number, of one width over `range` (the data's own if not given), or the edges
    [n + 1], rising. weight: what each element counts. density: divided by their sum and by the
    bins' widths.
    """
    if not x.dtype.is_floating_point:
        raise TypeError(f"histogram: takes floats, not {x.dtype.name}")
    if weight is not None and weight.shape != x.shape:
        raise ValueError(
            f"histogram: weight {tuple(weight.shape)} must have the shape of x {tuple(x.shape)}"
        )
    x = x.detach().reshape(-1)
    if isinstance(bins, int):
        edges = _even_edges(x, bins, range)
    elif range is not None:
        raise ValueError("histogram: give range with a number of bins, not with edges")
    else:
        edges = bins
    if edges.ndim != 1 or edges.shape[0] < 2:
        raise ValueError(f"histogram: needs two or more edges [n + 1], got {tuple(edges.shape)}")
    inside = (x >= edges[0]) & (x <= edges[-1])
    place = (searchsorted(edges, x, right=True) - 1).clamp(0, edges.shape[0] - 2)
    counts = inside.to(x.dtype)
    if weight is not None:
        counts = where(inside, weight.detach().reshape(-1), 0.0)
    hist = scatter_add(x.new_full((edges.shape[0] - 1,), 0), 0, place, counts)
    if density:
        hist = hist / (hist.sum() * edges.diff())
    return Histogram(hist, edges)


def _even_edges(x: Tensor, bins: int, range: tuple[float, float] | None) -> Tensor:
    if bins < 1:
        raise ValueError(f"histogram: needs bins > 0, got {bins}")
    if range is not None:
        low, high = map(float, range)
    else:
        low, high = (x.amin().item(), x.amax().item()) if x.numel() else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise ValueError(f"histogram: the range {low} to {high} is not finite and rising")
    if low == high:
        low, high = (low, high + 1) if not x.numel() else (low - 0.5, high + 0.5)
    return tensor(np.linspace(low, high, bins + 1), dtype=x.dtype, device=x.device)


# ---- places in an order ----


@op("searchsorted", differentiable=False)
def _search(order: Tensor, values: Tensor, right) -> Tensor:
    """By halving: log2(n + 1) reads per value."""
    order, values = promote(order, values)
    n = order.shape[-1]
    low = (values != values).to(int64) * 0
    high = low + n
    for _ in range(n.bit_length()):
        middle = (low + high) >> 1
        at = middle.clamp(None, n - 1)
        if order.ndim == 1:
            found = reshape(index_select(order, 0, reshape(at, (-1,))), at.shape)
        else:
            found = gather(order, -1, at)
        # not (found >= value): so a NaN goes to the end, where sort puts it
        after = ~(found > values if right else found >= values) & (low < high)
        low, high = where(after, middle + 1, low), where(after | (low >= high), high, middle)
    return low


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where input would go into a sorted sequence: before equal elements, or after (right).

    sorted_sequence: [n], or [..., n] with input [..., m].
    """
    values = input
    if side not in (None, "left", "right"):
        raise ValueError(f'searchsorted: side must be "left" or "right", not {side!r}')
    if side == "left" and right:
        raise ValueError("searchsorted: side is left, but right is asked for")
    if not hasattr(values, "ndim"):
        values = sorted_sequence.new_full(
            (), values, None if isinstance(values, int) else default_float()
        )
    if sorted_sequence.ndim == 0:
        raise ValueError("searchsorted: the sequence needs at least 1 dim")
    if sorted_sequence.ndim > 1 and sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise ValueError(
            f"searchsorted: sequence {tuple(sorted_sequence.shape)} and values "
            f"{tuple(values.shape)} must agree in all dims but the last"
        )
    if sorter is not None:
        sorted_sequence = gather(sorted_sequence, -1, sorter)
    kind = int32 if out_int32 else int64
    if sorted_sequence.shape[-1] == 0 or values.numel() == 0:
        return values.new_full(values.shape, 0, kind)
    return _search(sorted_sequence, values, bool(right or side == "right")).to(kind)


def bucketize(
    x: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """Between which of the sorted boundaries [n] the elements lie: 0 to n."""
    if boundaries.ndim != 1:
        raise ValueError(f"bucketize: boundaries must have 1 dim, got {boundaries.ndim}")
    return searchsorted(boundaries, x, out_int32=out_int32, right=right)


def isin(
    elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements are among test_elements? bool. assume_unique is PyTorch's and not needed."""
    if not hasattr(elements, "ndim"):
        elements = test_elements.new_full((), elements)
    if not hasattr(test_elements, "ndim"):
        test_elements = elements.new_full((), test_elements)
    tests = sort(reshape(test_elements.detach(), (test_elements.numel(),)), 0)[0]
    if tests.numel() == 0:
        found = elements != elements
        found = found & ~found
    else:
        at = searchsorted(tests, elements).clamp(None, tests.numel() - 1)
        found = reshape(index_select(tests, 0, reshape(at, (-1,))), elements.shape) == elements
    return ~found if invert else found
