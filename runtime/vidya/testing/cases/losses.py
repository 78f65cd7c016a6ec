"""Losses with all their options; plain cross-entropy is in loss.py."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .loss import reduced
from .nn import log_softmax

F = "nn.functional."


def _rows(x):
    return x[None] if x.ndim == 1 else np.moveaxis(x, 1, -1)


def weighted_nll(log_p, target, weight, ignore_index, reduction):
    """log_p [..., V], the classes last."""
    kept = target != ignore_index
    safe = np.where(kept, target, 0)
    picked = -np.take_along_axis(log_p, safe[..., None], -1)[..., 0]
    share = np.where(kept, 1.0 if weight is None else weight[safe], 0.0)
    return reduced(picked * share, reduction, share.sum())


def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    log_p = log_softmax(_rows(x), -1)
    classes = log_p.shape[-1]
    w = np.ones(classes) if weight is None else weight
    if np.issubdtype(target.dtype, np.floating):
        soft = _rows(target) * (1 - label_smoothing) + label_smoothing / classes
        values = -(soft * log_p * w).sum(-1)
        return reduced(values[0] if x.ndim == 1 and reduction == "none" else values, reduction)
    flat = target[None] if x.ndim == 1 else target
    hard = weighted_nll(log_p, flat, weight, ignore_index, reduction)
    kept = flat != ignore_index
    smooth = np.where(kept, -(log_p * w).sum(-1), 0.0)
    count = np.where(kept, w[np.where(kept, flat, 0)], 0.0).sum()
    out = hard * (1 - label_smoothing)
    out = out + reduced(smooth, reduction, count) * label_smoothing / classes
    return out[0] if x.ndim == 1 and reduction == "none" else out


def _cross_entropy(t):
    yield S(t(4, 5), t.index(5, 4), t.positive(5)).forward_only()  # weights: no gradient in PyTorch
    yield S(t(4, 5), np.array([1, -100, 4, 0]), t.positive(5), label_smoothing=0.2).forward_only()
    yield S(t(2, 5, 3), t.index(5, 2, 3), label_smoothing=0.1, reduction="none")
    yield S(t(2, 5, 3), t.positive(2, 5, 3, low=0, high=1))
    yield S(
        t(4, 5),
        t.positive(4, 5, low=0, high=1),
        t.positive(5),
        reduction="sum",
        label_smoothing=0.1,
    )
    yield S(t(5), np.array(3), t.positive(5), reduction="sum").forward_only()


case(
    "cross_entropy_options",
    cross_entropy,
    _cross_entropy,
    fn=F + "cross_entropy",
    scale=4,
    wrong=lambda t: [
        Wrong(S(t(3, 5), t.index(5, 4)), ValueError, r"does not fit"),
        Wrong(S(t(3, 5), t.index(5, 3), reduction="median"), ValueError, "reduction"),
        Wrong(S(t(3, 5), t.index(5, 3), label_smoothing=2.0), ValueError, "label_smoothing"),
    ],
)
case(
    "nll_loss_options",
    lambda x, target, weight=None, ignore_index=-100, reduction="mean": weighted_nll(
        _rows(x), target, weight, ignore_index, reduction
    ),
    lambda t: [
        S(t(4, 5), np.array([1, -100, 4, 0]), t.positive(5)).forward_only(),
        S(t(2, 5, 3), t.index(5, 2, 3), reduction="none"),
        S(t(2, 5, 3), t.index(5, 2, 3), t.positive(5), ignore_index=1).forward_only(),
    ],
    fn=F + "nll_loss",
    scale=2,
)


def _pairs(*options, positive=False, far=False):
    def samples(t):
        for kwargs in ({}, {"reduction": "sum"}, {"reduction": "none"}, *options):
            x = t(3, 4)
            y = np.asarray(x + t.nonzero(3, 4, low=0.6, high=2)).astype(t.dtype.np)
            yield S(x, y, **kwargs)

    return samples


case(
    F + "l1_loss",
    lambda x, y, reduction="mean": reduced(np.abs(x - y), reduction),
    _pairs(),
    types="fc",
    out="real",
)


def _weighted(t):
    for reduction in ("mean", "sum", "none"):
        yield S(t(3, 4), t(3, 4), weight=t.positive(3, 4), reduction=reduction)


def weighted(values, mean_of_weights=True):
    """The oracle of a loss with a factor for each element."""

    def oracle(x, y, weight, reduction):
        each = values(x, y) * weight
        if reduction == "mean" and mean_of_weights:
            return np.asarray(each.sum() / weight.sum())
        return reduced(each, reduction)

    return oracle


def _wrong_weight(t):
    yield Wrong(S(t(3, 4), t(3, 4), weight=t(4)), ValueError, "weight .*shape")


case(
    "mse_loss_weight",
    weighted(lambda x, y: (x - y) ** 2),
    _weighted,
    fn=F + "mse_loss",
    wrong=_wrong_weight,
)
case(
    "l1_loss_weight",
    weighted(lambda x, y: np.abs(x - y)),
    _weighted,
    fn=F + "l1_loss",
    wrong=_wrong_weight,
)


def smooth_l1(x, y, reduction="mean", beta=1.0):
    d = np.abs(x - y)
    return reduced(np.where(d < beta, d * d / (2 * beta), d - beta / 2), reduction)


def huber(x, y, reduction="mean", delta=1.0):
    d = np.abs(x - y)
    return reduced(np.where(d <= delta, d * d / 2, delta * (d - delta / 2)), reduction)


case(F + "smooth_l1_loss", smooth_l1, _pairs({"beta": 0.5}), scale=2)
case(F + "huber_loss", huber, _pairs({"delta": 0.5}), scale=2)
case(
    "huber_loss_weight",
    weighted(lambda x, y: huber(x, y, "none"), mean_of_weights=False),
    _weighted,
    fn=F + "huber_loss",
    scale=2,
)


def _chances(t):
    for kwargs in ({}, {"reduction": "sum"}, {"reduction": "none"}):
        yield S(t(3, 4, low=0.1, high=0.9), t(3, 4, low=0, high=1), **kwargs)
    yield S(t(3, 4, low=0.1, high=0.9), t(3, 4, low=0, high=1), t.positive(3, 4)).forward_only()


def bce(p, y, weight=None, reduction="mean"):
    values = -(y * np.maximum(np.log(p), -100) + (1 - y) * np.maximum(np.log1p(-p), -100))
    return reduced(values if weight is None else values * weight, reduction)


def bce_logits(x, y, weight=None, reduction="mean", pos_weight=None):
    p = 1.0 if pos_weight is None else pos_weight
    values = p * y * np.logaddexp(0, -x) + (1 - y) * np.logaddexp(0, x)
    return reduced(values if weight is None else values * weight, reduction)


def _logits(t):
    for kwargs in ({}, {"reduction": "sum"}, {"reduction": "none"}):
        yield S(t(3, 4), t(3, 4, low=0, high=1), **kwargs)
    yield S(
        t(3, 4), t(3, 4, low=0, high=1), t.positive(3, 4), pos_weight=t.positive(4)
    ).forward_only()
    yield S(t.of([1e4, -1e4, 1e3]), t.of([0, 1, 1]), reduction="none").forward_only()


case(
    F + "binary_cross_entropy",
    bce,
    _chances,
    scale=4,
    wrong=lambda t: [Wrong(S(t(3), t(4)), ValueError, "shape")],
)
case(F + "binary_cross_entropy_with_logits", bce_logits, _logits, scale=4)


def kl_div(x, y, reduction="mean", log_target=False):
    values = np.exp(y) * (y - x) if log_target else y * (np.log(y) - x)
    if reduction == "batchmean":
        return np.sum(values) / x.shape[0]
    return reduced(values, reduction)


def _kl(t):
    yield S(t(3, 4, low=-3, high=0), t.positive(3, 4, high=1))
    yield S(t(3, 4, low=-3, high=0), t.positive(3, 4, high=1), reduction="batchmean")
    yield S(t(3, 4, low=-3, high=0), t(3, 4, low=-3, high=0), reduction="sum", log_target=True)


case(F + "kl_div", kl_div, _kl, scale=4)


def _norm(x, axis=-1, p=2.0):
    return np.sum(np.abs(x) ** p, axis=axis, keepdims=True) ** (1 / p)


case(
    F + "normalize",
    lambda x, p=2.0, dim=1, eps=1e-12: x / np.maximum(_norm(x, dim, p), eps),
    lambda t: [S(t.nonzero(3, 4)), S(t.nonzero(2, 3, 2), dim=-1), S(t.nonzero(3, 4), p=3.0, dim=0)],
    scale=2,
    types="fc",
)


def cosine(x, y, dim=1, eps=1e-8):
    x, y = np.broadcast_arrays(x, y)
    top = np.maximum(_norm(x, dim), eps) * np.maximum(_norm(y, dim), eps)
    return np.sum(x * y, axis=dim) / np.squeeze(top, dim)


case(
    F + "cosine_similarity",
    cosine,
    lambda t: [
        S(t.nonzero(3, 4), t.nonzero(3, 4)),
        S(t.nonzero(2, 3, 2), t.nonzero(2, 3, 2), dim=-1),
        S(t.nonzero(2, 3), t.nonzero(3), dim=0),
    ],
    scale=2,
)


def triplet(a, p, n, margin=1.0, reduction="mean"):
    far = _norm(a - n + 1e-6)[..., 0]
    return reduced(np.maximum(_norm(a - p + 1e-6)[..., 0] - far + margin, 0), reduction)


case(
    F + "triplet_margin_loss",
    triplet,
    lambda t: [
        S(t(3, 4), t(3, 4), t(3, 4), margin=9.0),
        S(t(3, 4), t(3, 4), t(3, 4), margin=9.0, reduction="none"),
    ],
    scale=4,
    types="fc",
    out="real",
)


def linear_cross_entropy(
    x, w, target, linear_bias=None, weight=None, reduction="mean", ignore_index=-100,
    label_smoothing=0.0,
):  # fmt: skip
    logits = x.reshape(-1, x.shape[-1]) @ w.T + (0 if linear_bias is None else linear_bias)
    log_p, classes = log_softmax(logits, -1), target.reshape(-1)
    kept = classes != ignore_index
    by_class = np.ones(len(w)) if weight is None else weight
    values = weighted_nll(log_p, classes, by_class, ignore_index, "none")
    smooth = np.where(kept, -(log_p * by_class).mean(-1), 0.0)
    values = (1 - label_smoothing) * values + label_smoothing * smooth
    shares = np.where(kept, by_class[np.where(kept, classes, 0)], 0.0)
    return reduced(values.reshape(target.shape), reduction, shares.sum())


case(
    "linear_cross_entropy",
    linear_cross_entropy,
    lambda t: [
        S(t(6, 3), t(5, 3), t.index(5, 6)),
        S(t(4, 3), t(5, 3), t.index(5, 4), reduction="none"),
        S(t(4, 3), t(5, 3), t.index(5, 4), linear_bias=t(5), weight=t.positive(5)),
        S(t(4, 3), t(5, 3), np.array([0, -100, 2, 2]), weight=t.positive(5), label_smoothing=0.2),
        S(t(4, 3), t(5, 3), t.index(5, 4), linear_bias=t(5), reduction="none", label_smoothing=0.1),
    ],
    fn="nn.functional.linear_cross_entropy",
    scale=4,
    wrong=lambda t: [
        Wrong(S(t(4, 3), t(5, 2), t.index(5, 4)), ValueError, "do not fit"),
        Wrong(S(t(4, 3), t(5, 3), t.index(5, 3)), ValueError, "leading sizes"),
        Wrong(S(t(4, 3), t(5, 3), t.index(5, 4), weight=t(4)), ValueError, "one per class"),
        Wrong(S(t(4, 3), t(5, 3), t.index(5, 4), label_smoothing=2), ValueError, "in .0, 1."),
    ],
)
case(
    "linear_cross_entropy_sequences",
    linear_cross_entropy,
    lambda t: [S(t(2, 3, 3), t(5, 3), np.array([[0, -100, 4], [1, 1, 2]]))],
    fn="nn.functional.linear_cross_entropy",
    scale=4,
)


def multi_margin_loss(x, target, p=1, margin=1.0, weight=None, reduction="mean"):
    x, target = np.atleast_2d(x), np.atleast_1d(target)
    rows = np.arange(len(x))
    over = np.maximum(margin - x[rows, target][:, None] + x, 0) ** p
    over[rows, target] = 0
    values = over.sum(-1) / x.shape[1] * (1 if weight is None else weight[target])
    return reduced(values, reduction)


case(
    F + "multi_margin_loss",
    multi_margin_loss,
    lambda t: [
        S(t(4, 3), t.index(3, 4)),
        S(t(4, 3), t.index(3, 4), p=2, margin=0.7, reduction="sum"),
        S(t(4, 3), t.index(3, 4), weight=np.array([0.5, 2, 1]).astype(t.dtype.np)).forward_only(),
        S(t(4, 3), t.index(3, 4), reduction="none"),
        S(t(3), np.array(2)),
    ],
    scale=2,
    wrong=lambda t: [
        Wrong(S(t(4, 3), t.index(3, 3)), (ValueError, RuntimeError), "target"),
        Wrong(S(t(4, 3), t.index(3, 4), p=3), (ValueError, RuntimeError), "p"),
    ],
)
