"""Normalisation by the statistics of batches, channels and groups."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from .. import functional as F
from ..engine.grad_modes import no_grad
from ..functions.construct import ones, tensor, zeros
from ..tensor import Tensor
from .module import Module
from .parameter import Parameter


class _Running(Module):
    """Channels with running statistics: buffers running_mean, running_var, num_batches_tracked."""

    ranks: tuple[int, ...] = ()
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        place = {"device": device, "dtype": dtype}
        self.register_parameter(
            "weight", Parameter(ones(num_features, **place)) if affine else None
        )
        self.register_parameter("bias", Parameter(zeros(num_features, **place)) if affine else None)
        kept = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, **place) if kept else None)
        self.register_buffer("running_var", ones(num_features, **place) if kept else None)
        count = tensor(0, dtype=dtypes.int64, device=device) if kept else None
        self.register_buffer("num_batches_tracked", count)

    def _check(self, x: Tensor) -> None:
        if x.ndim not in self.ranks:
            dims = " or ".join(map(str, self.ranks))
            raise ValueError(f"{type(self).__name__}: takes {dims} dims, got {tuple(x.shape)}")

    def _momentum(self) -> float:
        """The weight of this batch; with momentum None the plain average of all batches."""
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked.copy_(self.num_batches_tracked + 1)
            if self.momentum is None:
                return 1.0 / float(self.num_batches_tracked)
        return 0.0 if self.momentum is None else self.momentum

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Running):
    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        own = self.training or self.running_mean is None
        mean = self.running_mean if not self.training or self.track_running_stats else None
        var = self.running_var if not self.training or self.track_running_stats else None
        return F.batch_norm(x, mean, var, self.weight, self.bias, own, self._momentum(), self.eps)


class BatchNorm1d(_BatchNorm):
    """Each channel of [N, C] or [N, C, L] normalised over the batch.  (Ioffe and Szegedy 2015)"""

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of [N, C, H, W] normalised over batch and places."""

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Each channel of [N, C, D, H, W] normalised over batch and places."""

    ranks = (5,)


class _InstanceNorm(_Running):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x)
        alone = x.ndim == min(self.ranks)
        own = self.training or not self.track_running_stats
        out = F.instance_norm(
            x.unsqueeze(0) if alone else x, self.running_mean, self.running_var, self.weight,
            self.bias, own, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each sample of [N, C, L] or [C, L] normalised.  (Ulyanov et al. 2016)"""

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample of [N, C, H, W] or [C, H, W] normalised."""

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample of [N, C, D, H, W] or [C, D, H, W] normalised."""

    ranks = (4, 5)


class GroupNorm(Module):
    """Groups of channels of each sample of [N, C, ...] normalised together.  (Wu and He 2018)"""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"{num_channels} channels do not make {num_groups} groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        place = {"device": device, "dtype": dtype}
        self.register_parameter(
            "weight", Parameter(ones(num_channels, **place)) if affine else None
        )
        self.register_parameter("bias", Parameter(zeros(num_channels, **place)) if affine else None)

    def forward(self, x: Tensor) -> Tensor:
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
