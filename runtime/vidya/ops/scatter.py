"""Reading and writing at many places: scatter with reductions, put and take, masks.

Everything here makes new tensors; the in-place forms are methods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, bool_, int64
from ..schema import op
from . import index as _index
from .create import arange
from .elementwise import (
    maximum,
    minimum,
)
from .elementwise import where as _where
from .index import as_index, gather, index_select, scatter_add
from .index import masked_fill as _masked_fill
from .layout import cat, reshape
from .rules import Dim, broadcast_shapes, wrap_dim
from .slices import slice_write
from .sort import sort

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "index_copy", "index_fill", "index_put", "index_reduce", "put", "scatter", "scatter_reduce",
    "select_scatter", "slice_scatter", "take", "take_along_dim",
]  # fmt: skip


# ---- scatter ----


def scatter(
    x: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """A copy of x with out[index[i][j]][j] = src[i][j] for dim 0.

    src: a tensor, or a number (also as `value`). reduce "add" or "multiply" combines with x.
    """
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: give src or value")
    if isinstance(src, (bool, int, float, complex)):
        src = x.new_full(index.shape, src)
    if reduce is None:
        return _index.scatter(x, dim, index, src)
    if reduce == "add":
        return scatter_add(x, dim, index, src)
    if reduce == "multiply":
        return scatter_reduce(x, dim, index, src, "prod")
    raise ValueError(f'scatter: reduce must be "add" or "multiply", not {reduce!r}')


def scatter_reduce(
    x: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """As scatter_add, combining by "sum", "prod", "mean", "amax" or "amin".

    Without include_self what x holds at the places written to does not count.
    """
    if x.ndim == 0:
        one = reshape(x, (1,)), reshape(index, (-1,)), reshape(src, (-1,))
        return reshape(scatter_reduce(one[0], dim, *one[1:], reduce, include_self=include_self), ())
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ValueError(
            'scatter_reduce: reduce must be "sum", "prod", "mean", "amax" or "amin", not '
            f"{reduce!r}"
        )
    if src.shape != index.shape and src.ndim == index.ndim:
        src = src[tuple(slice(0, n) for n in index.shape)]
    if reduce in ("sum", "mean"):
        base = x if include_self else scatter(x, dim, index, 0)
        total = scatter_add(base, dim, index, src)
        if reduce == "sum":
            return total
        count = x.new_full(x.shape, int(include_self), int64)
        count = scatter_add(count, dim, index, count.new_full(index.shape, 1))
        count = maximum(count, 1)
        if x.dtype.category < FLOAT:
            return total.floor_divide(count).to(x.dtype)
        return total / count.to(x.dtype)
    if 0 in index.shape:
        return x.clone()
    if reduce == "prod":
        return _scatter_prod(x, dim, index, src, include_self)
    return _scatter_extreme(x, dim, index, src, reduce, include_self)


def index_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Slices of source combined with those of x that the 1-D index names along `dim`.

    By "prod", "mean", "amax" or "amin"; without include_self what x holds there does not count.
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ValueError(
            f'index_reduce: reduce must be "prod", "mean", "amax" or "amin", not {reduce!r}'
        )
    if x.ndim == 0:
        whole = index_reduce(
            reshape(x, (1,)), 0, index, reshape(source, (-1,)), reduce, include_self=include_self
        )
        return reshape(whole, ())
    axis = wrap_dim("index_reduce", dim, x.ndim)
    shape = (*x.shape[:axis], index.numel(), *x.shape[axis + 1 :])
    if index.ndim > 1 or source.shape != shape:
        raise ValueError(
            f"index_reduce: source {tuple(source.shape)} must be {shape}: x {tuple(x.shape)} with "
            f"as many slices along dim {dim} as index {tuple(index.shape)} names"
        )
    at = reshape(index, tuple(-1 if d == axis else 1 for d in range(x.ndim))).expand(shape)
    return scatter_reduce(x, axis, at, source, reduce, include_self=include_self)


@op("scatter_extreme")
def _scatter_extreme(
    x: Tensor, dim: Dim, index: Tensor, src: Tensor, reduce, include_self
) -> Tensor:
    """The largest (smallest) of what goes to each place: in order, the last write is it."""
    axis = wrap_dim("scatter_reduce", dim, x.ndim)
    low = reduce == "amin"
    if low and src.dtype.category >= FLOAT:  # so that a NaN comes last here too
        return -_scatter_extreme(-x, axis, index, -src, "amax", include_self)
    values, order = sort(src, axis, low)
    out = _index.scatter(x, axis, gather(as_index("scatter_reduce", index), axis, order), values)
    if not include_self:
        return out
    return minimum(x, out) if low else maximum(x, out)


@_scatter_extreme.pullback(saves="x index src out")
def _(ctx, x, dim, index, src, reduce, include_self):
    def back(g):  # equal extremes share the gradient
        mine = (src == gather(ctx.out, dim, index)).to(g.dtype)
        own = (x == ctx.out).to(g.dtype)
        if not include_self:
            own = scatter(own, dim, index, 0)
        share = g / maximum(scatter_add(own, dim, index, mine), 1)
        if include_self:
            gx = share * own
        else:
            gx = scatter(g, dim, index, 0)
        return gx, None, gather(share, dim, index) * mine

    return back


@op("scatter_prod")
def _scatter_prod(x: Tensor, dim: Dim, index: Tensor, src: Tensor, include_self) -> Tensor:
    """The product of what goes to each place: neighbours of the same place joined by doubling."""
    axis = wrap_dim("scatter_reduce", dim, x.ndim)
    if x.dtype is bool_:  # a product of truths is the least of them
        return _scatter_extreme(x, axis, index, src, "amin", include_self)
    place, order = sort(as_index("scatter_reduce", index), axis)
    part = gather(src, axis, order)
    reach, n = 1, src.shape[axis]
    while reach < n:
        same = place.narrow(axis, reach, n - reach) == place.narrow(axis, 0, n - reach)
        before = _where(same, part.narrow(axis, 0, n - reach), 1)
        joined = part.narrow(axis, reach, n - reach) * before
        part = cat([part.narrow(axis, 0, reach), joined], axis)
        reach *= 2
    if n > 1:  # only the last of a place is written for good, and has a gradient
        more = place.narrow(axis, 1, n - 1) == place.narrow(axis, 0, n - 1)
        more = cat([more, more.narrow(axis, 0, 1) & False], axis)
        part = _where(more, part.detach(), part)
    out = _index.scatter((x * 0).detach() + 1 if include_self else x, axis, place, part)
    return x * out if include_self else out


# ---- along one dim ----


def index_copy(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of x whose slices at index [n] along `dim` are source's."""
    if x.ndim == 0:
        return reshape(index_copy(reshape(x, (1,)), 0, index, reshape(source, (1,))), ())
    axis = wrap_dim("index_copy", dim, x.ndim)
    if source.ndim != x.ndim or source.shape[axis] != index.numel():
        raise ValueError(
            f"index_copy: source {tuple(source.shape)} must be {tuple(x.shape)} with "
            f"{index.numel()} slices along dim {dim}"
        )
    return _index.scatter(x, axis, _spread(index, axis, source.shape), source)


def _spread(index: Tensor, axis: int, shape: Any) -> Tensor:
    sizes = [-1 if d == axis else 1 for d in range(len(shape))]
    return reshape(index, sizes).expand(tuple(shape))


def index_fill(x: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of x whose slices at index [n] along `dim` hold `value` (a number or 0-d tensor)."""
    if x.ndim == 0:
        return reshape(index_fill(reshape(x, (1,)), 0, index, value), ())
    axis = wrap_dim("index_fill", dim, x.ndim)
    if getattr(value, "ndim", 0):
        raise ValueError(f"index_fill: value must be a number or 0-d, got {tuple(value.shape)}")
    size = x.shape[axis]
    filled = _index.scatter(
        x.new_full((size,), False, dtype=bool_),
        0,
        _wrapped(index.reshape((-1,)), size),
        x.new_full((index.numel(),), True, dtype=bool_),
    )
    return _masked_fill(x, filled.reshape([-1 if d == axis else 1 for d in range(x.ndim)]), value)


def _wrapped(index: Tensor, size: int) -> Tensor:
    """Negative indices counted from the end."""
    return _where(index < 0, index + size, index)


def take_along_dim(x: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """gather, with x and indices broadcast in the other dims; flattened without dim.

    Negative indices count from the end.
    """
    if dim is None:
        return take(x, reshape(indices, (-1,)))
    if x.ndim != indices.ndim:
        raise ValueError(
            f"take_along_dim: {tuple(x.shape)} and indices {tuple(indices.shape)} need as many dims"
        )
    axis = wrap_dim("take_along_dim", dim, x.ndim)

    def others(shape: Any) -> list[int]:
        return [1 if d == axis else n for d, n in enumerate(shape)]

    shape = list(broadcast_shapes("take_along_dim", others(x.shape), others(indices.shape)))
    wide, want = list(shape), list(shape)
    wide[axis], want[axis] = x.shape[axis], indices.shape[axis]
    indices = _wrapped(indices, x.shape[axis])
    return gather(x.expand(wide), axis, indices.expand(want))


def select_scatter(x: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of x whose slice at `index` along `dim` is src."""
    axis = wrap_dim("select_scatter", dim, x.ndim)
    index = index + x.shape[axis] if index < 0 else index
    return slice_scatter(x, src.unsqueeze(axis), axis, index, index + 1)


def slice_scatter(
    x: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
    """A copy of x whose slices start:end:step along `dim` are src."""
    axis = wrap_dim("slice_scatter", dim, x.ndim)
    first, stop, step = slice(start, end, step).indices(x.shape[axis])
    shape = list(x.shape)
    shape[axis] = len(range(first, stop, step))
    if tuple(src.shape) != tuple(shape):
        raise ValueError(f"slice_scatter: src {tuple(src.shape)} must be {tuple(shape)}")
    starts = tuple(first if d == axis else 0 for d in range(x.ndim))
    return slice_write(x, src, starts, tuple(step if d == axis else 1 for d in range(x.ndim)))


# ---- in the flattened tensor ----


def take(x: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened x, in index's shape. Negative indices count from the end."""
    flat = reshape(x, (x.numel(),))
    where_ = _wrapped(as_index("take", index), x.numel())
    return reshape(index_select(flat, 0, reshape(where_, (-1,))), index.shape)


def put(x: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of x with source at these places of the flattened x, or added there."""
    if index.numel() != source.numel():
        raise ValueError(f"put: {index.numel()} places, but {source.numel()} elements of source")
    at = reshape(_wrapped(as_index("put", index), x.numel()), (-1,))
    write = scatter_add if accumulate else _index.scatter
    return reshape(write(reshape(x, (-1,)), 0, at, reshape(source, (-1,))), x.shape)


def index_put(x: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of x in which x[indices] = values (broadcast), or += with accumulate."""
    numbered = reshape(arange(x.numel(), device=x.device), x.shape)
    places = numbered[tuple(indices)]
    return put(x, places, values.expand(places.shape), accumulate)
