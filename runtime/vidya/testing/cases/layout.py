"""Ops that move elements: shapes, orders, joins and cuts."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case
from .common import dims_of

ALL = "fcib"


def _reshape(t):
    yield S(t(3, 4), (2, 6))
    yield S(t(2, 3, 4), (-1, 4))
    yield S(t(2, 3), (3, 1, 2))
    yield S(t(1, 1), ())
    yield S(t(0, 3), (3, 0, 2))


case(
    "reshape",
    np.reshape,
    _reshape,
    types=ALL,
    wrong=lambda t: [Wrong(S(t(3, 4), (5, -1)), ValueError, r"5, -1")],
)
case(
    "flatten",
    lambda x, a=0, b=-1: x.reshape(_flat(x.shape, a, b)),
    lambda t: [S(t(2, 3, 4)), S(t(2, 3, 4), 1), S(t(2, 3, 4), 0, 1), S(t())],
    types=ALL,
    fn=".flatten",
)


def _flat(shape, a, b):
    if not shape:
        return (1,)
    a, b = a % len(shape), b % len(shape)
    return (*shape[:a], int(np.prod(shape[a : b + 1])), *shape[b + 1 :])


case(
    "permute",
    np.transpose,
    lambda t: [S(t(2, 3, 4), (2, 0, 1)), S(t(2, 3), (-1, 0)), S(t(), ())],
    types=ALL,
)
case(
    "transpose",
    np.swapaxes,
    lambda t: [S(t(2, 3), 0, 1), S(t(2, 3, 4), -1, 0), S(t(0, 3), 0, 1)],
    types=ALL,
)
case(
    "squeeze",
    lambda x, dim=None: np.squeeze(x, dims_of(dim)),
    lambda t: [S(t(1, 3, 1)), S(t(1, 3, 1), 0), S(t(2, 1, 3), -2)],
    types=ALL,
    fn=".squeeze",
)
case(
    "unsqueeze",
    np.expand_dims,
    lambda t: [S(t(2, 3), 0), S(t(2, 3), -1), S(t(), 0)],
    types=ALL,
    fn=".unsqueeze",
)
case(
    "expand",
    lambda x, shape: np.broadcast_to(
        x, [x.shape[i - len(shape)] if n == -1 else n for i, n in enumerate(shape)]
    ),
    lambda t: [S(t(3, 1), (3, 4)), S(t(3), (2, 3)), S(t(2, 1), (5, -1, 4)), S(t(), (2, 2))],
    fn=".expand",
    types=ALL,
    wrong=lambda t: [Wrong(S(t(3, 4), (5, 4)), ValueError, r"3, 4|5, 4")],
)

case(
    "flip",
    lambda x, dims: np.flip(x, dims),
    lambda t: [S(t(3, 4), (0,)), S(t(2, 3, 4), (0, -1))],
    types=ALL,
    fn=".flip",
)
case("clone", np.copy, lambda t: [S(t(3, 4)), S(t(0, 2)), S(t())], types=ALL)
case("contiguous", np.copy, lambda t: [S(t(3, 4)), S(t(0, 2)), S(t())], fn=".contiguous", types=ALL)


def _cat(t):
    yield S([t(2, 3), t(4, 3)])
    yield S([t(2, 3), t(2, 1), t(2, 0)], 1)
    yield S((t(2, 2, 3), t(2, 2, 3)), dim=-2)
    yield S([t(3)])


case(
    "cat",
    lambda xs, dim=0: np.concatenate(xs, dim),
    _cat,
    types=ALL,
    wrong=lambda t: [Wrong(S([t(2, 3), t(2, 4)], 0), ValueError, r"2, 4.*2, 3")],
)
case(
    "stack",
    lambda xs, dim=0: np.stack(xs, dim),
    lambda t: [S([t(2, 3), t(2, 3)]), S([t(2, 3), t(2, 3), t(2, 3)], -1), S([t(), t()])],
    types=ALL,
)
case(
    "split",
    lambda x, n, dim=0: tuple(np.split(x, _cuts(x.shape[dim], n), dim)),
    lambda t: [S(t(5, 3), 2), S(t(2, 6), [1, 3, 2], -1)],
    types=ALL,
)


def _cuts(size, n):
    return list(range(n, size, n)) if isinstance(n, int) else np.cumsum(n)[:-1].tolist()


case(
    "chunk",
    lambda x, n, dim=0: tuple(np.split(x, _cuts(x.shape[dim], -(-x.shape[dim] // n)), dim)),
    lambda t: [S(t(6, 2), 3), S(t(2, 5), 2, -1)],
    types=ALL,
)
for _name, _oracle in [("tril", np.tril), ("triu", np.triu)]:
    case(
        _name,
        lambda x, k=0, _f=_oracle: _f(x, k),
        lambda t: [S(t(3, 4)), S(t(2, 4, 3), 1), S(t(4, 3), -1), S(t(0, 3))],
        types=ALL,
    )

case(
    "narrow",
    lambda x, dim, a, n: np.take(x, range(a, a + n), dim),
    lambda t: [S(t(5, 3), 0, 1, 3), S(t(2, 6), -1, 4, 2)],
    types=ALL,
    fn=".narrow",
)
case(
    "select",
    lambda x, dim, i: np.take(x, i, dim),
    lambda t: [S(t(3, 4), 0, 1), S(t(2, 3, 4), -1, -2)],
    types=ALL,
    fn=".select",
)
case(
    "movedim",
    np.moveaxis,
    lambda t: [S(t(2, 3, 4), 0, -1), S(t(2, 3), 1, 0)],
    fn=".movedim",
    types=ALL,
)
case("conj", np.conj, lambda t: [S(t(3, 4)), S(t()), S(t(0))], types="fc")


def _complex_of(x):
    return x[..., 0] + 1j * x[..., 1]


case(
    "view_as_real",
    lambda x: np.stack([x.real, x.imag], -1),
    lambda t: [S(t(3, 4)), S(t()), S(t(0, 2))],
    types="c",
    out="real",
)
case(
    "view_as_complex",
    _complex_of,
    lambda t: [S(t(3, 2)), S(t(2, 3, 2))],
    out=lambda given: given.to_complex(),
    skip_dtypes=["float16", "bfloat16"],
)
