"""Cutting tensors into parts and joining parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .. import _core
from ..schema import op
from .elementwise import clone
from .layout import cat, reshape
from .rules import wrap_dim
from .shape import atleast_1d, atleast_2d, atleast_3d, unsqueeze

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "block_diag", "chunk", "column_stack", "concat", "concatenate", "dsplit", "dstack",
    "hsplit", "hstack", "narrow", "narrow_copy", "row_stack", "select", "split", "stack",
    "tensor_split", "unbind", "unbind_copy", "unsafe_chunk", "vsplit", "vstack",
]  # fmt: skip

concat = concatenate = cat
_MOST_EMPTY = 1 << 20  # so many parts of nothing are taken for a slip


# ---- cutting: views ----


def narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`length` slices along `dim` from `start` on; a negative start counts from the end."""
    axis = wrap_dim("narrow", dim, x.ndim)
    if x.ndim == 0:
        raise ValueError("narrow: a 0-d tensor cannot be cut")
    size, start = x.shape[axis], int(start)
    first = start + size if start < 0 else start
    if not 0 <= first <= size - length or length < 0:
        raise IndexError(
            f"narrow: {start} to {start + length} is not inside dim {dim} of size {size}"
        )
    return x[(slice(None),) * axis + (slice(first, first + length),)]


def narrow_copy(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """narrow, in memory of its own."""
    return narrow(x, dim, start, length).clone()


def select(x: Tensor, dim: int, index: int) -> Tensor:
    """The slice at `index` along `dim`, without that dim."""
    axis = wrap_dim("select", dim, x.ndim)
    if x.ndim == 0:
        raise IndexError("select: a 0-d tensor has no dims")
    size, index = x.shape[axis], int(index)
    if not -size <= index < size:
        raise IndexError(f"select: index {index} is out of range for dim {dim} of size {size}")
    return x[(slice(None),) * axis + (index,)]


def unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along dim, without that dim."""
    if x.ndim == 0:
        raise ValueError("unbind: a 0-d tensor has no dims")
    axis = wrap_dim("unbind", dim, x.ndim)
    return tuple(select(x, axis, i) for i in range(x.shape[axis]))


@op("unbind_copy")
def unbind_copy(x: Tensor, dim=0) -> tuple[Tensor, ...]:
    """The slices along dim, without that dim, each with memory of its own."""
    if x.ndim == 0:
        raise ValueError("unbind_copy: a 0-d tensor has no dims")
    axis = wrap_dim("unbind_copy", dim, x.ndim)
    return tuple(clone(select(x, axis, i)) for i in range(x.shape[axis]))


@unbind_copy.pullback(saves="")
def _(ctx, x, dim):
    def back(*given):
        like = next(g for g in given if g is not None)
        return stack([like * 0 if g is None else g for g in given], dim)

    return back


def split(
    x: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Views of so many slices each along dim (the last may be shorter), or of the sizes given."""
    size = split_size_or_sections
    axis = wrap_dim("split", dim, x.ndim)
    if x.ndim == 0:
        raise ValueError("split: a 0-d tensor cannot be cut")
    total = x.shape[axis]
    if isinstance(size, int):
        if size < 0 or (size == 0 and total):
            raise ValueError(f"split: the size must be positive, got {size}")
        sizes: Sequence[int] = [min(size, total - i) for i in range(0, total, max(size, 1))] or [0]
    else:
        sizes = size
    if sum(sizes) != total or min(sizes, default=0) < 0:
        raise ValueError(
            f"split: sizes {list(sizes)} do not add up to {total}, the size of dim {dim}"
        )
    parts, at = [], 0
    for s in sizes:
        parts.append(narrow(x, axis, at, s))
        at += s
    return tuple(parts)


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of equal size along dim; the last may be shorter."""
    axis = wrap_dim("chunk", dim, x.ndim)
    if not 1 <= chunks <= x.numel() + _MOST_EMPTY:
        raise ValueError(f"chunk: {chunks} chunks of a dim of size {x.shape[axis]} cannot be")
    if x.ndim and x.shape[axis] == 0:
        return (x,) * chunks
    return split(x, -(-x.shape[axis] // chunks) if x.ndim else 1, axis)


unsafe_chunk = chunk


def tensor_split(x: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple:
    """Views along dim: so many, as equal as can be, or cut at the given indices (or a tensor's)."""
    if isinstance(indices_or_sections, _core.TensorBase):
        indices_or_sections = indices_or_sections.tolist()
    axis = wrap_dim("tensor_split", dim, x.ndim)
    if x.ndim == 0:
        raise ValueError("tensor_split: a 0-d tensor cannot be cut")
    size = x.shape[axis]
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if not 1 <= n <= size + _MOST_EMPTY:
            raise ValueError(f"tensor_split: {n} sections of a dim of size {size} cannot be")
        sizes = [size // n + (i < size % n) for i in range(n)]
        cuts = list(accumulate(sizes[:-1]))
    else:
        cuts = [int(i) for i in indices_or_sections]
    parts = []
    for low, high in zip([0, *cuts], [*cuts, size], strict=True):
        start, stop, _ = slice(low, high).indices(size)
        parts.append(narrow(x, axis, start, max(stop - start, 0)))
    return tuple(parts)


def _split_at(name: str, x: Tensor, sections: int | Sequence[int], dim: int, least: int) -> tuple:
    if x.ndim < least:
        raise ValueError(f"{name}: needs at least {least} dims, got {x.ndim}")
    if isinstance(sections, int) and x.shape[dim] % sections:
        raise ValueError(f"{name}: {x.shape[dim]} slices do not fall into {sections} equal parts")
    return tensor_split(x, sections, dim)


def hsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple:
    """tensor_split along dim 1 (dim 0 for one dim), into equal parts."""
    return _split_at("hsplit", x, indices_or_sections, 1 if x.ndim > 1 else 0, 1)


def vsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple:
    """tensor_split along dim 0, into equal parts."""
    return _split_at("vsplit", x, indices_or_sections, 0, 2)


def dsplit(x: Tensor, indices_or_sections: int | Sequence[int]) -> tuple:
    """tensor_split along dim 2, into equal parts."""
    return _split_at("dsplit", x, indices_or_sections, 2, 3)


# ---- joining: copies ----


@op("stack")
def stack(tensors: Sequence[Tensor], dim=0) -> Tensor:
    """The tensors side by side along a new dim."""
    if not tensors:
        raise ValueError("stack: needs at least one tensor")
    first = tensors[0].shape
    for x in tensors:
        if x.shape != first:
            raise ValueError(f"stack: shapes {tuple(first)} and {tuple(x.shape)} must be equal")
    axis = wrap_dim("stack", dim, len(first) + 1)
    return cat([unsqueeze(x, axis) for x in tensors], axis)


@stack.pullback(saves="")
def _(ctx, tensors, dim):
    return lambda g: ([select(g, dim, i) for i in range(len(tensors))],)


def hstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dim 1 (dim 0 for one dim)."""
    parts = atleast_1d(list(tensors))
    return cat(parts, 0 if parts[0].ndim == 1 else 1)


def vstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dim 0; one dim counts as a row."""
    return cat(atleast_2d(list(tensors)), 0)


row_stack = vstack


def dstack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dim 2."""
    return cat(atleast_3d(list(tensors)), 2)


def column_stack(tensors: Sequence[Tensor]) -> Tensor:
    """Joined along dim 1; fewer dims count as a column."""
    return cat([x if x.ndim > 1 else reshape(x, (x.numel(), 1)) for x in tensors], 1)


def block_diag(*tensors: Tensor) -> Tensor:
    """The matrices along the diagonal, zeros elsewhere; one dim counts as a row."""
    if any(x.ndim > 2 for x in tensors):
        raise ValueError("block_diag: takes tensors of at most 2 dims")
    parts = atleast_2d(list(tensors))
    width, left, rows = sum(x.shape[1] for x in parts), 0, []
    for x in parts:
        height, own = x.shape
        sides = [x.new_zeros(height, left), x, x.new_zeros(height, width - left - own)]
        rows.append(cat(sides, 1))
        left += own
    return cat(rows, 0)
