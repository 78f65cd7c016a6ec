"""Distances of all rows of one matrix from all rows of another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..schema import op
from .elementwise import where
from .layout import cat, expand
from .magnitude import vector_norm
from .rules import broadcast_shapes, promote

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["cdist"]

_AT_ONCE = 2**20  # differences held at one time,
_MOST = 256  # in no more steps than these


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor:
    """The p-norm distances of rows: [..., P, M] and [..., R, M] -> [..., P, R].

    compute_mode is PyTorch's and has no effect: differences are always taken exactly. For p = 2
    they are never all in memory, nor for its gradient.
    """
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            f"cdist: takes [..., P, M] and [..., R, M], not {tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    if p < 0:
        raise ValueError(f"cdist: p must not be negative, got {p}")
    lead = broadcast_shapes("cdist", x1.shape[:-2], x2.shape[:-2])
    if x1.shape[-1] == 0:
        return x1.new_zeros(*lead, x1.shape[-2], x2.shape[-2])
    if p != 2:
        return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
    x1, x2 = promote(x1, x2, floating=True)
    return euclidean(*(expand(x, (*lead, *x.shape[-2:])) for x in (x1, x2)))


def _chunks(x1: Tensor, x2: Tensor) -> Iterator[tuple[int, int]]:
    """(first, count) of the rows of x1 whose differences are taken together."""
    rows, each = x1.shape[-2], math.prod(x1.shape[:-2]) * math.prod(x2.shape[-2:])
    size = max(_AT_ONCE // max(each, 1), -(-rows // _MOST), 1)
    return ((at, min(size, rows - at)) for at in range(0, max(rows, 1), size))


def _away(x1: Tensor, x2: Tensor, at: int, n: int) -> Tensor:
    return x1.narrow(-2, at, n).unsqueeze(-2) - x2.unsqueeze(-3)


@op("cdist")
def euclidean(x1: Tensor, x2: Tensor) -> Tensor:
    """cdist for p = 2 of x1 [..., P, M] and x2 [..., R, M], whose leading dims are equal."""
    parts = [vector_norm(_away(x1, x2, at, n), 2, -1) for at, n in _chunks(x1, x2)]
    return parts[0] if len(parts) == 1 else cat(parts, -2)


@euclidean.pullback(saves="x1 x2 out")
def _(ctx, x1, x2):
    def back(g):
        zero = ctx.out == 0  # the subgradient 0
        share = where(zero, 0.0, g / where(zero, 1.0, ctx.out))
        return (
            pulled(share, x1, x2) if ctx.needs[0] else None,
            pulled(share.mT, x2, x1) if ctx.needs[1] else None,
        )

    return back


@op("cdist_pull")
def pulled(share: Tensor, x1: Tensor, x2: Tensor) -> Tensor:
    """Row i: the sum over j of share[i, j] (x1[i] - x2[j]), from the differences themselves.

    share [..., P, R], x1 [..., P, M], x2 [..., R, M] -> [..., P, M]. As a product less a multiple
    of x1 it would lose what differs where rows are close to each other, and far from 0.
    """
    parts = [
        (share.narrow(-2, at, n).unsqueeze(-1) * _away(x1, x2, at, n)).sum(-2)
        for at, n in _chunks(x1, x2)
    ]
    return parts[0] if len(parts) == 1 else cat(parts, -2)
