"""Losses over scores of classes of which several are right, by margins or each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .activation import relu
from .classify import reduced
from .elementwise import where
from .smooth import logsigmoid

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["multilabel_margin_loss", "multilabel_soft_margin_loss"]


def multilabel_margin_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The sum over right classes y and wrong classes j of max(0, 1 - (x[y] - x[j])) / C.

    input [N, C] or [C]. target, of that shape: each row's right classes, ended by a -1.
    """
    if input.ndim not in (1, 2) or not input.shape[-1] or target.shape != input.shape:
        raise ValueError(
            f"multilabel_margin_loss: input {tuple(input.shape)} must be [N, C] or [C], with at "
            f"least one class, and target {tuple(target.shape)} like it"
        )
    if target.dtype.is_floating_point or target.dtype.is_complex:
        raise TypeError(f"multilabel_margin_loss: target must be integers, not {target.dtype.name}")
    x, y = (t.reshape((-1, t.shape[-1])) for t in (input, target))
    counts = (y < 0).cumsum(-1) == 0
    safe = where(counts, y, 0).long()
    right = counts.to(x.dtype)
    is_right = (x * 0).detach().scatter_add(1, safe, right) != 0
    over = relu(1 - x.gather(1, safe).unsqueeze(-1) + x.unsqueeze(-2))  # [N, y, j]
    counted = counts.unsqueeze(-1) & ~is_right.unsqueeze(-2)
    values = where(counted, over, 0.0).sum((-2, -1)) / x.shape[-1]
    return reduced("multilabel_margin_loss", values[0] if input.ndim == 1 else values, reduction)


def multilabel_soft_margin_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """The mean over classes of -(t log s(x) + (1 - t) log s(-x)), s the sigmoid. [..., C] -> [...]

    target: 1 for right classes, 0 for wrong ones; of input's shape. weight [C].
    """
    if input.shape != target.shape or not input.ndim:
        raise ValueError(
            f"multilabel_soft_margin_loss: target {tuple(target.shape)} must have the shape of "
            f"input {tuple(input.shape)}, of at least one dim"
        )
    values = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    values = values if weight is None else values * weight
    return reduced("multilabel_soft_margin_loss", values.mean(-1), reduction)
