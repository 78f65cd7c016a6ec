"""The factorisations of linalg: A as a product of matrices that are easier to work with."""

from __future__ import annotations

from typing import NamedTuple

from ..ops import eig as _eig
from ..ops import factor as _factor
from ..ops import lu as _lu
from ..ops.create import eye
from ..tensor import Tensor


class QR(NamedTuple):
    Q: Tensor
    R: Tensor


class SVD(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


class Eig(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class Eigh(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class LU(NamedTuple):
    P: Tensor
    L: Tensor
    U: Tensor


class LUFactor(NamedTuple):
    LU: Tensor
    pivots: Tensor


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower L with A = L L^H (the upper L^H with `upper`) of a positive definite A."""
    if upper:
        return _factor.adjoint(_factor.cholesky(_factor.adjoint(A)))
    return _factor.cholesky(A)


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """A = Q R. mode "reduced", "complete" (Q square), or "r" (Q is empty)."""
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f'qr: mode is "reduced", "complete" or "r", not {mode!r}')
    q, r = _factor.qr(A, mode == "complete")
    return QR(A.new_empty(0) if mode == "r" else q, r)


def svd(A: Tensor, full_matrices: bool = True) -> SVD:
    """A = U diag(S) Vh, S falling; U and Vh square if full_matrices."""
    return SVD(*_factor.svd(A, bool(full_matrices)))


def svdvals(A: Tensor) -> Tensor:
    """The singular values, falling. [..., min(M, N)]"""
    return _factor.svdvals(A)


def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Eigenvalues, rising, and eigenvectors of a Hermitian A, of which one triangle is read."""
    return Eigh(*_factor.eigh(A, _is_upper("eigh", UPLO)))


def _is_upper(name: str, UPLO: str) -> bool:
    if UPLO not in ("L", "U"):
        raise ValueError(f'{name}: UPLO is "L" or "U", not {UPLO!r}')
    return UPLO == "U"


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues of a Hermitian A, rising."""
    return _factor.eigvalsh(A, _is_upper("eigvalsh", UPLO))


def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first N columns of H_1 H_2 ... H_K, H_i = 1 - tau_i v_i v_i^H.

    A [..., M, N], N <= M: v_i is column i below the diagonal, with 1 on it. tau [..., K], K <= N.
    """
    _factor.matrix("householder_product", A)
    m, n = A.shape[-2:]
    if m < n or tau.ndim != A.ndim - 1 or tau.shape[:-1] != A.shape[:-2] or tau.shape[-1] > n:
        raise ValueError(
            f"householder_product: takes A [..., M, N] with N <= M and tau [..., K] with K <= N, "
            f"got {tuple(A.shape)} and {tuple(tau.shape)}"
        )
    k = tau.shape[-1]
    one = eye(m, n, dtype=A.dtype, device=A.device)
    v = A.tril(-1) + one
    out = one.expand(A.shape)
    for i in range(k - 1, -1, -1):
        column = v[..., i : i + 1]
        out = out - tau[..., i, None, None] * column @ (_factor.adjoint(column) @ out)
    return out if k else out.clone()


def eig(A: Tensor) -> Eig:
    """Eigenvalues and eigenvectors, in columns and of length 1, of any square A: complex ones.

    Vectors are determined up to a complex factor: only what does not depend on it has a gradient.
    """
    return Eig(*_eig.eig(A))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of any square A, complex, in no order. [..., N]"""
    return _eig.eigvals(A)


def lu(A: Tensor, *, pivot: bool = True) -> LU:
    """A = P L U: a permutation, L [..., M, K] with ones on its diagonal, U [..., K, N].

    K = min(M, N). pivot=False is not there (ValueError).
    """
    factors, pivots = lu_factor(A, pivot=pivot)
    return LU(*_lu.unpacked(factors, pivots))


def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactor:
    """L and U in one matrix [..., M, N], the ones of L not stored, and which rows were swapped.

    pivots [..., min(M, N)], int32: row i was swapped with row pivots[i], counted from 1, i = 1, 2
    ... in turn. A singular A gives a zero on U's diagonal.
    """
    if not pivot:
        raise ValueError("lu_factor: only pivot=True is there")
    return LUFactor(*_lu.lu(A))
