"""The last linear layer and its loss, without ever holding all of the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _core
from ..schema import op
from .classify import check_reduction, cross_entropy, finish
from .create import full
from .elementwise import where
from .layout import cat, expand
from .linalg import linear, matmul_accumulate
from .loss import cross_entropy_rows, cross_entropy_rows_backward
from .rules import accumulation, cast_to

if TYPE_CHECKING:
    from ..tensor import Tensor


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
        dw = matmul_accumulate(dl.transpose(0, 1), rows, dw)
    return dxs[0] if len(dxs) == 1 else cat(dxs, 0), cast_to(dw, weight.dtype)


@op("linear_cross_entropy_total")
def linear_cross_entropy_total(
    x: Tensor, weight: Tensor, target: Tensor, ignore_index=-100
) -> tuple[Tensor, Tensor, Tensor]:
    """The sum of all rows' nll, and its gradients dx [N, C] and dweight [V, C] with it.

    Each chunk's gradient is taken while its logits are there, so they are computed once. dweight
    stays in float32 or wider: a sum over all rows may be more than float16 holds, where their mean
    is not.
    """
    wide = accumulation(weight.dtype)
    across, totals, dxs = weight.transpose(0, 1), [], []
    one = full((1,), 1.0, wide)
    dw: Any = None
    for at, n in _chunks(x.shape[0], weight.shape[0]):
        rows, labels = x.narrow(0, at, n), target.narrow(0, at, n)
        logits = rows @ across
        nll, lse = cross_entropy_rows(logits, labels, ignore_index)
        totals.append(nll.sum())
        dl = cross_entropy_rows_backward(one.expand((n,)), logits, labels, lse, ignore_index)
        dxs.append(dl @ weight)
        dw = matmul_accumulate(dl.transpose(0, 1), rows, dw)
    total = totals[0]
    for more in totals[1:]:
        total = total + more
    return total, dxs[0] if len(dxs) == 1 else cat(dxs, 0), dw


@linear_cross_entropy_total.pullback(saves="x weight target out")
def _(ctx, x, weight, target, ignore_index):
    def back(g, g_dx, g_dw):
        if not _core.is_grad_enabled():
            return ctx.out[1] * g, cast_to(ctx.out[2] * g, weight.dtype), None
        # to be differentiated again: dx and dweight as functions of x and weight
        nll, lse = linear_cross_entropy_rows(x, weight, target, ignore_index)
        dx, dw = linear_cross_entropy_rows_backward(
            expand(g, nll.shape), x, weight, target, lse, None, ignore_index
        )
        return dx, dw, None

    return back


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target), never holding more than
    2^23 logits.

    input [..., C], linear_weight [V, C], linear_bias [V], target [...] classes, weight [V] a factor
    per class. More logits are computed a chunk of rows at a time. Where a gradient is wanted of a
    sum or mean it is taken chunk by chunk at once; otherwise the logits are computed again for it.
    For a target of probabilities [..., V], which is as large, all logits are held.
    """
    check_reduction("linear_cross_entropy", reduction)
    flat = input.reshape(-1, input.shape[-1]) if input.ndim else input
    if target.dtype.is_floating_point:
        logits = linear(flat, linear_weight, linear_bias)
        chances = target.reshape(-1, target.shape[-1]) if target.ndim else target
        loss = cross_entropy(
            logits, chances, weight, reduction=reduction, label_smoothing=label_smoothing
        )
        return loss.reshape(target.shape[:-1]) if reduction == "none" else loss
    if input.ndim == 0 or target.shape != input.shape[:-1]:
        raise ValueError(
            f"linear_cross_entropy: target {tuple(target.shape)} must have the leading sizes of "
            f"input {tuple(input.shape)}"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"linear_cross_entropy: label_smoothing must be in [0, 1], not {label_smoothing}"
        )
    for name, given in (("linear_bias", linear_bias), ("weight", weight)):
        if given is not None and given.shape != linear_weight.shape[:1]:
            raise ValueError(
                f"linear_cross_entropy: {name} {tuple(given.shape)} must be "
                f"[{linear_weight.shape[0]}], one per class"
            )
    if linear_bias is not None:  # one more input, which is 1
        flat = cat([flat, flat.new_ones(flat.shape[0], 1)], 1)
        linear_weight = cat([linear_weight, linear_bias.unsqueeze(1)], 1)
    rows, kept = target.reshape(-1), target != ignore_index
    if weight is None and not label_smoothing:
        nll = _plain(flat, linear_weight, rows, ignore_index, reduction)
        return finish(nll, kept, reduction, input)
    nll, lse = linear_cross_entropy_rows(flat, linear_weight, rows, ignore_index)
    shares = kept.reshape(-1).to(nll.dtype)
    if weight is not None:
        shares = shares * weight.index_select(0, where(rows != ignore_index, rows, 0))
    loss = nll * shares
    if label_smoothing:
        # the mean of -log p over all classes: lse less the mean logit, which needs one product
        classes = linear_weight.shape[0]
        by_class = full((classes,), 1.0, nll.dtype, input.device) if weight is None else weight
        mixed = by_class.to(nll.dtype) @ linear_weight.to(nll.dtype)
        smooth = (lse * by_class.sum() - flat.to(nll.dtype) @ mixed) / classes
        smooth = where(rows != ignore_index, smooth, 0.0)
        loss = (1 - label_smoothing) * loss + label_smoothing * smooth
    return finish(loss, shares.reshape(target.shape), reduction, input)


def _plain(x: Tensor, weight: Tensor, target: Tensor, ignore_index: int, reduction: str) -> Tensor:
    """nll [N], or its sum."""
    fits = weight.ndim == 2 and x.shape[1] == weight.shape[1]
    if fits and fits_one_chunk(x.shape[0], weight.shape[0]):
        # kept for the gradient: computing them again would cost a third more
        return cross_entropy_rows(linear(x, weight), target, ignore_index)[0]
    wanted = _core.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    if reduction != "none" and wanted:
        return linear_cross_entropy_total(x, weight, target, ignore_index)[0]
    return linear_cross_entropy_rows(x, weight, target, ignore_index)[0]
