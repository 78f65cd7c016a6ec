"""Factorisations of matrices [..., M, N] of float32, float64 and their complex kin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import dtypes
from ..engine.dispatch import emit_primitive
from ..errors import UnsupportedError
from ..schema import PRIMITIVE, op
from .complex import conj
from .create import count_like
from .elementwise import where

if TYPE_CHECKING:
    from ..tensor import Tensor

_TYPES = (dtypes.float32, dtypes.float64, dtypes.complex64, dtypes.complex128)


def matrix(name: str, *xs: Tensor, square: bool = False) -> None:
    """TypeError or ValueError unless all are matrices that LAPACK takes."""
    for x in xs:
        if x.dtype not in _TYPES:
            raise TypeError(f"{name}: takes float32, float64 or complex, not {x.dtype.name}")
        if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
            shape = "[..., N, N]" if square else "[..., M, N]"
            raise ValueError(f"{name}: takes matrices {shape}, got {tuple(x.shape)}")


def adjoint(x: Tensor) -> Tensor:
    """The conjugate transpose of the last two dims."""
    return conj(x.transpose(-2, -1))


def triangle(x: Tensor, upper: bool, shift: int = 0) -> Tensor:
    """One triangle of x, zeros elsewhere; without the `shift` diagonals next to the other one."""
    rows = count_like(x, x.shape[-2]).reshape((x.shape[-2], 1))
    columns = count_like(x, x.shape[-1]).reshape((1, x.shape[-1]))
    return where(columns - rows >= shift if upper else rows - columns >= shift, x, 0.0)


def diagonal_of(x: Tensor) -> Tensor:
    """Everything but the diagonal set to 0."""
    rows = count_like(x, x.shape[-2]).reshape((x.shape[-2], 1))
    return where(rows == count_like(x, x.shape[-1]).reshape((1, x.shape[-1])), x, 0.0)


def identity_like(x: Tensor) -> Tensor:
    """The identity with the last size of x, in its dtype. [N, N]"""
    n = count_like(x, x.shape[-1])
    return (n.reshape((-1, 1)) == n.reshape((1, -1))).to(x.dtype)


@op("cholesky", PRIMITIVE)
def cholesky(a: Tensor) -> Tensor:
    """The lower triangular L with a = L L^H; of a [..., N, N] only the lower triangle counts.

    ValueError when run, if a is not positive definite.
    """
    matrix("cholesky", a, square=True)
    return emit_primitive("cholesky", [a], [(tuple(a.shape), a.dtype)], {})[0]


@cholesky.pullback(saves="out")
def _(ctx, a):
    from .solve import solve_triangular

    def back(g):  # (Murray, Differentiation of the Cholesky decomposition, 2016)
        lower = ctx.out
        inner = triangle(adjoint(lower) @ g, False)
        inner = inner - 0.5 * diagonal_of(inner)
        inner = inner + adjoint(inner)
        left = solve_triangular(adjoint(lower), inner, True, False)
        return 0.5 * adjoint(solve_triangular(adjoint(lower), adjoint(left), True, False))

    return back


@op("qr", PRIMITIVE)
def qr(a: Tensor, complete=False) -> tuple[Tensor, Tensor]:
    """(Q, R): a = Q R, Q^H Q = 1, R upper triangular. Q [..., M, K], R [..., K, N].

    K = min(M, N), or M if complete.
    """
    matrix("qr", a)
    *lead, m, n = a.shape
    k = m if complete else min(m, n)
    return tuple(
        emit_primitive(
            "qr", [a], [((*lead, m, k), a.dtype), ((*lead, k, n), a.dtype)], {"complete": complete}
        )
    )


@qr.pullback(saves="a out")
def _(ctx, a, complete):
    def back(gq, gr):  # (Walter and Lehmann, 2012; Seeger et al., 2017)
        q, r = ctx.out
        m, n = a.shape[-2:]
        if complete and m > n:
            raise UnsupportedError(
                'qr: mode="complete" has no gradient for more rows than columns; use "reduced"'
            )
        gq = q * 0 if gq is None else gq
        gr = r * 0 if gr is None else gr
        if m >= n:
            return _qr_gradient(q, r, gq, gr)
        g_right, right = gr[..., m:], a[..., m:]
        left = _qr_gradient(q, r[..., :m], gq + right @ adjoint(g_right), gr[..., :m])
        from .layout import cat

        return cat([left, q @ g_right], -1)

    return back


def _qr_gradient(q: Tensor, r: Tensor, gq: Tensor, gr: Tensor) -> Tensor:
    from .solve import solve_triangular

    inner = r @ adjoint(gr) - adjoint(gq) @ q
    low = triangle(inner, False, 1)
    diagonal = diagonal_of(inner)
    if inner.dtype.is_complex:
        diagonal = 0.5 * (diagonal + conj(diagonal))
    total = gq + q @ (low + adjoint(low) + diagonal)
    return adjoint(solve_triangular(r, adjoint(total), True, False))


@op("svd", PRIMITIVE)
def svd(a: Tensor, full_matrices=False) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V^H): a = U diag(S) V^H, S [..., K] falling and real, K = min(M, N).

    U [..., M, K] and V^H [..., K, N]; square ones with full_matrices.
    """
    matrix("svd", a)
    *lead, m, n = a.shape
    k = min(m, n)
    u, v = (m, n) if full_matrices else (k, k)
    outputs: list[Any] = [
        ((*lead, m, u), a.dtype), ((*lead, k), a.dtype.to_real()), ((*lead, v, n), a.dtype),
    ]  # fmt: skip
    return tuple(emit_primitive("svd", [a], outputs, {"full_matrices": bool(full_matrices)}))


@svd.pullback(saves="a out")
def _(ctx, a, full_matrices):
    def back(gu, gs, gvh):  # (Townsend, Differentiating the singular value decomposition, 2016)
        u, s, vh = ctx.out
        k = s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        gu = gu if gu is None else gu[..., :k]  # what is beyond k is any basis of the rest
        gvh = gvh if gvh is None else gvh[..., :k, :]
        middle = None if gs is None else diagonal_of(gs.unsqueeze(-1).expand(*s.shape, k))
        if gu is None and gvh is None:
            return u @ middle.to(u.dtype) @ vh
        gu = u * 0 if gu is None else gu
        gvh = vh * 0 if gvh is None else gvh
        gap = s.unsqueeze(-2) ** 2 - s.unsqueeze(-1) ** 2
        one = identity_like(s)
        gap = where(one == 1, 1.0, gap)
        left, right = adjoint(u) @ gu, vh @ adjoint(gvh)
        turn_u, turn_v = left - adjoint(left), right - adjoint(right)
        inner = (turn_u / gap) * s.unsqueeze(-2) + s.unsqueeze(-1) * (turn_v / gap)
        if a.dtype.is_complex:  # u and v may turn by opposite angles: what depends on that
            inner = where(one == 1, turn_u / (2 * s).unsqueeze(-2), inner)
        inner = inner if middle is None else inner + middle
        out = u @ inner @ vh
        over = s.unsqueeze(-2)
        out = out + ((gu - u @ left) / over) @ vh if a.shape[-2] > k else out
        if a.shape[-1] > k:
            out = out + u @ ((gvh - (gvh @ adjoint(vh)) @ vh) / s.unsqueeze(-1))
        return out

    return back


@op("svdvals")
def svdvals(a: Tensor) -> Tensor:
    """The singular values [..., K] of a [..., M, N], falling; K = min(M, N)."""
    return svd(a, False)[1]


@svdvals.pullback(saves="a")
def _(ctx, a):
    def back(g):
        u, _, vh = svd(a, False)
        return (u * g.unsqueeze(-2).to(u.dtype)) @ vh

    return back


@op("eigh", PRIMITIVE)
def eigh(a: Tensor, upper=False) -> tuple[Tensor, Tensor]:
    """(values [..., N] rising and real, vectors [..., N, N]) of a Hermitian a [..., N, N].

    Only one triangle of a counts.
    """
    matrix("eigh", a, square=True)
    outputs: list[Any] = [(tuple(a.shape[:-1]), a.dtype.to_real()), (tuple(a.shape), a.dtype)]
    return tuple(emit_primitive("eigh", [a], outputs, {"upper": bool(upper)}))


@eigh.pullback(saves="out")
def _(ctx, a, upper):
    def back(gl, gv):  # (Giles, 2008)
        values, v = ctx.out
        n = values.shape[-1]
        middle = None
        if gl is not None:
            middle = diagonal_of(gl.unsqueeze(-1).expand(*values.shape, n)).to(v.dtype)
        if gv is not None:
            gap = values.unsqueeze(-2) - values.unsqueeze(-1)
            one = identity_like(v).abs()
            turned = where(one == 1, 0.0, (adjoint(v) @ gv) / where(one == 1, 1.0, gap))
            middle = turned if middle is None else middle + turned
        return v @ middle @ adjoint(v)

    return back


@op("eigvalsh")
def eigvalsh(a: Tensor, upper=False) -> Tensor:
    """The eigenvalues [..., N] of a Hermitian a [..., N, N], rising. Only one triangle counts."""
    return eigh(a, upper)[0]


@eigvalsh.pullback(saves="a")
def _(ctx, a, upper):
    def back(g):
        v = eigh(a, upper)[1]
        return (v * g.unsqueeze(-2).to(v.dtype)) @ adjoint(v)

    return back
