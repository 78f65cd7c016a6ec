"""Losses of alignments, products of pairs, numeric derivatives."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ..case import S, Wrong, case
from .fourier import same_library

F = "nn.functional."
_NARROW = ("float16", "bfloat16")


def _chances(x):
    return np.log(np.exp(x) / np.exp(x).sum(-1, keepdims=True))


def ctc(x, targets, frames, sizes, blank=0, reduction="mean", zero_infinity=False):
    """Every alignment of the frames, one after the other."""
    logs = _chances(x)
    losses = []
    start = 0
    for n, (t, size) in enumerate(zip(frames, sizes, strict=True)):
        row = targets[n, :size] if targets.ndim == 2 else targets[start : start + size]
        start += size
        total = 0.0
        for path in itertools.product(range(x.shape[-1]), repeat=t):
            said = [k for i, k in enumerate(path) if k != blank and (i == 0 or path[i - 1] != k)]
            if said == list(row):
                total += np.exp(sum(logs[i, n, k] for i, k in enumerate(path)))
        losses.append(-np.log(total) if total else (0.0 if zero_infinity else np.inf))
    losses = np.array(losses)
    if reduction == "mean":
        return (losses / np.maximum(sizes, 1)).mean()
    return losses.sum() if reduction == "sum" else losses


def _ctc_called(x, *args, **kwargs):
    library = same_library(x)
    return library.nn.functional.ctc_loss(library.log_softmax(x, -1), *args, **kwargs)


def _ctc(t):
    said = np.array([[1, 2], [2, 2]])
    yield S(t(4, 2, 3), said, (4, 3), (2, 2))
    yield S(t(4, 2, 3), said, (4, 4), (2, 1), reduction="none")
    yield S(t(3, 2, 3), np.array([0, 1, 1]), (3, 2), (1, 2), blank=2, reduction="sum",
            zero_infinity=True).forward_only()  # fmt: skip
    yield S(t(3, 1, 3), np.array([[1, 1]]), (2,), (2,), reduction="none").forward_only()
    yield S(t(2, 1, 3), np.zeros((1, 0), np.int64), (2,), (0,), reduction="sum")


case(
    "ctc_loss",
    ctc,
    _ctc,
    fn=_ctc_called,
    skip_dtypes=_NARROW,
    scale=16,
    wrong=lambda t: [
        Wrong(S(t(3, 1, 3), np.array([[5]]), (3,), (1,)), (ValueError, RuntimeError), "target"),
        Wrong(S(t(3, 1, 3), np.array([[1]]), (4,), (1,)), (ValueError, RuntimeError), "length"),
    ],
)


def bilinear(a, b, weight, bias=None):
    out = np.einsum("...i,oij,...j->...o", a, weight, b)
    return out if bias is None else out + bias


case(
    F + "bilinear",
    bilinear,
    lambda t: [
        S(t(3, 2), t(3, 4), t(2, 2, 4), t(2)),
        S(t(2, 3, 2), t(2, 3, 1), t(3, 2, 1)),
    ],
    types="fc",
    scale=8,
    wrong=lambda t: [
        Wrong(S(t(3, 2), t(3, 4), t(2, 4, 2)), (ValueError, RuntimeError), "bilinear")
    ],
)


def pdist(x, p=2.0):
    rows, others = np.triu_indices(len(x), 1)
    return np.sum(np.abs(x[rows] - x[others]) ** p, axis=-1) ** (1 / p)


case(
    F + "pdist",
    pdist,
    lambda t: [S(t(4, 3)), S(t(3, 2), 3.0), S(t(1, 2)).forward_only(), S(t(0, 2)).forward_only()],
    skip_dtypes=_NARROW,
    scale=8,
)


def channel_shuffle(x, groups):
    n, c, *rest = x.shape
    return x.reshape(n, groups, c // groups, *rest).swapaxes(1, 2).reshape(x.shape)


case(
    F + "channel_shuffle",
    channel_shuffle,
    lambda t: [S(t(2, 6, 2), 3), S(t(1, 4, 2, 3), 2)],
    types="fci",
    wrong=lambda t: [Wrong(S(t(1, 4, 2), 3), (ValueError, RuntimeError), "group")],
)


def gradient(x, spacing=1, dim=None, edge_order=1):
    axes = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    each = spacing if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    return tuple(
        np.gradient(x, s, axis=a, edge_order=edge_order) for a, s in zip(axes, each, strict=True)
    )


case(
    "gradient",
    gradient,
    lambda t: [
        S(t(5)),
        S(t(4, 3), spacing=0.5),
        S(t(4, 3), dim=1, edge_order=2),
        S(t(4, 3), spacing=[2.0, 0.5], dim=(0, 1)),
        S(t(5), spacing=(np.cumsum(t.positive(5)).astype(t.dtype.np),)),
        S(t(5), spacing=(np.cumsum(t.positive(5)).astype(t.dtype.np),), edge_order=2),
    ],
    skip_dtypes=_NARROW,
    scale=16,
    wrong=lambda t: [Wrong(S(t(1)), (ValueError, RuntimeError), "gradient")],
)


def matrix_exp(a):
    total, term = np.zeros_like(a), np.broadcast_to(np.eye(a.shape[-1]), a.shape)
    for k in range(1, 80):
        total, term = total + term, term @ a / k
    return total


case(
    "matrix_exp",
    matrix_exp,
    lambda t: [S(t(3, 3)), S(t(2, 2, 2) * t.dtype.np.type(4)), S(t(0, 2, 2)), S(t(1, 1))],
    types="fc",
    skip_dtypes=_NARROW,
    scale=200,
    wrong=lambda t: [Wrong(S(t(2, 3)), (ValueError, RuntimeError), "matri")],
)
case(
    "special.ndtr",
    np.vectorize(lambda x: 0.5 * math.erfc(-x / 2**0.5), otypes=[np.float64]),
    lambda t: [S(t(3, 4)), S(t()), S(t.of([np.inf, -np.inf, np.nan, 9, -9])).forward_only()],
    scale=4,
)
case(
    "special.entr",
    lambda x: np.where(x > 0, -x * np.log(np.where(x > 0, x, 1)), np.where(x < 0, -np.inf, x)),
    lambda t: [S(t.positive(3, 4)), S(t.positive()), S(t.of([0, -1, np.nan, 1])).forward_only()],
    scale=4,
)


def index_reduce(x, dim, index, source, reduce, include_self=True):
    out = np.moveaxis(np.array(x, np.float64 if x.dtype.kind == "f" else x.dtype), dim, 0)
    given = np.moveaxis(source, dim, 0)
    for place in set(index.tolist()):
        rows = [g for g, i in zip(given, index, strict=True) if i == place]
        rows = ([out[place].copy()] if include_self else []) + rows
        join = {"prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
        out[place] = join(np.stack(rows), axis=0)
    return np.moveaxis(out, 0, dim)


def _index_reduce(t):
    for reduce in ("prod", "mean", "amax", "amin"):
        at = np.array([0, 2, 0])
        yield S(t.distinct(3, 4) + t.dtype.np.type(0.25), 0, at, t.nonzero(3, 4), reduce)
        yield S(t.nonzero(2, 4), 1, at, t.nonzero(2, 3), reduce, include_self=False)


case("index_reduce", index_reduce, _index_reduce, scale=8, skip_dtypes=_NARROW)
