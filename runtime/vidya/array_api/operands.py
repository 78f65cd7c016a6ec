"""What the functions take: tensors, and numbers beside them, in a common dtype."""

from __future__ import annotations

from typing import Any

from .. import dtypes
from ..dtypes import COMPLEX, FLOAT, dtype
from ..tensor import Tensor

Number = (bool, int, float, complex)


def array(name: str, x: Any) -> Tensor:
    """x, which must be a tensor. The standard has no functions of lists."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}: takes a vidya.Tensor, not {type(x).__name__}; use asarray")
    return x


def number_dtype(number: Any, beside: dtype) -> dtype:
    """What a Python number counts as beside arrays of a dtype: its own kind, no wider."""
    if isinstance(number, (bool, int)):
        kind = dtypes.bool_ if isinstance(number, bool) else dtypes.int64
        if beside.category == dtypes.BOOL:
            return kind
        return beside
    if isinstance(number, float):
        return beside if beside.category >= FLOAT else dtypes.default_float()
    if beside.category == COMPLEX:
        return beside
    return (beside if beside.category == FLOAT else dtypes.default_float()).to_complex()


def common_dtype(name: str, *operands: Any) -> dtype:
    """The dtype that arrays, dtypes and Python numbers promote to. Every array counts alike, also
    one without dims."""
    known: dtype | None = None
    for x in operands:
        if isinstance(x, (Tensor, dtype)):
            own = x if isinstance(x, dtype) else x.dtype
            known = own if known is None else dtypes.promote_types(known, own)
        elif not isinstance(x, Number):
            raise TypeError(f"{name}: takes tensors and numbers, not {type(x).__name__}")
    if known is None:
        raise TypeError(f"{name}: needs at least one tensor or dtype")
    for x in operands:
        if isinstance(x, Number):
            known = dtypes.promote_types(known, number_dtype(x, known))
    return known


def promoted(name: str, *operands: Any) -> list[Any]:
    """The tensors among the operands in their common dtype; numbers stay, they yield anyway."""
    common = common_dtype(name, *operands)
    return [x.to(common) if isinstance(x, Tensor) else x for x in operands]


def summed_dtype(x: Tensor, asked: Any) -> dtype:
    """The dtype of a sum or product: integers no narrower than 64 bits, unsigned as they are."""
    if asked is not None:
        return dtypes.as_dtype(asked)
    if x.dtype.category >= FLOAT:
        return x.dtype
    return dtypes.uint64 if x.dtype.category == dtypes.UINT else dtypes.int64
