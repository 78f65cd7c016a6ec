"""Reading and writing by index.  Indices are integers, never negative; out of range raises."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..dtypes import bool_, int32, int64
from ..engine import trace as tracing
from ..schema import PRIMITIVE, op
from .elementwise import where
from .rules import Dim, Operand, cast_to, kernel, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "embedding", "gather", "index_add", "index_select", "masked_fill", "scatter_add",
]  # fmt: skip


def as_index(name: str, index: Tensor) -> Tensor:
    if not index.dtype.is_integer:
        raise TypeError(f"{name}: the index must be of integers, not {index.dtype.name}")
    return index if index.dtype in (int64, int32) else cast_to(index, int64)


def _check(name: str, x: Tensor, index: Tensor, axis: int) -> None:
    if x.ndim != index.ndim or any(
        i > s for d, (i, s) in enumerate(zip(index.shape, x.shape, strict=True)) if d != axis
    ):
        raise ValueError(
            f"{name}: index {tuple(index.shape)} does not fit {tuple(x.shape)}: as many dims are "
            f"needed, none larger except dim {axis}"
        )


@op("gather", PRIMITIVE)
def gather(x: Tensor, dim: Dim, index: Tensor) -> Tensor:
    """out[i][j] = x[index[i][j]][j] for dim 0. The result has index's shape."""
    axis = wrap_dim("gather", dim, x.ndim)
    index = as_index("gather", index)
    x = x.reshape((1,)) if x.ndim == 0 and index.ndim == 1 else x
    _check("gather", x, index, axis)
    if x.ndim == 0:
        return x.reshape((1,)).gather(0, index.reshape((1,))).reshape(())
    return kernel("gather", [x, index], index.shape, x.dtype, dim=axis)


@gather.pullback(saves="index")
def _(ctx, x, dim, index):
    if x.ndim < index.ndim:  # a number, picked by a list
        return lambda g: (g.sum(), None)
    return lambda g: (zeros_like_meta(g, x.shape).scatter_add(dim, index, g), None)


def zeros_like_meta(g: Tensor, shape) -> Tensor:
    """Zeros of that shape with g's dtype on g's device."""
    from .create import full

    return full(tuple(shape), 0, g.dtype, g.device)


@op("index_select", PRIMITIVE)
def index_select(x: Tensor, dim: Dim, index: Tensor) -> Tensor:
    """Slices of x along `dim`, in the order of index [n]."""
    axis = wrap_dim("index_select", dim, x.ndim)
    index = as_index("index_select", index)
    if index.ndim > 1:
        raise ValueError(f"index_select: index must have 1 dim, got {tuple(index.shape)}")
    index = index.reshape((-1,))
    if x.ndim == 0:
        return x.reshape((1,)).index_select(0, index).reshape(())
    shape = list(x.shape)
    shape[axis] = index.shape[0]
    return kernel("index_select", [x, index], shape, x.dtype, dim=axis)


@index_select.pullback(saves="index")
def _(ctx, x, dim, index):
    return lambda g: (index_add(zeros_like_meta(g, x.shape), dim, index, g), None)


@op("index_add")
def index_add(x: Tensor, dim: Dim, index: Tensor, source: Tensor, alpha=1) -> Tensor:
    """A copy of x with alpha times source's slices added at index [n] along `dim`."""
    axis = wrap_dim("index_add", dim, x.ndim)
    if alpha != 1:
        source = source * alpha
    if x.ndim == 0:
        return x + source.reshape(())
    where_to = as_index("index_add", index).reshape([-1 if d == axis else 1 for d in range(x.ndim)])
    return scatter_add(x, axis, where_to.expand(source.shape), source)


@index_add.pullback(saves="index")
def _(ctx, x, dim, index, source, alpha):
    def back(g):
        picked = g.index_select(dim, index) if x.ndim else g.expand(source.shape)
        return g, None, picked if alpha == 1 else picked * alpha

    return back


@op("scatter", PRIMITIVE)
def scatter(x: Tensor, dim: Dim, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with out[index[i][j]][j] = src[i][j] for dim 0; the last write wins."""
    return _scatter("scatter", x, dim, index, src)


def _scatter(name: str, x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    axis = wrap_dim(name, dim, x.ndim)
    index, src = as_index(name, index), cast_to(src, x.dtype)
    _check(name, x, index, axis)
    if src.ndim != index.ndim or any(i > s for i, s in zip(index.shape, src.shape, strict=True)):
        raise ValueError(
            f"{name}: src {tuple(src.shape)} is smaller than index {tuple(index.shape)}"
        )
    if x.ndim == 0:
        one = (1,)
        return _scatter(name, x.reshape(one), 0, index.reshape(one), src.reshape(one)).reshape(())
    if src.shape != index.shape:
        src = src[tuple(slice(0, s) for s in index.shape)]
    return kernel(name, [x, index, src], x.shape, x.dtype, dim=axis)


@scatter.pullback(saves="index")
def _(ctx, x, dim, index, src):
    def back(g):
        hole = g.scatter(dim, index, zeros_like_meta(g, index.shape))
        return hole, None, g.gather(dim, index)

    return back


@op("scatter_add", PRIMITIVE)
def scatter_add(x: Tensor, dim: Dim, index: Tensor, src: Tensor) -> Tensor:
    """A copy of x with out[index[i][j]][j] += src[i][j] for dim 0. For bools + is or."""
    if x.dtype is bool_:
        counts = scatter_add(cast_to(x, int32), dim, index, cast_to(src, int32))
        return counts != 0
    return _scatter("scatter_add", x, dim, index, src)


@scatter_add.pullback(saves="index")
def _(ctx, x, dim, index, src):
    return lambda g: (g, None, g.gather(dim, index))


@op("embedding")
def embedding(weight: Tensor, index: Tensor) -> Tensor:
    """Rows of weight [V, C] by index [...] -> [..., C]."""
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must be [V, C], got {tuple(weight.shape)}")
    rows = weight.index_select(0, index.reshape((-1,)))
    return rows.reshape((*index.shape, weight.shape[1]))


@embedding.pullback(saves="index")
def _(ctx, weight, index):
    return lambda g: (embedding_backward(g, index, weight.shape[0]), None)


@op("embedding_backward")
def embedding_backward(g: Tensor, index: Tensor, num_embeddings) -> Tensor:
    """Adds the rows of g [..., C] into zeros [num_embeddings, C] at index [...]."""
    trace = tracing.current()
    width = g.shape[-1]
    zeros = kernel("fill", [cast_to(trace.constant(0), g.dtype)], (num_embeddings, width), g.dtype)
    return index_add(zeros, 0, index.reshape((-1,)), g.reshape((math.prod(index.shape), width)))


@embedding_backward.pullback(saves="index")
def _(ctx, g, index, num_embeddings):
    return lambda gg: (embedding(gg, index), None)


@op("masked_fill", fusable=False)
def masked_fill(x: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """x with `value` (a number or 0-d tensor) where mask (bool, broadcast) is true."""
    if mask.dtype is not bool_:
        raise TypeError(f"masked_fill: the mask must be bool, not {mask.dtype.name}")
    if value.ndim:
        raise ValueError(f"masked_fill: value must be a number or 0-d, got {tuple(value.shape)}")
    return where(mask, cast_to(value, x.dtype), x)


@masked_fill.pullback(saves="mask")
def _(ctx, x, mask, value):
    return lambda g: (where(mask, 0.0, g), None, where(mask, g, 0.0) if ctx.needs[2] else None)
