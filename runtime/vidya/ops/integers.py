"""Divisors and multiples of whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import bool_
from .elementwise import (
    add,
    where,
)
from .rules import result_type
from .unary import abs

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = ["gcd", "lcm"]


def gcd(x: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor, by Euclid; gcd(0, 0) = 0. Integers."""
    whole = (bool_, *(t.dtype for t in (x, other) if t.dtype.is_integer))
    if x.dtype not in whole or other.dtype not in whole or len(whole) == 1:
        raise TypeError(f"gcd: takes integers, not {x.dtype.name} and {other.dtype.name}")
    type_ = result_type(x, other)
    x, other = x.to(type_), other.to(type_)
    a, b = add(x, other * 0), add(other, x * 0)
    while bool((b != 0).any()):
        zero = b == 0
        a, b = where(zero, a, b), where(zero, b, a.fmod(where(zero, 1, b)))
    return abs(a) if a.dtype.is_signed else a


def lcm(x: Tensor, other: Tensor) -> Tensor:
    """The least common multiple; 0 where either is 0. Integers."""
    g = gcd(x, other)
    x, other = x.to(g.dtype), other.to(g.dtype)
    out = x.div(where(g == 0, 1, g), rounding_mode="trunc") * other
    return abs(out) if out.dtype.is_signed else out
