"""Losses."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .nn import log_softmax


def reduced(values, reduction, count=None):
    if reduction == "none":
        return values
    total = np.sum(values)
    return total if reduction == "sum" else total / (values.size if count is None else count)


def cross_entropy(x, target, ignore_index=-100, reduction="mean"):
    """x: [N, V], or [V] with one target; the classes are dim 1 where there are more dims."""
    rows = x[None] if x.ndim == 1 else np.moveaxis(x, 1, -1)
    kept = target != ignore_index
    picked = np.take_along_axis(
        log_softmax(rows, -1), np.where(kept, target, 0).reshape(*rows.shape[:-1], 1), -1
    )[..., 0]
    values = np.where(kept, -picked.reshape(target.shape), 0.0)
    return reduced(values, reduction, kept.sum())


def _cross_entropy(t):
    yield S(t(4, 7), t.index(7, 4))
    yield S(t(4, 7), t.index(7, 4), reduction="sum")
    yield S(t(4, 7), t.index(7, 4), reduction="none")
    yield S(t(4, 7), np.array([1, -100, 6, 0]))
    yield S(t(4, 7), np.array([1, 2, 6, 0]), ignore_index=2)
    yield S(t(7), np.array(3))
    yield S(t(2, 5, 3), t.index(5, 2, 3))
    yield S(t.of([[1e4, 0, -1e4], [0, 0, 0]]), np.array([0, 2])).forward_only()


case(
    "nn.functional.cross_entropy",
    cross_entropy,
    _cross_entropy,
    scale=2,
    wrong=lambda t: [Wrong(S(t(2, 3), np.array([0, 3])), IndexError, r"3")],
    bench=lambda t: [S(t(4096, 32000), t.index(32000, 4096))],
)


def nll_loss(x, target, reduction="mean"):
    return reduced(-np.take_along_axis(x, target[:, None], 1)[:, 0], reduction)


case(
    "nn.functional.nll_loss",
    nll_loss,
    lambda t: [S(t(4, 7), t.index(7, 4)), S(t(4, 7), t.index(7, 4), reduction="none")],
)
case(
    "nn.functional.mse_loss",
    lambda x, y, reduction="mean": reduced((x - y) ** 2, reduction),
    lambda t: [
        S(t(3, 4), t(3, 4)),
        S(t(3, 4), t(3, 4), reduction="sum"),
        S(t(3), t(3), reduction="none"),
    ],
)
