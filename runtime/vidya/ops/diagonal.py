"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..engine.from_host import tensor
from ..schema import op
from .create import arange
from .elementwise import where
from .layout import cat
from .rules import wrap_dim
from .shape import movedim
from .strided import as_strided_op

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "diag", "diag_embed", "diagflat", "diagonal", "diagonal_scatter", "trace", "tril",
    "tril_indices", "triu", "triu_indices",
]  # fmt: skip


def diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The diagonal of each matrix in dims dim1, dim2 as the last dim; above it for offset > 0."""
    a, b = wrap_dim("diagonal", dim1, x.ndim), wrap_dim("diagonal", dim2, x.ndim)
    if a == b:
        raise ValueError(f"diagonal: dim1 and dim2 are the same dim, {dim1}")
    rows, columns = x.shape[a], x.shape[b]
    n = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    first = movedim(x, (a, b), (-2, -1))
    if n == 0:
        return first.narrow(-2, 0, 0).narrow(-1, 0, 0).reshape((*first.shape[:-2], 0))
    first = first.narrow(-2, max(-offset, 0), n).narrow(-1, max(offset, 0), n)
    if first.device.core.strided:
        strides = (*first.strides[:-2], first.strides[-2] + first.strides[-1])
        return as_strided_op(first, (*first.shape[:-2], n), strides, 0)
    index = arange(n, device=x.device).reshape((*(1,) * (x.ndim - 2), n, 1))
    return first.gather(-1, index.expand(*first.shape[:-1], 1)).squeeze(-1)


def diag_embed(x: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in dims dim1, dim2 with x's last dim on their diagonals, zeros elsewhere."""
    if x.ndim == 0:
        raise ValueError("diag_embed: needs at least 1 dim")
    rank = x.ndim + 1
    a, b = wrap_dim("diag_embed", dim1, rank), wrap_dim("diag_embed", dim2, rank)
    if a == b:
        raise ValueError(f"diag_embed: dim1 and dim2 are the same dim, {dim1}")
    n = x.shape[-1]
    beside = x.new_zeros(*x.shape, abs(offset)) if offset else None
    square = where(_on_diagonal(n, x), x.unsqueeze(-1), x.new_zeros(()))
    if beside is not None:
        side = beside
        square = cat([side, square] if offset > 0 else [square, side], -1)
        flat = x.new_zeros(*x.shape[:-1], abs(offset), n + abs(offset))
        square = cat([square, flat] if offset > 0 else [flat, square], -2)
    return movedim(square, (-2, -1), (a, b))


def _on_diagonal(n: int, x: Tensor) -> Tensor:
    count = arange(n, device=x.device)
    return count.unsqueeze(1) == count.unsqueeze(0)


def diag(x: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix; of a vector, the matrix with it on the diagonal."""
    if x.ndim == 1:
        return diag_embed(x, diagonal)
    if x.ndim != 2:
        raise ValueError(f"diag: takes 1 or 2 dims, got {x.ndim}; use diagonal or diag_embed")
    return _diagonal(x, diagonal).clone()


_diagonal = diagonal


def diagflat(x: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of x on its diagonal."""
    return diag_embed(x.reshape(-1), offset)


def diagonal_scatter(
    x: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """A copy of x whose diagonal is src."""
    own = _diagonal(x, offset, dim1, dim2)
    if own.shape != src.shape:
        raise ValueError(
            f"diagonal_scatter: src {tuple(src.shape)} must be {tuple(own.shape)}, as the diagonal"
        )
    a, b = wrap_dim("diagonal", dim1, x.ndim), wrap_dim("diagonal", dim2, x.ndim)
    moved = movedim(x, (a, b), (-2, -1))
    if not src.numel():
        return x.clone()
    rows = arange(src.shape[-1], device=x.device) + max(-offset, 0)
    columns = (rows + offset).unsqueeze(-1)
    box = moved.narrow(-2, max(-offset, 0), src.shape[-1])
    full = box.scatter(-1, columns.expand(*src.shape, 1), src.unsqueeze(-1))
    above = moved.narrow(-2, 0, max(-offset, 0))
    below_at = max(-offset, 0) + src.shape[-1]
    below = moved.narrow(-2, below_at, moved.shape[-2] - below_at)
    return movedim(cat([above, full, below], -2), (-2, -1), (a, b))


def trace(x: Tensor) -> Tensor:
    """The sum of a matrix' diagonal."""
    if x.ndim != 2:
        raise ValueError(f"trace: takes a matrix, got {x.ndim} dims")
    return _diagonal(x).sum()


# ---- triangles ----


@op("tril")
def tril(x: Tensor, diagonal=0) -> Tensor:
    """The lower triangle of the last two dims, zeros above the diagonal."""
    return where(_lower("tril", x, diagonal), x, False)


@tril.pullback(saves="")
def _(ctx, x, diagonal):
    return lambda g: tril(g, diagonal)


@op("triu")
def triu(x: Tensor, diagonal=0) -> Tensor:
    """The upper triangle of the last two dims, zeros below the diagonal."""
    return where(_lower("triu", x, diagonal - 1), False, x)


@triu.pullback(saves="")
def _(ctx, x, diagonal):
    return lambda g: triu(g, diagonal)


def _lower(name: str, x: Tensor, diagonal: int) -> Tensor:
    if x.ndim < 2:
        raise ValueError(f"{name}: needs at least 2 dims, got {x.ndim}")
    rows = arange(x.shape[-2], device=x.device).unsqueeze(1)
    columns = arange(x.shape[-1], device=x.device).unsqueeze(0)
    past = x.shape[-2] + x.shape[-1]  # further away all diagonals are alike
    return columns <= rows + min(max(diagonal, -past), past)


def _indices(
    name: str, row: int, col: int, offset: int, dtype: Any, device: Any, lower: bool
) -> Tensor:
    import numpy as np

    if row < 0 or col < 0:
        raise ValueError(f"{name}: sizes must not be negative, got {row} and {col}")
    pick = np.tril_indices if lower else np.triu_indices
    return tensor(np.stack(pick(row, offset, col)), dtype=dtype or dtypes.int64, device=device)


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the lower triangle, row by row. [2, n] int64"""
    return _indices("tril_indices", row, col, offset, dtype, device, True)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Rows and columns of the upper triangle, row by row. [2, n] int64"""
    return _indices("triu_indices", row, col, offset, dtype, device, False)
