"""Attention: shared key heads, masks of both kinds, and rows that see nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compare import check
from .draw import Call, Draw


def attention(draw: Draw) -> Call:
    kind = draw.one("float64", "float64", "float32", "bfloat16", "float16")
    shared, heads = draw.one(1, 1, 2, 3), draw.one(1, 2)
    lead = draw.one((), (1,), (2,), (2, 2)) if shared == 1 else draw.one((1,), (2,))
    t, s, width, out = (
        draw.rng.randint(1, 6),
        draw.rng.randint(1, 6),
        draw.one(1, 3, 8),
        draw.one(1, 4),
    )
    batch = (*lead, heads)
    q = draw.pair(kind, (*lead, heads * shared, t, width), False)
    k, v = draw.pair(kind, (*batch, s, width), False), draw.pair(kind, (*batch, s, out), False)
    keywords: dict[str, Any] = {}
    if shared > 1:
        keywords["enable_gqa"] = True
    if draw.maybe(0.3):
        keywords["scale"] = draw.one(0.5, 2.0)
    mask = draw.one("", "causal", "bool", "added")
    if mask == "causal":
        keywords["is_causal"] = True
    elif mask:
        shape = draw.one((t, s), (1, s), (*lead, heads * shared, t, s), (*lead, 1, t, s))
        seen = draw.numpy.random(shape) < draw.one(0.5, 0.9)
        added = np.where(seen, draw.numpy.normal(0, 1, shape), -np.inf)
        keywords["attn_mask"] = draw.of(seen) if mask == "bool" else draw.of(
            added.astype("float32" if kind == "bfloat16" else kind), kind)  # fmt: skip
    name = "nn.functional.scaled_dot_product_attention"
    return Call(name, [q, k, v], keywords, kind == "float64", 30 if kind == "float32" else 4)


def windowed(draw: Draw) -> Call:
    """Our window against the mask that it stands for."""
    t = draw.rng.randint(1, 8)
    q, k, v = (draw.pair("float64", (2, 2, t, 4), False) for _ in range(3))
    return Call(_windowed, [q, k, v, draw.rng.randint(1, t + 1), draw.maybe()], gradient=True)


def _windowed(lib: Any, q: Any, k: Any, v: Any, window: int, causal: bool) -> Any:
    attend = lib.nn.functional.scaled_dot_product_attention
    if lib.__name__ == "vidya":
        return attend(q, k, v, is_causal=causal, window=window)
    apart = lib.arange(q.shape[-2])[:, None] - lib.arange(k.shape[-2])
    seen = (apart < window) & ((apart >= 0) if causal else (-apart < window))
    return attend(q, k, v, attn_mask=seen)


def test_attention(draw):
    check(draw, attention, calls=30)


def test_windows(draw):
    check(draw, windowed, calls=20)
