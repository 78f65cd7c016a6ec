"""Elements repeated or in another order: tile, roll, flip, grids."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from ..dtypes import int64
from ..engine.from_host import tensor
from ..schema import op
from .create import arange
from .elementwise import clone
from .index import index_select
from .layout import cat, expand, permute, reshape
from .parts import narrow, stack
from .rules import as_sizes, wrap_dim
from .slices import slice_

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "cartesian_prod", "combinations", "flip", "fliplr", "flipud", "meshgrid", "repeat_interleave",
    "roll", "rot90", "tile",
]  # fmt: skip


# ---- repeated ----


def repeat(x: Tensor, *sizes: Any) -> Tensor:
    """x so many times along each dim; more sizes than dims add dims in front."""
    times = as_sizes(
        "repeat", sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    )
    if len(times) < x.ndim:
        raise ValueError(f"repeat: {len(times)} sizes {times} are too few for {x.ndim} dims")
    if any(n < 0 for n in times):
        raise ValueError(f"repeat: sizes must not be negative, got {times}")
    shape = (1,) * (len(times) - x.ndim) + tuple(x.shape)
    apart = reshape(x, tuple(s for n in shape for s in (1, n)))
    spread = expand(apart, tuple(s for pair in zip(times, shape, strict=True) for s in pair))
    out = reshape(spread, tuple(a * b for a, b in zip(times, shape, strict=True)))
    return clone(out) if all(n == 1 for n in times) else out


def tile(x: Tensor, *dims: Any) -> Tensor:
    """repeat, with 1 for the leading dims that are not given."""
    times = as_sizes(
        "tile", dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    )
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(
    x: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element along `dim` (of the flattened tensor) repeated, in place.

    repeats: a number, or one per element. Alone, repeat_interleave(repeats) gives each index i
    repeats[i] times.
    """
    if repeats is None:
        return repeat_interleave(arange(x.shape[0], device=x.device), x)
    if dim is None:
        x, dim = reshape(x, (x.numel(),)), 0
    axis = wrap_dim("repeat_interleave", dim, x.ndim)
    if isinstance(repeats, int) or repeats.numel() == 1:
        times = int(repeats)
        if times < 0:
            raise ValueError(f"repeat_interleave: repeats must not be negative, got {times}")
        shape = list(x.shape)
        apart = reshape(x, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
        spread = expand(apart, (*shape[: axis + 1], times, *shape[axis + 1 :]))
        return reshape(spread, (*shape[:axis], shape[axis] * times, *shape[axis + 1 :]))
    if repeats.ndim != 1 or repeats.shape[0] != x.shape[axis]:
        raise ValueError(
            f"repeat_interleave: repeats {tuple(repeats.shape)} must be one per element of dim "
            f"{dim}, which has {x.shape[axis]}"
        )
    if bool((repeats < 0).any()):
        raise ValueError("repeat_interleave: repeats must not be negative")
    counts = repeats.to(int64)
    total = int(counts.sum())
    if output_size is not None and output_size != total:
        raise ValueError(f"repeat_interleave: output_size {output_size} is not the sum, {total}")
    # index i of the result comes from the first element whose running count exceeds i
    ends = counts.cumsum(0)
    starts = ends - counts
    marks = arange(total, device=x.device).new_zeros(total + 1)
    marks = marks.scatter_add(0, starts, (counts * 0) + 1)
    index = narrow(marks.cumsum(0), 0, 0, total) - 1
    return index_select(x, axis, index)


# ---- another order ----


def flip(x: Tensor, *dims: Any) -> Tensor:
    """The order along these dims reversed; a copy."""
    given = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    axes = tuple(wrap_dim("flip", d, x.ndim) for d in given)
    if len(set(axes)) != len(axes):
        raise ValueError(f"flip: dims {tuple(given)} name a dim twice")
    return _flip(x, axes)


@op("flip")
def _flip(x: Tensor, dims) -> Tensor:
    """The order along these dims reversed."""
    start = tuple(s - 1 if i in dims and s else 0 for i, s in enumerate(x.shape))
    step = tuple(-1 if i in dims else 1 for i in range(x.ndim))
    return clone(slice_(x, start, tuple(x.shape), step))


@_flip.pullback(saves="")
def _(ctx, x, dims):
    return lambda g: _flip(g, dims)


def fliplr(x: Tensor) -> Tensor:
    """Columns in reverse order."""
    if x.ndim < 2:
        raise ValueError(f"fliplr: needs at least 2 dims, got {x.ndim}")
    return flip(x, 1)


def flipud(x: Tensor) -> Tensor:
    """Rows in reverse order."""
    if x.ndim < 1:
        raise ValueError("flipud: needs at least 1 dim")
    return flip(x, 0)


def roll(x: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Moved by `shifts` along `dims`, what falls out coming in again; flattened without dims."""
    if dims is None or dims == ():
        if isinstance(shifts, (tuple, list)):
            if len(shifts) != 1:
                raise ValueError(f"roll: {len(shifts)} shifts need as many dims")
            shifts = shifts[0]
        return reshape(roll(reshape(x, (x.numel(),)), shifts, 0), tuple(x.shape))
    moves = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    axes = dims if isinstance(dims, (tuple, list)) else (dims,)
    if len(moves) != len(axes):
        raise ValueError(f"roll: {len(moves)} shifts do not fit {len(axes)} dims")
    axes = tuple(wrap_dim("roll", d, x.ndim) for d in axes)
    return _roll(x, tuple(index(m) for m in moves), axes)


@op("roll")
def _roll(x: Tensor, shifts, dims) -> Tensor:
    """Moved by `shifts` along `dims`."""
    out = x
    for move, axis in zip(shifts, dims, strict=True):
        size = out.shape[axis] if out.ndim else 0
        by = move % size if size else 0
        if by:
            out = cat([narrow(out, axis, size - by, by), narrow(out, axis, 0, size - by)], axis)
    return clone(out) if out is x else out


@_roll.pullback(saves="")
def _(ctx, x, shifts, dims):
    return lambda g: _roll(g, tuple(-s for s in shifts), dims)


def rot90(x: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees in the plane of two dims, from the first to the second."""
    if len(dims) != 2:
        raise ValueError(f"rot90: dims must name two dims, got {tuple(dims)}")
    a, b = (wrap_dim("rot90", d, x.ndim) for d in dims)
    if a == b or x.ndim < 2:
        raise ValueError(f"rot90: dims {tuple(dims)} must be two different ones of {x.ndim}")
    k %= 4
    if k == 0:
        return clone(x)
    if k == 2:
        return flip(x, a, b)
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    if k == 1:
        return clone(permute(flip(x, b), tuple(order)))
    return flip(permute(x, tuple(order)), b)


# ---- grids ----


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid from one 1-d tensor per axis; "xy" exchanges the first two dims."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if indexing not in ("ij", "xy"):
        raise ValueError(f'meshgrid: indexing must be "ij" or "xy", not {indexing!r}')
    if any(x.ndim > 1 for x in given):
        raise ValueError("meshgrid: takes tensors of at most 1 dim")
    axes = [reshape(x, (x.numel(),)) for x in given]
    order = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        order[0], order[1] = 1, 0
    shape = [axes[i].shape[0] for i in order]
    out = []
    for i, axis in enumerate(axes):
        sizes = [1] * len(axes)
        sizes[order.index(i)] = axis.shape[0]
        out.append(expand(reshape(axis, tuple(sizes)), tuple(shape)))
    return tuple(out)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element of each. [n1 n2 ..., number of tensors]"""
    if any(x.ndim != 1 for x in tensors):
        raise ValueError("cartesian_prod: takes tensors of 1 dim")
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(g, (g.numel(),)) for g in meshgrid(*tensors)], 1)


def combinations(x: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take r elements of a 1-d tensor, in order. [n, r]"""
    import itertools

    if x.ndim != 1 or r < 0:
        raise ValueError("combinations: takes a tensor of 1 dim, and r must not be negative")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(x.shape[0]), r))
    if not rows or not r:
        return x.new_empty(0, dtype=x.dtype) if not r else x.new_empty(0, r)
    index = tensor([i for row in rows for i in row], device=x.device)
    return reshape(index_select(x, 0, index), (len(rows), r))
