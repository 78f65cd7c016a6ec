"""Comparisons and tests, element-wise: bool results, no gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..dtypes import FLOAT, bool_
from ..schema import PRIMITIVE, op
from .elementwise import needs
from .rules import Operand, elementwise, promote
from .unary import abs, isnan

if TYPE_CHECKING:
    from ..tensor import Tensor

__all__ = [
    "eq", "ge", "greater", "greater_equal", "gt", "isfinite", "isinf", "le", "less",
    "less_equal", "logical_and", "logical_or", "logical_xor", "lt", "ne", "not_equal",
]  # fmt: skip


def _compare(name: str, doc: str, ordered: bool = True):
    def body(x: Operand, y: Operand) -> Tensor:
        x, y = promote(x, y)
        if ordered:
            needs(name, x, (0, 1, 2, 3), "real numbers")
        return elementwise(name, [x, y], bool_)

    body.__doc__ = doc
    return op(name, PRIMITIVE, differentiable=False)(body)


eq = _compare("eq", "x == y.", ordered=False)
ne = _compare("ne", "x != y; True where either is NaN.", ordered=False)
lt = _compare("lt", "x < y.")
le = _compare("le", "x <= y.")
gt = _compare("gt", "x > y.")
ge = _compare("ge", "x >= y.")


@op("isinf", differentiable=False)
def isinf(x: Tensor) -> Tensor:
    """True where x is infinite."""
    return abs(x) == float("inf") if x.dtype.category >= FLOAT else isnan(x)


@op("isfinite", differentiable=False)
def isfinite(x: Tensor) -> Tensor:
    """True where x is neither infinite nor NaN."""
    return abs(x) < float("inf") if x.dtype.category >= FLOAT else x == x


def _logical(name: str, doc: str, combine):
    def body(x: Operand, y: Operand) -> Tensor:
        return combine(x if x.dtype is bool_ else x != 0, y if y.dtype is bool_ else y != 0)

    body.__doc__ = doc
    return op(name, differentiable=False)(body)


logical_and = _logical("logical_and", "True where both are not 0.", lambda a, b: a & b)
logical_or = _logical("logical_or", "True where either is not 0.", lambda a, b: a | b)
logical_xor = _logical("logical_xor", "True where exactly one is not 0.", lambda a, b: a ^ b)

# PyTorch's other names
greater_equal = ge
greater = gt
less_equal = le
less = lt
not_equal = ne
