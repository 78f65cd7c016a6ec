"""Reductions that count, rank, measure or ignore."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case
from .common import dims_of

NAN = float("nan")


def _nans(t):
    yield S(t(3, 4))
    yield S(t(3, 4), 0)
    yield S(t(2, 3, 4), (0, 2), keepdim=True)
    yield S(t.of([[1, NAN, 3], [NAN, 2, 0]]), 1)


def _keep(fn):
    return lambda x, dim=None, keepdim=False: fn(x, axis=dims_of(dim), keepdims=keepdim)


case("nansum", _keep(np.nansum), _nans)
case("nanmean", _keep(np.nanmean), _nans, scale=2)


def _moments(fn):
    def oracle(x, dim=None, correction=1, keepdim=False):
        axis = dims_of(dim)
        return fn(x, axis=axis, ddof=correction, keepdims=keepdim), np.mean(
            x, axis=axis, keepdims=keepdim
        )

    return oracle


for _name, _oracle in [("var_mean", np.var), ("std_mean", np.std)]:
    case(
        _name,
        _moments(_oracle),
        lambda t: [
            S(t(3, 4), dim=0, correction=1),
            S(t(2, 3, 4), dim=(0, 2), correction=0, keepdim=True),
        ],
        types="fc",
        out=("real", "same"),
    )
case(
    "var_biased",
    lambda x, dim, unbiased: np.var(x, axis=dim, ddof=int(unbiased)),
    lambda t: [S(t(3, 4), 0, False), S(t(3, 4), 1, True)],
    fn="var",
    out="real",
    types="fc",
)
case(
    "count_nonzero",
    lambda x, dim=None: np.count_nonzero(x, axis=dim),
    lambda t: [S(t(3, 4)), S(t(3, 4), 0), S(t(2, 3, 4), (0, 1)), S(t(0, 3))],
    types="fcib",
    out="int64",
    grad=False,
)
case(
    "aminmax",
    lambda x, dim=None, keepdim=False: (
        np.min(x, axis=dim, keepdims=keepdim),
        np.max(x, axis=dim, keepdims=keepdim),
    ),
    lambda t: [S(t.distinct(3, 4)), S(t.distinct(3, 4), dim=1, keepdim=True)],
    types="fi",
)


# ---- by rank ----


def ranked(x, dim, keepdim, at):
    """Value and index of the element at(sorted row) of every row along dim."""
    moved = np.moveaxis(x, dim, -1)
    order = np.argsort(moved, axis=-1, kind="stable")
    rows = np.take_along_axis(moved, order, -1)
    place = np.apply_along_axis(at, -1, rows)[..., None]
    values, indices = np.take_along_axis(rows, place, -1), np.take_along_axis(order, place, -1)
    if not keepdim:
        return values[..., 0], indices[..., 0]
    return np.moveaxis(values, -1, dim), np.moveaxis(indices, -1, dim)


def middle(row):
    count = len(row) - np.isnan(row).sum()
    return count if count < len(row) else (len(row) - 1) // 2


def real_middle(row):
    return max(len(row) - np.isnan(row).sum() - 1, 0) // 2


def _rank_samples(t):
    yield S(t.distinct(3, 5), 1)
    yield S(t.distinct(4, 3), 0, True)
    yield S(t.distinct(2, 4, 3), -2)
    if t.is_float:
        yield S(t.of([[1, NAN, 3, 2], [5, 4, 7, 6]]), 1).forward_only()


for _name, _at in [("median", middle), ("nanmedian", real_middle)]:
    case(
        f"{_name}_dim",
        lambda x, dim, keepdim=False, _at=_at: ranked(x, dim, keepdim, _at),
        _rank_samples,
        fn=_name,
        types="fi",
        out=("same", "int64"),
    )
    case(
        _name,
        lambda x, _at=_at: ranked(x.reshape(1, -1), 1, False, _at)[0][0],
        lambda t: [S(t.distinct(3, 5)), S(t.distinct(4)), S(t.distinct(1))],
        types="fi",
    )
case(
    "kthvalue",
    lambda x, k, dim=-1, keepdim=False: ranked(x, dim, keepdim, lambda row: k - 1),
    lambda t: [S(t.distinct(3, 5), 2), S(t.distinct(4, 3), 4, 0, True)],
    types="fi",
    out=("same", "int64"),
    wrong=lambda t: [Wrong(S(t(3, 4), 5), (ValueError, IndexError, RuntimeError), "k")],
)


def mode(x, dim=-1, keepdim=False):
    def of_row(row):
        values, counts = np.unique(row, return_counts=True)
        best = values[np.argmax(counts)]
        return np.flatnonzero(row == best)[-1]

    place = np.expand_dims(np.apply_along_axis(of_row, dim, x), dim)
    values = np.take_along_axis(x, place, dim)
    return (values, place) if keepdim else (np.squeeze(values, dim), np.squeeze(place, dim))


case(
    "mode",
    mode,
    lambda t: [
        S(t.distinct(3, 4)),
        S(t.of([[1, 2, 2, 1, 0], [3, 3, 3, 1, 1]])).forward_only(),
        S(t.of([[1, 2], [1, 0], [2, 0]]), 0, True).forward_only(),
    ],
    types="fi",
    out=("same", "int64"),
)


def quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    return np.quantile(x, q, axis=dim, keepdims=keepdim, method=interpolation)


def _quantiles(t):
    yield S(t.distinct(3, 5), 0.3)
    yield S(t.distinct(3, 5), t.of([0.1, 0.5, 1.0]), dim=1).forward_only()
    yield S(t.distinct(4, 5), 0.6, dim=0, keepdim=True)
    for how in ("lower", "higher", "midpoint", "nearest"):
        yield S(t.distinct(3, 5), 0.3, dim=-1, interpolation=how)


_SMALL = ["float16", "bfloat16"]
case("quantile", quantile, _quantiles, skip_dtypes=_SMALL, scale=4)
case(
    "nanquantile",
    lambda x, q, dim=None: np.nanquantile(x, q, axis=dim),
    lambda t: [S(t.distinct(3, 5), 0.3), S(t.of([[1, NAN, 3], [NAN, 2, 0]]), 0.5, dim=1)],
    skip_dtypes=_SMALL,
    scale=4,
)


# ---- lengths ----


def vector_norm(x, p=2, dim=None, keepdim=False):
    p, axis = 2 if p == "fro" else p, dims_of(dim)
    size = np.abs(x)
    if p == 0:
        return np.sum(x != 0, axis=axis, keepdims=keepdim).astype(float)
    if p in (math.inf, -math.inf):
        return (np.max if p > 0 else np.min)(size, axis=axis, keepdims=keepdim)
    return np.sum(size**p, axis=axis, keepdims=keepdim) ** (1 / p)


def _norms(t):
    yield S(t.nonzero(3, 4))
    for p in (1, 2, 3, 1.5, math.inf, -math.inf):
        x = t.nonzero(3, 4) if t.dtype.is_complex else t.distinct(3, 4) + t.dtype.np.type(0.25)
        yield S(x, p, 1)
    yield S(t.nonzero(2, 3, 4), 2, (0, 2), keepdim=True)
    yield S(t.nonzero(3, 4), 0, 0).forward_only()


case(
    "norm",
    vector_norm,
    _norms,
    types="fc",
    out="real",
    scale=8,
)
case(
    "vector_norm",
    vector_norm,
    lambda t: [S(t.nonzero(3, 4)), S(t.nonzero(3, 4), 3, -1), S(t.of([300, 400]))],
    fn="norm",
    types="fc",
    out="real",
    scale=8,
)
case(
    "dist",
    lambda x, y, p=2: vector_norm(x - y, p),
    lambda t: [S(t(3, 4), t(4)), S(t(3, 4), t(3, 4), 3)],
    types="fc",
    out="real",
    scale=8,
)


# ---- scans ----


def logcumsumexp(x, dim):
    return np.logaddexp.accumulate(x, axis=dim)


case(
    "logcumsumexp_complex",
    lambda x, dim: np.log(np.cumsum(np.exp(x), axis=dim)),
    lambda t: [S(t(5, low=-1, high=1), 0), S(t(3, 4, low=-0.8, high=0.8), 1)],
    fn="logcumsumexp",
    types="c",
    scale=4,
)
case(
    "logcumsumexp",
    logcumsumexp,
    lambda t: [
        S(t(5), 0),
        S(t(3, 4), 0),
        S(t(2, 3, 4), -1),
        S(t.of([[-np.inf, 1, 2], [50, -50, 0]]), 1).forward_only(),
    ],
    scale=2,
)
case(
    "diff",
    lambda x, n=1, dim=-1: np.diff(x, n, dim),
    lambda t: [S(t(3, 5)), S(t(4, 3), 2, 0), S(t(3, 4), 5), S(t(2, 1))],
    types="fcib",
)
case(
    "trapezoid",
    lambda y, x=None, dx=1, dim=-1: np.sum(
        (np.take(y, range(1, y.shape[dim]), dim) + np.take(y, range(y.shape[dim] - 1), dim))
        / 2
        * (dx if x is None else np.diff(x)),
        axis=dim,
    ),
    lambda t: [S(t(3, 5)), S(t(4, 3), dx=0.5, dim=0), S(t(3, 5), t(5))],
    scale=2,
    types="fc",
)
case(
    "cumulative_trapezoid",
    lambda y: np.cumsum((y[..., 1:] + y[..., :-1]) / 2, axis=-1),
    lambda t: [S(t(3, 5))],
    scale=2,
    types="fc",
)
case(
    "cumprod_zeros",
    lambda x, dim: np.cumprod(x, axis=dim),
    lambda t: [S(t.of([[2, 0, 3, 1.5], [0, 0, 5, 2], [1, 2, 3, 0]]), 1)],
    fn="cumprod",
    types="fc",
)
