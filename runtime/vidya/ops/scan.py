"""Running sums, products and extremes along one dim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import int64
from ..schema import PRIMITIVE, op
from .elementwise import needs
from .reduce import _sum_dtype
from .rules import Dim, cast_to, kernel, kernels, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor


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
        # d out[j] / d x[i] = out[j] / x[i] for j >= i; exact where x has no zeros.
        return (g * ctx.out).flip(dim).cumsum(dim).flip(dim) / x if g.ndim else g

    return back


def _running(name: str, word: str):
    def body(x: Tensor, dim: Dim) -> tuple[Tensor, Tensor]:
        needs(name, x, (0, 1, 2, 3), "real numbers")
        axis = wrap_dim(name, dim, x.ndim)
        return kernels(name, [x], [(x.shape, x.dtype), (x.shape, int64)], dim=axis)

    body.__doc__ = f"The {word} so far along `dim`, and where it was. (values, int64 indices)"
    made = op(name, PRIMITIVE)(body)

    def pullback(ctx, x, dim):
        return lambda g, _: (g * 0).scatter_add(dim, ctx.out[1], g)

    made.pullback(pullback, saves="out")
    return made


cummax = _running("cummax", "largest")
cummin = _running("cummin", "smallest")
