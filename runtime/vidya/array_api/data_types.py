"""Data type functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import dtypes
from ..dtypes import BOOL, COMPLEX, FLOAT, INT, UINT, dtype
from ..tensor import Tensor
from .operands import array, common_dtype

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

_KINDS = {
    "bool": (BOOL,),
    "signed integer": (INT,),
    "unsigned integer": (UINT,),
    "integral": (INT, UINT),
    "real floating": (FLOAT,),
    "complex floating": (COMPLEX,),
    "numeric": (INT, UINT, FLOAT, COMPLEX),
}


@dataclass(frozen=True)
class FloatInfo:
    """What `finfo` gives."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: dtype


@dataclass(frozen=True)
class IntInfo:
    """What `iinfo` gives."""

    bits: int
    max: int
    min: int
    dtype: dtype


def astype(x: Tensor, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Tensor:
    """x in another dtype; x itself only where nothing changes and copy is False."""
    return array("astype", x).to(dtype=dtypes.as_dtype(dtype), device=device, copy=copy)


def _of(name: str, given: Any) -> dtype:
    if isinstance(given, Tensor):
        return given.dtype
    if isinstance(given, (dtype, np.dtype)):
        return dtypes.as_dtype(given)
    raise TypeError(f"{name}: takes a dtype or a tensor, not {given!r}")


def can_cast(from_: Any, to: dtype, /) -> bool:
    """Does every value of one dtype (or tensor's dtype) convert to the other by promotion?"""
    source, target = _of("can_cast", from_), _of("can_cast", to)
    if source.category < FLOAT <= target.category:  # integers in floats: only where they are exact
        exact = {2: 1, 4: 2, 8: 4}[target.to_real().itemsize]
        return source.itemsize <= (1 if target is dtypes.bfloat16 else exact) or (
            target.to_real() is dtypes.float64
        )
    return dtypes.promote_types(source, target) is target


def finfo(type: Any, /) -> FloatInfo:
    """Limits of a floating dtype; of a complex one, those of its parts."""
    kind = _of("finfo", type)
    if kind.category < FLOAT:
        raise TypeError(f"finfo: takes a floating dtype, not {kind.name}")
    real, info = kind.to_real(), dtypes.finfo(kind)
    return FloatInfo(
        int(info.bits),
        float(info.eps),
        float(info.max),
        float(info.min),
        float(info.smallest_normal),
        real,
    )


def iinfo(type: Any, /) -> IntInfo:
    """Limits of an integer dtype."""
    kind = _of("iinfo", type)
    if not kind.is_integer:
        raise TypeError(f"iinfo: takes an integer dtype, not {kind.name}")
    info = np.iinfo(kind.np)
    return IntInfo(int(info.bits), int(info.max), int(info.min), kind)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Is it that dtype, of that kind ("bool", "integral" ...), or one of several?"""
    own = _of("isdtype", dtype)
    if isinstance(kind, tuple):
        return any(isdtype(own, k) for k in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise ValueError(f"isdtype: kind must be one of {', '.join(_KINDS)}, not {kind!r}")
        return own.category in _KINDS[kind]
    return own is _of("isdtype", kind)


def result_type(*arrays_and_dtypes: Any) -> dtype:
    """The dtype that arrays, dtypes and Python numbers promote to."""
    return common_dtype("result_type", *arrays_and_dtypes)
