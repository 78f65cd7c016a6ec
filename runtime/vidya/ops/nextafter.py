"""The neighbours of a floating number, by arithmetic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import FLOAT, finfo
from ..schema import op
from .elementwise import (
    needs,
    where,
)
from .rules import Operand, promote
from .unary import abs

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["nextafter"]


@op("nextafter", differentiable=False, fusable=False)
def nextafter(x: Operand, y: Operand) -> Tensor:
    """The next number after x on the way to y; y where they are equal, NaN if either is.

    x + phi |x| with phi = u (1 + 2u), u half the distance from 1 to the next number, rounds to the
    number above x unless x is tiny; then the same is done with x / u. (Rump, Zimmermann, Boldo and
    Melquiond: Computing predecessor and successor in rounding to nearest, 2009)
    """
    x, y = promote(x, y)
    needs("nextafter", x, (FLOAT,), "floats")
    info = finfo(x.dtype)
    u, least = float(info.eps) / 2, float(info.smallest_subnormal)
    phi = u * (1 + 2 * u)
    up = y > x
    c = where(up, x, -x)  # going down from x is going up from -x
    size = abs(c)
    big = c + size * phi
    scaled = c * (1 / u)
    small = (scaled + abs(scaled) * phi) * u
    moved = where(size >= least / (2 * u * u), big, where(size < least / u, c + least, small))
    moved = where(c == -float("inf"), -float(info.max), moved)
    moved = where(up, moved, -moved)
    return where(x == y, y, where((x != x) | (y != y), x + y, moved))
