"""Multi-head attention as a layer."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..functions.construct import empty, zeros
from ..tensor import Tensor
from . import init
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MultiheadAttention(Module):
    """Attention of num_heads heads of embed_dim / num_heads numbers.  (Vaswani et al. 2017)

    query: [T, E], [T, N, E] or, with batch_first, [N, T, E]; key and value likewise with S and
    their own sizes kdim and vdim.  in_proj_weight: [3 E, E] (or q, k and v_proj_weight where kdim
    or vdim differ), in_proj_bias: [3 E], out_proj: Linear(E, E).
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} must be a multiple of num_heads {num_heads}")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.batch_first = batch_first
        place = {"device": device, "dtype": dtype}
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            self.register_parameter(name, None)
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, **place))
        else:
            self.q_proj_weight = Parameter(empty(embed_dim, embed_dim, **place))
            self.k_proj_weight = Parameter(empty(embed_dim, self.kdim, **place))
            self.v_proj_weight = Parameter(empty(embed_dim, self.vdim, **place))
        if bias:
            self.in_proj_bias = Parameter(zeros(3 * embed_dim, **place))
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, **place)
        for weight in (
            self.in_proj_weight,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
        ):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def _projected(self, inputs: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
        """q, k and v as [N, heads, T, D]."""
        e = self.embed_dim
        out = []
        for i, (x, name) in enumerate(zip(inputs, "qkv", strict=True)):
            if self.in_proj_weight is not None:
                weight = self.in_proj_weight[i * e : (i + 1) * e]
            else:
                weight = getattr(self, f"{name}_proj_weight")
            bias = None if self.in_proj_bias is None else self.in_proj_bias[i * e : (i + 1) * e]
            y = F.linear(x, weight, bias)
            heads = y.reshape(*y.shape[:-1], self.num_heads, e // self.num_heads)
            out.append(heads.transpose(1, 2))
        return out

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(output, weights): weights [N, T, S] (per head: [N, heads, T, S]), None if not needed.

        Masks are PyTorch's: bool ones are True where attention is *forbidden*, floats are added.
        key_padding_mask: [N, S]; attn_mask: [T, S] or [N * heads, T, S].  is_causal is a hint that
        attn_mask is causal; without a mask it makes attention causal.
        """
        alone = query.ndim == 2
        inputs = tuple(x.unsqueeze(0) if alone else x for x in (query, key, value))
        if not alone and not self.batch_first:
            inputs = tuple(x.transpose(0, 1) for x in inputs)
        q, k, v = self._projected(inputs)  # type: ignore[arg-type]
        mask = self._mask(q, k, key_padding_mask, attn_mask)
        if mask is None and is_causal:
            causal = q.new_full((q.shape[2], k.shape[2]), 1).tril() == 0
            mask = q.new_zeros(causal.shape).masked_fill(causal, -math.inf)
        drop = self.dropout if self.training else 0.0
        weights = None
        if need_weights:
            scores = (q * (1 / math.sqrt(q.shape[-1]))) @ k.mT
            weights = F.softmax(scores if mask is None else scores + mask, -1)
            weights = F.dropout(weights, drop, self.training)
            out = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
            weights = weights.squeeze(0) if alone else weights
        else:
            out = F.scaled_dot_product_attention(q, k, v, mask, drop)
        n, h, t, d = out.shape
        out = self.out_proj(out.transpose(1, 2).reshape(n, t, h * d))
        if alone:
            return out.squeeze(0), weights
        return (out if self.batch_first else out.transpose(0, 1)), weights

    def _mask(
        self, q: Tensor, k: Tensor, padding: Tensor | None, attn: Tensor | None
    ) -> Tensor | None:
        """Both masks as one to add, broadcast to [N, heads, T, S]."""
        total = None
        if attn is not None:
            total = _added(attn, q)
            if total.ndim == 3:
                total = total.reshape(q.shape[0], self.num_heads, q.shape[2], k.shape[2])
        if padding is not None:
            extra = _added(padding, q).reshape(q.shape[0], 1, 1, k.shape[2])
            total = extra if total is None else total + extra
        return total

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, {self.num_heads}"


def _added(mask: Tensor, like: Tensor) -> Tensor:
    if mask.dtype.name != "bool":
        return mask
    return like.new_zeros(mask.shape).masked_fill(mask, -math.inf)
