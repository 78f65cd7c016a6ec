"""Dropout and its relatives."""

from __future__ import annotations

from collections.abc import Callable

from .. import functional as F
from ..tensor import Tensor
from .module import Module


class _Dropping(Module):
    function: Callable[..., Tensor]

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"the dropout probability must lie in 0..1, not {p}")
        self.p, self.inplace = p, inplace

    def forward(self, x: Tensor) -> Tensor:
        return type(self).function(x, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(_Dropping):
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    x: [...] -> [...].  In evaluation x itself.  (Srivastava et al. 2014)
    """

    function = staticmethod(F.dropout)


class Dropout1d(_Dropping):
    """Whole channels of [N, C, L] or [C, L] dropped in training."""

    function = staticmethod(F.dropout1d)


class Dropout2d(_Dropping):
    """Whole channels of [N, C, H, W] or [C, H, W] dropped in training."""

    function = staticmethod(F.dropout2d)


class Dropout3d(_Dropping):
    """Whole channels of [N, C, D, H, W] or [C, D, H, W] dropped in training."""

    function = staticmethod(F.dropout3d)


class AlphaDropout(_Dropping):
    """Dropout that keeps the mean and variance of SELU networks.  (Klambauer et al. 2017)"""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(_Dropping):
    """AlphaDropout of whole channels: dim 1 of [N, C, ...]."""

    function = staticmethod(F.feature_alpha_dropout)
