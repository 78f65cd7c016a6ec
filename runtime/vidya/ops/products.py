"""Products of vectors and matrices, made of matmul; distances; polynomials' powers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import dtypes
from .layout import cat, expand, permute, reshape
from .linalg import matmul
from .parts import select, stack
from .rules import broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "cross", "dot",
    "ger", "inner", "kron", "mm", "multi_dot", "mv", "outer", "tensordot", "vander", "vdot",
]  # fmt: skip


def _ranks(name: str, *pairs: tuple[Tensor, int]) -> None:
    for x, rank in pairs:
        if x.ndim != rank:
            raise ValueError(f"{name}: takes a tensor of {rank} dims here, not {tuple(x.shape)}")


def dot(x: Tensor, tensor: Tensor) -> Tensor:
    """The sum of the products of two vectors."""
    _ranks("dot", (x, 1), (tensor, 1))
    if x.shape != tensor.shape:
        raise ValueError(f"dot: sizes {x.shape[0]} and {tensor.shape[0]} must be equal")
    return matmul(x, tensor)


def vdot(x: Tensor, other: Tensor) -> Tensor:
    """dot with the conjugate of x."""
    return dot(x.conj(), other)


def inner(x: Tensor, other: Tensor) -> Tensor:
    """The sum of the products along the last dims: [..., K] x [*, K] -> [..., *]."""
    if x.ndim == 0 or other.ndim == 0:
        return x * other
    if x.shape[-1] != other.shape[-1]:
        raise ValueError(
            f"inner: last sizes of {tuple(x.shape)} and {tuple(other.shape)} must be equal"
        )
    return tensordot(x, other, ([-1], [-1]))


def outer(x: Tensor, vec2: Tensor) -> Tensor:
    """Every product of an element of x [N] and one of vec2 [M]. [N, M]"""
    _ranks("outer", (x, 1), (vec2, 1))
    return x.unsqueeze(1) * vec2.unsqueeze(0)


ger = outer


def mv(x: Tensor, vec: Tensor) -> Tensor:
    """Matrix [N, M] times vector [M]."""
    _ranks("mv", (x, 2), (vec, 1))
    return matmul(x, vec)


def mm(x: Tensor, mat2: Tensor) -> Tensor:
    """Matrix times matrix; nothing broadcasts."""
    _ranks("mm", (x, 2), (mat2, 2))
    return matmul(x, mat2)


def bmm(x: Tensor, mat2: Tensor) -> Tensor:
    """[B, N, M] x [B, M, P] -> [B, N, P]; nothing broadcasts."""
    _ranks("bmm", (x, 3), (mat2, 3))
    if x.shape[0] != mat2.shape[0]:
        raise ValueError(f"bmm: batches {x.shape[0]} and {mat2.shape[0]} must be equal")
    return matmul(x, mat2)


def _plus(x: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    """beta x + alpha product; with beta 0 x does not count, not even its NaN."""
    broadcast_shapes("add", x.shape, product.shape)
    if alpha != 1:
        product = product * alpha
    if beta == 0:
        return product
    return (x if beta == 1 else x * beta) + product


def addmm(x: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta x + alpha (mat1 @ mat2)."""
    return _plus(x, mm(mat1, mat2), beta, alpha)


def addmv(x: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta x + alpha (mat @ vec)."""
    return _plus(x, mv(mat, vec), beta, alpha)


def addr(x: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta x + alpha outer(vec1, vec2)."""
    return _plus(x, outer(vec1, vec2), beta, alpha)


def baddbmm(
    x: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta x + alpha (batch1 @ batch2), batch by batch."""
    return _plus(x, bmm(batch1, batch2), beta, alpha)


def addbmm(
    x: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """beta x + alpha times the sum of batch1 @ batch2 over the batch."""
    _ranks("addbmm", (batch1, 3), (batch2, 3))
    if batch1.shape[0] != batch2.shape[0]:
        raise ValueError(f"addbmm: batches {batch1.shape[0]} and {batch2.shape[0]} must be equal")
    b, n, m = batch1.shape
    flat = reshape(permute(batch1, (1, 0, 2)), (n, b * m))
    return _plus(x, matmul(flat, reshape(batch2, (b * m, batch2.shape[2]))), beta, alpha)


def _without_ones(a: Tensor, left: list[int], b: Tensor, right: list[int]) -> Tensor:
    """a, summed over those of its dims `left` whose partners `right` in b have size 1."""
    pairs = zip(left, right, strict=False)
    dims = tuple(i for i, j in pairs if b.shape[j] == 1 and a.shape[i] != 1)
    return a.sum(dims, keepdim=True, dtype=a.dtype) if dims else a


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Summed over pairs of dims: the last `dims` of a with the first of b, or two lists of dims.

    Where one of a pair has size 1, the other is summed over first.
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: dims {dims} must be from 0 to {min(a.ndim, b.ndim)}")
        left, right = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        left, right = (list(d) if isinstance(d, (tuple, list)) else [d] for d in dims)
        left = [wrap_dim("tensordot", d, a.ndim) for d in left]
        right = [wrap_dim("tensordot", d, b.ndim) for d in right]
    a, b = _without_ones(a, left, b, right), _without_ones(b, right, a, left)
    sizes = [a.shape[d] for d in left]
    if sizes != [b.shape[d] for d in right]:
        raise ValueError(
            f"tensordot: dims {left} of {tuple(a.shape)} and {right} of {tuple(b.shape)} must have "
            "equal sizes"
        )
    own_a = [d for d in range(a.ndim) if d not in left]
    own_b = [d for d in range(b.ndim) if d not in right]
    shape = [a.shape[d] for d in own_a] + [b.shape[d] for d in own_b]
    n, k, m = (
        math.prod(s) for s in ([a.shape[d] for d in own_a], sizes, [b.shape[d] for d in own_b])
    )
    rows = reshape(permute(a, (*own_a, *left)), (n, k))
    columns = reshape(permute(b, (*right, *own_b)), (k, m))
    return reshape(matmul(rows, columns), shape)


def kron(x: Tensor, other: Tensor) -> Tensor:
    """Kronecker's product: every element of x times all of other, as blocks."""
    rank = max(x.ndim, other.ndim)
    a, b = ((1,) * (rank - t.ndim) + tuple(t.shape) for t in (x, other))
    left = reshape(x, tuple(n for s in a for n in (s, 1)))
    right = reshape(other, tuple(n for s in b for n in (1, s)))
    return reshape(left * right, tuple(p * q for p, q in zip(a, b, strict=True)))


def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices, in the order that costs least."""
    if not matrices:
        raise ValueError("chain_matmul: needs at least one matrix")
    _ranks("chain_matmul", *((m, 2) for m in matrices))
    n = len(matrices)
    sizes = [m.shape[0] for m in matrices] + [matrices[-1].shape[1]]
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], cut[i][j] = min(options)

    def product(i: int, j: int) -> Tensor:
        return matrices[i] if i == j else mm(product(i, cut[i][j]), product(cut[i][j] + 1, j))

    return product(0, n - 1)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """chain_matmul; the first and the last may be vectors."""
    if len(tensors) < 2:
        raise ValueError("multi_dot: needs at least two tensors")
    parts = list(tensors)
    row, column = parts[0].ndim == 1, parts[-1].ndim == 1
    if row:
        parts[0] = parts[0].unsqueeze(0)
    if column:
        parts[-1] = parts[-1].unsqueeze(1)
    out = chain_matmul(*parts)
    out = out.squeeze(0) if row else out
    return out.squeeze(-1) if column else out


def cross(x: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The vector product along `dim`, of size 3 (the first such dim unless given)."""
    if dim is None:
        threes = [
            d for d, (a, b) in enumerate(zip(x.shape, other.shape, strict=False)) if a == b == 3
        ]
        if not threes:
            raise ValueError(f"cross: {tuple(x.shape)} has no dim of size 3")
        dim = threes[0]
    if x.ndim != other.ndim:
        raise ValueError(f"cross: {tuple(x.shape)} and {tuple(other.shape)} need as many dims")
    axis = wrap_dim("cross", dim, x.ndim)
    if x.shape[axis] != 3 or other.shape[axis] != 3:
        raise ValueError(
            f"cross: dim {dim} must have size 3, not {x.shape[axis]} and {other.shape[axis]}"
        )
    shape = broadcast_shapes("cross", x.shape, other.shape)
    a = [select(expand(x, shape), axis, i) for i in range(3)]
    b = [select(expand(other, shape), axis, i) for i in range(3)]
    return stack(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], axis
    )


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of x [n] as columns: x^(N-1) ... x^0, or x^0 ... x^(N-1). [n, N]"""
    _ranks("vander", (x, 1))
    n = x.shape[0] if N is None else N
    x = x if x.dtype.category >= dtypes.FLOAT else x.long()
    if n < 0:
        raise ValueError(f"vander: N must not be negative, got {n}")
    if n == 0:
        return x.new_empty(x.shape[0], 0)
    one = x.unsqueeze(1) * 0 + 1
    if n == 1:
        return one
    powers = x.unsqueeze(1).expand(x.shape[0], n - 1).cumprod(1)
    out = cat([one.to(powers.dtype), powers], 1)
    return out if increasing else out.flip(1)
