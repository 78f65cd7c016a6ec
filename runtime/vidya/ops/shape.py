"""Other shapes of the same elements, made of reshape, permute and expand.

Plain functions: what they give are views wherever those ops give views.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .layout import expand, permute, reshape, transpose, view
from .rules import broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors", "broadcast_to",
    "flatten", "moveaxis", "movedim", "numel", "ravel", "squeeze", "swapaxes", "swapdims", "t",
    "unflatten", "unsqueeze",
]  # fmt: skip

swapaxes = swapdims = transpose


def numel(x: Tensor) -> int:
    """The number of elements."""
    return x.numel()


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dims from start_dim to end_dim as one."""
    if x.ndim == 0:
        return reshape(x, (1,))
    a, b = (wrap_dim("flatten", d, x.ndim) for d in (start_dim, end_dim))
    if a > b:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    size = math.prod(x.shape[a : b + 1])
    return reshape(x, (*x.shape[:a], size, *x.shape[b + 1 :]))


def ravel(x: Tensor) -> Tensor:
    """All elements in one dim."""
    return reshape(x, (x.numel(),))


def unflatten(x: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """`dim` as several dims of these sizes; one may be -1."""
    axis = wrap_dim("unflatten", dim, x.ndim)
    sizes = tuple(sizes)
    if not sizes:
        raise ValueError("unflatten: sizes must not be empty")
    known = math.prod(s for s in sizes if s != -1)
    fits = known and x.shape[axis] % known == 0 if -1 in sizes else known == x.shape[axis]
    if not fits:
        raise ValueError(f"unflatten: {sizes} do not make up dim {dim} of size {x.shape[axis]}")
    sizes = tuple(x.shape[axis] // known if s == -1 else s for s in sizes)
    return view(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """A new dim of size 1 at `dim`."""
    at = wrap_dim("unsqueeze", dim, x.ndim + 1)
    return reshape(x, (*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Without dims of size 1: all of them, or those named."""
    shape = x.shape
    if dim is None:
        return reshape(x, tuple(s for s in shape if s != 1))
    if isinstance(dim, int):
        axis = wrap_dim("squeeze", dim, len(shape))
        return reshape(x, shape[:axis] + shape[axis + 1 :]) if shape and shape[axis] == 1 else x
    named = dim if isinstance(dim, (tuple, list)) else (dim,)
    drop = {wrap_dim("squeeze", d, x.ndim) for d in named}
    return reshape(x, tuple(s for i, s in enumerate(x.shape) if i not in drop or s != 1))


def movedim(x: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """The dims `source` moved to the places `destination`; the others keep their order."""
    sources = [source] if isinstance(source, int) else list(source)
    places = [destination] if isinstance(destination, int) else list(destination)
    if len(sources) != len(places):
        raise ValueError(f"movedim: {len(sources)} dims cannot move to {len(places)} places")
    sources = [wrap_dim("movedim", d, x.ndim) for d in sources]
    places = [wrap_dim("movedim", d, x.ndim, name="destination") for d in places]
    if len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ValueError(f"movedim: a dim is named twice in {source} or {destination}")
    if not x.ndim:
        return x
    moved = dict(zip(places, sources, strict=True))
    rest = (d for d in range(x.ndim) if d not in sources)
    return permute(x, tuple(moved[i] if i in moved else next(rest) for i in range(x.ndim)))


moveaxis = movedim


def t(x: Tensor) -> Tensor:
    """A matrix transposed; fewer dims as they are."""
    if x.ndim > 2:
        raise ValueError(f"t: takes at most 2 dims, got {x.ndim}; use mT or permute")
    return x if x.ndim < 2 else transpose(x, 0, 1)


def adjoint(x: Tensor) -> Tensor:
    """The last two dims exchanged, conjugated."""
    return transpose(x, -2, -1).conj()


# ---- expanding ----


def broadcast_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """x expanded to `size`."""
    return expand(x, tuple(size))


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """All expanded to the shape they broadcast to."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    shape = broadcast_shapes("broadcast_tensors", *(x.shape for x in given))
    return tuple(expand(x, shape) for x in given)


def _each(function: Any, tensors: tuple) -> Any:
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return function(tensors[0])
    given = tensors[0] if len(tensors) == 1 else tensors
    return tuple(function(x) for x in given)


def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors with one dim, others as they are."""
    return _each(lambda x: x if x.ndim else reshape(x, (1,)), tensors)


def atleast_2d(*tensors: Any) -> Any:
    """At least two dims; new ones come in front."""
    return _each(lambda x: x if x.ndim > 1 else reshape(x, (1, x.numel())), tensors)


def atleast_3d(*tensors: Any) -> Any:
    """At least three dims: [N] becomes [1, N, 1], [M, N] becomes [M, N, 1]."""

    def third(x: Tensor) -> Tensor:
        if x.ndim > 2:
            return x
        return reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.numel(), 1))

    return _each(third, tensors)
