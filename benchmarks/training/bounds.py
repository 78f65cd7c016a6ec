"""The least time that a shape can take: its products at the CPU's peak, its weights at the rate of
reading. A share of it says how much faster anything could still be on this machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .. import machine
from .shapes import DECODED, Work, parameters

# Bytes of a stored number; int8 and int4 come in groups of 32 that share a scale of 16 bits.
STORED = {"fp32": 4.0, "bf16": 2.0, "int8": 1 + 2 / 32, "int4": 0.5 + 2 / 32}


@dataclass(frozen=True)
class Machine:
    """What the machine does at a moment: GFLOP/s in float32 and bfloat16, and GB/s read."""

    fp32: float
    bf16: float
    reads: float

    @staticmethod
    def now() -> Machine:
        return Machine(machine.peak_gflops(1), machine.peak_gflops(1, bf16=True),
                       machine.read_gbps(1))  # fmt: skip

    def __or__(self, other: Machine) -> Machine:
        """The better of two moments."""
        return Machine(max(self.fp32, other.fp32), max(self.bf16, other.bf16),
                       max(self.reads, other.reads))  # fmt: skip


def matrices(work: Work) -> int:
    """Numbers in the matrices that a token is multiplied with; the tied head counts, not its use
    as an embedding."""
    return sum(math.prod(shape) for shape in parameters(work).values() if len(shape) == 2)


def flops(work: Work) -> float:
    """Of the products in one call. Attention is causal, so half of T x T counts; without keeping
    it, the backward pass makes the scores again and has 5 products for the forward's 2."""
    if work.kind == "attention":
        return work.units * 1e9
    tokens = work.B * work.T
    scores = work.B * work.num_attention_heads * work.T**2 * work.head_dim  # of one causal product
    if work.kind == "train":
        return 6 * tokens * matrices(work) + 7 * scores * work.num_hidden_layers
    head = work.vocab_size * work.hidden_size  # prefill: of the last token alone
    return 2 * (tokens * (matrices(work) - head) + work.B * head + scores * work.num_hidden_layers)


def bytes_read(work: Work, precision: str) -> float:
    """Of one call of decode: for each token every weight and the cache's keys and values."""
    cached = 2 * work.num_key_value_heads * work.head_dim * work.num_hidden_layers
    number = 4 if precision == "fp32" else 2
    cache = work.B * cached * (work.context + DECODED / 2) * number
    return DECODED * (matrices(work) * STORED[precision] + cache)


def least_seconds(work: Work, precision: str, at: Machine) -> float | None:
    """Of one call; None where no bound is known (tiny, results, products of int8 and int4)."""
    if work.kind == "decode":
        return bytes_read(work, precision) / (at.reads * 1e9)
    if work.kind in ("train", "prefill", "attention") and precision in ("fp32", "bf16"):
        return flops(work) / ((at.fp32 if precision == "fp32" else at.bf16) * 1e9)
    return None
