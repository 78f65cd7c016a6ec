"""Products and distances of pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..engine.from_host import tensor
from .index import index_select
from .linalg import matmul
from .magnitude import vector_norm

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["bilinear", "channel_shuffle", "pdist"]


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """out[o] = input1 weight[o] input2 + bias[o].

    [..., I], [..., J], weight [O, I, J], bias [O] -> [..., O].
    """
    if (
        weight.ndim != 3
        or input1.shape[:-1] != input2.shape[:-1]
        or input1.shape[-1:] + input2.shape[-1:] != weight.shape[1:]
    ):
        raise ValueError(
            f"bilinear: input1 {tuple(input1.shape)} and input2 {tuple(input2.shape)} do not fit "
            f"weight {tuple(weight.shape)}: [..., I], [..., J] and [O, I, J] are needed"
        )
    o, i, j = weight.shape
    left = matmul(input1, weight.permute((1, 0, 2)).reshape((i, o * j)))
    out = (left.reshape((*input1.shape[:-1], o, j)) * input2.unsqueeze(-2)).sum(-1)
    return out if bias is None else out + bias


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm distances of pairs of rows, each with all later ones. [N, M] -> [N (N - 1) / 2]"""
    if input.ndim != 2:
        raise ValueError(f"pdist: takes [N, M], got {tuple(input.shape)}")
    if p < 0:
        raise ValueError(f"pdist: p must not be negative, got {p}")
    first, second = (
        tensor(at.astype(np.int64), device=input.device)
        for at in np.triu_indices(input.shape[0], 1)
    )
    return vector_norm(index_select(input, 0, first) - index_select(input, 0, second), p, -1)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """[N, C, ...] with its channels dealt out: the first of every group, then the second, ...

    (Zhang et al., ShuffleNet, 2017)
    """
    if input.ndim < 3 or groups < 1 or input.shape[1] % groups:
        raise ValueError(
            f"channel_shuffle: {tuple(input.shape)} must be [N, C, ...] with C a multiple of "
            f"groups {groups}"
        )
    n, c, *rest = input.shape
    dealt = input.reshape((n, groups, c // groups, *rest)).transpose(1, 2)
    return dealt.reshape(input.shape)
