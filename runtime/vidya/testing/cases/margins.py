"""Losses over scores of several classes."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .loss import reduced

F = "nn.functional."


def by_row(value):
    """The loss of a batch from that of a row x with its target."""

    def oracle(x, target, *args, reduction="mean", **kwargs):
        if x.ndim == 1:
            return np.asarray(value(x, target, *args, **kwargs), x.dtype)
        each = [value(row, t, *args, **kwargs) for row, t in zip(x, target, strict=True)]
        return np.asarray(reduced(np.asarray(each, x.dtype), reduction))

    return oracle


def multilabel_margin(x, target):
    right = list(target[: list(target).index(-1)]) if -1 in target else list(target)
    wrong = [j for j in range(len(x)) if j not in right]
    return sum(max(0, 1 - (x[y] - x[j])) for y in right for j in wrong) / len(x)


def _labels(t):
    target = np.array([[3, 0, -1, 1], [-1, 2, 2, 2], [0, 1, 2, 3]])
    for reduction in ("mean", "sum", "none"):
        yield S(t(3, 4), target, reduction=reduction)
    yield S(t(4), target[0])


case(
    F + "multilabel_margin_loss",
    by_row(multilabel_margin),
    _labels,
    scale=8,
    wrong=lambda t: [
        Wrong(S(t(3, 4), t.index(4, 3)), ValueError, "multilabel_margin_loss: .*like")
    ],
)


def _many(t):
    for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"weight": t.positive(4)}):
        yield S(t(3, 4), t(3, 4, low=0, high=1), **options)
    yield S(t(4), t(4, low=0, high=1))
    yield S(t(2, 3, 4), t(2, 3, 4, low=0, high=1), reduction="none")


def soft_margins(x, t, weight=1.0, reduction="mean"):
    values = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    return np.asarray(reduced(np.mean(values * weight, -1), reduction))


case(
    F + "multilabel_soft_margin_loss",
    soft_margins,
    _many,
    scale=4,
    wrong=lambda t: [Wrong(S(t(3, 4), t(4)), ValueError, "multilabel_soft_margin_loss: .*shape")],
)
