"""Manipulation functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops import arrange, layout, parts, shape
from ..ops.rules import broadcast_shapes, wrap_dim
from ..tensor import Tensor
from .operands import array, promoted

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims",
    "repeat", "reshape", "roll", "squeeze", "stack", "tile", "unstack",
]  # fmt: skip


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """All in the shape that they broadcast to."""
    common = broadcast_shapes("broadcast_arrays", *(x.shape for x in arrays)) if arrays else ()
    return tuple(layout.expand(x, common) for x in arrays)


def broadcast_to(x: Tensor, /, shape: Sequence[int]) -> Tensor:
    """x broadcast to a shape."""
    return layout.expand(array("broadcast_to", x), tuple(shape))


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Joined along an axis, or all flattened and joined (None)."""
    given = promoted("concat", *(array("concat", x) for x in arrays))
    if axis is None:
        return layout.cat([layout.reshape(x, (-1,)) for x in given], 0)
    return layout.cat(given, axis)


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """x with a dim of size 1 at `axis`."""
    return shape.unsqueeze(array("expand_dims", x), axis)


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The elements in reverse order along the axes, all if None."""
    axes = tuple(range(array("flip", x).ndim)) if axis is None else axis
    return arrange.flip(x, (axes,) if isinstance(axes, int) else tuple(axes))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """The dims at `source` moved to `destination`."""
    return shape.movedim(array("moveaxis", x), source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The dims in another order."""
    return layout.permute(array("permute_dims", x), tuple(axes))


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element (or slice) so many times in a row."""
    return arrange.repeat_interleave(array("repeat", x), repeats, axis)


def reshape(x: Tensor, /, shape: Sequence[int], *, copy: bool | None = None) -> Tensor:
    """x in another shape. copy: True always copies; False raises ValueError where one is needed."""
    array("reshape", x)
    if copy is False:
        return layout.view(x, tuple(shape))
    out = layout.reshape(x, tuple(shape))
    return out.clone() if copy else out


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """The elements moved on by `shift` along the axes; what falls off comes back in front."""
    return arrange.roll(array("roll", x), shift, axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """x without those dims. ValueError if one is not of size 1."""
    array("squeeze", x)
    axes = [wrap_dim("squeeze", a, x.ndim) for a in ((axis,) if isinstance(axis, int) else axis)]
    for a in axes:
        if x.shape[a] != 1:
            raise ValueError(f"squeeze: dim {a} of {tuple(x.shape)} is not of size 1")
    return layout.reshape(x, tuple(s for i, s in enumerate(x.shape) if i not in axes))


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Joined along a new axis."""
    return parts.stack(promoted("stack", *(array("stack", x) for x in arrays)), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """x repeated so many times along each dim."""
    return arrange.tile(array("tile", x), tuple(repetitions))


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis."""
    return parts.unbind(array("unstack", x), axis)
