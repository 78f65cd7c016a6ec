"""Losses over classes: cross-entropy and its relatives, with PyTorch's arguments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .elementwise import (
    maximum,
    where,
)
from .loss import cross_entropy_rows
from .softmax import log_softmax

if TYPE_CHECKING:
    from ..tensor import Tensor


def check_reduction(name: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction is "mean", "sum" or "none", not {reduction!r}')


def reduced(name: str, values: Tensor, reduction: str) -> Tensor:
    """The values averaged, summed, or as they are."""
    check_reduction(name, reduction)
    if reduction == "none":
        return values
    return values.sum() if reduction == "sum" else values.mean()


def _classes_last(name: str, input: Tensor, target: Tensor) -> Tensor:
    """[N, V, d1...] (or [V]) as [N, d1..., V]."""
    if input.ndim == 0:
        raise ValueError(f"{name}: input needs a dim of classes, got a 0-d tensor")
    moved = input if input.ndim < 3 else input.movedim(1, -1)
    if target.shape != moved.shape[:-1]:
        raise ValueError(
            f"{name}: target {tuple(target.shape)} does not fit input {tuple(input.shape)}: "
            f"{tuple(moved.shape[:-1])} is needed"
        )
    return moved


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Minus the log-probability of the target class.

    input [N, V], [V] or [N, V, d1...] holds log-probabilities, target [N, d1...] classes, weight
    [V] one factor per class. "mean" divides by the sum of the targets' weights.
    """
    check_reduction("nll_loss", reduction)
    if not target.dtype.is_integer:
        raise TypeError(f"nll_loss: target holds classes, so integers, not {target.dtype.name}")
    rows = _classes_last("nll_loss", input, target)
    if weight is not None and weight.shape != rows.shape[-1:]:
        raise ValueError(
            f"nll_loss: weight {tuple(weight.shape)} must be [{rows.shape[-1]}], one per class"
        )
    kept = target != ignore_index
    safe = where(kept, target, 0)
    picked = -rows.gather(-1, safe.unsqueeze(-1)).squeeze(-1)
    share = None
    if weight is not None:
        share = weight.index_select(0, safe.reshape(-1)).reshape(safe.shape).to(input.dtype)
        share = where(kept, share, 0.0)
        picked = picked * share
    picked = where(kept, picked, 0.0)
    if reduction == "none":
        return picked
    total = picked.sum()
    if reduction == "sum":
        return total
    return total / (kept.to(input.dtype) if share is None else share).sum()


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The negative log-likelihood of the target under softmax(input).

    input [N, V], [V] or [N, V, d1...]: logits, the classes in dim 1 (0 if there is no other).
    target: classes (integers [N, d1...]; those equal to ignore_index count nothing), or
    probabilities (floats of input's shape). weight [V]: a factor per class. "mean" divides by the
    sum of the targets' weights, for probabilities by the number of rows.
    """
    check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must be in [0, 1], not {label_smoothing}")
    if target.dtype.is_floating_point:
        return _soft_cross_entropy(input, target, weight, reduction, label_smoothing)
    rows = _classes_last("cross_entropy", input, target)
    if weight is None and not label_smoothing:
        flat = rows.reshape(-1, rows.shape[-1]) if rows.ndim != 1 else rows.unsqueeze(0)
        nll, _ = cross_entropy_rows(flat, target.reshape(-1), ignore_index)
        return finish(nll, target != ignore_index, reduction, input)
    log_p = log_softmax(rows, -1)
    options: dict[str, Any] = {"ignore_index": ignore_index, "reduction": reduction}
    by_class = log_p if log_p.ndim < 3 else log_p.movedim(-1, 1)
    hard = nll_loss(by_class, target, weight, **options)
    if not label_smoothing:
        return hard
    kept = target != ignore_index
    smooth = where(kept, -(log_p if weight is None else log_p * weight).sum(-1), 0.0)
    if reduction != "none":
        smooth = smooth.sum()
    if reduction == "mean":
        count = kept.to(input.dtype)
        if weight is not None:
            safe = where(kept, target, 0).reshape(-1)
            count = count * weight.index_select(0, safe).reshape(kept.shape)
        smooth = smooth / count.sum()
    return hard * (1 - label_smoothing) + smooth * (label_smoothing / rows.shape[-1])


def _soft_cross_entropy(input, target, weight, reduction, label_smoothing) -> Tensor:
    if input.shape != target.shape:
        raise ValueError(
            f"cross_entropy: probabilities {tuple(target.shape)} must have the shape of input "
            f"{tuple(input.shape)}; classes are integers"
        )
    axis = min(input.ndim - 1, 1)
    classes = input.shape[axis]
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    log_p = log_softmax(input, axis)
    if weight is not None:
        log_p = log_p * weight.reshape([-1] + [1] * (input.ndim - axis - 1))
    values = -(log_p * target).sum(axis)
    if reduction == "none":
        return values
    total = values.sum()
    return (
        total
        if reduction == "sum"
        else total / values.numel()
        if values.numel()
        else total * math.nan
    )


def finish(nll, shares, reduction, like) -> Tensor:
    """Rows of losses in float32 or wider, reduced and rounded to the dtype of `like`.

    shares [...]: what each row counts in the mean.
    """
    if reduction == "none":
        return nll.reshape(shares.shape).to(like.dtype)
    total = nll.sum()
    if reduction == "mean":
        total = total / shares.sum().to(nll.dtype)
    return total.to(like.dtype)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) for probabilities p [...], targets t [...] in [0, 1].

    Logarithms are limited to -100, as in PyTorch.
    """
    _same_shape("binary_cross_entropy", input, target)
    log_p, log_q = maximum(input.log(), -100.0), maximum((-input).log1p(), -100.0)
    values = (target - 1) * log_q - target * log_p
    return reduced("binary_cross_entropy", _weighted(values, weight), reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """binary_cross_entropy(sigmoid(input), target), stable for large logits.

    (1 - t) x + (1 + (pos_weight - 1) t) (log(1 + exp(-|x|)) + max(-x, 0))
    """
    _same_shape("binary_cross_entropy_with_logits", input, target)
    tail = (-input.abs()).exp().log1p() + maximum(-input, 0.0)
    if pos_weight is not None:
        tail = tail * ((pos_weight - 1) * target + 1)
    values = (1 - target) * input + tail
    name = "binary_cross_entropy_with_logits"
    return reduced(name, _weighted(values, weight), reduction)


def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Tensor:
    """t (log t - input) for log-probabilities `input`, 0 where t is 0. (Kullback-Leibler)

    target: probabilities, or their logarithms with log_target. "batchmean" divides the sum by the
    size of dim 0, which is the divergence itself; "mean" by the number of elements.
    """
    if log_target:
        values = target.exp() * (target - input)
    else:
        safe = where(target == 0, 1.0, target)  # 0 log 0 counts as 0; a negative one gives NaN
        values = target * (safe.log() - input)
    if reduction == "batchmean":
        return values.sum() / values.shape[0] if values.ndim else values
    return reduced("kl_div", values, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
) -> Tensor:
    """The mean over all other classes i of max(0, margin - input[target] + input[i])^p.

    input [N, V] or [V], target [N] or [] classes, weight [V] a factor per target's class.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p is 1 or 2, not {p}")
    if input.ndim not in (1, 2) or target.shape != input.shape[:-1]:
        raise ValueError(
            f"multi_margin_loss: target {tuple(target.shape)} does not fit input "
            f"{tuple(input.shape)}: [N] and [N, V] are needed, or [] and [V]"
        )
    if weight is not None and weight.shape != input.shape[-1:]:
        raise ValueError(
            f"multi_margin_loss: weight {tuple(weight.shape)} must be [{input.shape[-1]}], one per "
            "class"
        )
    place = target.unsqueeze(-1)
    over = maximum(margin - input.gather(-1, place) + input, 0.0)
    over = over if p == 1 else over * over
    if weight is not None:
        over = over * weight.index_select(0, target.reshape(-1)).reshape(place.shape)
    values = over.scatter(-1, place, over[..., :1] * 0.0).sum(-1) / input.shape[-1]
    return reduced("multi_margin_loss", values, reduction)


def _same_shape(name: str, input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: target {tuple(target.shape)} must have the shape of input "
            f"{tuple(input.shape)}"
        )


def _weighted(values: Tensor, weight: Tensor | None) -> Tensor:
    return values if weight is None else values * weight
