"""Boxes of elements, start:stop:step in every dim: read, and written.

On a strided device a slice is a view. On others it is a kernel that copies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..engine import trace as tracing
from ..schema import IN_PLACE, VIEW, op
from .layout import strided
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
    return lambda g: slice_backward(g, x.shape, start, step)


@op("slice_backward")
def slice_backward(g: Tensor, shape, start, step) -> Tensor:
    """Zeros of that shape, with g in the box that slice would cut out."""
    zeros = kernel("fill", [cast_to(tracing.current().constant(0), g.dtype)], shape, g.dtype)
    return write_box(zeros, g, start, step)


@slice_backward.pullback(saves="")
def _(ctx, g, shape, start, step):
    return lambda gg: slice_(gg, start, g.shape, step)


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
