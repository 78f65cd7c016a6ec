"""Ops on the bits of integers, and on truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import bool_
from ..schema import PRIMITIVE, op
from .elementwise import needs
from .rules import Operand, elementwise, promote

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift",
    "bitwise_xor", "logical_not",
]  # fmt: skip

_HOST = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}


def _bitwise(name: str, x: Tensor, y: Tensor) -> Tensor:
    x, y = promote(x, y)
    needs(name, x, (0, 1, 2), "bools and integers")
    return elementwise(name, [x, y])


@op("bitwise_and", PRIMITIVE, differentiable=False)
def bitwise_and(x: Operand, y: Operand) -> Tensor:
    """x & y, for bools and integers."""
    return _bitwise("bitwise_and", x, y)


@op("bitwise_or", PRIMITIVE, differentiable=False)
def bitwise_or(x: Operand, y: Operand) -> Tensor:
    """x | y, for bools and integers."""
    return _bitwise("bitwise_or", x, y)


@op("bitwise_xor", PRIMITIVE, differentiable=False)
def bitwise_xor(x: Operand, y: Operand) -> Tensor:
    """x ^ y, for bools and integers."""
    return _bitwise("bitwise_xor", x, y)


@op("shift_left", PRIMITIVE, differentiable=False)
def bitwise_left_shift(x: Operand, y: Operand) -> Tensor:
    """x << y, for integers."""
    x, y = promote(x, y)
    needs("bitwise_left_shift", x, (1, 2), "integers")
    return elementwise("shift_left", [x, y])


@op("shift_right", PRIMITIVE, differentiable=False)
def bitwise_right_shift(x: Operand, y: Operand) -> Tensor:
    """x >> y, for integers; the sign stays."""
    x, y = promote(x, y)
    needs("bitwise_right_shift", x, (1, 2), "integers")
    return elementwise("shift_right", [x, y])


@op("bitwise_not", PRIMITIVE, differentiable=False)
def bitwise_not(x: Tensor) -> Tensor:
    """~x: all bits flipped; for bool the logical not."""
    needs("bitwise_not", x, (0, 1, 2), "bools and integers")
    return elementwise("bitwise_not", [x])


@op("logical_not", differentiable=False)
def logical_not(x: Tensor) -> Tensor:
    """True where x is 0."""
    return x == 0 if x.dtype is not bool_ else bitwise_not(x)
