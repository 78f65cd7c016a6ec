"""What is measured: the shapes, and the weights and tokens that all competitors start from.

Nothing here imports vidya or a peer, so a competitor's process holds that competitor alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Work:
    """One row of the table. `units` of `unit` are done by one call."""

    name: str
    kind: str  # train, tiny, decode, prefill, attention or results
    units: float
    unit: str
    B: int = 1
    T: int = 0
    context: int = 0  # tokens that a decoder's cache begins with
    vocab_size: int = 4096
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 6
    num_key_value_heads: int = 2
    head_dim: int = 64
    intermediate_size: int = 1024
    qk_norm: bool = False
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    precisions: tuple[str, ...] = ("fp32", "bf16")


DECODED = 16  # tokens of one call of decode
# Given tokens before them. What follows these is compared: of random weights, rounding soon draws
# other tokens.
PROMPT = 16
_QWEN = Work(
    "", "", 0, "tok/s", vocab_size=151_936, hidden_size=1024, num_hidden_layers=28,
    num_attention_heads=16, num_key_value_heads=8, head_dim=128, intermediate_size=3072,
    qk_norm=True, rope_theta=1e6, precisions=("fp32", "bf16", "int8", "int4"),
)  # fmt: skip


def _attention(T: int) -> Work:
    B, H, D = 2, 8, 64
    flops = 7 * B * H * T * T * D  # forward 4, backward 10, and causal is half of it
    return Work(f"attention-{T}", "attention", flops / 1e9, "GFLOP/s", B, T,
                num_attention_heads=H, num_key_value_heads=H, head_dim=D)  # fmt: skip


def _decode(name: str, B: int = 1, context: int = PROMPT) -> Work:
    T = context + 256  # places of the cache
    return replace(_QWEN, name=name, kind="decode", units=DECODED * B, B=B, T=T, context=context)


_ALL = [
    Work("tiny", "tiny", 1000, "steps/s", T=16, precisions=("fp32",)),
    Work("small", "train", 8 * 256, "tok/s", 8, 256),
    Work("large", "train", 2 * 512, "tok/s", 2, 512, vocab_size=32_000, hidden_size=768,
         num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=4,
         intermediate_size=2048),
    Work("long", "train", 8 * 4096, "tok/s", 8, 4096, hidden_size=128, num_hidden_layers=1,
         num_attention_heads=4, head_dim=32, intermediate_size=512),
    _decode("decode"),
    *(_decode(f"decode-{B}-at-a-time", B) for B in (4, 8, 16)),
    _decode("decode-after-4096", context=4096),
    replace(_QWEN, name="prefill", kind="prefill", units=512, T=512),
    *(_attention(T) for T in (256, 512, 1024, 2048, 4096)),
    Work("results", "results", 3 * 0.268435456, "GB/s", T=64 << 20, precisions=("fp32",)),
]  # fmt: skip
SHAPES = {work.name: work for work in _ALL}


def parameters(work: Work) -> dict[str, tuple[int, ...]]:
    """Their names and shapes."""
    C, D = work.hidden_size, work.head_dim
    H, K, hidden = work.num_attention_heads, work.num_key_value_heads, work.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {"embed_tokens.weight": (work.vocab_size, C)}
    for i in range(work.num_hidden_layers):
        at = f"layers.{i}."
        shapes |= {
            at + "input_layernorm.weight": (C,),
            at + "self_attn.q_proj.weight": (H * D, C),
            at + "self_attn.k_proj.weight": (K * D, C),
            at + "self_attn.v_proj.weight": (K * D, C),
            at + "self_attn.o_proj.weight": (C, H * D),
            at + "post_attention_layernorm.weight": (C,),
            at + "mlp.gate_proj.weight": (hidden, C),
            at + "mlp.up_proj.weight": (hidden, C),
            at + "mlp.down_proj.weight": (C, hidden),
        }
        if work.qk_norm:
            shapes |= {at + f"self_attn.{x}_norm.weight": (D,) for x in "qk"}
    return shapes | {"norm.weight": (C,)}


def weights(work: Work) -> Iterator[tuple[str, np.ndarray]]:
    """(name, float32 array) in turn, so that nobody holds all of them twice."""
    # Drawing 600 million numbers takes longer than measuring. The block's size is prime, so no two
    # rows of a table are the same.
    block = np.random.default_rng(0).standard_normal(4_194_301, np.float32) * np.float32(0.02)
    for i, (name, shape) in enumerate(parameters(work).items()):
        if len(shape) == 1:
            yield name, np.ones(shape, np.float32)
        else:
            yield name, np.resize(np.roll(block, 1009 * i), shape)


CHUNK = 512  # tokens of a prompt that go into a cache at a time


def tokens(work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, [B, T] each."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, work.vocab_size, (2, work.B, work.T))
    return x, y


def attention_inputs(work: Work) -> list[np.ndarray]:
    """q, k, v and the gradient of the output, [B, H, T, D] each."""
    rng = np.random.default_rng(2)
    shape = (work.B, work.num_attention_heads, work.T, work.head_dim)
    return [rng.standard_normal(shape, np.float32) for _ in range(4)]


# ---- tiny: microgpt, one name per step, padded to the block ----

BLOCK, WIDTH, HEADS, LETTERS, IGNORED = 16, 16, 4, 27, -100
LR, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8
CHECKED = 300  # the loss of this step is compared; later on, rounding has grown by itself


def names(steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets, [steps, BLOCK]: made-up names with the lengths of real ones."""
    rng = np.random.default_rng(3)
    x = np.zeros((steps, BLOCK), np.int64)
    y = np.full((steps, BLOCK), IGNORED, np.int64)
    for i in range(steps):
        length = int(np.clip(rng.normal(6.1, 1.6), 2, BLOCK - 1))
        row = np.concatenate([[26], rng.integers(0, 26, length), [26]])
        x[i, : length + 1], y[i, : length + 1] = row[:-1], row[1:]
    return x, y


def tiny_weights() -> dict[str, np.ndarray]:
    shapes = {
        "wte": (LETTERS, WIDTH), "wpe": (BLOCK, WIDTH), "lm_head": (LETTERS, WIDTH),
        **dict.fromkeys(("wq", "wk", "wv", "wo"), (WIDTH, WIDTH)),
        "fc1": (4 * WIDTH, WIDTH), "fc2": (WIDTH, 4 * WIDTH),
    }  # fmt: skip
    rng = np.random.default_rng(4)
    return {k: (rng.standard_normal(s) * 0.08).astype(np.float32) for k, s in shapes.items()}
