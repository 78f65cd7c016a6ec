"""Losses over scores of several classes as layers."""

from __future__ import annotations

from .. import functional as F
from ..tensor import Tensor
from .loss import _Loss


class MultiLabelMarginLoss(_Loss):
    """See functional.multilabel_margin_loss."""

    function = staticmethod(F.multilabel_margin_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)


class MultiLabelSoftMarginLoss(_Loss):
    """See functional.multilabel_soft_margin_loss."""

    function = staticmethod(F.multilabel_soft_margin_loss)

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(weight=weight, reduction=reduction)
