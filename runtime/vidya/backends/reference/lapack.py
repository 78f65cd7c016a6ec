"""Factorisations and solutions of linear systems, by the LAPACK inside NumPy. Batched."""

from __future__ import annotations

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
