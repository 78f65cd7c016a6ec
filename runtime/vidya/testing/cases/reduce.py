"""Reductions and scans."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .common import dims_of


def _keep(fn):
    """A NumPy reduction with PyTorch's words."""
    return lambda x, dim=None, keepdim=False: fn(x, axis=dims_of(dim), keepdims=keepdim)


def _over(empty: bool = True, **kwargs):
    """Whole, one dim, several dims, negative dims, kept dims, and nothing to reduce."""

    def samples(t):
        yield S(t(3, 4), **kwargs)
        yield S(t(3, 4), 0, **kwargs)
        yield S(t(2, 3, 4), -2, keepdim=True, **kwargs)
        yield S(t(2, 3, 4), (0, 2), **kwargs)
        yield S(t(2, 3, 4), dim=[-1, 0], keepdim=True, **kwargs)
        yield S(t(), **kwargs)
        if empty:
            yield S(t(0, 3), **kwargs)
            yield S(t(0, 3), 0, **kwargs)
        yield S(t(0, 3), 1, **kwargs)

    return samples


def _out_of_range(t):
    return [Wrong(S(t(3, 4), 2), IndexError, r"\b2\b"), Wrong(S(t(3, 4), -3), IndexError, r"-3")]


def _sum(x, dim=None, keepdim=False):
    return np.sum(
        x, axis=dims_of(dim), keepdims=keepdim, dtype=np.int64 if x.dtype.kind in "biu" else None
    )


case("sum", _sum, _over(), types="fcib", out="sum", wrong=_out_of_range)


def _mean_samples(t):
    yield from _over(empty=False)(t)
    yield S(t.of([2000] * 64)).forward_only()  # the sum would overflow float16, the mean does not


case("mean", _keep(np.mean), _mean_samples, types="fc", wrong=_out_of_range)


def _prod_samples(t):
    yield S(t.nonzero(3, 4, high=1.5))
    yield S(t.nonzero(3, 4, high=1.5), 1)
    yield S(t.nonzero(2, 3, 2, high=1.5), -2, keepdim=True)
    yield S(t(0, 3), 0)
    if t.is_float:  # the gradient exists where factors are zero
        yield S(t.of([[2, 0, 3], [0, 0, 5], [1, 2, 3]]), 1)


def _prod(x, dim=None, keepdim=False):
    return np.prod(x, axis=dim, keepdims=keepdim, dtype=np.int64 if x.dtype.kind in "biu" else None)


case("prod", _prod, _prod_samples, types="fibc", out="sum")


def _extremum_samples(t):
    yield S(t.distinct(3, 4), 0)
    yield S(t.distinct(2, 3, 4), (0, 2))
    yield S(t.distinct(2, 3, 4), -1, keepdim=True)
    yield S(t(0, 3), 1)
    if t.is_float:
        yield S(t.of([[1, np.nan, 3], [np.inf, -np.inf, 0]]), 1).forward_only()


for _name, _oracle in [("amax", np.max), ("amin", np.min)]:
    case(_name, _keep(_oracle), _extremum_samples, types="fib")


def _arg_samples(t):
    yield S(t.distinct(3, 4))
    yield S(t.distinct(3, 4), 0)
    yield S(t.distinct(2, 3, 4), -2, keepdim=True)
    yield S(t.of([[1, 3, 3, 0], [2, 2, 2, 2]]), 1)  # the first on ties
    if t.is_float:
        yield S(t.of([[1, np.nan, 9], [np.inf, -np.inf, 0]]), 1)


for _name, _oracle in [("argmax", np.argmax), ("argmin", np.argmin)]:
    case(_name, _keep(_oracle), _arg_samples, types="fi", out="int64", grad=False)


def _with_index(value, arg):
    def oracle(x, dim, keepdim=False):
        return value(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return oracle


def _max_samples(t):
    yield S(t.distinct(3, 4), 0)
    yield S(t.distinct(2, 3, 4), -2, keepdim=True)
    if t.is_float:
        yield S(t.of([[1, np.nan, 9], [np.inf, -np.inf, 0]]), 1).forward_only()


for _name, _value, _arg in [("max", np.max, np.argmax), ("min", np.min, np.argmin)]:
    case(
        f"{_name}_all",
        lambda x, _v=_value: _v(x),
        lambda t: [S(t.distinct(3, 4)), S(t.distinct(1))],
        fn=f".{_name}",
        types="fib",
    )
    case(
        f"{_name}_dim",
        _with_index(_value, _arg),
        _max_samples,
        fn=f".{_name}",
        types="fi",
        out=("same", "int64"),
    )

for _name, _oracle in [("any", np.any), ("all", np.all)]:
    case(
        _name,
        _keep(_oracle),
        lambda t: [S(t(3, 4)), S(t(3, 4), 0), S(t(2, 3), -1, keepdim=True), S(t(0, 3), 0), S(t(0))],
        types="fcib",
        out="bool",
        grad=False,
        skip_dtypes=["uint8"],  # PyTorch answers in uint8, by age
    )


def _spread(fn):
    return lambda x, dim=None, correction=1, keepdim=False: fn(
        x, axis=dims_of(dim), ddof=correction, keepdims=keepdim
    )


def _spread_samples(t):
    yield S(t(3, 4))
    yield S(t(3, 4), 0)
    yield S(t(2, 3, 4), (0, 2), correction=0)
    yield S(t(2, 3, 4), -1, keepdim=True)
    yield S(t.of([300, -300] * 64)).forward_only()  # squares beyond float16 inside, not at the end
    if t.dtype.itemsize >= 4:  # a mean far from zero must not eat the digits
        yield S((t(64, low=-1, high=1) + 1000).astype(t.dtype.np)).forward_only()


case("var", _spread(np.var), _spread_samples, types="fc", out="real")
case("std", _spread(np.std), _spread_samples, types="fc", out="real")


def logsumexp(x, dim, keepdim=False):
    axis = dims_of(dim)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdim else np.squeeze(total, axis)


case(
    "logsumexp_complex",
    lambda x, dim: np.log(np.sum(np.exp(x), axis=dims_of(dim))),
    lambda t: [S(t(3, 4), 0), S(t(2, 3, 2), (0, 2))],
    fn="logsumexp",
    types="c",
    scale=4,
)


def _logsumexp_samples(t):
    yield S(t(3, 4), 0)
    yield S(t(2, 3, 4), -1, keepdim=True)
    yield S(t(2, 3, 4), (0, 2))
    yield S(t(3, 0), 1)
    yield S(t(0, 3), 1)
    yield S(t.of([[1e4, -1e4, 0], [1e4, 1e4, 1e4]]), 1).forward_only()
    yield S(t.of([[-np.inf, -np.inf], [np.inf, 0]]), 1).forward_only()


case("logsumexp", logsumexp, _logsumexp_samples)


def _scan_samples(t):
    yield S(t(5), 0)
    yield S(t(3, 4), 0)
    yield S(t(2, 3, 4), -2)
    yield S(t(0, 3), 0)


def _int64(fn):
    return lambda x, dim: fn(x, axis=dim, dtype=np.int64 if x.dtype.kind in "biu" else None)


case("cumsum", _int64(np.cumsum), _scan_samples, types="fcib", out="sum")
case(
    "cumprod",
    _int64(np.cumprod),
    lambda t: [S(t.nonzero(3, 4, high=1.5), 0), S(t.nonzero(2, 3, high=1.5), -1), S(t(0, 3), 0)],
    types="fibc",
    out="sum",
)


def _running(better):
    """cummax or cummin by its definition: the last of equal ones, and NaN beats everything."""

    def oracle(x, dim):
        moved = np.moveaxis(x, dim, 0)
        values, indices = moved.copy(), np.zeros(moved.shape, np.int64)
        for i in range(1, len(moved)):
            wins = better(moved[i], values[i - 1]) | (moved[i] != moved[i])
            wins &= (values[i - 1] == values[i - 1]) | (moved[i] != moved[i])
            values[i] = np.where(wins, moved[i], values[i - 1])
            indices[i] = np.where(wins, i, indices[i - 1])
        return np.moveaxis(values, 0, dim), np.moveaxis(indices, 0, dim)

    return oracle


def _running_samples(t):
    yield S(t.distinct(3, 4), 0)
    yield S(t.distinct(2, 3, 4), -1)
    yield S(t.of([1, 3, 3, 2, 4, 4, 0]), 0).forward_only()
    if t.is_float:
        yield S(t.of([1, np.nan, 5, np.nan, np.inf]), 0).forward_only()


for _name, _better in [("cummax", np.greater_equal), ("cummin", np.less_equal)]:
    case(
        _name,
        _running(_better),
        _running_samples,
        types="fi",
        out=("same", "int64"),
    )
