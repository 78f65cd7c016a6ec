"""Boxes of elements, start:stop:step in every dim: read, and written.

On a strided device a slice is a view. On others it is a kernel that copies.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..engine import trace as tracing
from ..engine.pieces import Piece
from ..schema import IN_PLACE, VIEW, op
from .elementwise import add
from .layout import cat, strided
from .rules import (
    Operand,
    _view_copy,
    broadcast_shapes,
    cast_to,
    expand_to,
    is_scalar,
    kernel,
)

if TYPE_CHECKING:
    from ..tensor import Tensor


# so many times a tensor's size are the gradients of its slices kept, before they are put together
_HELD = 2


@op("slice", VIEW)
def slice_(x: Tensor, start, size, step) -> Tensor:
    """A box of x: per dim its first index, its size and its step (which may be negative)."""
    if not strided():
        if tuple(size) == x.shape and not any(start) and set(step) <= {1}:
            return x
        return _view_copy(kernel("slice", [x], size, x.dtype, start=tuple(start), step=tuple(step)))
    offset = sum(a * s for a, s in zip(start, x.strides, strict=True)) * x.dtype.itemsize
    strides = [k * s for k, s in zip(step, x.strides, strict=True)]
    return tracing.current().view(x, size, strides, offset if math.prod(size) else 0)


@slice_.pullback(saves="")
def _(ctx, x, start, size, step):
    shape = x.shape
    return lambda g: Boxes(shape, (start, g.shape, step), g)


@op("slice_backward")
def slice_backward(g: Tensor, shape, start, step) -> Tensor:
    """Zeros of that shape, with g in the box that slice would cut out."""
    return write_box(_zeros(shape, g.dtype), g, start, step)


@slice_backward.pullback(saves="")
def _(ctx, g, shape, start, step):
    return lambda gg: slice_(gg, start, g.shape, step)


class Boxes(Piece):
    """A gradient that is zero outside of some boxes of its tensor."""

    def __init__(self, shape: Sequence[int], box: Any, g: Tensor) -> None:
        self.shape, self.boxes, self.held = shape, {box: g}, g.numel()
        self.rest: Any = None  # what is everywhere

    def joined(self, other: Any) -> Boxes:
        if isinstance(other, Boxes):
            for box, g in other.boxes.items():
                known = self.boxes.get(box)
                self.boxes[box] = g if known is None else known + g
                self.held += g.numel() if known is None else 0
            other = other.rest
        if other is not None:
            self.rest = other if self.rest is None else self.rest + other
        if self.held > _HELD * math.prod(self.shape):
            self.rest, self.boxes, self.held = self.whole(), {}, 0
        return self

    def whole(self) -> Any:
        if not self.boxes:
            return self.rest
        starts, _, steps = zip(*self.boxes, strict=True)
        gs = list(self.boxes.values())
        if len(gs) == 1:
            total = slice_backward(gs[0], self.shape, starts[0], steps[0])
        else:
            total = slices_backward(gs, self.shape, tuple(chain(*starts)), tuple(chain(*steps)))
        return total if self.rest is None else self.rest + total


@op("slices_backward")
def slices_backward(gs: Sequence[Tensor], shape, starts, steps) -> Tensor:
    """The sum of slice_backward of each; starts and steps are one after the other."""
    starts, steps = _each(starts, shape), _each(steps, shape)
    lines = _lines(shape, [g.shape for g in gs], starts, steps)
    if lines is not None:
        axis, layers = lines
        return reduce(add, (_in_a_row(gs, shape, axis, layer, starts) for layer in layers))
    total = _zeros(shape, gs[0].dtype)
    for g, start, step in zip(gs, starts, steps, strict=True):
        there = slice_(total, start, g.shape, step)
        total = write_box(total, add(there, g), start, step)
    return total


@slices_backward.pullback(saves="")
def _(ctx, gs, shape, starts, steps):
    starts, steps = _each(starts, shape), _each(steps, shape)
    boxes = list(zip(starts, [g.shape for g in gs], steps, strict=True))
    return lambda gg: ([slice_(gg, *box) for box in boxes],)


def _each(numbers: Sequence[int], shape: Sequence[int]) -> list[tuple[int, ...]]:
    n = len(shape)
    return [tuple(numbers[i : i + n]) for i in range(0, len(numbers), n)]


def _lines(shape: Sequence[int], sizes: Sequence, starts: Sequence, steps: Sequence) -> Any:
    """The dim that all boxes cut, if it is the same one, and layers of those that do not overlap.

    None if there is no such dim, or if the layers are much emptier than the boxes.
    """
    cut = {
        d
        for size, start, step in zip(sizes, starts, steps, strict=True)
        for d, n in enumerate(shape)
        if size[d] != n or start[d] or step[d] != 1
    }
    if len(cut) != 1 or any(step[d] != 1 for d in cut for step in steps):
        return None
    (axis,) = cut
    layers: list[list[int]] = []
    ends: list[tuple[int, int]] = []  # a heap of (end, layer)
    for i in sorted(range(len(starts)), key=lambda i: starts[i][axis]):
        if ends and ends[0][0] <= starts[i][axis]:
            at = heapq.heappop(ends)[1]
        else:
            at = len(layers)
            layers.append([])
        layers[at].append(i)
        heapq.heappush(ends, (starts[i][axis] + sizes[i][axis], at))
    filled = sum(size[axis] for size in sizes)
    return (axis, layers) if len(layers) * shape[axis] <= 2 * filled + shape[axis] else None


def _in_a_row(gs: Sequence[Tensor], shape: Any, axis: int, layer: list, starts: Any) -> Tensor:
    """Zeros with some boxes that follow each other along `axis`."""
    parts, end = [], 0

    def gap(upto: int) -> None:
        if upto > end:
            parts.append(_zeros((*shape[:axis], upto - end, *shape[axis + 1 :]), gs[0].dtype))

    for i in layer:
        gap(starts[i][axis])
        parts.append(gs[i])
        end = starts[i][axis] + gs[i].shape[axis]
    gap(shape[axis])
    return cat(parts, axis)


def _zeros(shape: Sequence[int], dtype: Any) -> Tensor:
    return kernel("fill", [cast_to(tracing.current().constant(0), dtype)], shape, dtype)


def write_box(x: Tensor, y: Tensor, start: Sequence[int], step: Sequence[int]) -> Tensor:
    """x, a value of this trace that nobody else reads, with y in a box of it."""
    trace = tracing.current()
    if not trace.device.core.strided:
        attrs = {"start": tuple(start), "step": tuple(step)}
        return kernel("slice_write", [x, trace.contiguous(y)], x.shape, x.dtype, **attrs)
    trace.copy_into(slice_(x, tuple(start), y.shape, tuple(step)), y)
    return x


@op("slice_write")
def slice_write(x: Tensor, y: Tensor, start, step) -> Tensor:
    """A copy of x in which a box (as slice's, of y's shape) is y."""
    y = cast_to(y, x.dtype)
    if not strided():
        return write_box(x, y, start, step)
    return write_box(kernel("copy", [x], x.shape, x.dtype), y, start, step)


@slice_write.pullback(saves="")
def _(ctx, x, y, start, step):
    def back(g):
        hole = slice_write(g, g.new_full((), 0).expand(y.shape), start, step)
        return hole, slice_(g, start, y.shape, step)

    return back


@op("slice_write_", IN_PLACE)
def slice_write_(x: Tensor, y: Operand, start, step, size=None) -> Tensor:
    """x[box] = y, in x's memory. y is broadcast to `size`, the box's (y's own unless given)."""
    trace = tracing.current()
    y = cast_to(y, x.dtype)
    shape = tuple(y.shape if size is None else size)
    if any(n > 1 and s == 0 for n, s in zip(x.shape, x.strides, strict=True)):
        raise ValueError(
            f"elements of this tensor {tuple(x.shape)} share memory, for it was expanded: it "
            "cannot be written in place; use x.clone()"
        )
    if is_scalar(y):
        y = kernel("fill", [y], shape, x.dtype)
    elif broadcast_shapes("slice_write_", y.shape, shape) != shape:
        raise ValueError(f"a value {tuple(y.shape)} cannot be written into {shape}")
    y = expand_to(y, shape)
    if trace.device.core.strided:
        trace.write(slice_(x, tuple(start), shape, tuple(step)), y)
    else:
        trace.write(x, write_box(x, y, start, step))
