"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..schema import PRIMITIVE, op
from .elementwise import conj_of
from .rules import accumulation, broadcast_shapes, cast_to, expand_to, kernel, promote

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("matmul", PRIMITIVE)
def matmul(a: Tensor, b: Tensor) -> Tensor:
    """The matrix product. [..., M, K] x [..., K, N] -> [..., M, N]; leading dims broadcast.

    A 1-D operand is a row on the left, a column on the right, and its dim leaves the result.
    """
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: both operands need at least one dim; use * for 0-d tensors")
    a, b = promote(a, b)
    rows, columns = a.ndim == 1, b.ndim == 1
    if rows:
        a = a.reshape((1, a.shape[0]))
    if columns:
        b = b.reshape((b.shape[0], 1))
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    if k != b.shape[-2]:
        raise ValueError(
            f"matmul: {tuple(a.shape)} x {tuple(b.shape)}: the inner sizes {k} and "
            f"{b.shape[-2]} must be equal"
        )
    if b.ndim == 2 and a.ndim > 2:  # one big product, not many small ones with the same weight
        lead = a.shape[:-1]
        out = kernel(
            "matmul", [a.reshape((-1 if k else _numel(lead), k)), b], (_numel(lead), n), a.dtype
        )
        out = out.reshape((*lead, n))
    else:
        batch = _batch(a.shape, b.shape) if a.ndim + b.ndim > 4 else ()
        a, b = expand_to(a, (*batch, m, k)), expand_to(b, (*batch, k, n))
        out = kernel("matmul", [a, b], (*batch, m, n), a.dtype)
    if rows or columns:
        drop = [d for d, gone in ((-2, rows), (-1, columns)) if gone]
        out = out.reshape([s for i, s in enumerate(out.shape, -out.ndim) if i not in drop])
    return out


def _batch(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return broadcast_shapes("matmul", a[:-2], b[:-2])
    except ValueError:
        raise ValueError(
            f"matmul: {tuple(a)} x {tuple(b)}: the leading sizes {a[:-2]} and {b[:-2]} "
            "do not broadcast"
        ) from None


def _numel(shape) -> int:
    n = 1
    for s in shape:
        n *= s
    return n


def rows_of(x: Tensor) -> Tensor:
    """[..., C] as [N, C], also where C is 0."""
    return x.reshape((_numel(x.shape[:-1]), x.shape[-1]))


@matmul.pullback
def _(ctx, a, b):
    def back(g):
        if a.ndim == 1 and b.ndim == 1:
            return g * conj_of(b), g * conj_of(a)
        ga = gb = None
        rows, columns = a.ndim == 1, b.ndim == 1
        a2 = a.unsqueeze(0) if rows else a
        b2 = b.unsqueeze(1) if columns else b
        g2 = g.unsqueeze(-2) if rows else g.unsqueeze(-1) if columns else g
        if ctx.needs[0]:
            ga = g2 @ conj_of(b2).mT
            ga = ga.sum_to((1, *a.shape)).squeeze(0) if rows else ga
        if ctx.needs[1]:
            if b2.ndim == 2 and a2.ndim > 2:  # sum over the leading dims inside the product
                gb = rows_of(conj_of(a2)).mT @ rows_of(g2)
            else:
                gb = conj_of(a2).mT @ g2
            gb = gb.sum_to((*b.shape, 1)).squeeze(-1) if columns else gb
        return ga, gb

    return back


@op("linear")
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias. x [..., K], weight [N, K], bias [N] -> [..., N]."""
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x {tuple(x.shape)} does not fit weight {tuple(weight.shape)}: "
            "x's last size must be the weight's second"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(
            f"linear: bias {tuple(bias.shape)} does not fit weight {tuple(weight.shape)}"
        )
    out = matmul(x, weight.transpose(0, 1))
    return out if bias is None else out + bias


@linear.pullback(saves="x weight")
def _(ctx, x, weight, bias):
    def back(g):
        gx = g @ conj_of(weight) if ctx.needs[0] else None
        flat = rows_of(g)
        gw = flat.mT @ rows_of(conj_of(x)) if ctx.needs[1] else None
        return gx, gw, flat.sum(0) if ctx.needs[2] else None

    return back


@op("matmul_accumulate")
def matmul_accumulate(a: Tensor, b: Tensor, x: Tensor | None = None) -> Tensor:
    """x + a @ b, in x's dtype; without x the product in float32 or wider.

    a [..., M, K] and b [..., K, N] with the same leading sizes, x [..., M, N] of their dtype or of
    the one that they are summed in. A kernel need not round the product of 16-bit operands first.
    """
    if a.ndim < 2 or a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2] or a.dtype is not b.dtype:
        raise ValueError(
            f"matmul_accumulate: a {tuple(a.shape)} {a.dtype.name} and b {tuple(b.shape)} "
            f"{b.dtype.name} must be [..., M, K] and [..., K, N] of one dtype"
        )
    wide = accumulation(a.dtype)
    product = matmul(a, b)
    if x is None:
        return cast_to(product, wide)
    if x.dtype not in (a.dtype, wide) or x.shape != product.shape:
        raise ValueError(
            f"matmul_accumulate: x {tuple(x.shape)} {x.dtype.name} must be "
            f"{tuple(product.shape)}, in {a.dtype.name} or {wide.name}"
        )
    return x + cast_to(product, x.dtype)
