"""Order."""

from __future__ import annotations

import numpy as np

from ..case import S, case


def order(x, dim=-1, descending=False):
    """Stable; NaN last, first when descending."""
    if not descending:
        return np.argsort(x, axis=dim, kind="stable")
    mirrored = np.argsort(np.flip(x, dim), axis=dim, kind="stable")
    return x.shape[dim] - 1 - np.flip(mirrored, dim)


def sort(x, dim=-1, descending=False):
    indices = order(x, dim, descending)
    return np.take_along_axis(x, indices, dim), indices


def _sort(t):
    yield S(t.distinct(3, 5))
    yield S(t.distinct(5, 3), dim=0, descending=True)
    yield S(t.distinct(2, 3, 4), dim=1)
    yield S(t(0, 3), dim=0)


def _sort_ties(t):
    yield S(t.of([2, 1, 2, 0, 1, 2]), dim=0)
    yield S(t.of([2, 1, 2, 0, 1, 2]), dim=0, descending=True)
    if t.is_float:
        yield S(t.of([[2, np.nan, 1, np.inf], [np.nan, -np.inf, 0, np.nan]]), dim=1)
        yield S(t.of([[2, np.nan, 1, np.inf], [np.nan, 0, 1, 2]]), dim=1, descending=True)


case("sort", sort, _sort, types="fi", out=("same", "int64"))
case("sort_ties", sort, _sort_ties, fn="sort", types="fi", out=("same", "int64"), grad=False)
case(
    "argsort",
    order,
    lambda t: [S(t.distinct(3, 5)), S(t.distinct(5, 3), dim=0, descending=True)],
    types="fi",
    out="int64",
    grad=False,
)


def topk(x, k, dim=-1, largest=True):
    values, indices = sort(x, dim, largest)
    return np.take(values, range(k), dim), np.take(indices, range(k), dim)


case(
    "topk",
    topk,
    lambda t: [S(t.distinct(3, 5), 2), S(t.distinct(5, 3), 3, 0, False)],
    types="fi",
    out=("same", "int64"),
)
