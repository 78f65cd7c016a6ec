"""Losses over rows of logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dtypes import int64
from ..schema import op
from .elementwise import where
from .index import as_index
from .layout import cat
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


# ---- the same without the logits ----

_CHUNK = 2**23  # logits that exist at one time


def fits_one_chunk(n: int, v: int) -> bool:
    return n * v <= _CHUNK


def _chunks(n: int, v: int) -> list[tuple[int, int]]:
    """(first, count) of the rows whose logits are computed together."""
    size = max(_CHUNK // max(v, 1), 64)
    return [(at, min(size, n - at)) for at in range(0, n, size)] or [(0, 0)]


@op("linear_cross_entropy_rows")
def linear_cross_entropy_rows(
    x: Tensor, weight: Tensor, target: Tensor, ignore_index=-100
) -> tuple[Tensor, Tensor]:
    """cross_entropy_rows(x @ weight.T, target), a chunk of rows at a time.

    x [N, C], weight [V, C], target [N] integers -> nll [N], lse [N] in float32 or wider. No more
    than 2^23 logits exist at one time. (Wijmans et al., Cut Your Losses, 2024)
    """
    if x.ndim != 2 or weight.ndim != 2 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            f"linear_cross_entropy: x {tuple(x.shape)} and weight {tuple(weight.shape)} do not "
            "fit: [N, C] and [V, C] are needed"
        )
    if target.shape != x.shape[:1]:
        raise ValueError(
            f"linear_cross_entropy: target {tuple(target.shape)} must be [{x.shape[0]}], one "
            f"class per row of x {tuple(x.shape)}"
        )
    across = weight.transpose(0, 1)
    parts = [
        cross_entropy_rows(x.narrow(0, at, n) @ across, target.narrow(0, at, n), ignore_index)
        for at, n in _chunks(x.shape[0], weight.shape[0])
    ]
    if len(parts) == 1:
        return parts[0]
    return cat([nll for nll, _ in parts], 0), cat([lse for _, lse in parts], 0)


@linear_cross_entropy_rows.pullback(saves="x weight target out")
def _(ctx, x, weight, target, ignore_index):
    def back(g, g_lse):
        if g is None:
            g = g_lse * 0
        dx, dw = linear_cross_entropy_rows_backward(
            g, x, weight, target, ctx.out[1], g_lse, ignore_index
        )
        return dx, dw, None

    return back


@op("linear_cross_entropy_rows_backward")
def linear_cross_entropy_rows_backward(
    g: Tensor, x: Tensor, weight: Tensor, target: Tensor, lse: Tensor,
    g_lse: Tensor | None = None, ignore_index=-100,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """dx and dweight from the gradients of nll (and of lse, if there is one).

    The logits are computed again, a chunk of rows at a time.
    """
    wide = accumulation(weight.dtype)
    across, dxs = weight.transpose(0, 1), []
    dw: Any = None
    for at, n in _chunks(x.shape[0], weight.shape[0]):
        rows, end = x.narrow(0, at, n), lse.narrow(0, at, n)
        logits = rows @ across
        dl = cross_entropy_rows_backward(
            g.narrow(0, at, n), logits, target.narrow(0, at, n), end, ignore_index
        )
        if g_lse is not None:
            p = (cast_to(logits, wide) - end.reshape((-1, 1))).exp()
            dl = dl + cast_to(p * g_lse.narrow(0, at, n).reshape((-1, 1)), dl.dtype)
        dxs.append(dl @ weight)
        part = cast_to(dl.transpose(0, 1) @ rows, wide)
        dw = part if dw is None else dw + part
    return dxs[0] if len(dxs) == 1 else cat(dxs, 0), cast_to(dw, weight.dtype)
