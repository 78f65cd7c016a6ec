"""Losses over rows of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import int64
from ..schema import op
from .elementwise import where
from .index import as_index
from .reduce import amax
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("cross_entropy_rows")
def cross_entropy_rows(logits: Tensor, target: Tensor, ignore_index=-100) -> tuple[Tensor, Tensor]:
    """Per row nll = lse - logits[target] and lse = log(sum(exp(logits))).

    logits [N, V], target [N] integers -> nll [N] (0 where ignored), lse [N], in float32 or wider.
    """
    if logits.ndim != 2 or target.shape != logits.shape[:1]:
        raise ValueError(
            f"cross_entropy: logits {tuple(logits.shape)} and target {tuple(target.shape)} "
            "do not fit: [N, V] and [N] are needed"
        )
    x = cast_to(logits, accumulation(logits.dtype))
    target = cast_to(as_index("cross_entropy", target), int64)
    top = amax(x, 1, True)
    lse = (x - top).exp().sum(1).log() + top.reshape((-1,))
    kept = target != ignore_index
    safe = where(kept, target, 0)
    picked = x.gather(1, safe.reshape((-1, 1))).reshape((-1,))
    return where(kept, lse - picked, 0.0), lse


@cross_entropy_rows.pullback(saves="logits target out")
def _(ctx, logits, target, ignore_index):
    def back(g, g_lse):
        lse = ctx.out[1]
        dx = None
        if g is not None:
            dx = cross_entropy_rows_backward(g, logits, target, lse, ignore_index)
        if g_lse is not None:
            extra = (logits - lse.unsqueeze(1)).exp() * g_lse.unsqueeze(1)
            dx = extra if dx is None else dx + extra
        return dx, None

    return back


@op("cross_entropy_rows_backward")
def cross_entropy_rows_backward(
    g: Tensor, logits: Tensor, target: Tensor, lse: Tensor, ignore_index=-100
) -> Tensor:
    """g (softmax(logits) - onehot(target)) per row, 0 where ignored. [N, V]"""
    x = cast_to(logits, accumulation(logits.dtype))
    target = cast_to(as_index("cross_entropy", target), int64)
    kept = target != ignore_index
    safe = where(kept, target, 0).reshape((-1, 1))
    weight = where(kept, g, 0.0).reshape((-1, 1))
    probability = (x - lse.reshape((-1, 1))).exp() * weight
    return cast_to(probability.scatter_add(1, safe, -weight), logits.dtype)
