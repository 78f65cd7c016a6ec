"""A decoder-only transformer as the field builds it today; Llama and Qwen are of this shape.

RMSNorm before each part, rotary positions, grouped queries, SwiGLU, and a head that can share the
embedding's table.  Parameter names and config fields are those of Hugging Face checkpoints.

Symbols in the shapes: B sequences, T tokens, C channels (hidden_size), H query heads, K key heads,
D numbers per head (head_dim), V vocabulary, S places of a cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import vidya
from vidya import Tensor, nn
from vidya.nn import functional as F
from vidya.ops.cache import cache_write_
from vidya.ops.rope import rope, rope_tables


@dataclass(frozen=True)
class TransformerConfig:
    vocab_size: int = 4096
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 64
    intermediate_size: int = 1024
    max_position_embeddings: int = 256  # the longest sequence
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    qk_norm: bool = False  # normalise queries and keys per head, as Qwen3 does
    tie_word_embeddings: bool = True
    initializer_range: float = 0.02

    def __post_init__(self) -> None:
        for name in (
            "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "intermediate_size", "max_position_embeddings",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_attention_heads {self.num_attention_heads} is not a multiple of "
                f"num_key_value_heads {self.num_key_value_heads}"
            )
        if self.head_dim < 2 or self.head_dim % 2:
            raise ValueError(f"head_dim must be even and positive, not {self.head_dim}")


class Cache:
    """Keys and values of up to `size` tokens, in memory that is made once.

    Where the next token goes is a tensor, so that one compiled step serves every position.
    """

    def __init__(
        self, config: TransformerConfig, size: int, batch: int = 1,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        shape = (batch, config.num_key_value_heads, size, config.head_dim)
        place = {"device": device, "dtype": dtype}
        layers = range(config.num_hidden_layers)
        self.size = size
        self.keys = [vidya.zeros(*shape, **place) for _ in layers]  # [B, K, S, D] each
        self.values = [vidya.zeros(*shape, **place) for _ in layers]
        self.length = vidya.zeros(1, dtype=vidya.int64, device=device)
        self.places = vidya.arange(size, device=device)

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Write k and v [B, K, T, D] behind what is there; all places, [B, K, S, D]."""
        at = self.positions(k.shape[2])
        for store, new in ((self.keys[layer], k), (self.values[layer], v)):
            cache_write_(store, new, at)
        return self.keys[layer], self.values[layer]

    def positions(self, count: int) -> Tensor:
        """[T]: where the next tokens stand."""
        return self.places[:count] + self.length

    def reset(self) -> None:
        self.length.zero_()


class Attention(nn.Module):
    """Each token gathers from the tokens before it, and itself; H/K query heads share one key."""

    def __init__(self, config: TransformerConfig, layer: int, **place: Any) -> None:
        super().__init__()
        C, H, K, D = (config.hidden_size, config.num_attention_heads, config.num_key_value_heads,
                      config.head_dim)  # fmt: skip
        self.layer, self.head_dim = layer, D
        self.q_proj = nn.Linear(C, H * D, bias=False, **place)
        self.k_proj = nn.Linear(C, K * D, bias=False, **place)
        self.v_proj = nn.Linear(C, K * D, bias=False, **place)
        self.o_proj = nn.Linear(H * D, C, bias=False, **place)
        if config.qk_norm:
            self.q_norm: nn.Module | None = nn.RMSNorm(D, config.rms_norm_eps, **place)
            self.k_norm: nn.Module | None = nn.RMSNorm(D, config.rms_norm_eps, **place)
        else:
            self.q_norm = self.k_norm = None

    def forward(
        self, x: Tensor, cos: Tensor, sin: Tensor, cache: Cache | None, seen: Tensor | None
    ) -> Tensor:
        B, T, _ = x.shape
        q = rope(self.heads(self.q_proj(x), self.q_norm), cos, sin)  # [B, H, T, D]
        k = rope(self.heads(self.k_proj(x), self.k_norm), cos, sin)  # [B, K, T, D]
        v = self.heads(self.v_proj(x))
        if cache is not None:
            k, v = cache.append(self.layer, k, v)  # [B, K, S, D]
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=seen, is_causal=seen is None, enable_gqa=True
        )
        return self.o_proj(mixed.transpose(1, 2).reshape(B, T, -1))

    def heads(self, x: Tensor, norm: nn.Module | None = None) -> Tensor:
        """[B, T, H D] -> [B, H, T, D]"""
        B, T, _ = x.shape
        x = x.reshape(B, T, -1, self.head_dim)
        return (x if norm is None else norm(x)).transpose(1, 2)


class MLP(nn.Module):
    """Each token thinks for itself: one projection opens or closes the gates of another."""

    def __init__(self, config: TransformerConfig, **place: Any) -> None:
        super().__init__()
        C, hidden = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(C, hidden, bias=False, **place)
        self.up_proj = nn.Linear(C, hidden, bias=False, **place)
        self.down_proj = nn.Linear(hidden, C, bias=False, **place)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.swiglu(self.gate_proj(x), self.up_proj(x)))


class Block(nn.Module):
    def __init__(self, config: TransformerConfig, layer: int, **place: Any) -> None:
        super().__init__()
        C, eps = config.hidden_size, config.rms_norm_eps
        self.input_layernorm = nn.RMSNorm(C, eps, **place)
        self.self_attn = Attention(config, layer, **place)
        self.post_attention_layernorm = nn.RMSNorm(C, eps, **place)
        self.mlp = MLP(config, **place)

    def forward(self, x: Tensor, *context: Any) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), *context)
        return x + self.mlp(self.post_attention_layernorm(x))


class Transformer(nn.Module):
    """tokens [B, T] -> logits [B, T, V]: for each token, how likely each next one is.

    Weights start as N(0, initializer_range), drawn from vidya's random numbers.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: TransformerConfig, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.config = config
        place = {"device": device, "dtype": dtype}
        C, V = config.hidden_size, config.vocab_size
        self.embed_tokens = nn.Embedding(V, C, **place)
        layers = range(config.num_hidden_layers)
        self.layers = nn.ModuleList([Block(config, layer, **place) for layer in layers])
        self.norm = nn.RMSNorm(C, config.rms_norm_eps, **place)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(C, V, bias=False, **place)
        positions = vidya.arange(config.max_position_embeddings, device=device)
        cos, sin = rope_tables(positions, config.head_dim, config.rope_theta, vidya.float32)
        self.register_buffer("cos", cos, persistent=False)  # [longest, D/2]
        self.register_buffer("sin", sin, persistent=False)
        for weight in self.parameters():
            if weight.ndim > 1:
                nn.init.normal_(weight, std=config.initializer_range)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        return self.logits(self.hidden(tokens, cache))

    def logits(self, x: Tensor) -> Tensor:
        """[..., C] -> [..., V]: the channels of a token compared with those of each word."""
        if "lm_head" in self._modules:
            return self.lm_head(x)
        return F.linear(x, self.embed_tokens.weight)

    def untie(self) -> None:
        """Give the head a layer of its own with a copy of the embedding's table, so that the one
        can change without the other: `vidya.quantize(model)` makes integers of Linear only."""
        if "lm_head" not in self._modules:
            table = self.embed_tokens.weight
            V, C = table.shape
            with nn.init.no_init():
                self.lm_head = nn.Linear(C, V, bias=False, device=table.device, dtype=table.dtype)
            self.lm_head.weight = nn.Parameter(table.detach().clone())

    def hidden(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """[B, T] -> [B, T, C], before the head.  With a cache, tokens follow those in it."""
        T = tokens.shape[1]
        if self.config.max_position_embeddings < T:
            most = self.config.max_position_embeddings
            raise ValueError(f"{T} tokens are more than max_position_embeddings {most}")
        seen = None
        if cache is None:
            cos, sin = self.cos[:T], self.sin[:T]
        else:
            at = cache.positions(T)
            cos, sin = self.cos.index_select(0, at), self.sin.index_select(0, at)
            seen = cache.places <= at.unsqueeze(1)  # [T, S]: no later token, no empty place
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin, cache, seen)
        if cache is not None:
            cache.length.add_(T)
        return self.norm(x)

    def next_logits(self, tokens: Tensor, cache: Cache) -> Tensor:
        """[B, T] -> [B, V]: the logits after the last token only."""
        return self.logits(self.hidden(tokens, cache)[:, -1])

    def loss(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of targets [B, T]; the logits [B, T, V] never exist as a whole."""
        head = self.lm_head if "lm_head" in self._modules else self.embed_tokens
        return F.linear_cross_entropy(self.hidden(tokens), head.weight, targets)
