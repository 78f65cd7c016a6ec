"""Products beyond matmul, einsum, distances."""

from __future__ import annotations

import math

import numpy as np

from ..case import S, Wrong, case

_OFTEN = {"types": "fci", "scale": 4}


def shapes(*pairs):
    return lambda t: [S(*(t(*s) for s in pair)) for pair in pairs]


def refused(*pair):
    return lambda t: [Wrong(S(*(t(*s) for s in pair)), (ValueError, RuntimeError), r"\d")]


case("dot", np.dot, shapes(((3,), (3,)), ((0,), (0,))), wrong=refused((3,), (4,)), **_OFTEN)
case("vdot", np.vdot, shapes(((3,), (3,))), **_OFTEN)
case("inner", np.inner, shapes(((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,))), **_OFTEN)
case("outer", np.outer, shapes(((3,), (4,)), ((0,), (3,))), wrong=refused((3, 1), (3,)), **_OFTEN)
case(
    "mv",
    np.matmul,
    shapes(
        ((3, 4), (4,)),
    ),
    wrong=refused((3, 4), (3,)),
    **_OFTEN,
)
case(
    "mm_refused",
    np.matmul,
    shapes(((3, 4), (4, 2)), ((3, 0), (0, 2))),
    wrong=refused((3, 4), (3, 4)),
    fn="mm",
    **_OFTEN,
)
case(
    "bmm_refused",
    np.matmul,
    shapes(
        ((2, 3, 4), (2, 4, 2)),
    ),
    wrong=refused((2, 3, 4), (3, 4, 2)),
    fn="bmm",
    **_OFTEN,
)
case("kron", np.kron, shapes(((2, 3), (2, 2)), ((3,), (2,)), ((2, 3), (4,))), **_OFTEN)


def added(product):
    def oracle(x, a, b, beta=1, alpha=1):
        scale = x.dtype.type
        return scale(beta) * x + scale(alpha) * product(a, b)

    return oracle


def _sums(*three):
    def samples(t):
        yield S(*(t(*s) for s in three))
        yield S(*(t(*s) for s in three), beta=2, alpha=3)

    return samples


for _name, _product, _three in [
    ("addmm", np.matmul, ((2, 3), (2, 4), (4, 3))),
    ("addmv", np.matmul, ((2,), (2, 4), (4,))),
    ("addr", np.outer, ((2, 3), (2,), (3,))),
    ("baddbmm", np.matmul, ((2, 2, 3), (2, 2, 4), (2, 4, 3))),
    ("addbmm", lambda a, b: np.matmul(a, b).sum(0, dtype=a.dtype), ((2, 3), (2, 2, 4), (2, 4, 3))),
]:
    case(_name, added(_product), _sums(*_three), types="fci", scale=8)
case(
    "tensordot",
    lambda a, b, dims=2: np.tensordot(a, b, dims),
    lambda t: [
        S(t(2, 3, 4), t(3, 4, 2)),
        S(t(3, 4), t(4, 3), 1),
        S(t(3, 4), t(4, 3), ([0, 1], [1, 0])),
        S(t(2), t(3), 0),
    ],
    **_OFTEN,
)
_EQUATIONS = {
    "ij,jk->ik": ((2, 3), (3, 4)),
    "bhqd,bhkd->bhqk": ((2, 2, 3, 4), (2, 2, 5, 4)),
    "...ij,...jk": ((2, 3, 4), (4, 5)),
    "ii->i": ((3, 3),),
    "ii": ((3, 3),),
    "ij->": ((2, 3),),
    "i,j->ji": ((3,), (4,)),
    "bi,ijk,bk->bj": ((2, 3), (3, 4, 5), (2, 5)),
    "ij,ij->i": ((2, 3), (2, 3)),
}
case(
    "einsum",
    np.einsum,
    lambda t: [S(eq, *(t(*s) for s in sizes)) for eq, sizes in _EQUATIONS.items()],
    types="fc",
    scale=8,
    wrong=lambda t: [
        Wrong(S("ij,jk->ik", t(2, 3), t(4, 2)), (ValueError, RuntimeError), "einsum|size"),
        Wrong(S("ij->k", t(2, 3)), (ValueError, RuntimeError), "k"),
    ],
)
case(
    "chain_matmul",
    lambda *m: np.linalg.multi_dot(m),
    shapes(((3, 4), (4, 5), (5, 2)), ((2, 3), (3, 4), (4, 5), (5, 2))),
    scale=16,
    types="fc",
)


def cdist(a, b, p=2.0):
    if p == math.inf:
        return np.max(np.abs(a[..., :, None, :] - b[..., None, :, :]), -1)
    return np.sum(np.abs(a[..., :, None, :] - b[..., None, :, :]) ** p, -1) ** (1 / p)


case(
    "cdist",
    cdist,
    lambda t: [
        S(t(3, 4), t(5, 4)),
        S(t(7, 19), t(37, 19)),
        S(t(2, 1, 3, 4), t(3, 2, 4)),
        S(t(4, 0), t(2, 0)),
        S(t(0, 3), t(2, 3)),
        S(t(2, 3, 4), t(2, 2, 4), 1.0),
        S(t(3, 4), t(2, 4), 3.0),
        S(t(3, 4), t(2, 4), math.inf).forward_only(),
    ],
    scale=8,
    skip_dtypes=["float16", "bfloat16"],
)
case(
    "cross",
    lambda a, b, dim=-1: np.cross(a, b, axis=dim),
    lambda t: [S(t(4, 3), t(4, 3), dim=1), S(t(3, 2), t(3, 2), dim=0)],
    types="fci",
    scale=4,
)
case(
    "vander",
    lambda x, N=None, increasing=False: np.vander(x, N, increasing),
    lambda t: [S(t(4)), S(t(4), 3, True)],
    types="fc",
    scale=4,
)
