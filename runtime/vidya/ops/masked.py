"""Where a mask holds: places, values, writes; most have a shape that depends on data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import bool_, int64
from ..engine.from_host import tensor
from .elementwise import where as _where
from .index import index_select
from .layout import reshape
from .rules import broadcast_shapes

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["argwhere", "masked_scatter", "masked_select", "nonzero", "where"]


def nonzero(x: Tensor, *, as_tuple: bool = False) -> Any:
    """Where x is not 0: [n, dims] int64, or with as_tuple one [n] per dim. Waits for the data."""
    mask = x if x.dtype is bool_ else x != 0
    places = _places(mask.detach().numpy(force=True))
    if as_tuple:
        return tuple(tensor(p.astype(np.int64), device=x.device) for p in places)
    table = np.empty((len(places[0]), x.ndim), np.int64)
    for d in range(x.ndim):
        table[:, d] = places[d]
    return tensor(table, device=x.device)


def _places(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    """np.nonzero by the flat mask: its own walk over several dims takes four times as long."""
    flat = np.flatnonzero(mask)
    if mask.size <= 2**32:
        flat = flat.astype(np.uint32)  # divided in half the time
    found = []
    for size in mask.shape[:0:-1]:
        rest = flat // size
        found.append(flat - rest * size)
        flat = rest
    return (flat, *reversed(found))


def argwhere(x: Tensor) -> Tensor:
    """Where x is not 0. [n, dims] int64"""
    return nonzero(x)


def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where the condition holds, else other; alone, where it holds, one [n] per dim."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where: give both input and other, or neither")
    return _where(condition, input, other)


def masked_select(x: Tensor, mask: Tensor) -> Tensor:
    """The elements where mask (bool, broadcast with x) is true, in order. [n]"""
    if mask.dtype is not bool_:
        raise TypeError(f"masked_select: the mask must be bool, not {mask.dtype.name}")
    shape = broadcast_shapes("masked_select", x.shape, mask.shape)
    flat = (
        reshape(mask.expand(shape), (-1,))
        if math.prod(shape)
        else reshape(mask.expand(shape), (0,))
    )
    (places,) = nonzero(flat, as_tuple=True)
    return index_select(reshape(x.expand(shape), (math.prod(shape),)), 0, places)


def masked_scatter(x: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """x with source's elements, in order, where mask (bool, broadcast) is true."""
    if mask.dtype is not bool_:
        raise TypeError(f"masked_scatter: the mask must be bool, not {mask.dtype.name}")
    if x.dtype is not source.dtype:
        raise TypeError(f"masked_scatter: source is {source.dtype.name}, x is {x.dtype.name}")
    shape = broadcast_shapes("masked_scatter", x.shape, mask.shape)
    if not math.prod(shape):
        return x.expand(shape).clone()
    flat = reshape(mask.expand(shape), (-1,)).to(int64)
    needed = int(flat.sum())
    if needed > source.numel():
        raise ValueError(
            f"masked_scatter: the mask takes {needed} elements, source has {source.numel()}"
        )
    if not needed:
        return x.expand(shape).clone()
    at = (flat.cumsum(0) - 1).clamp(0, source.numel() - 1)
    taken = reshape(index_select(reshape(source, (-1,)), 0, at), shape)
    return _where(mask, taken, x)
