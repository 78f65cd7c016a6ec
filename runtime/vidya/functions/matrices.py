"""Linear algebra at the top level, as in PyTorch: vidya.cholesky, vidya.svd, vidya.logdet ..."""

from __future__ import annotations

from ..calls.arguments import explain
from ..linalg import cholesky as _cholesky
from ..linalg import det, inv, matrix_power, pinv, slogdet, solve_triangular
from ..linalg import lu_solve as _lu_solve
from ..linalg import qr as _qr
from ..linalg import svd as _svd
from ..ops.elementwise import where
from ..ops.factor import adjoint
from ..ops.lu import unpacked
from ..tensor import Tensor
from .decompositions import LU, QR

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "inverse", "logdet", "lu_solve",
    "lu_unpack", "matrix_power",
    "pinverse", "qr", "slogdet", "svd", "triangular_solve",
]  # fmt: skip


def cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """linalg.cholesky."""
    return _cholesky(input, upper=upper)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, given the Cholesky factor L of A (A = L L^H; L^H L if upper)."""
    low = adjoint(L) if upper else L
    return solve_triangular(adjoint(low), solve_triangular(low, B, upper=False), upper=True)


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b, from linalg.lu_factor(A)."""
    return _lu_solve(LU_data, LU_pivots, b)


def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LU:
    """(P, L, U) of linalg.lu_factor; those not asked for are empty."""
    p, low, up = unpacked(LU_data, LU_pivots)
    empty = LU_data.new_empty(0)
    return LU(p if unpack_pivots else empty, *((low, up) if unpack_data else (empty, empty)))


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is L."""
    from ..ops.factor import identity_like

    return cholesky_solve(identity_like(L).expand(L.shape), L, upper)


def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> tuple[Tensor, Tensor]:
    """(X, A) with A X = b for a triangular A; transpose: A^T X = b."""
    left, side = (A.mT, not upper) if transpose else (A, upper)
    return solve_triangular(left, b, upper=side, unitriangular=unitriangular), A


def inverse(input: Tensor) -> Tensor:
    """linalg.inv."""
    return inv(input)


def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """linalg.pinv with the relative bound rcond."""
    return pinv(input, rtol=rcond)


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant; -inf for 0. Of a negative one NaN (real `input`)."""
    sign, log = slogdet(input)
    if input.dtype.is_complex:
        return log + sign.log()
    return where(sign < 0, float("nan"), log)


def qr(input: Tensor, some: bool = True) -> QR:
    """linalg.qr, reduced if `some`, else complete."""
    return _qr(input, "reduced" if some else "complete")


def svd(input: Tensor, some: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(U, S, V): input = U diag(S) V^H. Note V, where linalg.svd gives V^H."""
    u, s, vh = _svd(input, not some)
    return u, s, adjoint(vh)


explain(globals(), __all__, out=True)
