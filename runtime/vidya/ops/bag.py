"""embedding_bag: rows of a table, joined bag by bag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .create import count_like
from .elementwise import where
from .embedding import refuse_sparse, shared_gradient, shorten_rows
from .index import embedding, index_add
from .rules import accumulation
from .scatter import scatter_reduce
from .sets import searchsorted

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["embedding_bag"]


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of rows of weight [V, C] per bag. [B, C]

    input: integers [B, N], a bag per row; or [n] with offsets [B], where each bag starts
    (include_last_offset: [B + 1], the last one being n). An empty bag gives zeros. The row
    padding_idx is left out of its bags. per_sample_weights (input's shape, mode "sum" only) scale
    the rows. max_norm, norm_type, scale_grad_by_freq: see embedding.
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f'embedding_bag: mode must be "sum", "mean" or "max", not {mode!r}')
    refuse_sparse("embedding_bag", sparse)
    if scale_grad_by_freq and mode == "max":
        raise ValueError('embedding_bag: scale_grad_by_freq has no meaning for mode "max"')
    if per_sample_weights is not None and mode != "sum":
        raise ValueError(f'embedding_bag: per_sample_weights need mode "sum", not {mode!r}')
    if per_sample_weights is not None and per_sample_weights.shape != input.shape:
        raise ValueError(
            f"embedding_bag: per_sample_weights {tuple(per_sample_weights.shape)} must have the "
            f"shape of input, {tuple(input.shape)}"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding_bag: weight must be [V, C], got {tuple(weight.shape)}")
    bag, bags = _bags(input, offsets, include_last_offset)
    index = input.reshape(-1)
    kept = index == index
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise ValueError(
                f"embedding_bag: padding_idx {padding_idx} is not a row of {weight.shape[0]}"
            )
        kept = index != padding_idx % weight.shape[0]
    if max_norm is not None:
        shorten_rows(weight, index, max_norm, norm_type)
    rows = embedding(weight, index)
    if scale_grad_by_freq:
        rows = shared_gradient(rows, index, weight.shape[0])
    wide = accumulation(weight.dtype)
    zeros = rows.new_zeros((bags, weight.shape[1]), dtype=wide)
    if mode != "sum":
        count = index_add(zeros.new_zeros((bags,)), 0, bag, kept.to(wide)).unsqueeze(1)
    if mode == "max":
        rows = where(kept.unsqueeze(1), rows, -float("inf")).to(wide)
        out = scatter_reduce(
            zeros, 0, bag.unsqueeze(1).expand(rows.shape), rows, "amax", include_self=False
        )
        return where(count == 0, 0.0, out).to(weight.dtype)
    scale = kept.to(wide)
    if per_sample_weights is not None:
        scale = scale * per_sample_weights.reshape(-1).to(wide)
    total = index_add(zeros, 0, bag, rows.to(wide) * scale.unsqueeze(1))
    if mode == "mean":
        total = total / count.clamp(1)
    return total.to(weight.dtype)


def _bags(input: Tensor, offsets: Tensor | None, last: bool) -> tuple[Tensor, int]:
    """The bag of every index, flattened, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError("embedding_bag: offsets are for an input of 1 dim; its rows are bags")
        bags, size = input.shape
        return count_like(input, bags).unsqueeze(1).expand(bags, size).reshape(bags * size), bags
    if input.ndim != 1:
        raise ValueError(f"embedding_bag: input has 1 or 2 dims, got {tuple(input.shape)}")
    if offsets is None or offsets.ndim != 1 or not offsets.dtype.is_integer:
        raise ValueError("embedding_bag: an input of 1 dim needs offsets [B] of integers")
    starts = offsets[:-1] if last and offsets.shape[0] else offsets
    n, bags = input.shape[0], starts.shape[0]
    if not bags and n:
        raise ValueError("embedding_bag: offsets name no bag for the input")
    if bags and int(starts[0]) != 0:
        raise ValueError(f"embedding_bag: the first bag starts at 0, not at {int(starts[0])}")
    if bags and int(starts.amax()) > n:
        raise ValueError(f"embedding_bag: a bag starts at {int(starts.amax())}, behind {n} indices")
    return searchsorted(starts.long(), count_like(input, n), right=True) - 1, bags
