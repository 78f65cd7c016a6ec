"""vidya.nn.functional: layers and losses as functions, with PyTorch's signatures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import dtypes, ops
from .calls.arguments import explain
from .functions.stochastic import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
    gumbel_softmax,
    rrelu,
)
from .ops import norm as _norm
from .ops.activation import gelu, relu, sigmoid, silu, softplus
from .ops.adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from .ops.attention import scaled_dot_product_attention as _attention
from .ops.bag import embedding_bag
from .ops.channels import (
    batch_norm,
    group_norm,
    instance_norm,
    local_response_norm,
)
from .ops.classify import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    kl_div,
    multi_margin_loss,
    nll_loss,
)
from .ops.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from .ops.create import eye
from .ops.ctc import ctc_loss
from .ops.distance import (
    cosine_embedding_loss,
    cosine_similarity,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    normalize,
    pairwise_distance,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from .ops.embedding import embedding
from .ops.gated import geglu, glu, relu_squared, swiglu
from .ops.grid import affine_grid, grid_sample
from .ops.linalg import linear
from .ops.linear_cross_entropy import linear_cross_entropy
from .ops.margins import multilabel_margin_loss, multilabel_soft_margin_loss
from .ops.pad import pad
from .ops.pairs import bilinear, channel_shuffle, pdist
from .ops.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from .ops.rectifiers import (
    celu,
    elu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    selu,
    softshrink,
    threshold,
)
from .ops.resize import fold, interpolate, pixel_shuffle, pixel_unshuffle, unfold
from .ops.rope import rope as _rope
from .ops.rope import rope_tables
from .ops.rules import accumulation
from .ops.smooth import logsigmoid, mish, softmin, softsign, tanhshrink
from .ops.softmax import log_softmax, softmax
from .ops.unary import tanh
from .ops.unpool import max_unpool1d, max_unpool2d, max_unpool3d
from .tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d", "affine_grid", "alpha_dropout", "avg_pool1d",
    "avg_pool2d", "avg_pool3d", "batch_norm", "bilinear", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "celu", "celu_", "channel_shuffle", "conv1d", "conv2d",
    "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy", "ctc_loss", "dropout", "dropout1d", "dropout2d",
    "dropout3d", "elu", "elu_", "embedding", "embedding_bag", "feature_alpha_dropout", "fold",
    "gaussian_nll_loss", "geglu", "gelu", "glu", "grid_sample", "group_norm", "gumbel_softmax",
    "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "hardtanh_", "hinge_embedding_loss",
    "huber_loss", "instance_norm", "interpolate", "kl_div", "l1_loss", "layer_norm", "leaky_relu",
    "leaky_relu_", "linear", "linear_cross_entropy", "local_response_norm", "log_softmax",
    "logsigmoid", "lp_pool1d", "lp_pool2d", "lp_pool3d", "margin_ranking_loss", "max_pool1d",
    "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d", "mish", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
    "normalize", "one_hot", "pad", "pairwise_distance", "pdist", "pixel_shuffle", "pixel_unshuffle",
    "poisson_nll_loss", "prelu", "relu", "relu6", "relu_", "relu_squared", "rms_norm", "rope",
    "rrelu", "rrelu_", "scaled_dot_product_attention", "selu", "selu_", "sigmoid", "silu",
    "smooth_l1_loss", "soft_margin_loss", "softmax", "softmin", "softplus", "softshrink",
    "softsign", "swiglu", "tanh", "tanhshrink", "threshold", "threshold_", "triplet_margin_loss",
    "triplet_margin_with_distance_loss", "unfold",
]  # fmt: skip  # fmt: skip


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """int64 [..., num_classes]: 1 at each element's class, else 0. -1: as many as there are."""
    if not tensor.dtype.is_integer:
        raise TypeError(f"one_hot: classes are integers, not {tensor.dtype.name}")
    if num_classes < 0:
        if not tensor.numel():
            raise ValueError("one_hot: give num_classes for a tensor without elements")
        num_classes = int(tensor.amax()) + 1
    if tensor.numel() and not 0 <= int(tensor.amin()) <= int(tensor.amax()) < num_classes:
        raise ValueError(f"one_hot: classes must be from 0 to {num_classes - 1}")
    shape = (*tensor.shape, num_classes)
    zero, one = (ops.create.full((), v, dtypes.int64, tensor.device) for v in (0, 1))
    index = tensor.long().unsqueeze(-1)
    return zero.expand(shape).scatter(-1, index, one.expand(index.shape))


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


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    window: int = 0,
) -> Tensor:
    """softmax(q k^T scale + mask) v. query [..., H, T, D], key and value [..., Hk, S, D].

    attn_mask: bool (true: may attend) or float (added). is_causal: position t sees up to t.
    enable_gqa: H is a multiple of Hk, and H / Hk query heads share one key head. window: position
    t sees only the `window` nearest positions up to it (on both sides if not causal); 0: all. A
    query that may see nothing gives 0. (Vaswani et al., 2017)
    """
    if is_causal and attn_mask is not None:
        raise ValueError("scaled_dot_product_attention: give attn_mask or is_causal, not both")
    if not enable_gqa and query.ndim > 2 and key.ndim > 2 and query.shape[-3] != key.shape[-3]:
        raise ValueError(
            f"scaled_dot_product_attention: query {tuple(query.shape)} and key {tuple(key.shape)} "
            "have different numbers of heads: pass enable_gqa=True to share key heads"
        )
    if scale is None:
        scale = 1 / math.sqrt(query.shape[-1]) if query.ndim and query.shape[-1] else 1.0
    if dropout_p:
        size = key.shape[-2]  # the identity for values gives the weights themselves
        one = eye(size, dtype=value.dtype, device=value.device).expand(*key.shape[:-1], size)
        weights, _ = _attention(query, key, one, attn_mask, bool(is_causal), float(scale), window)
        groups = query.shape[-3] // value.shape[-3] if query.ndim > 2 else 1
        return dropout(weights, dropout_p) @ _repeat_heads(value, groups)
    out, _ = _attention(query, key, value, attn_mask, bool(is_causal), float(scale), window)
    return out


def _repeat_heads(x: Tensor, times: int) -> Tensor:
    if times == 1:
        return x
    *lead, heads, rows, width = x.shape
    spread = x.unsqueeze(-3).expand(*lead, heads, times, rows, width)
    return spread.reshape(*lead, heads * times, rows, width)


def rope(
    input: Tensor,
    positions: Tensor,
    theta: float = 10000.0,
    *,
    interleaved: bool = False,
    dim: int | None = None,
) -> Tensor:
    """Rotary position embedding of input [..., T, D] at integer positions [T] or [B, T].

    The first `dim` numbers (all of D if not given) are turned in pairs: (i, i + dim/2), or
    (2i, 2i + 1) if interleaved, by position * theta^(-2i / dim). With positions [B, T], input is
    [B, ..., T, D]. Models that turn often make the tables once: ops.rope.rope_tables.
    """
    width = input.shape[-1] if dim is None else dim
    type_ = accumulation(input.dtype)
    cos, sin = rope_tables(positions, width, float(theta), type_)
    if positions.ndim == 2:
        shape = (cos.shape[0], *(1,) * (input.ndim - 3), *cos.shape[1:])
        cos, sin = cos.reshape(shape), sin.reshape(shape)
    return _rope(input, cos, sin, interleaved)


for _op in (
    celu, elu, hardsigmoid, hardswish, hardtanh, leaky_relu, mish, relu, selu, silu, threshold,
):  # fmt: skip
    _op.set_inplace()


def _written(function: Callable) -> Callable:
    name = f"{function.__name__}_"

    def called(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    called.__name__ = called.__qualname__ = name
    called.__doc__ = f"{function.__name__}, written into its input."
    return called


celu_, elu_, hardtanh_, leaky_relu_ = map(_written, (celu, elu, hardtanh, leaky_relu))
relu_, rrelu_, selu_, threshold_ = map(_written, (relu, rrelu, selu, threshold))

explain(globals(), __all__)
