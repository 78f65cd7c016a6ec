"""From logits to the next token: filters, and the draw. Classes are the last dim, [..., V]."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..schema import op
from .create import count_like
from .elementwise import where
from .rules import Operand, accumulation, cast_to
from .softmax import softmax
from .sort import sort

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("top_k_filter", differentiable=False)
def top_k_filter(logits: Tensor, k) -> Tensor:
    """-inf for all but the k largest (those equal to the k-th stay). (Fan et al., 2018)"""
    if not isinstance(k, int) or k < 1:
        raise ValueError(f"top_k_filter: k must be a positive int, not {k!r}")
    if k >= logits.shape[-1]:
        return logits * 1
    least = sort(logits, -1, True)[0].narrow(-1, k - 1, 1)
    return where(logits < least, -math.inf, logits)


@op("top_p_filter", differentiable=False)
def top_p_filter(logits: Tensor, p: Operand) -> Tensor:
    """-inf outside the smallest set of classes whose probabilities reach p; one always stays.

    (Holtzman et al., The Curious Case of Neural Text Degeneration, 2020)
    """
    wide = cast_to(logits, accumulation(logits.dtype))
    order, index = sort(wide, -1, True)
    chance = softmax(order, -1)
    before = chance.cumsum(-1) - chance
    kept = (before < p) | (count_like(logits, logits.shape[-1]) == 0)
    cut = where(kept, order, -math.inf)
    return cast_to(order.scatter(logits.ndim - 1, index, cut), logits.dtype)


@op("min_p_filter", differentiable=False)
def min_p_filter(logits: Tensor, p: Operand) -> Tensor:
    """-inf where the probability is less than p times the largest. (Nguyen et al., 2024)"""
    chance = softmax(cast_to(logits, accumulation(logits.dtype)), -1)
    return where(chance < chance.amax(-1, True) * p, -math.inf, logits)


@op("repetition_penalty", differentiable=False)
def repetition_penalty(logits: Tensor, tokens: Tensor, penalty: Operand) -> Tensor:
    """Logits of the classes in tokens [..., n] divided by the penalty if positive, else multiplied.

    (Keskar et al., CTRL, 2019)
    """
    if logits.shape[:-1] != tokens.shape[:-1]:
        raise ValueError(
            f"repetition_penalty: tokens {tuple(tokens.shape)} must have the leading sizes of "
            f"logits {tuple(logits.shape)}"
        )
    found = logits.gather(logits.ndim - 1, tokens)
    changed = where(found > 0, found / penalty, found * penalty)
    return logits.scatter(logits.ndim - 1, tokens, changed)


@op("draw_from_logits", differentiable=False)
def draw_from_logits(logits: Tensor, u: Tensor) -> Tensor:
    """The class at which the running sum of probabilities passes u [...] in [0, 1). int64 [...]

    logits [..., V]; the inverse of the distribution function.
    """
    chance = softmax(cast_to(logits, accumulation(logits.dtype)), -1)
    running = chance.cumsum(-1)
    total = running.narrow(-1, logits.shape[-1] - 1, 1)
    passed = (running <= u.unsqueeze(-1) * total) | (chance == 0)
    # The first class that is not passed; the last possible one if rounding passed them all.
    order = count_like(logits, logits.shape[-1])
    first = where(passed, logits.shape[-1], order).amin(-1)
    last = where(chance == 0, -1, order).amax(-1)
    return where(first < logits.shape[-1], first, last)
