"""Eigenvalues of square matrices [..., N, N] that need not be symmetric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.dispatch import emit_primitive
from ..schema import PRIMITIVE, op
from .complex import conj
from .elementwise import real_part, where
from .factor import adjoint, diagonal_of, identity_like, matrix
from .solve import solve

if TYPE_CHECKING:
    from ..tensor import Tensor


@op("eig", PRIMITIVE)
def eig(a: Tensor) -> tuple[Tensor, Tensor]:
    """(values [..., N], vectors [..., N, N] in columns, of length 1), both complex."""
    matrix("eig", a, square=True)
    wide = a.dtype.to_complex()
    outputs: list[Any] = [(tuple(a.shape[:-1]), wide), (tuple(a.shape), wide)]
    return tuple(emit_primitive("eig", [a], outputs, {}))


@eig.pullback(saves="a out")
def _(ctx, a):
    def back(gl, gv):  # (Boeddeker, Hanebrink, Drude, Heymann and Haeb-Umbach, 2017)
        return _gradient(a, *ctx.out, gl, gv)

    return back


def _gradient(a: Tensor, values: Tensor, v: Tensor, gl: Any, gv: Any) -> Tensor:
    vh, n = adjoint(v), values.shape[-1]
    middle = None
    if gl is not None:
        middle = diagonal_of(gl.unsqueeze(-1).expand((*gl.shape, n)))
    if gv is not None:
        one = identity_like(values) != 0
        turned = vh @ gv
        # a vector keeps its length: what the gradient would do to that does not count
        length = diagonal_of(turned).sum(-2, True)
        length = (length + conj(length)) * 0.5
        gap = conj(values.unsqueeze(-2) - values.unsqueeze(-1))
        inner = where(one, 0.0, (turned - (vh @ v) * length) / where(one, 1.0, gap))
        middle = inner if middle is None else middle + inner
    out = solve(vh, middle @ vh)
    return out if a.dtype.is_complex else real_part(out)


@op("eigvals")
def eigvals(a: Tensor) -> Tensor:
    """The eigenvalues [..., N], complex."""
    return eig(a)[0]


@eigvals.pullback(saves="a")
def _(ctx, a):
    def back(g):
        values, v = eig(a)
        return _gradient(a, values, v, g, None)

    return back
