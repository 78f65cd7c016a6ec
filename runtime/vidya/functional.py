"""vidya.nn.functional: layers and losses as functions, with PyTorch's signatures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from . import ops
from .construct import _lower
from .ops import norm as _norm
from .ops.activation import gelu, relu, sigmoid, silu, softplus
from .ops.elementwise import tanh
from .ops.linalg import linear
from .ops.loss import cross_entropy
from .ops.softmax import log_softmax, softmax
from .random import rand_like
from .tensor import Tensor

__all__ = [
    "cross_entropy", "dropout", "embedding", "gelu", "layer_norm", "linear", "log_softmax",
    "mse_loss", "nll_loss", "relu", "rms_norm", "scaled_dot_product_attention", "sigmoid", "silu",
    "softmax", "softplus", "tanh",
]  # fmt: skip


def embedding(input: Tensor, weight: Tensor) -> Tensor:
    """Rows of weight [V, C] by input [...] (integers) -> [..., C]."""
    return ops.index.embedding(weight, input)


def dropout(input: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Elements set to 0 with probability p, the others scaled by 1 / (1 - p)."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: the probability must be from 0 to 1, got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0
    keep = rand_like(input.detach()) >= p
    return (input * (1 / (1 - p))).masked_fill(~keep, 0)


def _last(name: str, x: Tensor, normalized_shape: int | Sequence[int]) -> Tensor:
    sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not sizes or x.shape[-len(sizes) :] != sizes:
        raise ValueError(f"{name}: normalized_shape {sizes} must end the shape {tuple(x.shape)}")
    return x if len(sizes) == 1 else x.reshape(*x.shape[: -len(sizes)], math.prod(sizes))


def _flat(t: Tensor | None) -> Tensor | None:
    return t if t is None or t.ndim == 1 else t.reshape(-1)


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Each row brought to mean 0 and variance 1 over normalized_shape, then weight and bias."""
    x = _last("layer_norm", input, normalized_shape)
    return _norm.layer_norm(x, _flat(weight), _flat(bias), eps).reshape(input.shape)


def rms_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Each row divided by its root mean square over normalized_shape, times weight."""
    x = _last("rms_norm", input, normalized_shape)
    if eps is None:
        from .dtypes import finfo

        eps = float(finfo(input.dtype).eps)
    return _norm.rms_norm(x, _flat(weight), eps).reshape(input.shape)


def nll_loss(
    input: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Minus the log-probability of `target`; input [N, V] holds log-probabilities."""
    kept = target != ignore_index
    safe = target.masked_fill(~kept, 0)
    picked = -input.gather(1, safe.unsqueeze(1)).squeeze(1).masked_fill(~kept, 0)
    if reduction == "none":
        return picked
    total = picked.sum()
    return total if reduction == "sum" else total / kept.sum().to(input.dtype)


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The squared difference, averaged ("mean"), summed ("sum") or as it is ("none")."""
    squared = (input - target).square()
    return {"none": lambda: squared, "sum": squared.sum, "mean": squared.mean}[reduction]()


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q k^T scale + mask) v. query [..., H, T, D], key and value [..., Hk, S, D].

    attn_mask: bool (true: may attend) or float (added). is_causal: position t sees up to t.
    enable_gqa: groups of H / Hk query heads share one key head. (Vaswani et al., 2017)
    """
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
    if enable_gqa and key.shape[-3] != query.shape[-3]:
        groups = query.shape[-3] // key.shape[-3]
        key, value = _repeat_heads(key, groups), _repeat_heads(value, groups)
    scores = (query @ key.mT) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = _lower(scores.detach(), 0)
    if attn_mask is not None:
        if attn_mask.dtype.name == "bool":
            scores = scores.masked_fill(~attn_mask, -math.inf)
        else:
            scores = scores + attn_mask
    weights = dropout(scores.softmax(-1), dropout_p, dropout_p > 0)
    return weights @ value


def _repeat_heads(x: Tensor, times: int) -> Tensor:
    *lead, heads, rows, width = x.shape
    spread = x.unsqueeze(-3).expand(*lead, heads, times, rows, width)
    return spread.reshape(*lead, heads * times, rows, width)


