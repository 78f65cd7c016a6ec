"""Factorisations and solutions of linear systems, by the LAPACK inside NumPy. Batched."""

from __future__ import annotations

import math

import numpy as np

from .table import array_kernel


def _refused(op: str, what: str) -> ValueError:
    return ValueError(f"{op}: {what}")


@array_kernel("cholesky", "fc")
def cholesky(a):
    """The lower triangle of a [..., N, N] counts. L with a = L L^H."""
    try:
        return np.linalg.cholesky(np.tril(a) + np.conj(np.swapaxes(np.tril(a, -1), -1, -2)))
    except np.linalg.LinAlgError:
        raise _refused("cholesky", "the matrix is not positive definite") from None


@array_kernel("qr", "fc")
def qr(a, complete=False):
    """(Q, R) with a = Q R, Q [..., M, K], R [..., K, N]; K = M if complete, else min(M, N)."""
    return tuple(np.linalg.qr(a, mode="complete" if complete else "reduced"))


@array_kernel("svd", "fc")
def svd(a, full_matrices=False):
    """(U, S, V^H) with a = U diag(S) V^H, S falling."""
    try:
        return tuple(np.linalg.svd(a, full_matrices=full_matrices))
    except np.linalg.LinAlgError:
        raise _refused("svd", "it did not converge: is there a NaN or inf in the matrix?") from None


@array_kernel("eigh", "fc")
def eigh(a, upper=False):
    """(values rising, vectors) of the Hermitian matrix of which one triangle of a is given."""
    try:
        return tuple(np.linalg.eigh(a, UPLO="U" if upper else "L"))
    except np.linalg.LinAlgError:
        raise _refused(
            "eigh", "it did not converge: is there a NaN or inf in the matrix?"
        ) from None


@array_kernel("eig", "fc")
def eig(a):
    """(values, vectors in columns of length 1) of any square a [..., N, N], both complex."""
    try:
        values, vectors = np.linalg.eig(a)
    except np.linalg.LinAlgError:
        raise _refused("eig", "it did not converge: is there a NaN or inf in the matrix?") from None
    return values.astype(np.result_type(a, 1j)), vectors


@array_kernel("lu", "fc")
def lu(a):
    """(L below U in one matrix, the row that each was swapped with, from 1), a [..., M, N]."""
    m, n = a.shape[-2:]
    out = np.array(a).reshape(math.prod(a.shape[:-2]), m, n)
    batch, pivots = np.arange(len(out)), np.zeros((len(out), min(m, n)), np.int32)
    for k in range(min(m, n)):
        at = k + np.argmax(np.abs(out[:, k:, k]), axis=1)
        pivots[:, k] = at + 1
        out[batch, k], out[batch, at] = out[batch, at], out[batch, k]
        pivot = out[:, k, k, None]
        out[:, k + 1 :, k] /= np.where(pivot == 0, 1, pivot)
        out[:, k + 1 :, k + 1 :] -= out[:, k + 1 :, k, None] * out[:, None, k, k + 1 :]
    return out, pivots


@array_kernel("solve", "fc")
def solve(a, b):
    """x with a x = b. a [..., N, N], b [..., N, K]."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise _refused("solve", "the matrix is singular") from None


@array_kernel("solve_triangular", "fc")
def solve_triangular(a, b, upper=False, unit=False):
    """x with t x = b, t the upper or lower triangle of a; with `unit` its diagonal counts as 1."""
    t = np.triu(a) if upper else np.tril(a)
    n = a.shape[-1]
    if unit:
        t[..., range(n), range(n)] = 1
    x = np.array(
        np.broadcast_to(b, (*np.broadcast_shapes(t.shape[:-2], b.shape[:-2]), *b.shape[-2:]))
    )
    # Substitution, not elimination: a zero on the diagonal gives inf, as BLAS's trsm does.
    for i in reversed(range(n)) if upper else range(n):
        rest = slice(i + 1, n) if upper else slice(0, i)
        x[..., i, :] -= (t[..., i : i + 1, rest] @ x[..., rest, :])[..., 0, :]
        x[..., i, :] /= t[..., i, i, None]
    return x


@array_kernel("slogdet", "fc")
def slogdet(a):
    """(sign, log |det|) of a [..., N, N]; sign 0 and -inf for a singular one."""
    sign, log = np.linalg.slogdet(a)
    return np.asarray(sign), np.asarray(log)
