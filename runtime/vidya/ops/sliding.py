"""Sliding windows over the last dims: what convolution and pooling are made of."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from ..engine import trace as tracing
from ..schema import VIEW, op
from .layout import cat
from .rules import cast_to
from .rules import kernel as _kernel
from .slices import slice_, write_box

if TYPE_CHECKING:
    from ..tensor import Tensor


def per_dim(name: str, what: str, value: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """An int or n ints as n ints, none below `least`."""
    sequence = isinstance(value, (tuple, list))
    values = tuple(value) if sequence else (value,) * n
    if len(values) == 1:
        values *= n
    if len(values) != n or any(not isinstance(v, int) or v < least for v in values):
        raise ValueError(
            f"{name}: {what} must be an int or {n} ints of at least {least}, not {value!r}"
        )
    return values


def window_count(size: int, kernel: int, stride: int, dilation: int) -> int:
    """How many windows fit into `size` elements; 0 or less if none does."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


@op("windows", VIEW)
def windows(x: Tensor, kernel, stride, dilation) -> Tensor:
    """out[..., k, o] = x[..., o * stride + k * dilation], in each of the last len(kernel) dims.

    x [..., *S] -> [..., *kernel, *O]. On a strided device a view whose elements overlap.
    """
    n = len(kernel)
    lead, sizes = x.shape[: x.ndim - n], x.shape[x.ndim - n :]
    counts = tuple(map(window_count, sizes, kernel, stride, dilation))
    if min(counts) < 1:
        raise ValueError(
            f"windows of {tuple(kernel)} (dilation {tuple(dilation)}) do not fit into the padded "
            f"sizes {tuple(sizes)}; use a smaller kernel or more padding"
        )
    trace = tracing.current()
    shape = (*lead, *kernel, *counts)
    if trace.device.core.strided:
        strides = x.strides[x.ndim - n :]
        along = [d * s for d, s in zip(dilation, strides, strict=True)]
        across = [d * s for d, s in zip(stride, strides, strict=True)]
        return trace.view(x, shape, [*x.strides[: len(lead)], *along, *across])
    parts = [
        slice_(x, start, (*lead, *counts), step).reshape((*lead, 1, *counts))
        for start, step in _boxes(len(lead), kernel, stride, dilation)
    ]
    return cat(parts, len(lead)).reshape(shape)


def _boxes(lead: int, kernel, stride, dilation):
    """Start and step of the elements that each position of the kernel meets."""
    for place in itertools.product(*map(range, kernel)):
        start = (0,) * lead + tuple(k * d for k, d in zip(place, dilation, strict=True))
        yield start, (1,) * lead + tuple(stride)


@windows.pullback(saves="")
def _(ctx, x, kernel, stride, dilation):
    sizes = tuple(x.shape[x.ndim - len(kernel) :])
    return lambda g: windows_backward(g, sizes, kernel, stride, dilation)


@op("windows_backward")
def windows_backward(g: Tensor, sizes, kernel, stride, dilation) -> Tensor:
    """The adjoint of windows: g [..., *kernel, *O] added up where it came from, [..., *sizes]."""
    n = len(kernel)
    lead = g.shape[: g.ndim - 2 * n]
    counts = g.shape[g.ndim - n :]
    zero = cast_to(tracing.current().constant(0), g.dtype)
    out = _kernel("fill", [zero], (*lead, *sizes), g.dtype)
    if not math.prod(g.shape):
        return out
    parts = g.reshape((*lead, -1, *counts))
    one = (1,) * (len(lead) + 1 + n)
    for i, (start, step) in enumerate(_boxes(len(lead), kernel, stride, dilation)):
        at = (*(0,) * len(lead), i, *(0,) * n)
        part = slice_(parts, at, (*lead, 1, *counts), one).reshape((*lead, *counts))
        if i:
            part = slice_(out, start, part.shape, step) + part
        out = write_box(out, part, start, step)
    return out


@windows_backward.pullback(saves="")
def _(ctx, g, sizes, kernel, stride, dilation):
    return lambda gg: windows(gg, kernel, stride, dilation)
