"""Linear algebra: factorisations through what does not depend on signs and orders."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case
from .fourier import same_library

_OPTIONS = {"types": "fc", "skip_dtypes": ("bfloat16", "float16"), "scale": 200}


def apart(t, *shape):
    """Matrices far from singular: random ones with a heavy diagonal."""
    n = min(shape[-2:])
    x = t(*shape)
    x[..., range(n), range(n)] += np.arange(3, 3 + n)
    return x.astype(t.dtype.np)


def _positive(x):
    return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1])


def _squared(name, upper=None):
    """Called with any square x, works on the positive definite x x^H + 1."""

    def called(x):
        library = same_library(x)
        spd = x @ x.mT.conj() + library.eye(x.shape[-1], dtype=x.dtype, device=x.device)
        function = getattr(library.linalg, name)
        return function(spd) if upper is None else function(spd, upper=upper)

    return called


case(
    "linalg_cholesky",
    lambda x: np.linalg.cholesky(_positive(x)),
    lambda t: [S(t(3, 3)), S(t(2, 2, 2)), S(t(0, 2, 2))],
    fn=_squared("cholesky"),
    **_OPTIONS,
)
case(
    "linalg_eigvalsh",
    lambda x: np.linalg.eigvalsh(_positive(x)),
    lambda t: [S(apart(t, 3, 3)), S(apart(t, 2, 2, 2))],
    fn=_squared("eigvalsh"),
    out="real",
    **_OPTIONS,
)


def _qr_called(x):
    q, r = same_library(x).linalg.qr(x)
    return q.abs(), r.abs()


def _svd_called(x):
    u, s, vh = same_library(x).linalg.svd(x, full_matrices=False)
    return u.abs(), s, vh.abs()


def _eigh_called(x):
    values, vectors = same_library(x).linalg.eigh(x + x.mT.conj())
    return values, vectors.abs()


def _eigh_oracle(x):
    values, vectors = np.linalg.eigh(x + np.conj(np.swapaxes(x, -1, -2)))
    return values, np.abs(vectors)


def _absolute(parts):
    return tuple(np.abs(p) for p in parts)


_SHAPES = ((4, 3), (3, 3), (3, 4), (2, 3, 2))
case(
    "linalg_qr",
    lambda x: _absolute(np.linalg.qr(x)),
    lambda t: [S(apart(t, *s)) for s in _SHAPES],
    fn=_qr_called,
    out="real",
    **_OPTIONS,
)
case(
    "linalg_svd",
    lambda x: _absolute(np.linalg.svd(x, full_matrices=False)),
    lambda t: [S(apart(t, *s)) for s in _SHAPES],
    fn=_svd_called,
    out="real",
    **_OPTIONS,
)
case(
    "linalg_eigh",
    _eigh_oracle,
    lambda t: [S(apart(t, 3, 3)), S(apart(t, 2, 2, 2))],
    fn=_eigh_called,
    out="real",
    **_OPTIONS,
)
_SQUARE = [(3, 3), (2, 2, 2), (1, 1)]
for _name, _oracle in (("inv", np.linalg.inv), ("det", np.linalg.det)):
    case(
        f"linalg.{_name}",
        _oracle,
        lambda t: [S(apart(t, *s)) for s in _SQUARE],
        wrong=lambda t: [Wrong(S(t(2, 3)), ValueError, r"\[\.\.\., N, N\]")],
        **_OPTIONS,
    )
case(
    "linalg.slogdet",
    lambda x: tuple(np.linalg.slogdet(x)),
    lambda t: [S(apart(t, *s)) for s in _SQUARE],
    out=("same", "real"),
    wrong=lambda t: [Wrong(S(t(2, 3)), ValueError, r"\[\.\.\., N, N\]")],
    **_OPTIONS,
)


def solve(a, b, left=True):
    if not left:
        return np.swapaxes(solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)
    if b.ndim == a.ndim - 1:
        return np.linalg.solve(a, b[..., None])[..., 0]
    return np.linalg.solve(a, b)


case(
    "linalg.solve",
    solve,
    lambda t: [
        S(apart(t, 3, 3), t(3, 2)),
        S(apart(t, 2, 3, 3), t(2, 3)),
        S(apart(t, 3, 3), t(2, 3, 1)),
        S(apart(t, 3, 3), t(2, 3), left=False),
    ],
    wrong=lambda t: [
        Wrong(S(apart(t, 3, 3), t(4, 2)), ValueError, "does not fit"),
        Wrong(S(t.of(np.ones((2, 2))), t(2, 2)), ValueError, "singular"),
    ],
    **_OPTIONS,
)


def solve_triangular(a, b, upper, left=True, unitriangular=False):
    tri = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        tri = tri - tri * np.eye(a.shape[-1]) + np.eye(a.shape[-1])
    return solve(tri, b, left)


case(
    "linalg.solve_triangular",
    solve_triangular,
    lambda t: [
        S(apart(t, 3, 3), t(3, 2), upper=True),
        S(apart(t, 3, 3), t(3, 2), upper=False),
        S(apart(t, 2, 3, 3), t(2, 2, 3), upper=True, left=False),
        S(apart(t, 3, 3), t(3, 2), upper=False, unitriangular=True),
    ],
    **_OPTIONS,
)
case(
    "linalg.pinv",
    np.linalg.pinv,
    lambda t: [S(apart(t, *s)) for s in _SHAPES],
    **_OPTIONS,
)
case(
    "linalg.svdvals",
    lambda x: np.linalg.svd(x, compute_uv=False),
    lambda t: [S(apart(t, *s)) for s in _SHAPES],
    out="real",
    **_OPTIONS,
)
case(
    "linalg.matrix_power",
    np.linalg.matrix_power,
    lambda t: [S(apart(t, 3, 3), 3), S(apart(t, 2, 2, 2), -2), S(t(2, 2), 1)],
    **_OPTIONS,
)
case(
    "linalg.matrix_rank",
    np.linalg.matrix_rank,
    lambda t: [S(apart(t, 3, 4)), S(t.of(np.ones((3, 3)))), S(t.of(np.zeros((2, 2, 2))))],
    types="fc",
    out="int64",
    grad=False,
    skip_dtypes=("bfloat16", "float16"),
)
case(
    "linalg_lstsq",
    lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
    lambda t: [
        S(apart(t, 4, 3), t(4, 2)),
        S(apart(t, 3, 4), t(3, 2)),
        S(apart(t, 60, 50), t(60, 2)).forward_only(),
        S(t.of(np.ones((4, 3))), t(4, 1)).forward_only(),
        S(t.of(np.zeros((2, 3))), t(2, 2)).forward_only(),
    ],
    fn=lambda a, b: same_library(a).linalg.lstsq(a, b)[0],
    **_OPTIONS,
)


def norm(x, ord=None, dim=None, keepdim=False):
    return np.linalg.norm(x if ord is not None or dim is not None else x.ravel(), ord, dim, keepdim)


case(
    "linalg.norm",
    norm,
    lambda t: [
        S(t.nonzero(3, 4)),
        *(S(apart(t, 3, 4), o) for o in ("fro", "nuc", 2, -2, 1, -1, math.inf)),
        S(t.nonzero(2, 3), 3, 1),
        S(t.nonzero(2, 3, 4), "fro", (0, 2), True),
    ],
    out="real",
    **_OPTIONS,
)
case(
    "linalg.vecdot",
    lambda x, y, dim=-1: np.sum(np.conj(x) * y, axis=dim),
    lambda t: [S(t(3, 4), t(4)), S(t(3, 4), t(3, 4), dim=0)],
    types="fc",
    scale=4,
)


def _reflected(a, tau):
    m, n = a.shape[-2:]
    v = np.tril(a, -1) + np.eye(m, n)
    out = np.broadcast_to(np.eye(m), (*a.shape[:-2], m, m))
    for i in range(tau.shape[-1]):
        column = v[..., i : i + 1]
        mirror = tau[..., i, None, None] * column @ np.conj(np.swapaxes(column, -1, -2))
        out = out @ (np.eye(m) - mirror)
    return out[..., :n]


case(
    "linalg.householder_product",
    _reflected,
    lambda t: [
        S(t(4, 3), t(3)),
        S(t(2, 3, 3), t(2, 2)),
        S(t(3, 2), t(0)).forward_only(),
        S(t(0, 3, 2), t(0, 1)),
    ],
    wrong=lambda t: [Wrong(S(t(2, 3), t(2)), ValueError, "N <= M")],
    **_OPTIONS,
)


def _joined(t, *shape):
    n = math.isqrt(math.prod(shape))
    return apart(t, n, n).reshape(shape)


case(
    "linalg.tensorsolve",
    lambda a, b, dims=None: np.linalg.tensorsolve(a, b, axes=dims),
    lambda t: [
        S(_joined(t, 2, 3, 6), t(2, 3)),
        S(np.moveaxis(_joined(t, 2, 3, 6), 2, 0), t(2, 3), dims=(0,)),
    ],
    wrong=lambda t: [Wrong(S(t(2, 3, 4), t(2, 3)), ValueError, "elements")],
    **_OPTIONS,
)
case(
    "linalg.tensorinv",
    np.linalg.tensorinv,
    lambda t: [S(_joined(t, 2, 3, 6)), S(_joined(t, 6, 2, 3), ind=1)],
    wrong=lambda t: [
        Wrong(S(t(2, 3, 4)), ValueError, "elements"),
        Wrong(S(t(2, 2), ind=0), ValueError, "above 0"),
    ],
    **_OPTIONS,
)
case(
    "linalg.vander",
    lambda x, N=None: np.power(np.atleast_1d(x)[..., None], np.arange(N or x.shape[-1])),
    lambda t: [S(t(3)), S(t(2, 3), N=4), S(t(2, 0), N=2), S(t(), N=3)],
    types="fc",
    skip_dtypes=("bfloat16", "float16"),
)
