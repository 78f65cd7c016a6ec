"""Lengths of vectors and matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, as_dtype
from ..schema import op
from .elementwise import where
from .factor import svdvals
from .pointwise import sgn
from .reduce import amax, amin, keep, sum
from .rules import accumulation, cast_to, wrap_dim, wrap_dims
from .unary import abs

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["dist", "matrix_norm", "norm", "vector_norm"]


@op("vector_norm")
def _vector_norm(x: Tensor, ord=2, dim=None, keepdim=False) -> Tensor:
    """sum(|x|^ord)^(1/ord) over `dim`; ord inf: the largest |x|, -inf: the smallest, 0: the
    number of elements that are not 0."""
    if x.dtype.category < FLOAT:
        raise TypeError(f"norm: takes floats or complex numbers, not {x.dtype.name}")
    dims = wrap_dims("norm", dim, x.ndim)
    size = abs(x)
    if accumulation(x.dtype) is not x.dtype:  # a square overflows float16 where the norm does not
        wide = _vector_norm(cast_to(size, accumulation(x.dtype)), ord, dim, keepdim)
        return cast_to(wide, x.dtype)
    if ord in (math.inf, -math.inf):
        if ord > 0 and any(x.shape[d] == 0 for d in dims):
            return sum(size, dims, keepdim)
        if x.ndim == 0:
            return size
        return amax(size, dims, keepdim) if ord > 0 else amin(size, dims, keepdim)
    if ord == 0:
        return sum((x != 0).to(size.dtype), dims, keepdim)
    if ord == 1:
        return sum(size, dims, keepdim)
    if ord == 2:
        return sum(size * size, dims, keepdim).sqrt()
    return sum(size**ord, dims, keepdim) ** (1.0 / ord)


@_vector_norm.pullback(saves="x out")
def _(ctx, x, ord, dim, keepdim):
    def back(g):
        if accumulation(x.dtype) is not x.dtype:
            wide = accumulation(x.dtype)
            return slope(g.to(wide), x.to(wide), ctx.out.to(wide)).to(x.dtype)
        return slope(g, x, ctx.out)

    def slope(g, x, out):
        g, out = keep(g, x.shape, dim, keepdim), keep(out, x.shape, dim, keepdim)
        size = abs(x)
        if ord == 0:
            return x * 0
        if ord == 1:
            return g * sgn(x)
        none = out == 0
        if ord == 2:
            return x * where(none, 0.0, g / where(none, 1.0, out))
        if ord in (math.inf, -math.inf):
            hit = (size == out).to(size.dtype)
            return sgn(x) * (hit * (g / sum(hit, wrap_dims("norm", dim, x.ndim), True)))
        zero = size == 0
        power = where(zero, 0.0, where(zero, 1.0, size) ** (ord - 1))
        scale = where(none, 0.0, g / where(none, 1.0, out) ** (ord - 1))
        return sgn(x) * (power * scale)

    return back


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The ord-norm of x flattened, or along `dim`; computed in `dtype` if given."""
    if dtype is not None:
        x = x.to(as_dtype(dtype))
    dims = tuple(dim) if isinstance(dim, list) else dim
    if x.ndim == 0:  # dims 0 and -1 say the same as None
        wrap_dims("norm", dims, 0)
        dims = None
    return _vector_norm(x, float(ord), dims, keepdim)


def _largest(sizes: Tensor, dim: int) -> Tensor:
    """The largest of what is not negative along dim, which stays; 0 of nothing."""
    return amax(sizes, dim, True) if sizes.shape[dim] else sizes.sum(dim, True)


def matrix_norm(
    x: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """The norm of matrices in the two dims `dim`.

    "fro": of all elements as a vector; inf, -inf: the largest, smallest sum of a row; 1, -1: of a
    column; 2, -2, "nuc": the largest, smallest singular value, the sum of all. The largest of
    none is 0.
    """
    if dtype is not None:
        x = x.to(as_dtype(dtype))
    if len(dim) != 2:
        raise ValueError(f"matrix_norm: dim must name two dims, got {dim}")
    row, column = (wrap_dim("matrix_norm", d, x.ndim) for d in dim)
    if row == column:
        raise ValueError(f"matrix_norm: dim {tuple(dim)} names a dim twice")
    if ord == "fro":
        return _vector_norm(x, 2.0, (row, column), keepdim)
    if ord in (1, -1, math.inf, -math.inf):
        added, kept = (row, column) if ord in (1, -1) else (column, row)
        sums = _vector_norm(x, 1.0, added, True)
        out = _largest(sums, kept) if ord > 0 else amin(sums, kept, True)
    elif ord in (2, -2, "nuc"):
        values = svdvals(x.movedim((row, column), (-2, -1)))
        if ord == "nuc":
            out = values.sum(-1)
        else:
            out = (_largest(values, -1) if ord > 0 else amin(values, -1, True)).squeeze(-1)
        for d in sorted((row, column)):
            out = out.unsqueeze(d)
    else:
        raise ValueError(
            f'matrix_norm: ord must be "fro", "nuc", 1, -1, 2, -2, inf or -inf, not {ord!r}'
        )
    return out if keepdim else out.squeeze((row, column))


def norm(
    x: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    """The p-norm of all elements, or along `dim`; "fro" is 2, "nuc" sums the singular values."""
    if p == "nuc":
        return matrix_norm(x, p, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if p is not None and not isinstance(p, (int, float)) and p != "fro":
        raise ValueError(f'norm: p must be a number, "fro" or "nuc", not {p!r}')
    return vector_norm(x, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


def dist(x: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of x - other."""
    return vector_norm(x - other, p)
