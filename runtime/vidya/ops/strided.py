"""Views by strides: as_strided and unfold. On a device without strides they are gathered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..engine import trace as tracing
from ..engine.from_host import tensor
from ..schema import VIEW, op
from .create import contiguous_strides
from .index import index_select, zeros_like_meta
from .layout import reshape
from .rules import cast_to, expand_to, kernel, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["as_strided", "as_strided_scatter", "unfold"]


@op("as_strided", VIEW)
def as_strided_op(x: Tensor, size, stride, offset) -> Tensor:
    """x's memory seen with these sizes and strides (in elements), `offset` from x's first."""
    return tracing.current().view(x, size, stride, offset * x.dtype.itemsize)


@as_strided_op.pullback(saves="")
def _(ctx, x, size, stride, offset):
    def back(g):
        if x.is_contiguous() and _apart(size, stride):
            zeros = zeros_like_meta(g, tuple(x.shape))
            return as_strided_scatter_op(zeros, g, size, stride, offset)
        # Positions in x's own memory, summed where several elements were the same one.
        own, at = _places(x.shape, x.strides, 0), _places(size, stride, offset)
        first = min(int(own.min(initial=0)), int(at.min(initial=0)))  # strides may be negative
        own, at = own - first, at - first
        flat = zeros_like_meta(g, (max(int(own.max(initial=-1)), int(at.max(initial=-1))) + 1,))
        flat = flat.scatter_add(0, _tensor(at, g), reshape(g, (g.numel(),)))
        return reshape(index_select(flat, 0, _tensor(own, g)), x.shape)

    return back


@op("as_strided_scatter", fusable=False)
def as_strided_scatter_op(x: Tensor, y: Tensor, size, stride, offset) -> Tensor:
    """A copy of x in which what as_strided of it would show is y."""
    out = kernel("copy", [x], x.shape, x.dtype)
    trace = tracing.current()
    view = trace.view(out, size, stride, offset * x.dtype.itemsize)
    trace.copy_into(view, expand_to(cast_to(y, x.dtype), tuple(size)))
    return out


@as_strided_scatter_op.pullback(saves="")
def _(ctx, x, y, size, stride, offset):
    def back(g):
        g = g.contiguous()
        hole = as_strided_scatter_op(g, zeros_like_meta(g, tuple(size)), size, stride, offset)
        return hole, as_strided(g, size, stride, offset)

    return back


def _apart(size: Sequence[int], stride: Sequence[int]) -> bool:
    """Is every element seen once only? (False also where that is hard to tell.)"""
    reach = 0
    for s, n in sorted((abs(s), n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:
            return False
        reach += s * (n - 1)
    return True


def _places(size: Sequence[int], stride: Sequence[int], offset: int) -> np.ndarray:
    at = np.full((1,) * len(size), offset, np.int64)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        at = at + (np.arange(n) * s).reshape([-1 if i == d else 1 for i in range(len(size))])
    return at.reshape(-1)


def _span(x: Tensor) -> int:
    if not x.numel():
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True))


def _tensor(index: np.ndarray, like: Tensor) -> Tensor:
    return tensor(index, device=like.device)


def as_strided(
    x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """x's elements with the given sizes and strides; element 0 is x's first plus storage_offset.

    On a strided device a view of x's memory; elsewhere gathered from x's elements in order. What
    it shows must lie within x: ValueError else. (PyTorch counts the offset from the start of the
    storage and takes what lies outside of x.)
    """
    size, stride, offset = tuple(size), tuple(stride), storage_offset or 0
    if len(size) != len(stride):
        raise ValueError(f"as_strided: {len(size)} sizes but {len(stride)} strides")
    if any(n < 0 for n in size) or any(s < 0 for s in stride) or offset < 0:
        raise ValueError("as_strided: sizes, strides and offset must not be negative")
    strided = x.device.core.strided
    span = _span(x) if strided else x.numel()
    last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if 0 not in size and last >= span:
        raise ValueError(
            f"as_strided: sizes {size} with strides {stride} from {offset} reach element {last} of "
            f"{span}"
        )
    if strided:
        return as_strided_op(x, size, stride, offset if 0 not in size else 0)
    flat = reshape(x, (x.numel(),))
    return reshape(index_select(flat, 0, _tensor(_places(size, stride, offset), x)), size)


def as_strided_scatter(
    input: Tensor,
    src: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Tensor:
    """A copy of input in which the elements that as_strided would show are those of src [size]."""
    size, stride, offset = tuple(size), tuple(stride), storage_offset or 0
    if src.shape != size:
        raise ValueError(f"as_strided_scatter: src {tuple(src.shape)} must have the sizes {size}")
    x = input.contiguous()
    as_strided(x, size, stride, offset)  # for what it refuses
    if x.device.core.strided:
        return as_strided_scatter_op(x, src, size, stride, offset)
    at = _tensor(_places(size, stride, offset), x)
    flat = reshape(x, (x.numel(),)).scatter(0, at, reshape(src, (src.numel(),)).to(x.dtype))
    return reshape(flat, x.shape)


def unfold(x: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` along `dimension`, `step` apart, as a new last dim."""
    axis = wrap_dim("unfold", dimension, x.ndim)
    length = x.shape[axis] if x.ndim else 1
    if step < 1 or not 0 <= size <= length:
        raise ValueError(
            f"unfold: windows of {size}, {step} apart, do not fit dim {dimension} of {length}; "
            "the step must be positive"
        )
    if x.ndim == 0:
        return reshape(x, (1,)).narrow(0, 0, size)
    count = (length - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    strided = x.device.core.strided
    strides = list(x.strides) if strided else contiguous_strides(x.shape)
    windows = (*strides[:axis], strides[axis] * step, *strides[axis + 1 :], strides[axis])
    return as_strided_op(x, shape, windows, 0) if strided else as_strided(x, shape, windows)
