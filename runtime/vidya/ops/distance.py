"""Losses over numbers and vectors: how far from the target, with PyTorch's arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..schema import op
from .classify import reduced
from .elementwise import (
    maximum,
    where,
)
from .rules import Dim, wrap_dim
from .shape import broadcast_tensors

if TYPE_CHECKING:
    from ..tensor import Tensor


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """(input - target)^2. Shapes broadcast.

    weight: of input's shape, a factor for each; "mean" divides by the sum of them.
    """
    if weight is None:
        return squared_error(input, target, reduction)
    return _weighted("mse_loss", (input - target).square(), input, weight, reduction)


def _weighted(name: str, values: Tensor, input: Tensor, weight: Tensor | None, how: str) -> Tensor:
    """The values reduced; with weights, the weighted ones."""
    if weight is None:
        return reduced(name, values, how)
    if weight.shape != input.shape:
        raise ValueError(
            f"{name}: weight {tuple(weight.shape)} must have the shape of input "
            f"{tuple(input.shape)}"
        )
    values = values * weight
    return values.sum() / weight.sum() if how == "mean" else reduced(name, values, how)


@op("squared_error", fusable=False)
def squared_error(input: Tensor, target: Tensor, reduction="mean") -> Tensor:
    """mse_loss in one pass, and its gradient in another."""
    return reduced("mse_loss", (input - target).square(), reduction)


@squared_error.pullback
def _(ctx, input, target, reduction):
    def back(g):
        slope = squared_error_backward(g, input, target, reduction)
        return slope, -slope if ctx.needs[1] else None

    return back


@op("squared_error_backward", fusable=False)
def squared_error_backward(g: Tensor, input: Tensor, target: Tensor, reduction="mean") -> Tensor:
    """2 g (input - target), by the number of elements if their mean was taken."""
    away = input - target
    scale = 2.0 / max(away.numel(), 1) if reduction == "mean" else 2.0
    return away * (g * scale)


def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """|input - target|. Shapes broadcast. weight: see mse_loss."""
    return _weighted("l1_loss", (input - target).abs(), input, weight, reduction)


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """d^2 / (2 beta) where d = |input - target| is less than beta, else d - beta / 2.

    (Girshick, Fast R-CNN, 2015)
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    d = (input - target).abs()
    values = where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta) if beta else d
    return reduced("smooth_l1_loss", values, reduction)


def huber_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """d^2 / 2 where d = |input - target| is at most delta, else delta (d - delta / 2).

    weight: of input's shape, a factor for each; "mean" divides by their number all the same.
    """
    if delta <= 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    d = (input - target).abs()
    values = where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))
    if weight is None or reduction != "mean":
        return _weighted("huber_loss", values, input, weight, reduction)
    return _weighted("huber_loss", values, input, weight, "none").mean()


def soft_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target input)), target 1 or -1."""
    z = -target * input
    values = maximum(z, 0.0) + (-z.abs()).exp().log1p()
    return reduced("soft_margin_loss", values, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target input (or input - target log(input + eps) without log_input).

    full adds Stirling's approximation of log(target!) where target exceeds 1.
    """
    values = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        t = where(target > 1, target, 1.0)
        extra = t * t.log() - t + 0.5 * (t * 6.283185307179586).log()
        values = values + where(target > 1, extra, 0.0)
    return reduced("poisson_nll_loss", values, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    *,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log v + (input - target)^2 / v) / 2 with v = max(var, eps); full adds log(2 pi) / 2."""
    from .unary import clamp

    if isinstance(var, (int, float)):
        v = input.detach() * 0 + max(var, eps)
    else:
        v = var.unsqueeze(-1) if var.shape == input.shape[:-1] != input.shape else var
        # As PyTorch's: the limit changes the value, and lets the gradient through.
        v = v + (clamp(v.detach(), eps) - v.detach())
    values = 0.5 * (v.log() + (input - target).square() / v)
    return reduced("gaussian_nll_loss", values + 0.9189385332046727 if full else values, reduction)


def _norm(x: Tensor, p: float, dim: int, keepdim: bool = False) -> Tensor:
    """(sum |x|^p)^(1/p), with gradient 0 at 0."""
    if x.dtype.is_complex:
        x = x.abs()
    if p == 2:
        square = (x * x).sum(dim, keepdim)
        zero = square == 0
        return where(zero, 0.0, where(zero, 1.0, square).sqrt())
    if p == 1:
        return x.abs().sum(dim, keepdim)
    if p == 0:
        return (x != 0).to(x.dtype).sum(dim, keepdim)
    if p in (float("inf"), -float("inf")):
        return x.abs().amax(dim, keepdim) if p > 0 else x.abs().amin(dim, keepdim)
    total = (x.abs() ** p).sum(dim, keepdim)
    zero = total == 0
    return where(zero, 0.0, where(zero, 1.0, total) ** (1 / p))


def normalize(input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x / max(|x|_p, eps) along `dim`."""
    return input / maximum(_norm(input, p, dim, True), eps)


@op("cosine_similarity", fusable=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: Dim = 1, eps=1e-8) -> Tensor:
    """sum(x1 x2) / (max(|x1|, eps) max(|x2|, eps)) along `dim`. Shapes broadcast."""
    rank = max(x1.ndim, x2.ndim)
    axis = wrap_dim("cosine_similarity", dim, rank) - rank
    x1, x2 = broadcast_tensors(x1, x2)
    dots = (x1 * x2).sum(axis)
    return dots / (maximum(_norm(x1, 2, axis), eps) * maximum(_norm(x2, 2, axis), eps))


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """|x1 - x2 + eps|_p over the last dim."""
    return _norm(x1 - x2 + eps, p, -1, keepdim)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """1 - cos(input1, input2) where target is 1, max(cos - margin, 0) where it is -1."""
    wide = 1e-12
    dims = input1.ndim - 1
    dots = (input1 * input2).sum(dims)
    a, b = (input1 * input1).sum(dims) + wide, (input2 * input2).sum(dims) + wide
    cos = dots / (a * b).sqrt()
    apart = where(target == -1, maximum(cos - margin, 0.0), 0.0)
    return reduced("cosine_embedding_loss", where(target == 1, 1 - cos, apart), reduction)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, *, reduction: str = "mean"
) -> Tensor:
    """max(0, margin - target (input1 - input2)), target 1 or -1."""
    values = maximum(margin - target * (input1 - input2), 0.0)
    return reduced("margin_ranking_loss", values, reduction)


def hinge_embedding_loss(
    input: Tensor, target: Tensor, margin: float = 1.0, *, reduction: str = "mean"
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1 (their sum for others)."""
    far = where(target == 1, 0.0, maximum(margin - input, 0.0))
    near = where(target == -1, 0.0, input)
    return reduced("hinge_embedding_loss", near + far, reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    *,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d = pairwise_distance.

    swap: the smaller of d(anchor, negative) and d(positive, negative). (Balntas et al., 2016)
    """

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return pairwise_distance(a, b, p, eps)

    return triplet_margin_with_distance_loss(
        anchor, positive, negative, distance_function=distance, margin=margin, swap=swap,
        reduction=reduction,
    )  # fmt: skip


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with a distance of one's own."""
    from .elementwise import minimum

    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    values = maximum(near - far + margin, 0.0)
    return reduced("triplet_margin_loss", values, reduction)
