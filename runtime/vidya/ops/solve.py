"""Linear systems and determinants of matrices [..., N, N]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..engine.dispatch import emit_primitive
from ..schema import PRIMITIVE, op
from .complex import complex, conj
from .elementwise import where
from .factor import adjoint, identity_like, matrix, svd, triangle
from .rules import promote

if TYPE_CHECKING:
    from ..tensor import Tensor


def _system(name: str, a: Tensor, b: Tensor) -> None:
    matrix(name, a, square=True)
    matrix(name, b)
    if a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            f"{name}: {tuple(a.shape)} and {tuple(b.shape)} must have equal leading sizes"
        )


@op("solve", PRIMITIVE)
def solve(a: Tensor, b: Tensor) -> Tensor:
    """x with a x = b. a [..., N, N], b [..., N, K]. ValueError when run, if a is singular."""
    a, b = promote(a, b)
    _system("solve", a, b)
    return emit_primitive("solve", [a, b], [(tuple(b.shape), b.dtype)], {})[0]


@solve.pullback(saves="a out")
def _(ctx, a, b):
    def back(g):
        gb = solve(adjoint(a), g)
        return -gb @ adjoint(ctx.out) if ctx.needs[0] else None, gb

    return back


@op("solve_triangular", PRIMITIVE)
def solve_triangular(a: Tensor, b: Tensor, upper, unit=False) -> Tensor:
    """x with t x = b, t the upper or lower triangle of a; with `unit` its diagonal counts as 1."""
    a, b = promote(a, b)
    _system("solve_triangular", a, b)
    attrs = {"upper": bool(upper), "unit": bool(unit)}
    return emit_primitive("solve_triangular", [a, b], [(tuple(b.shape), b.dtype)], attrs)[0]


@solve_triangular.pullback(saves="a out")
def _(ctx, a, b, upper, unit):
    def back(g):
        gb = solve_triangular(adjoint(a), g, not upper, unit)
        if not ctx.needs[0]:
            return None, gb
        return triangle(-gb @ adjoint(ctx.out), upper, 1 if unit else 0), gb

    return back


@op("slogdet", PRIMITIVE)
def slogdet(a: Tensor) -> tuple[Tensor, Tensor]:
    """(sign, log |det a|), [...] each; a singular matrix gives 0 and -inf."""
    matrix("slogdet", a, square=True)
    lead = tuple(a.shape[:-2])
    outputs: list[Any] = [(lead, a.dtype), (lead, a.dtype.to_real())]
    return tuple(emit_primitive("slogdet", [a], outputs, {}))


@slogdet.pullback(saves="a out")
def _(ctx, a):
    def back(g_sign, g):
        # log det = log |det| + i angle, and d log det = tr(a^-1 da)
        total = g
        if g_sign is not None and a.dtype.is_complex:  # the sign of a real one is constant
            angle = (g_sign * conj(ctx.out[0])).imag
            total = complex(angle * 0 if g is None else g, angle)
        if total is None:
            return a * 0
        return total.unsqueeze(-1).unsqueeze(-1) * adjoint(inverse(a))

    return back


def inverse(a: Tensor) -> Tensor:
    """x with a x = 1."""
    return solve(a, identity_like(a).expand(a.shape))


@op("det", fusable=False)
def det(a: Tensor) -> Tensor:
    """The determinant of a [..., N, N]."""
    sign, log = slogdet(a)
    return sign * log.exp()


@det.pullback(saves="a")
def _(ctx, a):
    def back(g):  # cofactors from singular values, so that singular matrices have them too
        u, s, vh = svd(a)
        n = s.shape[-1]
        others = where(identity_like(s) == 1, 1.0, s.unsqueeze(-2).expand(*s.shape, n)).prod(-1)
        turn = conj(slogdet(u)[0] * slogdet(vh)[0])
        cofactors = (u * others.unsqueeze(-2)) @ vh
        return (g * turn).unsqueeze(-1).unsqueeze(-1) * cofactors

    return back


@op("least_squares")
def least_squares(a: Tensor, b: Tensor, rtol) -> tuple[Tensor, Tensor]:
    """(x, rank): the x of least |x| among those with least |a x - b|.

    a [..., M, N], b [..., M, K] -> x [..., N, K], rank [...] int64. Singular values up to rtol
    times the largest count as 0.
    """
    a, b = promote(a, b)
    matrix("least_squares", a, b)
    if a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            f"least_squares: {tuple(a.shape)} and {tuple(b.shape)} must have equal leading sizes"
        )
    u, s, vh = svd(a)
    kept = s > s.amax(-1, True) * rtol if s.shape[-1] else s > 0
    scale = where(kept, 1 / where(kept, s, 1.0), 0.0).unsqueeze(-1)
    return adjoint(vh) @ ((adjoint(u) @ b) * scale), kept.sum(-1)


@least_squares.pullback(saves="a b out")
def _(ctx, a, b, rtol):
    def back(g, _):  # x = a^+ b, and a^+ as in pinv's
        x, p = ctx.out[0], pinv(a, rtol)
        ph = adjoint(p)
        gb = ph @ g
        if not ctx.needs[0]:
            return None, gb
        ga = (b - a @ x) @ adjoint(p @ gb) - gb @ adjoint(x)
        return ga + (ph @ x) @ adjoint(g - p @ (a @ g)), gb

    return back


@op("pinv", fusable=False)
def pinv(a: Tensor, rtol) -> Tensor:
    """The Moore-Penrose inverse [..., N, M] of a [..., M, N].

    Singular values up to rtol times the largest count as 0.
    """
    u, s, vh = svd(a)
    if not s.numel():
        return adjoint(a)
    kept = s > s.amax(-1, True) * rtol
    inverse_s = where(kept, 1 / where(kept, s, 1.0), 0.0)
    return (adjoint(vh) * inverse_s.unsqueeze(-2)) @ adjoint(u)


@pinv.pullback(saves="a out")
def _(ctx, a, rtol):
    def back(g):  # (Golub and Pereyra, 1973)
        p = ctx.out
        ph, gh = adjoint(p), adjoint(g)
        out = -ph @ g @ ph
        out = out + (gh - a @ (p @ gh)) @ (p @ ph)
        return out + (ph @ p) @ (gh - (gh @ p) @ a)

    return back
