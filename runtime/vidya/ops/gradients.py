"""Numeric derivatives of samples, and the exponential of a matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..dtypes import FLOAT, get_default_dtype
from .factor import identity_like, matrix
from .layout import cat
from .linalg import matmul
from .rules import wrap_dim
from .solve import solve

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gradient", "matrix_exp"]


def _one_gradient(x: Tensor, axis: int, spacing: Any, edge_order: int) -> Tensor:
    n = x.shape[axis]

    def part(t: Tensor, start: int, count: int) -> Tensor:
        return t.narrow(axis, start, count)

    if not hasattr(spacing, "shape") or not spacing.ndim:
        inner = (part(x, 2, n - 2) - part(x, 0, n - 2)) / (2 * spacing)
        if edge_order == 1:
            first = (part(x, 1, 1) - part(x, 0, 1)) / spacing
            last = (part(x, n - 1, 1) - part(x, n - 2, 1)) / spacing
        else:
            a, b, c = (part(x, i, 1) for i in range(3))
            first = (4 * b - 3 * a - c) / (2 * spacing)
            a, b, c = (part(x, n - 1 - i, 1) for i in range(3))
            last = (3 * a - 4 * b + c) / (2 * spacing)
        return cat([first, inner, last], axis)
    h = spacing.diff().reshape((-1, *(1,) * (x.ndim - 1 - axis)))

    def gap(i: int, count: int = 1) -> Tensor:
        return h[i : i + count]

    if n > 2:
        a, b = gap(0, n - 2), gap(1, n - 2)
        inner = (
            -b / (a * (a + b)) * part(x, 0, n - 2)
            + (b - a) / (a * b) * part(x, 1, n - 2)
            + a / (b * (a + b)) * part(x, 2, n - 2)
        )
    else:
        inner = part(x, 0, 0)
    if edge_order == 1:
        first = (part(x, 1, 1) - part(x, 0, 1)) / gap(0)
        last = (part(x, n - 1, 1) - part(x, n - 2, 1)) / gap(n - 2)
    else:
        a, b = gap(0), gap(1)
        first = (
            -(2 * a + b) / (a * (a + b)) * part(x, 0, 1)
            + (a + b) / (a * b) * part(x, 1, 1)
            - a / (b * (a + b)) * part(x, 2, 1)
        )
        a, b = gap(n - 3), gap(n - 2)
        last = (
            b / (a * (a + b)) * part(x, n - 3, 1)
            - (a + b) / (a * b) * part(x, n - 2, 1)
            + (2 * b + a) / (b * (a + b)) * part(x, n - 1, 1)
        )
    return cat([first, inner, last], axis)


def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """The derivative along each of `dim` (all unless given), from neighbours on both sides.

    spacing: the distance of samples, or a list of them, or of 1-D tensors with the samples'
    coordinates, one per dim. At the ends it is one-sided, of order edge_order, 1 or 2.
    """
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is 1 or 2, not {edge_order}")
    spacing = 1 if spacing is None else spacing
    dims = range(input.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = [wrap_dim("gradient", d, input.ndim) for d in dims]
    if len(set(axes)) != len(axes):
        raise ValueError(f"gradient: dims {tuple(dims)} name a dim twice")
    each = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    if len(each) != len(axes):
        raise ValueError(f"gradient: {len(each)} spacings for {len(axes)} dims")
    x = input if input.dtype.category >= FLOAT else input.to(get_default_dtype())
    for axis, space in zip(axes, each, strict=True):
        if x.shape[axis] <= edge_order:
            raise ValueError(
                f"gradient: dim {axis} of {tuple(x.shape)} needs {edge_order + 1} elements or more"
            )
        if getattr(space, "ndim", 0) and space.shape != (x.shape[axis],):
            raise ValueError(
                f"gradient: coordinates {tuple(space.shape)} for dim {axis} of {tuple(x.shape)}"
            )
    return tuple(_one_gradient(x, a, s, edge_order) for a, s in zip(axes, each, strict=True))


# Numerator of Pade's approximant of degree 13, lowest power first.
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip


def matrix_exp(A: Tensor) -> Tensor:
    """The exponential 1 + A + A^2 / 2 + ... of square matrices [..., N, N].

    By scaling, Pade's approximant of degree 13, and squaring. (Higham, 2005)
    """
    matrix("matrix_exp", A, square=True)
    if not A.numel():
        return A.clone()
    size = float(A.detach().abs().sum(-2).amax())  # the largest 1-norm of a matrix in the batch
    halvings = max(0, math.ceil(math.log2(size / 5.37))) if 0 < size < math.inf else 0
    a = A * 0.5**halvings
    one = identity_like(A)
    a2 = matmul(a, a)
    a4 = matmul(a2, a2)
    a6 = matmul(a4, a2)
    c = _PADE
    odd = matmul(a6, c[13] * a6 + c[11] * a4 + c[9] * a2) + c[7] * a6 + c[5] * a4 + c[3] * a2
    odd = matmul(a, odd + c[1] * one)
    even = matmul(a6, c[12] * a6 + c[10] * a4 + c[8] * a2) + c[6] * a6 + c[4] * a4 + c[2] * a2
    even = even + c[0] * one
    out = solve(even - odd, even + odd)
    for _ in range(halvings):
        out = matmul(out, out)
    return out
