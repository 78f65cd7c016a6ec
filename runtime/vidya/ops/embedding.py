"""Rows of a table, kept short, or with gradients by how often a row is met."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.grad_modes import no_grad
from ..schema import op
from .create import count_like
from .elementwise import clone, where
from .index import embedding as rows_of_table
from .index import index_add
from .magnitude import vector_norm

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["embedding"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of weight [V, C] by input [...] (integers) -> [..., C].

    The row padding_idx (negative: from the end) gets no gradient. max_norm: rows met here whose
    norm_type-norm exceeds it are first scaled down to it, in weight itself. scale_grad_by_freq: a
    row's gradient is divided by how often input has it. ValueError with sparse: gradients are
    dense.
    """
    refuse_sparse("embedding", sparse)
    if max_norm is not None:
        shorten_rows(weight, input, max_norm, norm_type)
    out = rows_of_table(weight, input)
    if scale_grad_by_freq:
        out = shared_gradient(out, input, weight.shape[0])
    if padding_idx is None:
        return out
    size = weight.shape[0]
    if not -size <= padding_idx < size:
        raise ValueError(f"embedding: padding_idx {padding_idx} is not a row of {size}")
    return where((input == padding_idx % size).unsqueeze(-1), out.detach(), out)


def refuse_sparse(name: str, sparse: bool) -> None:
    if sparse:
        raise ValueError(f"{name}: gradients are dense; leave out sparse=True")


def shorten_rows(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows at index whose norm exceeds max_norm down to it, in place."""
    with no_grad():
        at = index.reshape(-1)
        rows = rows_of_table(weight, at)
        norm = vector_norm(rows, norm_type, -1, True)
        # the same row twice is written twice, with the same numbers
        shorter = rows * where(norm > max_norm, max_norm / (norm + 1e-7), 1.0)
        weight[at] = shorter.to(weight.dtype)


def shared_gradient(rows: Tensor, index: Tensor, count: int) -> Tensor:
    """rows [..., C] themselves; their gradient divided by how often index [...] has each."""
    at = index.reshape(-1)
    ones = count_like(rows, at.shape[0], 1, 0, rows.dtype)
    zeros = count_like(rows, count, 0, 0, rows.dtype)
    often = index_add(zeros, 0, at, ones).index_select(0, at)
    return scale_gradient(rows, (1 / often).reshape((*index.shape, 1)))


@op("scale_gradient", fusable=False)
def scale_gradient(x: Tensor, factor: Tensor) -> Tensor:
    """x itself; its gradient is multiplied by factor."""
    return clone(x)


@scale_gradient.pullback(saves="factor")
def _(ctx, x, factor):
    return lambda g: (g * factor, None)
