"""vidya.linalg: factorisations, solutions, norms, under PyTorch's names.

Matrices are the last two dims; all before them is a batch. float32, float64 and complex.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from . import dtypes
from ._core import TensorBase
from .calls.arguments import explain
from .functions.decompositions import (
    cholesky,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    householder_product,
    lu,
    lu_factor,
    qr,
    svd,
    svdvals,
)
from .ops import factor as _factor
from .ops import solve as _solve
from .ops.complex import conj
from .ops.elementwise import maximum, where
from .ops.gradients import matrix_exp
from .ops.linalg import matmul
from .ops.lu import permutation
from .ops.magnitude import matrix_norm, vector_norm
from .ops.products import cross as _cross
from .ops.products import multi_dot
from .ops.products import vander as _vander
from .ops.rules import broadcast_shapes
from .tensor import Tensor

__all__ = [
    "cholesky", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "lstsq", "lu", "lu_factor", "lu_solve", "matmul", "matrix_exp",
    "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm", "pinv", "qr", "slogdet",
    "solve", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander", "vecdot",
    "vector_norm",
]  # fmt: skip


class SLogDet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class LeastSquares(NamedTuple):
    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


# ---- systems ----


def _stretched(a: Tensor, b: Tensor, name: str) -> tuple[Tensor, Tensor]:
    lead = broadcast_shapes(name, a.shape[:-2], b.shape[:-2])
    return a.expand(*lead, *a.shape[-2:]), b.expand(*lead, *b.shape[-2:])


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B (X A = B if not left). B [..., N, K], or vectors [..., N]."""
    _factor.matrix("solve", A, square=True)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    if vector and not left:
        raise ValueError("solve: a vector B can only be solved for with left=True")
    if vector:
        B = B.unsqueeze(-1)
    if not left:
        A, B = A.mT, B.mT
    if B.ndim < 2 or A.shape[-1] != B.shape[-2]:
        raise ValueError(f"solve: A {tuple(A.shape)} does not fit B {tuple(B.shape)}")
    x = _solve.solve(*_stretched(A, B, "solve"))
    x = x if left else x.mT
    return x.squeeze(-1) if vector else x


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """X with A X = B (X A = B if not left), A triangular; the other triangle is not read."""
    _factor.matrix("solve_triangular", A, square=True)
    _factor.matrix("solve_triangular", B)
    if not left:
        out = solve_triangular(A.mT, B.mT, upper=not upper, unitriangular=unitriangular)
        return out.mT
    if A.shape[-1] != B.shape[-2]:
        raise ValueError(f"solve_triangular: A {tuple(A.shape)} does not fit B {tuple(B.shape)}")
    a, b = _stretched(A, B, "solve_triangular")
    return _solve.solve_triangular(a, b, bool(upper), bool(unitriangular))


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """X with A X = B (X A = B if not left), from lu_factor(A); with `adjoint` of A^H.

    LU [..., N, N], pivots [..., N], B [..., N, K]. The leading sizes broadcast.
    """
    _factor.matrix("lu_solve", LU, square=True)
    _factor.matrix("lu_solve", B)
    if not left:
        out = lu_solve(LU, pivots, _factor.adjoint(B), adjoint=not adjoint)
        return _factor.adjoint(out)
    n = LU.shape[-1]
    if pivots.shape != LU.shape[:-1] or B.shape[-2] != n:
        raise ValueError(
            f"lu_solve: LU {tuple(LU.shape)} and pivots {tuple(pivots.shape)} do not fit B "
            f"{tuple(B.shape)}"
        )
    order = permutation(pivots, n)
    factors, b = _stretched(LU, B, "lu_solve")
    order = order.expand(*b.shape[:-2], n)
    if not adjoint:
        b = b.gather(-2, order.unsqueeze(-1).expand(b.shape))
        low = _solve.solve_triangular(factors, b, False, True)
        return _solve.solve_triangular(factors, low, True)
    turned = _factor.adjoint(factors)
    x = _solve.solve_triangular(turned, _solve.solve_triangular(turned, b, False), True, True)
    return x.gather(-2, order.argsort(-1).unsqueeze(-1).expand(x.shape))


def inv(A: Tensor) -> Tensor:
    """The inverse of a square A. ValueError if it is singular."""
    _factor.matrix("inv", A, square=True)
    return _solve.inverse(A)


def pinv(A: Tensor, *, rtol: float | None = None, hermitian: bool = False) -> Tensor:
    """The Moore-Penrose inverse; singular values up to rtol times the largest count as 0.

    rtol: max(M, N) times the dtype's epsilon if not given. hermitian says that A is, which makes
    no difference here.
    """
    _factor.matrix("pinv", A, square=hermitian)
    return _solve.pinv(A, _rtol(A) if rtol is None else float(rtol))


def _rtol(A: Tensor) -> float:
    return max(A.shape[-2:]) * float(dtypes.finfo(A.dtype.to_real()).eps)


def lstsq(
    A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> LeastSquares:
    """The X of least |X| among those with least |A X - B|. B [..., M, K], or vectors [..., M].

    rcond: singular values up to rcond times the largest count as 0; max(M, N) times the dtype's
    epsilon if not given. residuals (squared, per column) are empty unless M > N and A has full
    rank. singular_values are there with driver "gelsd" or "gelss"; all drivers give the same X.
    """
    _factor.matrix("lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ValueError(f'lstsq: driver is "gels", "gelsy", "gelsd" or "gelss", not {driver!r}')
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1])
    b = B.unsqueeze(-1) if vector else B
    if b.ndim < 2 or b.shape[-2] != A.shape[-2]:
        raise ValueError(f"lstsq: A {tuple(A.shape)} does not fit B {tuple(B.shape)}")
    rtol = _rtol(A) if rcond is None else float(rcond)
    x, rank = _solve.least_squares(*_stretched(A, b, "lstsq"), rtol)
    m, n = A.shape[-2:]
    full = m > n and bool((rank == n).all())
    residuals = (A @ x - b).abs().square().sum(-2) if full else A.new_empty(0).abs()
    spectrum = svdvals(A) if driver in ("gelsd", "gelss") else A.new_empty(0).abs()
    return LeastSquares(x.squeeze(-1) if vector else x, residuals, rank, spectrum)


def tensorsolve(A: Tensor, B: Tensor, dims: tuple[int, ...] | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B. A [*B.shape, *X.shape], both of as many elements.

    dims: those of A that are moved to its end first.
    """
    if dims is not None:
        A = A.movedim(dims, tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if math.prod(shape) != B.numel() or A.numel() != B.numel() ** 2:
        raise ValueError(
            f"tensorsolve: A {tuple(A.shape)} must begin with B's sizes {tuple(B.shape)} and have "
            "as many elements in the dims after them"
        )
    return solve(A.reshape(B.numel(), B.numel()), B.reshape(-1)).reshape(shape)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of tensordot with A over its last dims: [*A.shape[ind:], *A.shape[:ind]]."""
    if not ind > 0:
        raise ValueError(f"tensorinv: ind must be above 0, not {ind}")
    lead, rest = A.shape[:ind], A.shape[ind:]
    if math.prod(lead) != math.prod(rest):
        raise ValueError(
            f"tensorinv: the first {ind} dims of {tuple(A.shape)} must have as many elements as "
            "the others"
        )
    return inv(A.reshape(math.prod(lead), math.prod(rest))).reshape(*rest, *lead)


def matrix_rank(
    A: Tensor,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
    hermitian: bool = False,
) -> Tensor:
    """How many singular values exceed max(atol, rtol * the largest). [...] int64

    A: [..., M, N]; atol and rtol: numbers, or tensors that broadcast to [...].
    """
    values = eigvalsh(A).abs() if hermitian else svdvals(A)
    if not values.shape[-1]:
        return values.sum(-1).long()
    if rtol is None:
        usual = _rtol(A)
        rtol = where(atol > 0, 0.0, usual) if isinstance(atol, TensorBase) else usual
        rtol = 0.0 if isinstance(atol, (int, float)) and atol > 0 else rtol
    limit = values.amax(-1) * rtol
    if atol is not None:
        limit = maximum(limit, atol)
    return (values > limit.unsqueeze(-1)).sum(-1)


def det(A: Tensor) -> Tensor:
    """The determinant."""
    _factor.matrix("det", A, square=True)
    return _solve.det(A)


def slogdet(A: Tensor) -> SLogDet:
    """The sign of the determinant and the logarithm of its magnitude."""
    return SLogDet(*_solve.slogdet(A))


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A multiplied n times; the inverse -n times for negative n, the identity for 0."""
    if not isinstance(n, int):
        raise TypeError(f"matrix_power: n is an int, not {n!r}")
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise ValueError(f"matrix_power: takes matrices [..., N, N], got {tuple(A.shape)}")
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        return _factor.identity_like(A).expand(A.shape).clone()
    out: Any = None
    while n:
        if n & 1:
            out = A if out is None else out @ A
        n >>= 1
        A = A @ A if n else A
    return out


# ---- norms and products ----


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """vector_norm or matrix_norm: of vectors for one dim or ord None, of matrices for two."""
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim not in (1, 2):
        raise ValueError(f"norm: with ord and without dim it takes 1 or 2 dims, got {A.ndim}")
    two = (dim is None and A.ndim == 2) or (isinstance(dim, (tuple, list)) and len(dim) == 2)
    if isinstance(ord, str) or two:
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number: the norm times the inverse's; p None or 2: largest / smallest S."""
    if p is None or p in (2, -2):
        values = svdvals(A)
        high, low = values.amax(-1), values.amin(-1)
        return low / high if p == -2 else high / low
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of 3-vectors along dim. Shapes broadcast."""
    return _cross(input, other, dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """The sum of conj(x) y along dim. Shapes broadcast."""
    return (conj(x) * y).sum(dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A diagonal of each matrix, as vectors."""
    return A.diagonal(offset, dim1, dim2)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """The powers 0 to N - 1 of each number of x [..., n], N: n if not given. [..., n, N]"""
    x = x.reshape(1) if x.ndim == 0 else x
    n = N or x.shape[-1]
    return _vander(x.reshape(-1), n, True).reshape(*x.shape, n)


explain(globals(), __all__, out=True)
