"""Layers as functions that draw random numbers: dropout and its relatives."""

from __future__ import annotations

from collections.abc import Sequence

from ..calls.destination import may_overwrite
from ..ops.elementwise import where
from ..ops.softmax import softmax
from ..random import rand, rand_like
from ..tensor import Tensor


def _probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: the probability must be from 0 to 1, got {p}")


def _kept(input: Tensor, shape: Sequence[int], p: float) -> Tensor:
    return rand(*shape, dtype=_drawn(input), device=input.device) >= p


def _drawn(input: Tensor):
    """Low precision has too few numbers below 1 to decide by."""
    from ..ops.rules import accumulation

    return accumulation(input.dtype)


@may_overwrite
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Elements set to 0 with probability p, the others scaled by 1 / (1 - p).

    (Srivastava et al., Dropout, 2014)
    """
    _probability("dropout", p)
    return _drop(input, input.shape, p, training)


def _drop(input: Tensor, shape: Sequence[int], p: float, training: bool) -> Tensor:
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    return where(_kept(input, shape, p), input * (1 / (1 - p)), 0.0)


def _channels(name: str, dims: tuple[int, ...], input: Tensor, p: float, training: bool) -> Tensor:
    _probability(name, p)
    if input.ndim not in dims:
        raise ValueError(f"{name}: takes {dims[0]} or {dims[1]} dims, got {tuple(input.shape)}")
    lead = 2 if input.ndim == dims[1] else 1  # with or without a batch
    shape = (*input.shape[:lead], *(1,) * (input.ndim - lead))
    return _drop(input, shape, p, training)


@may_overwrite
def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of [N, C, L] or [C, L] dropped. (Tompson et al., 2015)"""
    return _channels("dropout1d", (2, 3), input, p, training)


@may_overwrite
def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of [N, C, H, W] dropped; [C, H, W] counts as one sample."""
    return _channels("dropout2d", (3, 4), input, p, training)


@may_overwrite
def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Whole channels of [N, C, D, H, W] or [C, D, H, W] dropped."""
    return _channels("dropout3d", (4, 5), input, p, training)


_SELU_LOW = -1.7580993408473766  # -scale * alpha of selu: what a saturated unit gives


@may_overwrite
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout to selu's lower limit that keeps mean 0 and variance 1. (Klambauer et al., 2017)"""
    _probability("alpha_dropout", p)
    return _alpha(input, input.shape, p, training)


@may_overwrite
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """alpha_dropout of whole channels: dim 1 of [N, C, ...]."""
    _probability("feature_alpha_dropout", p)
    if input.ndim < 2:
        raise ValueError(f"feature_alpha_dropout: needs [N, C, ...], got {tuple(input.shape)}")
    return _alpha(input, (*input.shape[:2], *(1,) * (input.ndim - 2)), p, training)


def _alpha(input: Tensor, shape: Sequence[int], p: float, training: bool) -> Tensor:
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * _SELU_LOW**2)) ** -0.5
    shift = -scale * _SELU_LOW * p
    return where(_kept(input, shape, p), input, _SELU_LOW) * scale + shift


@may_overwrite
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """leaky_relu whose slope is drawn from [lower, upper] per element, or is their mean.

    (Xu et al., Empirical Evaluation of Rectified Activations, 2015)
    """
    if lower > upper:
        raise ValueError(f"rrelu: lower {lower} must not exceed upper {upper}")
    if not training:
        return where(input >= 0, input, input * ((lower + upper) / 2))
    slope = rand_like(input.detach()) * (upper - lower) + lower
    return where(input >= 0, input, input * slope)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, dim: int = -1) -> Tensor:
    """softmax((logits + Gumbel noise) / tau); hard: one-hot, with the soft one's gradient.

    (Jang, Gu and Poole, 2017)
    """
    u = rand(*logits.shape, dtype=_drawn(logits), device=logits.device)
    noise = -(-(u + 2.0**-25).log()).log()  # u is a multiple of 2^-24 in [0, 1)
    soft = softmax((logits + noise.to(logits.dtype)) / tau, dim)
    if not hard:
        return soft
    index = soft.detach().argmax(dim, True)
    one = soft.new_zeros(soft.shape).scatter(dim, index, soft.new_ones(index.shape))
    return one - soft.detach() + soft
