"""Bags of embeddings, and the formulas of ops/inquiry.py."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case


def embedding_bag(
    index,
    weight,
    offsets=None,
    mode="mean",
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    if index.ndim == 2:
        bags = list(index)
        scales = [None] * len(bags) if per_sample_weights is None else list(per_sample_weights)
    else:
        cuts = list(offsets[1:-1] if include_last_offset else offsets[1:])
        bags = np.split(index, cuts)
        scales = (
            [None] * len(bags) if per_sample_weights is None else np.split(per_sample_weights, cuts)
        )
    out = []
    for bag, scale in zip(bags, scales, strict=True):
        kept = bag != (weight.shape[0] + 1 if padding_idx is None else padding_idx % len(weight))
        rows = weight[bag[kept]]
        if scale is not None:
            rows = rows * scale[kept][:, None]
        empty = np.zeros(weight.shape[1], weight.dtype)
        out.append(getattr(rows, mode)(0) if len(rows) else empty)
    return np.array(out).reshape(len(bags), weight.shape[1])


def _bags(t):
    offsets = np.array([0, 2, 2, 5])
    for mode in ("sum", "mean", "max"):
        yield S(t.index(5, 3, 4), t.distinct(5, 2), mode=mode)
        yield S(t.index(5, 7), t.distinct(5, 2), offsets, mode=mode)
        yield S(t.index(5, 7), t.distinct(5, 2), offsets, mode=mode, padding_idx=-2)
    infinite = t.of([[-np.inf, 1], [-np.inf, -np.inf], [2, np.inf]])
    bags = np.array([0, 1, 1, 2, 0]), infinite, np.array([0, 2, 2, 3])
    yield S(*bags, mode="max").forward_only()
    yield S(*bags, mode="max", padding_idx=0).forward_only()
    yield S(t.index(5, 7), t(5, 2), np.append(offsets, 7), include_last_offset=True)
    yield S(t.index(5, 2, 3), t(5, 2), mode="sum", per_sample_weights=t(2, 3))
    yield S(t.index(5, 7), t(5, 2), offsets, mode="sum", per_sample_weights=t(7))


case(
    "nn.functional.embedding_bag",
    embedding_bag,
    _bags,
    scale=4,
    wrong=lambda t: [
        Wrong(S(t.index(5, 3), t(5, 2)), ValueError, "embedding_bag: .*offsets"),
        Wrong(S(t.index(5, 2, 3), t(5, 2), mode="prod"), ValueError, 'mode must be "sum"'),
        Wrong(S(t.index(5, 3), t(5, 2), np.array([1, 2])), ValueError, "first bag starts at 0"),
    ],
)


def cov(x, correction=1):
    return np.asarray(np.cov(x, ddof=correction))


case(
    "cov",
    cov,
    lambda t: [S(t(3, 7)), S(t(3, 7), correction=0), S(t(7)), S(t(1, 7))],
    scale=8,
    skip_dtypes=("float16", "bfloat16"),
    types="fc",
)
case(
    "corrcoef",
    lambda x: np.asarray(np.corrcoef(x)),
    lambda t: [S(t(3, 7))],
    scale=8,
    skip_dtypes=("float16", "bfloat16"),
    types="fc",
)


def renorm(x, p, dim, maxnorm):
    axes = tuple(d for d in range(x.ndim) if d != dim)
    norms = (np.abs(x) ** p).sum(axes, keepdims=True) ** (1 / p)
    return x * np.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1)


case(
    "renorm",
    renorm,
    lambda t: [S(t(3, 4), 2, 0, 1.0), S(t(2, 3, 2), 1, 1, 2.0)],
    scale=4,
    types="fc",
)


def mvlgamma(x, p):
    terms = [np.vectorize(math.lgamma)(x - j / 2) for j in range(p)]
    return p * (p - 1) / 4 * math.log(math.pi) + sum(terms)


case(
    "mvlgamma",
    mvlgamma,
    lambda t: [S(t.positive(2, 3, low=2.5), 1), S(t.positive(3, low=2), 3)],
    scale=4,
)
