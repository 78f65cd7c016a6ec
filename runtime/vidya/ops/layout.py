"""Shapes and order: the same elements seen otherwise, joined, or cut.

On a strided device these are views that share memory. On others they are kernels that copy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..engine import trace as tracing
from ..schema import PRIMITIVE, VIEW, op
from .create import contiguous_strides
from .rules import (
    _view_copy,
    as_sizes,
    expand_to,
    kernel,
    promote,
    wrap_dim,
)

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["cat", "permute", "reshape", "transpose"]


def strided() -> bool:
    return tracing.current().device.core.strided


# ---- reshape ----


def _infer(name: str, x: Tensor, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = list(as_sizes(name, shape))
    if sizes.count(-1) > 1:
        raise ValueError(f"{name}: only one size of {tuple(sizes)} can be -1")
    if any(s < -1 for s in sizes):
        raise ValueError(f"{name}: negative size in {tuple(sizes)}")
    if -1 in sizes:
        known = math.prod(s for s in sizes if s != -1)
        if known == 0 or x.numel() % known:
            raise ValueError(f"{name}: {tuple(x.shape)} does not fit {tuple(shape)}")
        sizes[sizes.index(-1)] = x.numel() // known
    if math.prod(sizes) != x.numel():
        raise ValueError(
            f"{name}: {tuple(x.shape)} has {x.numel()} elements, "
            f"{tuple(shape)} would have {math.prod(sizes)}"
        )
    return tuple(sizes)


def view_strides(
    shape: Sequence[int], strides: Sequence[int], new: Sequence[int]
) -> list[int] | None:
    """Strides that show the same memory in another shape; None if no strides can."""
    if math.prod(shape) == 0:
        return contiguous_strides(new)
    runs: list[list[int]] = []  # [elements, stride] of maximal evenly spaced runs
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = [runs[-1][0] * size, stride]
        else:
            runs.append([size, stride])
    out: list[int] = []
    run = runs.pop() if runs else [1, 1]
    left = run[0]
    for size in reversed(new):
        if size == 1:
            out.append(run[1] * (run[0] // left))
            continue
        if left == 1 and runs:
            run = runs.pop()
            left = run[0]
        if left % size:
            return None
        out.append(run[1] * (run[0] // left))
        left //= size
    return out[::-1]


@op("reshape", VIEW)
def reshape(x: Tensor, shape) -> Tensor:
    """x in another shape of as many elements; one size may be -1. A view where strides allow."""
    sizes = _infer("reshape", x, shape)
    if sizes == x.shape:
        return x
    if not strided():
        return _view_copy(kernel("reshape", [x], sizes, x.dtype))
    trace = tracing.current()
    strides = view_strides(x.shape, x.strides, sizes)
    if strides is None:
        x, strides = trace.contiguous(x), contiguous_strides(sizes)
    return trace.view(x, sizes, strides)


@reshape.pullback(saves="")
def _(ctx, x, shape):
    return lambda g: g.reshape(x.shape)


@op("view", VIEW)
def view(x: Tensor, shape) -> Tensor:
    """As reshape, but never a copy: ValueError where strides do not allow a view."""
    sizes = _infer("view", x, shape)
    if strided() and view_strides(x.shape, x.strides, sizes) is None:
        raise ValueError(
            f"view: {tuple(x.shape)} with strides {x.strides} cannot be seen as {sizes} without "
            "a copy; use reshape"
        )
    return reshape(x, sizes)


@view.pullback(saves="")
def _(ctx, x, shape):
    return lambda g: g.reshape(x.shape)


# ---- permute, expand ----


@op("permute", VIEW)
def permute(x: Tensor, dims) -> Tensor:
    """Dims in another order: result dim i is x's dim dims[i]."""
    order = tuple(wrap_dim("permute", d, x.ndim) for d in dims)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"permute: {tuple(dims)} is no order of {x.ndim} dims")
    shape = [x.shape[d] for d in order]
    if not strided():
        return _view_copy(kernel("permute", [x], shape, x.dtype, dims=order))
    return tracing.current().view(x, shape, [x.strides[d] for d in order])


@permute.pullback(saves="")
def _(ctx, x, dims):
    back = sorted(range(len(dims)), key=lambda i: dims[i] % len(dims))
    return lambda g: g.permute(tuple(back))


@op("transpose", VIEW)
def transpose(x: Tensor, dim0, dim1) -> Tensor:
    """Two dims exchanged."""
    a, b = wrap_dim("transpose", dim0, x.ndim), wrap_dim("transpose", dim1, x.ndim)
    order = list(range(x.ndim))
    if order:
        order[a], order[b] = order[b], order[a]
    return permute(x, tuple(order))


@transpose.pullback(saves="")
def _(ctx, x, dim0, dim1):
    return lambda g: g.transpose(dim0, dim1)


@op("expand", VIEW)
def expand(x: Tensor, shape) -> Tensor:
    """Sizes of 1 repeated without a copy; -1 keeps a size; new dims come in front."""
    sizes = list(as_sizes("expand", shape))
    pad = len(sizes) - x.ndim
    if pad < 0:
        raise ValueError(f"expand: {tuple(sizes)} has fewer dims than {tuple(x.shape)}")
    for i, size in enumerate(sizes):
        have = x.shape[i - pad] if i >= pad else None
        if size == -1:
            if have is None:
                raise ValueError(f"expand: -1 at new dim {i} keeps nothing")
            sizes[i] = have
        elif size < 0 or (have not in (None, 1, size)):
            raise ValueError(f"expand: {tuple(x.shape)} does not expand to {tuple(shape)}")
    return expand_to(x, sizes)


@expand.pullback(saves="")
def _(ctx, x, shape):
    return lambda g: g  # the engine sums it to x's shape


# ---- join ----


@op("cat", PRIMITIVE)
def cat(tensors: Sequence[Tensor], dim=0) -> Tensor:
    """The tensors one after the other along `dim`; their other sizes agree."""
    if not tensors:
        raise ValueError("cat: needs at least one tensor")
    xs = promote(*([t for t in tensors if t.shape != (0,)] or tensors))
    first = xs[0]
    if first.ndim == 0:
        raise ValueError("cat: 0-d tensors cannot be joined; use stack")
    axis = wrap_dim("cat", dim, first.ndim)
    for x in xs:
        if x.ndim != first.ndim or any(
            a != b for i, (a, b) in enumerate(zip(x.shape, first.shape, strict=True)) if i != axis
        ):
            raise ValueError(
                f"cat: {tuple(x.shape)} does not join {tuple(first.shape)} along dim {axis}"
            )
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return kernel("cat", xs, shape, first.dtype, dim=axis)


@cat.pullback(saves="")
def _(ctx, tensors, dim):
    def back(g):
        parts: list[Any] = []
        at, axis = 0, dim % g.ndim
        for t in tensors:
            if t.shape == (0,):
                parts.append(None)
                continue
            parts.append(g.narrow(axis, at, t.shape[axis]))
            at += t.shape[axis]
        return (parts,)

    return back
