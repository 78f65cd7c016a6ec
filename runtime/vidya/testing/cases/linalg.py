"""Products of vectors and matrices, never square ones only."""

from __future__ import annotations

import numpy as np

from ..case import S, Wrong, case


def _matmul(t):
    yield S(t(3, 5), t(5, 4))
    yield S(t(5), t(5))
    yield S(t(3, 5), t(5))
    yield S(t(5), t(5, 4))
    yield S(t(2, 3, 5), t(2, 5, 4))
    yield S(t(2, 3, 5), t(5, 4))
    yield S(t(3, 5), t(2, 5, 4))
    yield S(t(2, 1, 3, 5), t(3, 5, 2))
    yield S(t(2, 3, 5), t(5))
    yield S(t(3, 0), t(0, 4))
    yield S(t(0, 3), t(3, 4))
    yield S(t(1, 1), t(1, 1))


def _square(t):  # shapes at which a transposition goes unnoticed, in numbers that notice it
    yield S(t(3, 3), t(3, 3))


def _wrong(t):
    yield Wrong(S(t(3, 5), t(4, 3)), ValueError, r"3, 5.*4, 3")
    yield Wrong(S(t(2, 3, 5), t(3, 5, 4)), ValueError, r"2, 3, 5.*3, 5, 4")


case(
    "matmul",
    np.matmul,
    _matmul,
    types="fci",
    wrong=_wrong,
    scale=2,
    bench=lambda t: [S(t(1024, 1024), t(1024, 1024)), S(t(2048, 768), t(768, 3072))],
)

case(
    "matmul_accumulate",
    lambda a, b, x: x + np.matmul(a, b),
    fn="ops.linalg.matmul_accumulate",
    samples=lambda t: [
        S(t(3, 5), t(5, 4), t(3, 4)),
        S(t(2, 14, 18), t(2, 18, 35), t(2, 14, 35)),
        S(t(14, 18), t(18, 14), t(14, 14)),
        S(t(3, 0), t(0, 4), t(3, 4)),
    ],
    types="f",
    scale=2,
    wrong=lambda t: [
        Wrong(S(t(3, 5), t(5, 4), t(4, 3)), ValueError, r"x \(4, 3\)"),
        Wrong(S(t(3, 5), t(2, 5, 4)), ValueError, r"2, 5, 4"),
    ],
)
case("matmul_square", np.matmul, _square, fn="matmul", types="fc", scale=2)
case(
    "mm",
    np.matmul,
    fn=".mm",
    samples=lambda t: [S(t(3, 5), t(5, 4)), S(t(0, 5), t(5, 4))],
    types="fci",
    scale=2,
)
case(
    "bmm", np.matmul, fn=".bmm", samples=lambda t: [S(t(2, 3, 5), t(2, 5, 4))], types="fci", scale=2
)
case(
    "einsum_bool",
    np.einsum,
    lambda t: [S("i,jk->j", t(2), t(2, 3)), S("ij,jk->ik", t(2, 3), t(3, 2)), S("ij->i", t(0, 2))],
    fn="einsum",
    types="b",
)
