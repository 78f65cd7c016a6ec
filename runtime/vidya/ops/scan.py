"""Running sums, products and extremes along one dim."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..dtypes import bool_, int64
from ..schema import PRIMITIVE, op
from .elementwise import (
    needs,
    where,
)
from .layout import cat
from .named import Ordered
from .reduce import _sum_dtype
from .rules import Dim, cast_to, kernel, kernels, wrap_dim
from .special import logaddexp

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp",
    "trapezoid",
]  # fmt: skip


def _scan(name: str, x: Tensor, dim: int, dtype) -> Tensor:
    axis = wrap_dim(name, dim, x.ndim)
    x = cast_to(x, _sum_dtype(x, dtype))
    if x.ndim == 0:
        return x.reshape((1,)).reshape(())
    return kernel(name, [x], x.shape, x.dtype, dim=axis)


@op("cumsum", PRIMITIVE)
def cumsum(x: Tensor, dim: Dim, dtype=None) -> Tensor:
    """The sum up to and including each element, along `dim`."""
    return _scan("cumsum", x, dim, dtype)


@cumsum.pullback(saves="")
def _(ctx, x, dim, dtype):
    return lambda g: g.flip(dim).cumsum(dim).flip(dim) if g.ndim else g


@op("cumprod", PRIMITIVE)
def cumprod(x: Tensor, dim: Dim, dtype=None) -> Tensor:
    """The product up to and including each element, along `dim`."""
    return _scan("cumprod", x, dim, dtype)


@cumprod.pullback(saves="x out")
def _(ctx, x, dim, dtype):
    def back(g):
        # d out[j] / d x[i] = (product before i) (product of i + 1 .. j), so with
        # s[i] = g[i] + x[i + 1] s[i + 1] it is the product before i times s[i]; no division.
        if not g.ndim or x.shape[dim] < 2:
            return g
        n = x.shape[dim]
        one = x.narrow(dim, 0, 1) * 0 + 1
        before = cat([one, ctx.out.narrow(dim, 0, n - 1)], dim)
        factor = cat([x.narrow(dim, 1, n - 1), one * 0], dim)
        if x.dtype.is_complex:
            before, factor = before.conj(), factor.conj()
        reach = 1
        while reach < n:  # by doubling: s[i] of 2 reach terms from two of reach terms
            tail = factor.narrow(dim, 0, n - reach) * g.narrow(dim, reach, n - reach)
            g = cat([g.narrow(dim, 0, n - reach) + tail, g.narrow(dim, n - reach, reach)], dim)
            both = factor.narrow(dim, 0, n - reach) * factor.narrow(dim, reach, n - reach)
            factor = cat([both, factor.narrow(dim, n - reach, reach)], dim)
            reach *= 2
        return before * g

    return back


def _running(name: str, word: str):
    def body(x: Tensor, dim: Dim) -> tuple[Tensor, Tensor]:
        needs(name, x, (0, 1, 2, 3), "real numbers")
        axis = wrap_dim(name, dim, x.ndim)
        if x.ndim == 0:
            values, indices = made(x.reshape((1,)), 0)
            return values.reshape(()), indices.reshape(())
        return kernels(name, [x], [(x.shape, x.dtype), (x.shape, int64)], dim=axis)

    body.__doc__ = f"The {word} so far along `dim`, and where it was. (values, int64 indices)"
    made = op(name, PRIMITIVE, results=Ordered)(body)

    def pullback(ctx, x, dim):
        return lambda g, _: (g * 0).scatter_add(dim, ctx.out[1], g)

    made.pullback(pullback, saves="out")
    return made


cummax = _running("cummax", "largest")
cummin = _running("cummin", "smallest")


@op("logcumsumexp")
def logcumsumexp(x: Tensor, dim: Dim) -> Tensor:
    """log(cumsum(exp(x))) along `dim`, with the largest element so far taken out of each sum.

    By doubling: after step k an element holds the sum of 2^k elements, so log2(n) steps do.
    """
    axis = wrap_dim("logcumsumexp", dim, x.ndim)
    needs("logcumsumexp", x, (3, 4), "floats")
    if x.ndim == 0 or x.shape[axis] < 2:
        return x * 1
    reach, n = 1, x.shape[axis]
    while reach < n:
        head = x.narrow(axis, 0, reach)
        tail = logaddexp(x.narrow(axis, reach, n - reach), x.narrow(axis, 0, n - reach))
        x = cat([head, tail], axis)
        reach *= 2
    return x


@logcumsumexp.pullback(saves="x out")
def _(ctx, x, dim):
    def back(g):  # sum over j >= i of g[j] exp(x[i] - out[j]), signs of g apart
        def part(weight, there):
            logs = where(there, where(there, weight, 1.0).log() - ctx.out, -math.inf)
            return (logcumsumexp(logs.flip(dim), dim).flip(dim) + x).exp()

        if not x.ndim:
            return g
        if x.dtype.is_complex:  # a complex weight has a logarithm
            return part(g.conj(), g != 0).conj()
        return part(g, g > 0) - part(-g, g < 0)

    return back


def diff(
    x: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """The n-th difference of neighbours along `dim`; prepend and append are joined to x first."""
    if x.ndim == 0:
        raise ValueError("diff: takes a tensor of at least one dim")
    if n < 0:
        raise ValueError(f"diff: n must not be negative, got {n}")
    axis = wrap_dim("diff", dim, x.ndim)
    if n == 0:
        return x.clone()
    parts = [t for t in (prepend, x, append) if t is not None]
    if len(parts) > 1:
        x = cat(parts, axis)
    for _ in range(min(n, x.shape[axis])):
        size = max(x.shape[axis] - 1, 0)
        high, low = x.narrow(axis, min(1, x.shape[axis]), size), x.narrow(axis, 0, size)
        x = high ^ low if x.dtype is bool_ else high - low
    return x


def _areas(name: str, y: Tensor, x: Tensor | None, dx: float, dim: int) -> Tensor:
    axis = wrap_dim(name, dim, y.ndim)
    size = max(y.shape[axis] - 1, 0)
    both = y.narrow(axis, min(1, y.shape[axis]), size) + y.narrow(axis, 0, size)
    if x is None:
        return both * (dx / 2)
    if x.ndim == 1:
        steps = diff(x).reshape([-1 if d == axis else 1 for d in range(y.ndim)])
    else:
        steps = diff(x, 1, dim)
    return both * steps / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1) -> Tensor:
    """The area under y along `dim` by the trapezoid rule; at points x, or dx apart."""
    return _areas("trapezoid", y, x, dx, dim).sum(dim)


def cumulative_trapezoid(
    y: Tensor, x: Tensor | None = None, *, dx: float = 1, dim: int = -1
) -> Tensor:
    """The area under y up to each point but the first."""
    return _areas("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)
