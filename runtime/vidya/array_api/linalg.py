"""The linalg extension, and the four functions of it that are in the main namespace too.

Matrices are the last two dims; all before them is a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import linalg as _l
from ..functions import decompositions as _d
from ..ops import diagonal as _diagonal
from ..ops import products
from ..ops.layout import transpose
from ..ops.linalg import matmul as _matmul
from ..tensor import Tensor
from .operands import array, promoted, summed_dtype

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm",
    "matrix_power", "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve",
    "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product."""
    return _matmul(*promoted("matmul", array("matmul", x1), array("matmul", x2)))


def matrix_transpose(x: Tensor, /) -> Tensor:
    """Rows and columns exchanged."""
    if array("matrix_transpose", x).ndim < 2:
        raise ValueError(f"matrix_transpose: needs 2 dims, got {tuple(x.shape)}")
    return transpose(x, -2, -1)


def tensordot(
    x1: Tensor, x2: Tensor, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2
) -> Tensor:
    """The sum of products over the last dims of x1 and first of x2 (an int), or the dims given."""
    a, b = promoted("tensordot", x1, x2)
    return products.tensordot(a, b, axes)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sum of conj(x1) x2 along an axis, counted from the end: other dims broadcast."""
    if axis >= 0:
        raise ValueError(f"vecdot: axis must be negative, got {axis}")
    a, b = promoted("vecdot", array("vecdot", x1), array("vecdot", x2))
    return (a.conj() * b).sum(axis, dtype=a.dtype)


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The lower L with x = L L^H, or the upper U with x = U^H U."""
    return _l.cholesky(array("cholesky", x), upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of 3-vectors along an axis."""
    return _l.cross(*promoted("cross", x1, x2), dim=axis)


def det(x: Tensor, /) -> Tensor:
    """The determinant."""
    return _l.det(array("det", x))


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """A diagonal of each matrix."""
    return _diagonal.diagonal(array("diagonal", x), offset, -2, -1)


def eigh(x: Tensor, /) -> _d.Eigh:
    """(eigenvalues, rising, eigenvectors) of a Hermitian matrix."""
    return _l.eigh(array("eigh", x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """The eigenvalues of a Hermitian matrix, rising."""
    return _l.eigvalsh(array("eigvalsh", x))


def inv(x: Tensor, /) -> Tensor:
    """The inverse."""
    return _l.inv(array("inv", x))


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """The norm of each matrix: "fro", "nuc", 1, 2, inf or a negative of these."""
    return _l.matrix_norm(array("matrix_norm", x), ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """x multiplied n times."""
    return _l.matrix_power(array("matrix_power", x), n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values exceed rtol times the largest."""
    if isinstance(rtol, Tensor):
        values = _l.svdvals(array("matrix_rank", x))
        return (values > values.amax(-1, True) * rtol.unsqueeze(-1)).sum(-1)
    return _l.matrix_rank(array("matrix_rank", x), rtol=rtol)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """Every product of an element of x1 [N] and one of x2 [M]."""
    return products.outer(*promoted("outer", x1, x2))


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse; singular values up to rtol times the largest count as 0."""
    if isinstance(rtol, Tensor) and rtol.numel() != 1:
        u, s, vh = _l.svd(array("pinv", x), full_matrices=False)
        keep = s > s.amax(-1, True) * rtol.unsqueeze(-1)
        scaled = vh.mT.conj() * ((1 / s) * keep.to(s.dtype)).unsqueeze(-2)
        return scaled @ u.mT.conj()
    return _l.pinv(array("pinv", x), rtol=None if rtol is None else float(rtol))


def qr(x: Tensor, /, *, mode: str = "reduced") -> _d.QR:
    """(Q, R); mode "reduced" or "complete"."""
    return _l.qr(array("qr", x), mode)


def slogdet(x: Tensor, /) -> _l.SLogDet:
    """(sign, logabsdet)"""
    return _l.slogdet(array("slogdet", x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The X with x1 X = x2. x2 is a vector only if it has 1 dim, else matrices [..., N, K]."""
    a, b = promoted("solve", array("solve", x1), array("solve", x2))
    if b.ndim == 1:
        return _l.solve(a, b.unsqueeze(-1)).squeeze(-1)
    while b.ndim < a.ndim:  # or its shape could be taken for vectors
        b = b.unsqueeze(0)
    return _l.solve(a, b)


def svd(x: Tensor, /, *, full_matrices: bool = True) -> _d.SVD:
    """(U, S, Vh)"""
    return _l.svd(array("svd", x), full_matrices)


def svdvals(x: Tensor, /) -> Tensor:
    """The singular values, falling."""
    return _l.svdvals(array("svdvals", x))


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of a diagonal of each matrix."""
    line = diagonal(array("trace", x), offset=offset)
    return line.sum(-1, dtype=summed_dtype(x, dtype))


def vector_norm(
    x: Tensor,
    /,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    ord: float = 2,
) -> Tensor:
    """The norm of the vectors along the axes, of all elements if None."""
    if axis == ():
        return array("vector_norm", x).abs()
    return _l.vector_norm(array("vector_norm", x), ord, axis, keepdims)
