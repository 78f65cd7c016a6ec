"""Key-value caches: rows written at positions that are data, so that one plan serves every step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..engine import trace as tracing
from ..schema import IN_PLACE, op
from .index import as_index
from .rules import cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


def _positions(name: str, cache: Tensor, values: Tensor, positions: Tensor) -> Tensor:
    """The index for scatter: positions spread over values' shape."""
    if (
        cache.ndim < 2
        or cache.ndim != values.ndim
        or any(
            a != b
            for d, (a, b) in enumerate(zip(cache.shape, values.shape, strict=True))
            if d != cache.ndim - 2
        )
    ):
        raise ValueError(
            f"{name}: values {tuple(values.shape)} must have the sizes of cache "
            f"{tuple(cache.shape)}, all but dim -2"
        )
    positions = as_index(name, positions)
    t = values.shape[-2]
    if positions.shape == (t,):
        return positions.reshape((t, 1)).expand(values.shape)
    if cache.ndim > 2 and positions.shape == (cache.shape[0], t):
        lead = (cache.shape[0], *(1,) * (cache.ndim - 3), t, 1)
        return positions.reshape(lead).expand(values.shape)
    raise ValueError(
        f"{name}: positions {tuple(positions.shape)} must be [{t}], one per row of values "
        f"{tuple(values.shape)}, or [{cache.shape[0]}, {t}]"
    )


@op("cache_write", differentiable=False)
def cache_write(cache: Tensor, values: Tensor, positions: Tensor) -> Tensor:
    """A copy of cache [..., S, D] whose rows at positions are values [..., T, D].

    positions: integers [T], or [B, T] for a cache [B, ..., S, D]. IndexError beyond S.
    """
    index = _positions("cache_write", cache, values, positions)
    return cache.scatter(cache.ndim - 2, index, cast_to(values, cache.dtype))


@op("cache_write_", IN_PLACE, differentiable=False)
def cache_write_(cache: Tensor, values: Tensor, positions: Tensor) -> Tensor:
    """cache_write, in the cache's own memory."""
    tracing.current().write(cache, cache_write(cache, values, positions))


def _flat(name: str, pool: Tensor, rows: Tensor, slots: Tensor) -> None:
    if (
        pool.ndim < 3
        or rows.shape[slots.ndim :] != pool.shape[2:]
        or (rows.shape[: slots.ndim] != slots.shape)
    ):
        raise ValueError(
            f"{name}: pool {tuple(pool.shape)} is [pages, page size, ...]; rows "
            f"{tuple(rows.shape)} must be {(*slots.shape, *pool.shape[2:])}, one per slot"
        )


@op("paged_cache_write", differentiable=False)
def paged_cache_write(pool: Tensor, rows: Tensor, slots: Tensor) -> Tensor:
    """A copy of pool [P, L, ...] in which row `slot` of all P L rows is rows[...] per slot [...].

    (Kwon et al., PagedAttention, 2023)
    """
    _flat("paged_cache_write", pool, rows, slots)
    pages, length = pool.shape[:2]
    width = math.prod(pool.shape[2:])
    flat = pool.reshape((pages * length, width))
    source = cast_to(rows, pool.dtype).reshape((-1, width))
    index = as_index("paged_cache_write", slots).reshape((-1, 1)).expand(source.shape)
    return flat.scatter(0, index, source).reshape(pool.shape)


@op("paged_cache_write_", IN_PLACE, differentiable=False)
def paged_cache_write_(pool: Tensor, rows: Tensor, slots: Tensor) -> Tensor:
    """paged_cache_write, in the pool's own memory."""
    tracing.current().write(pool, paged_cache_write(pool, rows, slots))


@op("paged_slots", differentiable=False, fusable=False)
def paged_slots(table: Tensor, positions: Tensor, page_size) -> Tensor:
    """The slot of every position: table[position // page_size] * page_size + position % page_size.

    table [B, pages] and positions [B, T], or [pages] and [T]: which page holds which block.
    """
    block = positions.floor_divide(page_size)
    return table.gather(table.ndim - 1, block) * page_size + positions.remainder(page_size)


@op("paged_gather", differentiable=False)
def paged_gather(pool: Tensor, table: Tensor) -> Tensor:
    """The rows of a sequence in order: pool [P, L, ...], table [..., n] -> [..., n L, ...]."""
    if pool.ndim < 2 or table.ndim < 1:
        raise ValueError(
            f"paged_gather: pool {tuple(pool.shape)} is [pages, page size, ...], table "
            f"{tuple(table.shape)} needs at least one dim"
        )
    picked = pool.index_select(0, table.reshape((-1,)))
    rows = table.shape[-1] * pool.shape[1]
    return picked.reshape((*table.shape[:-1], rows, *pool.shape[2:]))
