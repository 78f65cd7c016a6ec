"""Reductions over one dim, several, or all.

dim: an int, a tuple, or None for all; keepdim keeps reduced dims at size 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import _core, dtypes
from ..dtypes import FLOAT, as_dtype, bool_, int64
from ..schema import PRIMITIVE, op
from .elementwise import (
    cast,
    conj_of,
    needs,
    real_part,
    where,
)
from .layout import cat
from .rules import accumulation, as_floating, cast_to, kernel, reduced_shape, wrap_dim, wrap_dims
from .unary import abs

if TYPE_CHECKING:
    from ..tensor import Tensor


def _sum_dtype(x: Tensor, dtype) -> dtypes.dtype:
    """PyTorch's: integers and bools are summed in int64 unless a dtype is asked for."""
    if dtype is not None:
        return as_dtype(dtype)
    return x.dtype if x.dtype.category >= FLOAT else int64


def keep(t: Tensor, x_shape: tuple[int, ...], dim, keepdim: bool) -> Tensor:
    """A reduced tensor with its dims put back at size 1, so that it broadcasts against x."""
    if keepdim or t.ndim == len(x_shape):
        return t
    return t.reshape(reduced_shape(x_shape, wrap_dims("reduce", dim, len(x_shape)), True))


@op("sum", PRIMITIVE)
def sum(x: Tensor, dim=None, keepdim=False, dtype=None) -> Tensor:
    """The sum. Floats accumulate pairwise, low precision in float32; integers give int64."""
    dims = wrap_dims("sum", dim, x.ndim)
    x = cast_to(x, _sum_dtype(x, dtype))
    return kernel("sum", [x], reduced_shape(x.shape, dims, keepdim), x.dtype, dims=dims)


@sum.pullback(saves="")
def _(ctx, x, dim, keepdim, dtype):
    return lambda g: keep(g, x.shape, dim, keepdim).expand(x.shape)


@op("prod", PRIMITIVE)
def prod(x: Tensor, dim=None, keepdim=False, dtype=None) -> Tensor:
    """The product. Integers give int64."""
    dims = wrap_dims("prod", dim, x.ndim)
    if dtype is not None and as_dtype(dtype) is bool_:  # whether it is not 0
        return all_(x, dims, keepdim)
    x = cast_to(x, _sum_dtype(x, dtype))
    return kernel("prod", [x], reduced_shape(x.shape, dims, keepdim), x.dtype, dims=dims)


def _product_of_others(x: Tensor, dim) -> Tensor:
    """For each element the product of all others over `dim`, without a division by it."""
    dims = wrap_dims("prod", dim, x.ndim)
    order = [d for d in range(x.ndim) if d not in dims] + list(dims)
    moved = x.permute(tuple(order))
    flat = moved.reshape((*moved.shape[: x.ndim - len(dims)], -1))
    one, n = flat.narrow(-1, 0, 1) * 0 + 1, flat.shape[-1]
    before = cat([one, flat.narrow(-1, 0, n - 1)], -1).cumprod(-1)
    after = cat([flat.narrow(-1, 1, n - 1), one], -1).flip(-1).cumprod(-1).flip(-1)
    back = sorted(range(x.ndim), key=order.__getitem__)
    return (before * after).reshape(moved.shape).permute(tuple(back))


@prod.pullback(saves="x out")
def _(ctx, x, dim, keepdim, dtype):
    def back(g):
        g, out = keep(g, x.shape, dim, keepdim), keep(ctx.out, x.shape, dim, keepdim)
        if _core.is_grad_enabled() and x.numel():  # what follows is right to the first order only
            return g * conj_of(_product_of_others(x, dim))
        zero = x == 0
        # Where a zero is among the factors, the product of the others is the gradient there.
        others = where(zero, 1.0, x).prod(dim=dim, keepdim=True).reshape(out.shape)
        count = zero.to(x.dtype).sum(dim=dim, keepdim=True).reshape(out.shape)
        plain = where(zero, 0.0, g * conj_of(out / where(zero, 1.0, x)))
        return where(count == 0, plain, where((count == 1) & zero, g * conj_of(others), 0.0))

    return back


@op("mean")
def mean(x: Tensor, dim=None, keepdim=False, dtype=None) -> Tensor:
    """The sum divided by the number of elements; TypeError for integers without dtype."""
    if dtype is None and x.dtype.category < FLOAT:
        raise TypeError(f"mean: takes floating tensors, not {x.dtype.name}; pass dtype=float32")
    n = math.prod(x.shape[d] for d in wrap_dims("mean", dim, x.ndim))
    result = x.dtype if dtype is None else as_dtype(dtype)
    # not rounded in between: a sum of float16s overflows where their mean does not
    total = sum(x, dim, keepdim, accumulation(result)) * (1.0 / n if n else math.nan)
    return _narrowed(total, result)


@mean.pullback(saves="")
def _(ctx, x, dim, keepdim, dtype):
    def back(g):
        n = math.prod(x.shape[d] for d in wrap_dims("mean", dim, x.ndim))
        return (keep(g, x.shape, dim, keepdim) * (1.0 / max(n, 1))).expand(x.shape)

    return back


def _extreme(name: str, word: str):
    def body(x: Tensor, dim=None, keepdim=False) -> Tensor:
        needs(name, x, (0, 1, 2, 3), "real numbers")
        dims = wrap_dims(name, dim, x.ndim)
        if any(x.shape[d] == 0 for d in dims):
            raise ValueError(
                f"{name}: {tuple(x.shape)} has nothing along dim {dim}: no {word} exists"
            )
        return kernel(name, [x], reduced_shape(x.shape, dims, keepdim), x.dtype, dims=dims)

    body.__doc__ = f"The {word} element; NaN if there is one. ValueError over nothing."
    made = op(name, PRIMITIVE)(body)

    def pullback(ctx, x, dim, keepdim):
        def back(g):  # equal extremes share the gradient, as PyTorch's amax and amin do
            hit = (x == keep(ctx.out, x.shape, dim, keepdim)).to(g.dtype)
            count = hit.sum(dim=wrap_dims(name, dim, x.ndim), keepdim=True)
            return hit * (keep(g, x.shape, dim, keepdim) / count)

        return back

    made.pullback(pullback, saves="x out")
    return made


amax = _extreme("amax", "largest")
amin = _extreme("amin", "smallest")


def _arg(name: str, word: str):
    def body(x: Tensor, dim=None, keepdim=False) -> Tensor:
        needs(name, x, (0, 1, 2, 3), "real numbers")
        whole = dim is None
        rank = x.ndim
        if whole:
            x, axis = x.reshape((-1,)), 0
        else:
            axis = wrap_dim(name, dim, x.ndim)
        if x.ndim and x.shape[axis] == 0:
            raise ValueError(f"{name}: {tuple(x.shape)} has nothing along dim {dim}")
        if x.ndim == 0:
            x = x.reshape((1,))
            return kernel(name, [x], (), int64, dim=0)
        shape = (
            ((1,) * rank if keepdim else ()) if whole else reduced_shape(x.shape, [axis], keepdim)
        )
        return kernel(name, [x], shape, int64, dim=axis)

    body.__doc__ = f"Where the {word} element is along `dim`, or in the flattened tensor. int64."
    return op(name, PRIMITIVE, differentiable=False)(body)


argmax = _arg("argmax", "largest")
argmin = _arg("argmin", "smallest")


def _truth(name: str, extreme: str, x: Tensor, dim, keepdim: bool) -> Tensor:
    """The largest or smallest truth value; of nothing, what changes no other."""
    dims = wrap_dims(name, dim, x.ndim)
    shape = reduced_shape(x.shape, dims, keepdim)
    if any(x.shape[d] == 0 for d in dims):
        zero = kernel("sum", [cast_to(cast_to(x, bool_), int64)], shape, int64, dims=dims)
        return zero == 0 if extreme == "amin" else zero != 0
    return kernel(extreme, [cast_to(x, bool_)], shape, bool_, dims=dims)


@op("any", differentiable=False)
def any_(x: Tensor, dim=None, keepdim=False) -> Tensor:
    """Is any element not 0? bool."""
    return _truth("any", "amax", x, dim, keepdim)


@op("all", differentiable=False)
def all_(x: Tensor, dim=None, keepdim=False) -> Tensor:
    """Are all elements not 0? bool."""
    return _truth("all", "amin", x, dim, keepdim)


@op("var")
def var(x: Tensor, dim=None, correction=1, keepdim=False) -> Tensor:
    """The variance: squared distances from the mean, over n - correction. Two passes."""
    x = as_floating(x)
    return _narrowed(_variance(x, dim, correction, keepdim), x.dtype.to_real())


def _variance(x: Tensor, dim, correction, keepdim) -> Tensor:
    """The variance of floats, in the dtype that they accumulate in."""
    wide = accumulation(x.dtype)
    x = x if x.dtype is wide else cast(x, wide)
    dims = wrap_dims("var", dim, x.ndim)
    n = math.prod(x.shape[d] for d in dims)
    centered = x - mean(x, dims, True)
    if x.dtype.is_complex:
        centered = abs(centered)
    total = sum(centered * centered, dim, keepdim)
    return total * (1.0 / (n - correction)) if n > correction else total / 0.0


def _narrowed(x: Tensor, dtype: dtypes.dtype) -> Tensor:
    return x if x.dtype is dtype else cast(x, dtype)


@op("std")
def std(x: Tensor, dim=None, correction=1, keepdim=False) -> Tensor:
    """The standard deviation: the square root of var."""
    x = as_floating(x)
    return _narrowed(_variance(x, dim, correction, keepdim).sqrt(), x.dtype.to_real())


@op("logsumexp")
def logsumexp(x: Tensor, dim, keepdim=False) -> Tensor:
    """log(sum(exp(x))), without overflow: the maximum is taken out first."""
    x = as_floating(x)
    dims = wrap_dims("logsumexp", dim, x.ndim)
    if not math.prod(x.shape[d] for d in dims):  # over nothing: the logarithm of 0
        return sum(x, dims, keepdim).log()
    top = amax(real_part(x), dims, True)
    top = where(top.abs() == float("inf"), 0.0, top)
    return sum((x - top).exp(), dims, keepdim).log() + (
        top if keepdim else top.reshape(reduced_shape(x.shape, dims, False))
    )


@logsumexp.pullback(saves="x out")
def _(ctx, x, dim, keepdim):
    return lambda g: (
        keep(g, x.shape, dim, keepdim) * conj_of((x - keep(ctx.out, x.shape, dim, keepdim)).exp())
    )
