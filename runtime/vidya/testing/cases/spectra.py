"""Eigenvalues of matrices that are not symmetric, and LU."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .factor import apart
from .fourier import complex_of, same_library

_OPTIONS = {"types": "fc", "skip_dtypes": ("bfloat16", "float16"), "scale": 200}
_SQUARE = r"takes matrices \[\.\.\., N, N\]"


def _free(values, vectors):
    """What does not depend on the order of the values nor on each vector's factor."""
    rising = values.real.argsort(-1)
    turned = vectors * vectors[..., :1, :].conj()
    if isinstance(values, np.ndarray):
        return (
            np.take_along_axis(values, rising, -1),
            np.take_along_axis(turned, rising[..., None, :], -1),
        )
    at = rising.unsqueeze(-2).expand(turned.shape)
    return values.gather(-1, rising), turned.gather(-1, at)


def _eig_called(x):
    return _free(*same_library(x).linalg.eig(x))


def _eigvals_called(x):
    values = same_library(x).linalg.eigvals(x)
    return values.gather(-1, values.real.argsort(-1))


def _matrices(t):
    """With values whose real parts are apart, so that they have an order."""
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 2, 2)):
        x = t(*shape) * 0.3
        x[..., range(shape[-1]), range(shape[-1])] += 3 * np.arange(shape[-1])
        yield S(x.astype(t.dtype.np))


def _turning(t):
    """Pairs of conjugate values, which are apart too."""
    x = np.zeros((5, 5))
    x[:2, :2], x[2:4, 2:4], x[4, 4] = [[1, 2], [-2, 1]], [[5, -1], [1, 5]], 3
    return x


case(
    "linalg_eig",
    lambda x: _free(*np.linalg.eig(x)),
    _matrices,
    fn=_eig_called,
    out=complex_of,
    **_OPTIONS,
)
case(
    "linalg_eigvals",
    lambda x: np.take_along_axis(
        v := np.linalg.eigvals(x).astype(np.result_type(x, 1j)), v.real.argsort(-1), -1
    ),
    _matrices,
    fn=_eigvals_called,
    out=complex_of,
    wrong=lambda t: [Wrong(S(t(2, 3)), ValueError, "eig: " + _SQUARE)],
    **_OPTIONS,
)


def _pairs(x):
    """Real matrices with complex values: A V = V diag(values), in the values' absolute order."""
    library = same_library(x)
    values, vectors = library.linalg.eig(x)
    again = (vectors * values.unsqueeze(-2)) @ library.linalg.inv(vectors)
    return again, values.abs().sort(-1)[0]


case(
    "linalg_eig_pairs",
    lambda x: (x.astype(np.result_type(x, 1j)), np.sort(np.abs(np.linalg.eigvals(x)), -1)),
    lambda t: [S(t.of(np.array(_turning(t)) + 0.1 * np.arange(25).reshape(5, 5) % 3))],
    fn=_pairs,
    out=(complex_of, "real"),
    types="f",
    skip_dtypes=("bfloat16", "float16"),
    scale=200,
)


def _rowed(t, m, n, *lead):
    """Matrices whose pivots nothing makes doubtful: the large rows are in turned order."""
    x = t(*lead, m, n) * 0.2
    k = min(m, n)
    x[..., m - 1 - np.arange(k), np.arange(k)] += 4
    return x.astype(t.dtype.np)


def _oracle(x):
    """(P, L, U) by elimination, each column's largest element first."""
    *lead, m, n = x.shape
    k = min(m, n)
    p = np.broadcast_to(np.eye(m), (*lead, m, m)).astype(x.dtype)
    low, up = np.zeros((*lead, m, k), x.dtype), np.zeros((*lead, k, n), x.dtype)
    for at in np.ndindex(*lead):
        a, order = x[at].copy(), np.arange(m)
        for j in range(k):
            best = j + np.argmax(np.abs(a[j:, j]))
            a[[j, best]], order[[j, best]] = a[[best, j]], order[[best, j]]
            a[j + 1 :, j] /= a[j, j]
            a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])
        p[at] = np.eye(m)[:, order]
        low[at], up[at] = np.tril(a[:, :k], -1) + np.eye(m, k), np.triu(a[:k])
    return p, low, up


def _shapes(t):
    for m, n, *lead in ((3, 3), (5, 3), (3, 5), (4, 4, 2), (1, 1), (2, 2, 0)):
        yield S(_rowed(t, m, n, *lead))


def _wrong_lu(t):
    yield Wrong(S(t(3)), ValueError, r"lu: takes matrices \[\.\.\., M, N\]")
    yield Wrong(S(t(3, 3), pivot=False), ValueError, "only pivot=True")


case("linalg.lu", _oracle, _shapes, grad=False, wrong=_wrong_lu, **_OPTIONS)
case(
    "linalg_lu_factors",
    lambda x: _oracle(x)[1:],
    _shapes,
    fn=lambda x: tuple(same_library(x).linalg.lu(x)[1:]),
    **_OPTIONS,
)


def _unpacked(x):
    library = same_library(x)
    factors, pivots = library.linalg.lu_factor(x)
    p, low, up = library.lu_unpack(factors, pivots)
    return factors, p @ low @ up


case(
    "linalg_lu_factor",
    lambda x: (np.tril(_oracle(x)[1], -1) + _oracle(x)[2], x),
    lambda t: [S(_rowed(t, 3, 3)), S(_rowed(t, 4, 4, 2))],
    fn=_unpacked,
    **_OPTIONS,
)


def _solved(x, b, left=True, adjoint=False):
    linalg = same_library(x).linalg
    return linalg.lu_solve(*linalg.lu_factor(x), b, left=left, adjoint=adjoint)


def _solution(x, b, left=True, adjoint=False):
    x = np.conj(np.swapaxes(x, -1, -2)) if adjoint else x
    if left:
        return np.linalg.solve(x, b)
    return np.swapaxes(np.linalg.solve(np.swapaxes(x, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)


case(
    "linalg_lu_solve",
    _solution,
    lambda t: [
        S(apart(t, 3, 3), t(3, 2)),
        S(apart(t, 2, 3, 3), t(3, 2)),
        S(apart(t, 3, 3), t(3, 2), adjoint=True),
        S(apart(t, 3, 3), t(2, 3), left=False),
        S(apart(t, 3, 3), t(2, 2, 3), left=False, adjoint=True),
    ],
    fn=_solved,
    wrong=lambda t: [Wrong(S(apart(t, 3, 3), t(2, 2)), ValueError, "lu_solve: .*do not fit")],
    **_OPTIONS,
)


def _wrong_unpack(t):
    yield Wrong(S(t(3, 3), t.index(3, 2)), ValueError, "lu_unpack: pivots")
    yield Wrong(S(t(3), t.index(3, 3)), ValueError, "lu_unpack: takes matrices")


case(
    "lu_unpack",
    lambda lu, pivots: (np.eye(2), np.tril(lu, -1) + np.eye(2), np.triu(lu)),
    lambda t: [S(t(2, 2), np.array([1, 2], np.int32))],
    grad=False,
    wrong=_wrong_unpack,
    **_OPTIONS,
)
