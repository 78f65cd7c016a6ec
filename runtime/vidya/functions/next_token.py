"""Drawing the next token from a model's logits."""

from __future__ import annotations

from .. import dtypes
from ..ops import sampling as _ops
from ..random import Generator, rand
from ..tensor import Tensor


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
    tokens: Tensor | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """One class per row of logits [..., V] -> int64 [...].

    In this order: repetition_penalty for the classes in tokens [..., n], temperature (0: the
    largest logit, without a draw), top_k, top_p, min_p; then a draw from softmax of what is left.
    """
    if not logits.ndim or not logits.shape[-1]:
        raise ValueError(f"sample: needs logits [..., V], got {tuple(logits.shape)}")
    if temperature < 0:
        raise ValueError(f"sample: temperature must not be negative, got {temperature}")
    for name, value in (("top_p", top_p), ("min_p", min_p)):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"sample: {name} must be from 0 to 1, got {value}")
    if repetition_penalty is not None:
        if tokens is None:
            raise ValueError("sample: repetition_penalty needs tokens=, the classes to penalise")
        logits = _ops.repetition_penalty(logits, tokens, float(repetition_penalty))
    if temperature == 0:
        return logits.argmax(-1)
    if temperature != 1:
        logits = logits / temperature
    if top_k:
        logits = _ops.top_k_filter(logits, top_k)
    if top_p is not None and top_p < 1:
        logits = _ops.top_p_filter(logits, float(top_p))
    if min_p:
        logits = _ops.min_p_filter(logits, float(min_p))
    wide = dtypes.float64 if logits.dtype is dtypes.float64 else dtypes.float32
    u = rand(*logits.shape[:-1], dtype=wide, device=logits.device, generator=generator)
    return _ops.draw_from_logits(logits, u)
