"""LU factorisation with partial pivoting of matrices [..., M, N]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..dtypes import int32, int64
from ..engine.dispatch import emit_primitive
from ..schema import PRIMITIVE, op
from .create import count_like
from .elementwise import where
from .factor import adjoint, identity_like, matrix, triangle
from .layout import cat
from .rules import cast_to
from .solve import solve_triangular

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("lu", PRIMITIVE)
def lu(a: Tensor) -> tuple[Tensor, Tensor]:
    """(LU, pivots): L, whose ones are not stored, below U in one matrix like a [..., M, N].

    pivots [..., min(M, N)], int32: row i was swapped with row pivots[i], counted from 1, in turn.
    """
    matrix("lu", a)
    *lead, m, n = a.shape
    outputs: list[Any] = [(tuple(a.shape), a.dtype), ((*lead, min(m, n)), int32)]
    return tuple(emit_primitive("lu", [a], outputs, {}))


def permutation(pivots: Tensor, m: int) -> Tensor:
    """Which row of A is row i of L U, from the swaps [..., K]: [..., m].

    Each swap is a permutation; neighbours are joined, two by two, until one is left.
    """
    k = pivots.shape[-1]
    rows = count_like(pivots, m)
    if not k:
        return rows.expand((*pivots.shape[:-1], m))
    first = count_like(pivots, k).reshape((k, 1))
    second = (cast_to(pivots, int64) - 1).unsqueeze(-1)
    swaps = where(rows == first, second, where(rows == second, first, rows))
    while k > 1:
        odd = swaps[..., k - k % 2 :, :]
        swaps = swaps[..., 0 : k - 1 : 2, :].gather(-1, swaps[..., 1:k:2, :])
        swaps = cat([swaps, odd], -2) if k % 2 else swaps
        k = swaps.shape[-2]
    return swaps.squeeze(-2)


def unpacked(factors: Tensor, pivots: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(P, L, U) with A = P L U."""
    matrix("lu_unpack", factors)
    m, n = factors.shape[-2:]
    k = min(m, n)
    if pivots.shape != (*factors.shape[:-2], k) or not pivots.dtype.is_integer:
        raise ValueError(
            f"lu_unpack: pivots {tuple(pivots.shape)} must be integers, as lu_factor gives them "
            f"with LU {tuple(factors.shape)}"
        )
    one = count_like(factors, m).reshape((m, 1))
    p = cast_to(one == permutation(pivots, m).unsqueeze(-2), factors.dtype)
    diagonal = cast_to(one == count_like(factors, k), factors.dtype)
    low = triangle(factors[..., :k], False, 1) + diagonal
    return p, low, triangle(factors[..., :k, :], True)


@lu.pullback(saves="out")
def _(ctx, a):
    def back(g, _):  # (Giles, An extended collection of matrix derivative results, 2008)
        factors, pivots = ctx.out
        m, n = a.shape[-2:]
        k = min(m, n)
        square = factors[..., :k, :k]
        g_low, g_up = triangle(g[..., :k], False, 1), triangle(g[..., :k, :], True)
        parts_low, parts_up = g_low[..., :k, :], g_up[..., :k]
        rest = None
        if m > k:  # rows below the square: A2 = L2 U
            rest = _over_upper(square, g_low[..., k:, :])
            parts_up = parts_up - triangle(adjoint(factors[..., k:, :k]) @ rest, True)
        if n > k:  # columns beside it: A2 = L U2
            rest = solve_triangular(adjoint(square), g_up[..., k:], True, True)
            parts_low = parts_low - triangle(rest @ adjoint(factors[..., k:]), False, 1)
        low = triangle(square, False, 1) + identity_like(square)
        up = triangle(square, True)
        inner = triangle(adjoint(low) @ parts_low, False, 1)
        inner = inner + triangle(parts_up @ adjoint(up), True)
        out = _over_upper(square, solve_triangular(adjoint(square), inner, True, True))
        if rest is not None:
            out = cat([out, rest], -2 if m > k else -1)
        back_to = permutation(pivots, m).argsort(-1)
        return out.gather(-2, back_to.unsqueeze(-1).expand(out.shape))

    return back


def _over_upper(u: Tensor, x: Tensor) -> Tensor:
    """x U^-H, U the upper triangle of u."""
    return adjoint(solve_triangular(u, adjoint(x), True))
