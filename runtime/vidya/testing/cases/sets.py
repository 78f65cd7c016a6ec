"""Sorted data: distinct values, counts, places in an order."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case

case(
    "msort",
    lambda x: np.sort(x, 0),
    lambda t: [S(t.distinct(4, 3)), S(t.distinct(5))],
    types="fi",
)


case(
    "unique", np.unique, lambda t: [S(t(3, 4)), S(t(0)), S(t.of([2, 2, 1]))], types="fi", grad=False
)
case(
    "unique_consecutive",
    lambda x: x[np.r_[True, x[1:] != x[:-1]]],
    lambda t: [S(t.of([1, 1, 2, 2, 1, 0, 0])), S(t(1))],
    types="fi",
    grad=False,
)
case(
    "bincount",
    lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
    lambda t: [
        S(t.index(5, 9).astype(t.dtype.np)),
        S(t.index(3, 4).astype(t.dtype.np), minlength=6),
    ],
    types="i",
    out="int64",
    grad=False,
    skip_dtypes=["uint64"],
    wrong=lambda t: [Wrong(S(np.array([1, -1])), (ValueError, RuntimeError), "negative")],
)
case(
    "histc",
    lambda x, bins, min, max: np.histogram(x, bins, (min, max))[0].astype(float),
    lambda t: [S(t(30), 7, -1.5, 1.25), S(t(4, 5), 4, -2, 2)],
    types="f",
    grad=False,
    skip_dtypes=["float16", "bfloat16"],
)


def _histogram(x, bins, range=None, weight=None, density=False):
    return np.histogram(x, bins, range, density, weight)


case(
    "histogram",
    _histogram,
    lambda t: [
        S(t(30), 7),
        S(t(4, 5), 4, range=(-1.5, 1.25)),
        S(t(30), t.of([-1, -0.25, 0.5, 3])),
        S(t(6, 5), 5, weight=t.positive(6, 5), density=True),
        S(t(30), 3, range=(-0.5, 2.0), weight=t(30)),
        S(t.of([3, 3]), 4),
    ],
    types="f",
    grad=False,
    skip_dtypes=["float16", "bfloat16"],
    scale=2,
    wrong=lambda t: [
        Wrong(S(t(3), 0), (ValueError, RuntimeError), "bins"),
        Wrong(S(t(3), t(1)), (ValueError, RuntimeError), "edges|bins"),
        Wrong(S(t(3), 2, weight=t(2)), (ValueError, RuntimeError), "weight"),
    ],
)


def search(order, values, right=False):
    side = "right" if right else "left"
    if order.ndim == 1:
        return np.searchsorted(order, values, side)
    rows = zip(
        order.reshape(-1, order.shape[-1]), values.reshape(-1, values.shape[-1]), strict=True
    )
    return np.stack([np.searchsorted(a, b, side) for a, b in rows]).reshape(values.shape)


def _searches(t):
    for right in (False, True):
        yield S(np.sort(t(7)), t(2, 3), right=right)
        yield S(np.sort(t(2, 5)), t(2, 3), right=right)
        yield S(t.of([1, 1, 2, 2]), t.of([0, 1, 2, 3]), right=right)


case("searchsorted", search, _searches, types="fi", out="int64", grad=False)
case(
    "bucketize",
    lambda x, edges, right=False: search(edges, x, right),
    lambda t: [S(t(2, 3), np.sort(t(5)), right=True), S(t(4), np.sort(t(3)))],
    types="fi",
    out="int64",
    grad=False,
)
case(
    "isin",
    lambda x, tests, invert=False: np.isin(x, tests, invert=invert),
    lambda t: [S(t(3, 4), t(5)), S(t(3), t(0)), S(t(3), t(2), invert=True)],
    types="fi",
    out="bool",
    grad=False,
)
