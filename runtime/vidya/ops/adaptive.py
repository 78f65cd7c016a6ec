"""Pooling to a given size: windows [floor(o I / O), ceil((o + 1) I / O)) of unequal lengths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..schema import op
from .create import count_like
from .elementwise import (
    minimum,
    where,
)
from .pool import batched, max_unpool
from .reduce import argmax
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


def _bounds(x: Tensor, size: int, out: int) -> tuple[Tensor, Tensor]:
    """First and last + 1 element of every window. [out] int64 each."""
    start = (count_like(x, out) * size).floor_divide(out)
    end = (count_like(x, out, 1) * size + (out - 1)).floor_divide(out)
    return start, end


def _longest(size: int, out: int) -> int:
    """The length of the longest window: they start at multiples of gcd / out into an element."""
    return -(-(out - math.gcd(size, out) + size) // out) if out else 1


@op("adaptive_avg_pool")
def adaptive_avg_pool(x: Tensor, sizes) -> Tensor:
    """The mean of each window over the last len(sizes) dims. x [N, C, *S] -> [N, C, *sizes]."""
    lead = x.ndim - len(sizes)
    y = cast_to(x, accumulation(x.dtype))
    for d, out in enumerate(sizes):
        axis, size = lead + d, y.shape[lead + d]
        if out == size:
            continue
        if out and size % out == 0:
            cut = y.reshape((*y.shape[:axis], out, size // out, *y.shape[axis + 1 :]))
            y = cut.mean(axis + 1)
            continue
        start, end = (t.reshape((out, 1)) for t in _bounds(x, size, out))
        most = _longest(size, out)
        at = start + count_like(x, most).reshape((1, most))
        picked = y.index_select(axis, minimum(at, end - 1).reshape((-1,)))
        cut = picked.reshape((*picked.shape[:axis], out, most, *picked.shape[axis + 1 :]))
        tail = (1,) * (y.ndim - 1 - axis)
        inside = (at < end).reshape((out, most, *tail))  # not as a factor: NaN must not spread
        y = where(inside, cut, 0.0).sum(axis + 1)
        y = y / cast_to(end - start, y.dtype).reshape((out, *tail))
    return cast_to(y, x.dtype)


@op("adaptive_max_pool")
def adaptive_max_pool(x: Tensor, sizes) -> tuple[Tensor, Tensor]:
    """(values, indices) of each window over the last len(sizes) dims; indices as in max_pool."""
    lead, n = x.ndim - len(sizes), len(sizes)
    spatial = x.shape[lead:]
    longest, places, y = [], [], x
    for d, (size, out) in enumerate(zip(spatial, sizes, strict=True)):
        start, end = _bounds(x, size, out)
        most = _longest(size, out)
        step = count_like(x, most).reshape((1, most))
        # A shorter window meets its last element again, which changes no maximum.
        at = minimum(start.reshape((out, 1)) + step, (end - 1).reshape((out, 1)))
        places.append(at)
        longest.append(most)
        axis = lead + 2 * d
        picked = y.index_select(axis, at.reshape((-1,)))
        y = picked.reshape((*picked.shape[:axis], out, most, *picked.shape[axis + 1 :]))
    order = [*range(lead), *(lead + 2 * d + 1 for d in range(n)), *(lead + 2 * d for d in range(n))]
    flat = y.permute(tuple(order)).reshape((*x.shape[:lead], math.prod(longest), *sizes))
    best = argmax(flat, lead, True)
    values = flat.gather(lead, best).squeeze(lead)
    place, scale = best.squeeze(lead), 1
    found: Any = None
    for d in range(n - 1, -1, -1):
        k = place.remainder(longest[d])
        place = place.floor_divide(longest[d])
        o = count_like(x, sizes[d]).reshape((-1, *(1,) * (n - 1 - d)))
        row = o * longest[d] + k
        at = places[d].reshape((-1,)).index_select(0, row.reshape((-1,))).reshape(row.shape)
        found = at * scale if found is None else found + at * scale
        scale *= spatial[d]
    return values, found


@adaptive_max_pool.pullback(saves="out")
def _(ctx, x, sizes):
    return lambda g, _: max_unpool(g, ctx.out[1], tuple(x.shape[x.ndim - len(sizes) :]))


def _sizes(name: str, x: Tensor, n: int, output_size: Any) -> tuple[int, ...]:
    several = isinstance(output_size, (tuple, list))
    wanted = tuple(output_size) if several else (output_size,) * n
    if len(wanted) != n or any(w is not None and (not isinstance(w, int) or w < 0) for w in wanted):
        raise ValueError(f"{name}: output_size must be an int or {n} of them, not {output_size!r}")
    sizes = tuple(h if w is None else w for w, h in zip(wanted, x.shape[x.ndim - n :], strict=True))
    if 0 in x.shape[1:]:
        raise ValueError(f"{name}: {tuple(x.shape)} has nothing to pool")
    return sizes


def _adaptive(kind: str, n: int):
    name = f"adaptive_{kind}_pool{n}d"

    def avg(input: Tensor, output_size: Any) -> Tensor:
        x, alone = batched(name, n, input)
        out = adaptive_avg_pool(x, _sizes(name, x, n, output_size))
        return out.squeeze(0) if alone else out

    def max_(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
        x, alone = batched(name, n, input)
        out, indices = adaptive_max_pool(x, _sizes(name, x, n, output_size))
        if alone:
            out, indices = out.squeeze(0), indices.squeeze(0)
        return (out, indices) if return_indices else out

    made = avg if kind == "avg" else max_
    made.__name__ = made.__qualname__ = name
    made.__doc__ = (
        f"[N, C, *S] or [C, *S] brought to output_size (an int, or one per dim; None keeps a "
        f"size) by the {'mean' if kind == 'avg' else 'maximum'} of {n}-dimensional windows."
    )
    return made


adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d = (
    _adaptive("avg", n) for n in (1, 2, 3)
)
adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d = (
    _adaptive("max", n) for n in (1, 2, 3)
)
